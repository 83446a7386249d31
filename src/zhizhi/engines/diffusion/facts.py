"""Adoption facts: who took up what, when, and until when; with the regions that could have and the time that was watched.

The table has one row an adoption: ``region``, ``innovation``, ``date`` and, where known, ``ended``. Two things that the table
itself cannot say are arguments: the *universe* of regions (those that never adopted belong to it) and the *horizon*, the last
day that was watched. Without them non-adopters and what happened later are unknown, not absent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from zhizhi.engines.diffusion.answers import frame
from zhizhi.kernel.errors import InputError, Place

Grain = Literal["day", "year"]
COLUMNS = ("region", "innovation", "date", "ended")
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class Facts:
    """Checked adoption facts. Times are whole numbers: days since 1970-01-01, or years, as ``grain`` says.

    Args:
        regions: names, sorted; the universe.
        innovations: names, sorted.
        region: index into ``regions`` of each adoption, shape (n,).
        innovation: index into ``innovations``, shape (n,).
        time: when, shape (n,), int64.
        ended: when it ended, shape (n,), int64; ``STILL`` where it had not by the horizon, or nothing is known.
        horizon: the last time that was watched.
        start: the first time that was watched; adoptions before it are known only by their date.
        grain: day or year.
        universe_known: whether the regions include those that never adopted anything.
        spells_known: whether ends were recorded at all.
        left_out: how many rows were left out, by reason.
    """

    regions: tuple[str, ...]
    innovations: tuple[str, ...]
    region: np.ndarray
    innovation: np.ndarray
    time: np.ndarray
    ended: np.ndarray
    horizon: int
    start: int
    grain: Grain
    universe_known: bool
    spells_known: bool
    left_out: Mapping[str, int]

    STILL = np.iinfo(np.int64).max

    def __len__(self) -> int:
        return len(self.time)

    @cached_property
    def times(self) -> np.ndarray:
        """Shape (regions, innovations), float64: the time of adoption, ``inf`` where there was none by the horizon."""
        table = np.full((len(self.regions), len(self.innovations)), np.inf)
        table[self.region, self.innovation] = self.time
        return table

    @cached_property
    def first(self) -> np.ndarray:
        """Shape (innovations,): the time of each innovation's first adoption."""
        found: np.ndarray = self.times.min(axis=0)
        return found

    @property
    def period(self) -> tuple[date, date]:
        """The first and the last day of the facts."""
        return self.day(int(self.time.min())), self.day(self.horizon)

    def day(self, time: int) -> date:
        """Return the day of a time; of a year, its first of January."""
        return date(time, 1, 1) if self.grain == "year" else date.fromordinal(_EPOCH.toordinal() + time)

    def only(self, innovations: Iterable[str]) -> Facts:
        """Return the facts of some innovations, with the same universe and horizon.

        Raises:
            InputError: ``diffusion.innovation-unknown``.
        """
        wanted = sorted(set(innovations))
        for name in wanted:
            if name not in self.innovations:
                raise InputError("diffusion.innovation-unknown", name=name)
        index = np.array([self.innovations.index(name) for name in wanted], dtype=np.int64)
        place = np.full(len(self.innovations), -1)
        place[index] = np.arange(len(index))
        keep = place[self.innovation] >= 0
        return replace(
            self,
            innovations=tuple(wanted),
            region=self.region[keep],
            innovation=place[self.innovation[keep]],
            time=self.time[keep],
            ended=self.ended[keep],
        )

    def to_frame(self) -> pa.Table:
        """Return the facts as they were understood."""
        return frame(
            {
                "region": [self.regions[i] for i in self.region],
                "innovation": [self.innovations[i] for i in self.innovation],
                "date": [self.day(int(t)).isoformat() if self.grain == "day" else str(t) for t in self.time],
                "ended": [None if t == self.STILL else self.day(int(t)).isoformat() for t in self.ended],
            }
        )


def read_facts(
    table: Any,
    *,
    universe: Sequence[str] | None = None,
    horizon: date | int | str | None = None,
    start: date | int | str | None = None,
    grain: Grain | None = None,
) -> Facts:
    """Check a table of adoptions and return its facts.

    Args:
        table: a pyarrow Table, a mapping of columns, a sequence of mappings, or anything with ``to_dict('list')`` (pandas),
            with columns region, innovation, date and, optionally, ended.
        universe: every region that could have adopted; default: those of the table, and then non-adopters are unknown.
        horizon: the last day (or year) that was watched; default: the last date of the table.
        start: the first day (or year) that was watched; default: the first date of the table.
        grain: ``day`` or ``year``; default: as the dates are written. Both in one table is an error.

    Raises:
        InputError: with the row (1 is the first row of data) and column: ``diffusion.column-missing``, ``diffusion.empty``,
            ``diffusion.blank``, ``diffusion.date``, ``diffusion.grain-mixed``, ``diffusion.twice``, ``diffusion.ends-before``,
            ``diffusion.region-unknown``, ``diffusion.after-horizon``, ``diffusion.universe-twice``.

    Example:
        >>> facts = read_facts({"region": ["a", "b"], "innovation": ["x", "x"], "date": ["2024-01-05", "2024-02-01"]},
        ...                    universe=["a", "b", "c"], horizon="2024-12-31")
        >>> len(facts), facts.regions, facts.grain
        (2, ('a', 'b', 'c'), 'day')
    """
    columns = _columns(table)
    names, things = _texts(columns["region"], "region"), _texts(columns["innovation"], "innovation")
    grains: list[Grain] = []
    times = [_time(value, "date", row, grains) for row, value in enumerate(columns["date"], start=1)]
    given = columns.get("ended")
    ends = [
        Facts.STILL if _blank(value) else _time(value, "ended", row, grains)
        for row, value in enumerate(given if given is not None else [None] * len(times), start=1)
    ]
    grain = _grain(grains, grain)
    regions = _universe(universe, names)
    place, thing = {name: i for i, name in enumerate(regions)}, {name: i for i, name in enumerate(sorted(set(things)))}
    last = _bound(horizon, "horizon", grain, max([*times, *(end for end in ends if end != Facts.STILL)]))
    first = _bound(start, "start", grain, min(times))
    _check_rows(names, things, times, ends, place, last)
    return Facts(
        regions=regions,
        innovations=tuple(thing),
        region=np.array([place[name] for name in names], dtype=np.int64),
        innovation=np.array([thing[name] for name in things], dtype=np.int64),
        time=np.array(times, dtype=np.int64),
        ended=np.array(ends, dtype=np.int64),
        horizon=last,
        start=first,
        grain=grain,
        universe_known=universe is not None,
        spells_known=given is not None,
        left_out={},
    )


