"""The triage and the aid projects of the package in use, read once and again when the package changed."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from zhizhi.apps.assistance.selectors.packages import package_in_use
from zhizhi.scenarios.projects_file import FILE as PROJECTS
from zhizhi.scenarios.projects_file import ProjectBase, read_projects
from zhizhi.scenarios.triage_file import FILE as TRIAGE
from zhizhi.scenarios.triage_file import Triage, read_triage


def triage_in_use(name: str = "") -> Triage:
    """Return the triage of a package in use.

    Raises:
        PackageError: the package or its ``triage.yaml`` cannot be read.
    """
    package = package_in_use(name)
    return _triage(package.folder, package.digest, _stamp(package.folder / TRIAGE))


def projects_in_use(name: str = "") -> ProjectBase:
    """Return the aid-project base of a package in use.

    Raises:
        PackageError: the package or its ``projects.yaml`` cannot be read.
    """
    package = package_in_use(name)
    return _projects(package.folder, package.digest, _stamp(package.folder / PROJECTS))


def _stamp(path: Path) -> int:
    return path.stat().st_mtime_ns if path.exists() else 0


@lru_cache(maxsize=4)
def _triage(folder: Path, _digest: str, _stamp: int) -> Triage:
    return read_triage(package_in_use(folder.name))


@lru_cache(maxsize=4)
def _projects(folder: Path, _digest: str, _stamp: int) -> ProjectBase:
    return read_projects(package_in_use(folder.name))
