"""Names of events: each is declared once by the app that writes it, and has its label in the catalogue."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from zhizhi.kernel.errors import UsageError

_NAME = re.compile(r"[a-z]+(\.[a-z][a-z-]*){2,}")
_declared: set[str] = set()


def declare(name: str) -> str:
    """Declare an event's name, a dotted past fact such as ``casework.case.closed``, and return it.

    Its label in both languages is ``<app>.event-<rest with dots as hyphens>``: ``casework.event-case-closed``.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"an event is named app.thing.happened, not {name!r}")
    _declared.add(name)
    return name


def declared() -> frozenset[str]:
    """Return the names of all events."""
    return frozenset(_declared)


def label_of(name: str) -> str:
    """Return the catalogue code of an event's label."""
    app, rest = name.split(".", 1)
    return f"{app}.event-{rest.replace('.', '-')}"


def known(name: str) -> str:
    """Return ``name``, or raise ``UsageError`` (``journal.event-unknown``)."""
    if name not in _declared:
        raise UsageError("journal.event-unknown", name=name)
    return name


@dataclass(frozen=True, slots=True)
class Fact:
    """One event to be written: its name, subjects, place, and details without personal data."""

    name: str
    subjects: Sequence[str] = ()
    region: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)
    package: str = ""
    package_version: str = ""
    purpose: str = ""
