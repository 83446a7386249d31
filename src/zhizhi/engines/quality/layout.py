"""Where the header of an export stands: below title rows, over one row or two, with every column that is needed."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from zhizhi.engines.quality.cells import BLANKS, NARROW, WIDE
from zhizhi.kernel.errors import InputError, Place

#: Rows at the top among which the header is looked for.
DEEPEST = 12
_NARROWED = str.maketrans(WIDE, NARROW)


@dataclass(frozen=True, slots=True)
class Header:
    """The columns of a file as the contract knows them, and how many rows stand above the first row of data."""

    columns: tuple[str, ...]
    rows_above: int


def plain(text: str) -> str:
    """Return a header without what the eye does not see: width, blanks, line breaks, a unit's brackets of either kind."""
    return "".join(text.translate(_NARROWED).strip(BLANKS).split()).lower()


def find_header(top: Sequence[Sequence[str]], needed: Sequence[str], place: Place) -> Header:
    """Find the header among the first rows of a file.

    Args:
        top: the first rows, as read.
        needed: headers that must be there (the contract's ``physicalName``).
        place: the file, for errors.

    Raises:
        InputError: the file is empty, has no header, or a column is missing or renamed.
    """
    rows = [list(row) for row in top]
    if not any(cell.strip(BLANKS) for row in rows for cell in row):
        raise InputError("input.empty", place)
    wanted = {plain(name): name for name in needed}
    best: tuple[int, Header, list[str]] | None = None
    for index, row in enumerate(rows[:DEEPEST]):
        single = list(row)
        candidates = [(Header(_named(single, wanted), index + 1), single)]
        if index + 1 < len(rows):
            candidates += [(Header(_named(joined, wanted), index + 2), joined) for joined in _two_rows(row, rows[index + 1])]
        for header, cells in candidates:
            hits = len(set(wanted.values()) & set(header.columns))
            if hits and (best is None or hits > best[0]):
                best = (hits, header, cells)
    if best is None:
        seen = next(row for row in rows if any(cell.strip(BLANKS) for cell in row))
        raise InputError("input.header-none", place, needed="、".join(needed), seen="、".join(cell for cell in seen if cell)[:80])
    _complete(best[1], needed, place)
    return best[1]


def _two_rows(upper: Sequence[str], lower: Sequence[str]) -> list[list[str]]:
    """Return the readings of a header over two rows: merged cells leave blanks below or to the right of them."""
    width = max(len(upper), len(lower))
    above = list(upper) + [""] * (width - len(upper))
    below = list(lower) + [""] * (width - len(lower))
    if not any(below) or not any(above):
        return []
    spread, last = [], ""
    for cell, under in zip(above, below, strict=True):
        last = cell if cell.strip(BLANKS) else (last if under.strip(BLANKS) else "")
        spread.append(last)
    leaf = [under if under.strip(BLANKS) else cell for cell, under in zip(above, below, strict=True)]
    joined = [f"{over}{under}" for over, under in zip(spread, below, strict=True)]
    return [leaf, joined]


def _named(cells: Sequence[str], wanted: dict[str, str]) -> tuple[str, ...]:
    return tuple(wanted.get(plain(cell), cell.strip(BLANKS)) for cell in cells)


def _complete(header: Header, needed: Sequence[str], place: Place) -> None:
    where = Place(place.file, header.rows_above)
    missing = [name for name in needed if name not in header.columns]
    spare = [name for name in header.columns if name and name not in needed]
    if missing:
        near = difflib.get_close_matches(missing[0], spare, 1, 0.4)
        code = "input.column-renamed" if near else "input.column-missing"
        raise InputError(
            code, where, column=missing[0], near=near[0] if near else "", missing="、".join(missing), seen="、".join(spare) or "-"
        )
    doubled = [name for name in needed if header.columns.count(name) > 1]
    if doubled:
        raise InputError("input.column-twice", where, column=doubled[0])