def _columns(table: Any) -> dict[str, list[Any]]:
    if isinstance(table, pa.Table):
        found = {name: table.column(name).to_pylist() for name in table.column_names}
    elif hasattr(table, "to_dict"):
        found = {str(name): list(values) for name, values in table.to_dict("list").items()}
    elif isinstance(table, Mapping):
        found = {str(name): list(values) for name, values in table.items()}
    else:
        rows = list(table)
        names = list(dict.fromkeys(name for row in rows for name in row))
        found = {name: [row.get(name) for row in rows] for name in names}
    for name in COLUMNS[:3]:
        if name not in found:
            raise InputError("diffusion.column-missing", name=name, known=", ".join(found))
    if not found["region"]:
        raise InputError("diffusion.empty")
    return found


def _blank(value: Any) -> bool:
    return value is None or (isinstance(value, float) and np.isnan(value)) or str(value).strip() in ("", "NaT", "nan", "None")


def _texts(values: Sequence[Any], column: str) -> list[str]:
    found = []
    for row, value in enumerate(values, start=1):
        if _blank(value):
            raise InputError("diffusion.blank", Place(line=row, text=column), row=row, column=column)
        found.append(str(value).strip())
    return found


def _time(value: Any, column: str, row: int, grains: list[Grain]) -> int:
    """Return a date as a whole number and note its grain: a year alone is a year, everything else must be a day."""
    if isinstance(value, datetime):
        value = value.date()
    if isinstance(value, date):
        grains.append("day")
        return value.toordinal() - _EPOCH.toordinal()
    text = "" if _blank(value) else str(value).strip().removesuffix(".0")
    if text.isdigit() and len(text) <= 4:
        grains.append("year")
        return int(text)
    try:
        day = date.fromisoformat(text[:10])
    except ValueError:
        raise InputError("diffusion.date", Place(line=row, text=column), row=row, column=column, value=text) from None
    grains.append("day")
    return day.toordinal() - _EPOCH.toordinal()


def _grain(grains: Sequence[Grain], wanted: Grain | None) -> Grain:
    if len(set(grains)) > 1:
        other = "year" if grains[0] == "day" else "day"
        row = grains.index(other) + 1
        raise InputError("diffusion.grain-mixed", row=row, first=grains[0], other=other)
    if wanted is not None and grains[0] != wanted:
        raise InputError("diffusion.grain-other", wanted=wanted, seen=grains[0])
    return grains[0]


def _universe(universe: Sequence[str] | None, names: Sequence[str]) -> tuple[str, ...]:
    if universe is None:
        return tuple(sorted(set(names)))
    listed = [str(name).strip() for name in universe]
    for name, count in Counter(listed).items():
        if count > 1:
            raise InputError("diffusion.universe-twice", name=name)
    return tuple(sorted(listed))


def _bound(value: date | int | str | None, name: str, grain: Grain, default: int) -> int:
    if value is None:
        return default
    grains: list[Grain] = []
    time = _time(value, name, 0, grains)
    if grains[0] != grain:
        raise InputError("diffusion.grain-other", wanted=grain, seen=grains[0])
    return time


def _check_rows(
    names: Sequence[str], things: Sequence[str], times: Sequence[int], ends: Sequence[int], place: Mapping[str, int], last: int
) -> None:
    seen: dict[tuple[str, str], int] = {}
    for row, (name, thing, time, end) in enumerate(zip(names, things, times, ends, strict=True), start=1):
        if name not in place:
            raise InputError("diffusion.region-unknown", Place(line=row, text="region"), row=row, name=name)
        if (name, thing) in seen:
            raise InputError("diffusion.twice", Place(line=row), row=row, first=seen[name, thing], region=name, innovation=thing)
        seen[name, thing] = row
        if end < time:
            raise InputError("diffusion.ends-before", Place(line=row, text="ended"), row=row)
        if time > last:
            raise InputError("diffusion.after-horizon", Place(line=row, text="date"), row=row)
