"""Backups as folders: the list of files with their digests, and putting them in place. Needs no Django."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from zhizhi.kernel.errors import InputError, Place, UsageError

MANIFEST = "backup.json"
FORMAT = 1
BLOCK = 1 << 20
SETTINGS = "zhizhi.toml"
HERE = {"lake": "lake", "key_file": "lake.key"}
"""Where lake and key lie in a restored home, wherever they lay before."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds: digests (SHA-256) of ``files`` and ``keys``, ``migrations`` applied, ``size`` of the ledger."""

    made_at: str
    version: str
    database: str
    region: str
    size: int
    migrations: list[str] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    format: int = FORMAT

    def write(self, folder: Path) -> None:
        """Write it, last of all: a folder without it is no backup."""
        (folder / MANIFEST).write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Unpacked:
    """A backup in its new place."""

    manifest: Manifest
    home: Path
    dump: Path | None


def keys_beside(folder: Path) -> Path:
    """Return where the keys of a backup are put if nothing else is said."""
    return folder.with_name(f"{folder.name}-keys")


def read_manifest(folder: Path) -> Manifest:
    """Read what a backup holds.

    Raises:
        InputError: ``backup.none``, ``backup.format``.
    """
    try:
        plain = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if plain["format"] != FORMAT:
            raise InputError("backup.format", Place(folder.name), seen=plain["format"], known=FORMAT)
        return Manifest(**plain)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError("backup.none", Place(str(folder))) from error


def digests(folder: Path) -> dict[str, str]:
    """Return path -> SHA-256 of every file in a folder."""
    return {str(path.relative_to(folder)): digest(path) for path in sorted(folder.rglob("*")) if path.is_file()}


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    sha = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            sha.update(block)
    return sha.hexdigest()


def unpack(folder: Path, home: Path, keys: Path | None) -> Unpacked:
    """Check a backup and put it into ``home``, which is there whole or not at all.

    Raises:
        InputError: the backup or its keys are not whole.
        UsageError: ``backup.home-in-use``.
    """
    manifest, secrets = read_manifest(folder), keys or keys_beside(folder)
    if home.exists() and any(home.iterdir()):
        raise UsageError("backup.home-in-use", home=home)
    for place, listed in ((folder, manifest.files), (secrets, manifest.keys)):
        for fault in faults(place, listed):
            raise fault
    draft = home.with_name(f".{home.name}.restoring")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True, mode=0o750)
    for name in manifest.files:
        _copy(folder / name, draft / name)
    for name in manifest.keys:
        _copy(secrets / name, draft / name)
        (draft / name).chmod(0o600)
    (draft / "keys").chmod(0o700)
    for name in ("files", "uploads", "ledger"):
        (draft / name).mkdir(exist_ok=True)
    settings = draft / SETTINGS
    settings.write_text(_here(settings.read_text(encoding="utf-8")), encoding="utf-8")
    if home.exists():
        home.rmdir()
    draft.rename(home)
    dump = home / "database.pgdump"
    return Unpacked(manifest, home, dump if dump.exists() else None)


def faults(place: Path, listed: dict[str, str]) -> Iterator[InputError]:
    """Yield what is wrong with the files of a backup."""
    for name, wanted in listed.items():
        path = place / name
        if not path.is_file():
            yield InputError("backup.file-missing", Place(str(place)), name=name)
        elif digest(path) != wanted:
            yield InputError("backup.file-differs", Place(str(place)), name=name)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target)


def _here(settings: str) -> str:
    lines = []
    for line in settings.splitlines():
        name = line.partition("=")[0].strip()
        lines.append(f'{name} = "{HERE[name]}"' if name in HERE else line)
    return "\n".join(lines) + "\n"
