"""The lake of this installation, the people in it and their files: opened once a process, and again when it changed."""

from __future__ import annotations

import threading
from collections.abc import Hashable
from datetime import date
from typing import Any

from zhizhi.apps.assistance.selectors.packages import package_in_use
from zhizhi.apps.configuration import configuration
from zhizhi.backends.case_files import CaseReader
from zhizhi.backends.found import FoundReader, open_found
from zhizhi.backends.lake import Lake
from zhizhi.backends.register import Register
from zhizhi.backends.screening import latest_name, state_folder
from zhizhi.backends.vault import Vault

_kept: dict[str, tuple[Hashable, Any]] = {}
_lock = threading.Lock()
READING = threading.Lock()
"""Held while a household is read: its reader has one connection, and one household takes some 40 ms."""


def lake_in_use() -> Lake:
    """Return the configured lake.

    Raises:
        LakeError: there is none yet, or it is damaged; the message says what to do.
    """
    return Lake.open(configuration().lake_path)


def found_reader() -> FoundReader | None:
    """Return the findings of the latest screening, or None where nothing was screened yet (or no lake was made)."""
    path = configuration().lake_path
    if not path.is_dir():
        return None
    return open_found(Lake.open(path), package_in_use())


def register(on: date) -> Register:
    """Return the population register, with ages on a date and with the key that opens names."""
    lake, package = lake_in_use(), package_in_use()
    state = (package.digest, lake_state(lake), on)
    found: Register = once("register", state, lambda: Register(lake, package, Vault.open(configuration().key_path), on))
    return found


def case_reader(on: date) -> CaseReader:
    """Return the reader of household files on a date. Hold ``READING`` while using it."""
    lake, package = lake_in_use(), package_in_use()
    run = latest_name(state_folder(lake, package))
    state = (package.digest, lake_state(lake), run, on)
    reader: CaseReader = once("cases", state, lambda: CaseReader(lake, package, on))
    return reader


def lake_state(lake: Lake) -> Hashable:
    """Return what changes whenever a dataset of the lake does: opening every table would cost more than most answers."""
    logs = sorted(lake.path.glob("datasets/*/_delta_log"))
    return str(lake.path), tuple((log.parent.name, log.stat().st_mtime_ns) for log in logs)


def once(name: str, state: Hashable, make: Any) -> Any:
    """Return what ``make`` gave for this state of the world, made again only when the state changed."""
    with _lock:
        kept = _kept.get(name)
        if kept is None or kept[0] != state:
            kept = _kept[name] = (state, make())
        return kept[1]
