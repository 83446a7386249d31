"""What tests of pages ask of the screened lake: its findings, and households of a kind."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from zhizhi.backends.found import FoundReader, Sight, Wanted, open_found
from zhizhi.backends.lake import Lake
from zhizhi.scenarios.package import Package, read_package
from zhizhi.scenarios.shipped import find_package

XIHU, CITY = Sight("330106"), Sight("3301")


@cache
def shipped() -> Package:
    return read_package(find_package("social-assistance"))


def findings_of(lake: Path) -> FoundReader:
    reader = open_found(Lake.open(lake), shipped())
    assert reader is not None
    return reader


def one(reader: FoundReader, kind: str, sight: Sight = XIHU, policy: str = "") -> str:
    """Return a household with a finding of a kind."""
    wanted = Wanted(finding=(kind,), policy=(policy,) if policy else ())
    return reader.page(sight, wanted, limit=1)[0].household
