"""A folder of exports into the lake: each file under its contract, in the order of references; one refusal stops no other."""

from __future__ import annotations

import shutil
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from zhizhi.backends.lake import Lake
from zhizhi.backends.loading import Loaded, Loader
from zhizhi.backends.readers import ENDINGS, file_stem, open_source
from zhizhi.backends.readers_csv import survey
from zhizhi.backends.vault import Vault
from zhizhi.exchange.contract import Contract, in_order
from zhizhi.kernel.errors import InputError, LakeError, Place, ZhizhiError


@dataclass(frozen=True, slots=True)
class Matching:
    """Files that belong to a contract, in load order; files that no contract names; contracts without a file."""

    jobs: tuple[tuple[Path, Contract], ...]
    strangers: tuple[Path, ...]
    absent: tuple[Contract, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file: ``loaded``, or the ``error`` for which it was refused whole."""

    path: Path
    contract: Contract
    loaded: Loaded | None = None
    error: ZhizhiError | None = None


def match_files(folder: Path, contracts: Sequence[Contract]) -> Matching:
    """Match the files of ``folder`` (not of folders inside it) with contracts by the name without ending.

    Raises:
        InputError: the folder does not exist.
    """
    if not folder.is_dir():
        raise InputError("input.folder-missing", folder=str(folder))
    entries = sorted(entry for entry in folder.iterdir() if entry.is_file() and not entry.name.startswith((".", "~$")))
    files = [entry for entry in entries if entry.suffix.lower() in ENDINGS]
    owner: dict[Path, Contract] = {}
    for path in files:
        named = contract_named(path, contracts)
        if named is not None:
            owner[path] = named
    jobs = [(path, c) for c in in_order(contracts) for path in files if owner.get(path) is c]
    found = {c.dataset for c in owner.values()}
    strangers = tuple(path for path in files if path not in owner and not path.stem.startswith("truth"))
    return Matching(tuple(jobs), strangers, tuple(c for c in contracts if c.dataset not in found))


def contract_named(path: Path, contracts: Sequence[Contract]) -> Contract | None:
    """Return the contract that a file's name belongs to, or None; of several the one with the longest name."""
    fitting = [c for c in contracts if _fits(file_stem(path), c.file)]
    return max(fitting, key=lambda c: len(c.file)) if fitting else None


def contract_shaped(path: Path, contracts: Sequence[Contract]) -> Contract | None:
    """Return the contract whose columns a file has, or None; of several the one with most columns, if only one has so many."""
    seen = survey(path)
    found: list[tuple[int, Contract]] = []
    for contract in contracts:
        needed = list(dict.fromkeys(item.header for item in contract.table.fields))
        try:
            open_source(path, needed, contract.sheet, contract.encoding, seen)
        except InputError:
            continue
        found.append((len(needed), contract))
    most = max((count for count, _ in found), default=0)
    best = [contract for count, contract in found if count == most]
    return best[0] if len(best) == 1 else None


def _fits(stem: str, pattern: str) -> bool:
    name, wanted = (unicodedata.normalize("NFKC", text).casefold() for text in (stem, pattern))
    return any(
        fnmatchcase(name, form)
        for form in (wanted, f"{wanted}_*", f"{wanted}-*", f"{wanted}(*", f"{wanted} *", f"{wanted}[0-9]*")
    )


def open_for_loading(path: Path, key: Path, given: bool) -> tuple[Lake, Vault]:
    """Open the lake at ``path`` with its key; make both if there is no lake yet.

    A key that the person named (``given``) is used as it is if it exists; for a lake with data a missing key is never made anew.

    Raises:
        LakeError: the key is missing, damaged or another lake's.
    """
    if (path / "lake.json").exists():
        lake, vault = Lake.open(path), Vault.open(key)
        if lake.fingerprint != vault.fingerprint:
            raise LakeError("lake.key-other", Place(str(key)))
        return lake, vault
    vault = Vault.open(key) if key.exists() else Vault.create(key)
    return Lake.create(path, vault.fingerprint), vault


def load_folder(loader: Loader, jobs: Sequence[tuple[Path, Contract]]) -> Iterator[Outcome]:
    """Load the files one by one, holding the lake for writing; yield what became of each.

    Raises:
        LakeError: another process is writing, or the lake itself is damaged.
    """
    with loader.lake.writing():
        spill = loader.lake.path / "tmp"
        shutil.rmtree(spill, ignore_errors=True)
        for path, contract in jobs:
            rivals = [other.name for other, c in jobs if c is contract]
            try:
                if contract.mode == "replace" and len(rivals) > 1:
                    raise InputError("input.two-files", dataset=contract.dataset, files="、".join(rivals))
                yield Outcome(path, contract, loaded=loader.load(path, contract))
            except LakeError:
                raise
            except ZhizhiError as error:
                yield Outcome(path, contract, error=error)
            except OSError as error:
                if Path(str(error.filename or "")) != path:
                    raise
                yield Outcome(path, contract, error=InputError("input.unreadable", Place(path.name), reason=error.strerror or ""))
        shutil.rmtree(spill, ignore_errors=True)
