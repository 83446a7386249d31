"""The scenario package in use: read once, and again when one of its files changed."""

from __future__ import annotations

from datetime import date, datetime
from functools import lru_cache
from pathlib import Path

from django.utils.timezone import localtime

from zhizhi.apps.configuration import configuration
from zhizhi.kernel.errors import PackageError
from zhizhi.scenarios.package import Package, read_package
from zhizhi.scenarios.shipped import find_package

_KEPT = 4


def package_in_use(name: str = "") -> Package:
    """Return the checked package that the configuration names first, or the one called ``name``.

    Raises:
        PackageError: the package cannot be read; its place and remedy are in the message. Pages that need none go on.
    """
    listed = [str(item) for item in configuration().packages]
    if not listed:
        raise PackageError("policies.no-package")
    wanted = next((item for item in listed if Path(item).name == name), None) if name else listed[0]
    if wanted is None:
        raise PackageError("policies.package-not-in-use", name=name, known=", ".join(Path(item).name for item in listed))
    folder = find_package(wanted)
    return _read(folder, _stamp(folder))


def _stamp(folder: Path) -> tuple[int, int]:
    """Return what changes when a file of the package does: how many there are, and the newest time of change."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return len(files), max((path.stat().st_mtime_ns for path in files), default=0)


@lru_cache(maxsize=_KEPT)
def _read(folder: Path, _stamp: tuple[int, int]) -> Package:
    return read_package(folder)


def screening_date(now: datetime) -> date:
    """Return the date on which policies are matched: the configured one, else the day of ``now`` where the region is."""
    return configuration().screening_date(localtime(now).date())
