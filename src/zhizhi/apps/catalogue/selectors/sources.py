"""Where the catalogue looks: the lake, the contracts in force, and the scenario packages that read the data.

What is read from files is kept until the files change, never longer.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from zhizhi.apps.configuration import configuration
from zhizhi.backends.holdings import lake_mark
from zhizhi.backends.lake import Lake
from zhizhi.backends.package_contracts import contracts_folder
from zhizhi.backends.vault import Vault
from zhizhi.exchange.contract import Contract, read_contracts
from zhizhi.kernel.errors import LakeError, NotFoundError, ZhizhiError
from zhizhi.scenarios.package import Package, read_package
from zhizhi.scenarios.shipped import find_package

_KEPT = 8


def whole_region() -> str:
    """Return the code of the region that this installation serves: what happens to a whole dataset happens there."""
    return str(configuration().region)


def lake_or_none() -> Lake | None:
    """Return the lake of this home, or None if nothing was ever loaded.

    Raises:
        LakeError: there is one, but it cannot be read.
    """
    path = configuration().lake_path
    try:
        return Lake.open(path)
    except LakeError as error:
        if error.code == "lake.none" and not (path / "lake.json").exists():
            return None
        raise


def vault_or_none(lake: Lake) -> Vault | None:
    """Return the key of the lake, or None where it is not there or another's: values then stay masked."""
    try:
        vault = Vault.open(configuration().key_path)
    except LakeError:
        return None
    return vault if vault.fingerprint == lake.fingerprint else None


def packages_in_use() -> list[Package]:
    """Return the packages that the configuration names; one that cannot be read is left out here and told on its own page."""
    found = []
    for name in configuration().packages:
        try:
            folder = find_package(str(name))
            found.append(_package(folder, folder_stamp(folder)))
        except ZhizhiError:
            continue
    return found


def contracts() -> dict[str, Contract]:
    """Return dataset -> contract in force: a package's, else the one that the lake keeps beside the data."""
    lake = lake_or_none()
    kept = {dataset: lake.contract(dataset) for dataset in lake.datasets()} if lake else {}
    for name in reversed(configuration().packages):
        try:
            folder = contracts_folder(find_package(str(name)))
            if folder is not None:
                kept |= {item.dataset: item for item in _contracts(folder, folder_stamp(folder))}
        except ZhizhiError:
            continue
    return dict(sorted(kept.items()))


def contract_of(dataset: str) -> Contract:
    """Return the contract of a dataset.

    Raises:
        NotFoundError: ``catalogue.dataset-unknown``.
    """
    found = contracts().get(dataset)
    if found is None:
        raise NotFoundError("catalogue.dataset-unknown", dataset=dataset)
    return found


def sources_mark() -> str:
    """Return a text that changes whenever the lake, a contract or a package does."""
    lake = lake_or_none()
    parts = [lake_mark(lake) if lake else "-"]
    for name in configuration().packages:
        try:
            folder = find_package(str(name))
            parts.append(f"{folder}:{folder_stamp(folder)}")
        except ZhizhiError as error:
            parts.append(error.code)
    return sha256("|".join(parts).encode()).hexdigest()


def folder_stamp(folder: Path) -> tuple[int, int]:
    """Return what changes when a file of a folder does: how many there are, and the newest time of change."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return len(files), max((path.stat().st_mtime_ns for path in files), default=0)


@lru_cache(maxsize=_KEPT)
def _package(folder: Path, _stamp: tuple[int, int]) -> Package:
    return read_package(folder)


@lru_cache(maxsize=_KEPT)
def _contracts(folder: Path, _stamp: tuple[int, int]) -> tuple[Contract, ...]:
    return tuple(read_contracts(folder))
