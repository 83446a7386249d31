"""The tree of regions that a new home begins with: a CSV file, or the sample of Hangzhou."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from zhizhi.apps.accounts.selectors.regions import Place
from zhizhi.apps.actors import region_prefix
from zhizhi.engines.synthesis.hangzhou import COUNTIES
from zhizhi.kernel.errors import InputError, UsageError
from zhizhi.kernel.errors import Place as Where

LEVELS = {2: "province", 4: "city", 6: "county", 9: "town", 12: "village"}
ENGLISH = {
    "330102": "Shangcheng", "330105": "Gongshu", "330106": "Xihu", "330108": "Binjiang", "330109": "Xiaoshan", "330110": "Yuhang",
    "330111": "Fuyang", "330112": "Lin'an", "330113": "Linping", "330114": "Qiantang", "330122": "Tonglu", "330127": "Chun'an",
    "330182": "Jiande",
}  # fmt: skip
"""Names of the counties as their governments write them."""


def level_of(code: str) -> str:
    """Return the level of a code: province, city, county, town or village."""
    return LEVELS[len(region_prefix(code))]


def parent_of(code: str) -> str:
    """Return the code right above, by the codes' own structure (GB/T 2260, GB/T 10114); empty for a province."""
    prefix = region_prefix(code)
    return {2: "", 4: f"{prefix[:2]}0000", 6: f"{prefix[:4]}00", 9: prefix[:6], 12: prefix[:9]}[len(prefix)]


def sample_places() -> list[Place]:
    """Return Zhejiang, Hangzhou, its counties and towns: the regions of the synthetic sample."""
    places = [
        Place("330000", "浙江省", "Zhejiang", "province", "", None),
        Place("330100", "杭州市", "Hangzhou", "city", "330000", None),
    ]
    for county in COUNTIES:
        places.append(Place(county.code, county.name, ENGLISH.get(county.code, ""), "county", "330100", None))
        places += [Place(f"{county.code}{three}", name, "", "town", county.code, None) for three, name in county.towns]
    return places


def places_for(region: str, file: Path | None) -> list[Place]:
    """Return the tree for an installation that serves ``region``.

    Raises:
        UsageError: ``init.regions-needed`` without a file for a region that the sample does not hold.
        InputError: the file cannot be taken.
    """
    places = list(read_places(file)) if file else sample_places()
    if any(place.code == region for place in places):
        return places
    if file:
        raise InputError("init.regions-outside", Where(file.name), region=region)
    raise UsageError("init.regions-needed", region=region)


def read_places(file: Path) -> Iterator[Place]:
    """Read a CSV file of regions (UTF-8): code, name_zh and, where known, name_en, parent, level, people.

    Raises:
        InputError: ``init.regions-unreadable``, ``init.regions-columns``, ``init.regions-row``.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as opened:
            rows = csv.DictReader(opened)
            missing = {"code", "name_zh"} - set(rows.fieldnames or [])
            if missing:
                raise InputError("init.regions-columns", Where(file.name), missing=", ".join(sorted(missing)))
            for number, row in enumerate(rows, 2):
                yield _place(row, number, file)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError("init.regions-unreadable", Where(file.name), reason=str(error)) from error


def _place(row: dict[str, str | None], number: int, file: Path) -> Place:
    code, people = (row.get("code") or "").strip(), (row.get("people") or "").strip()
    right = code.isascii() and code.isdigit() and len(code) in (6, 9, 12) and (not people or people.isdigit())
    if not right or not (row.get("name_zh") or "").strip():
        raise InputError("init.regions-row", Where(file.name), row=number, value=code)
    return Place(
        code,
        (row["name_zh"] or "").strip(),
        (row.get("name_en") or "").strip(),
        (row.get("level") or "").strip() or level_of(code),
        (row.get("parent") or "").strip() or parent_of(code),
        int(people) if people else None,
    )
