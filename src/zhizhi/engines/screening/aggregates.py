"""Aggregates over members and records as mergeable partial columns.

A partial is taken over any part of the rows (a person's claims) and merged over the next (a household's members),
so that one pass over each table is enough, and a changed household is computed alone in the same way.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import ibis

from zhizhi.engines.rules import ir
from zhizhi.engines.rules.emitter import Frame, Number, emit
from zhizhi.engines.rules.ratios import Column, Ratio, column, inverse
from zhizhi.kernel.errors import PolicyError


@dataclass(frozen=True, slots=True)
class Partial:
    """How one partial column is made from rows and merged: by sum, min or max (a missing partial counts 0, or nothing)."""

    made: Column
    merged_by: str


@dataclass(frozen=True, slots=True)
class Partials:
    """The partial columns of one aggregate by suffix, and the denominators of its numbers."""

    columns: Mapping[str, Partial]
    den: int = 1


def merge(name: str, by: str, table: Any) -> Column:
    """Return the aggregate that merges partial column ``name`` of ``table``."""
    part = table[name]
    return {"sum": part.sum, "min": part.min, "max": part.max}[by]()


def by_row(value: Any, table: Any) -> Any:
    """Return a constant as a column with the same value in every row of ``table``: only columns are aggregated."""
    if isinstance(value, Number):
        parts = [value.value, value.low, value.high]
        made = [Ratio(by_row(column(part.num), table), part.den) for part in parts]
        return Number(made[0], *(made[0] if part is value.value else new for part, new in zip(parts[1:], made[1:], strict=True)))
    if not isinstance(value, ibis.Scalar):
        return value
    return ibis.cases((table[table.columns[0]].isnull(), value), else_=value)


def counted(condition: Column) -> Column:
    """Return how many rows meet ``condition``."""
    return ibis.cases((condition, 1), else_=ibis.null("int8")).count()


def partials(node: ir.Aggregate, floor: Fraction | None, frame: Frame, window: Column | None) -> Partials:
    """Return the partial columns of ``node`` over the rows of ``frame``; ``window`` is the rows' window test or None."""
    keep = window
    if node.where is not None:
        where = by_row(emit(node.where, frame, floor), frame.table)
        keep = where if keep is None else keep & where
    if node.function == "count":
        if keep is None:
            return Partials({"n": Partial(frame.table.count(), "sum")})
        return Partials({"n": Partial(counted(keep), "sum"), "m": Partial(counted(keep.isnull()), "sum")})
    assert node.value is not None
    value = by_row(emit(node.value, frame, floor), frame.table)
    if node.function == "any":
        test = value if keep is None else keep & value
        return Partials({"t": Partial(counted(test), "sum"), "u": Partial(counted(test.isnull()), "sum")})
    if node.function == "all":
        test = value if keep is None else inverse(keep) | value
        return Partials({"f": Partial(counted(inverse(test)), "sum"), "u": Partial(counted(test.isnull()), "sum")})
    if not isinstance(value, Number):
        return _date_extreme(node, value, keep)
    return _numbers(node, value, keep, floor is not None)


def _kept(keep: Column | None, item: Column) -> Column:
    return item if keep is None else ibis.cases((keep, item), else_=ibis.null("int64"))


def _unknown(keep: Column | None, item: Column) -> Column:
    return item.isnull() if keep is None else keep.isnull() | (keep & item.isnull())


def _date_extreme(node: ir.Aggregate, value: Column, keep: Column | None) -> Partials:
    kept = _kept(keep, value)
    least = kept.min() if node.function == "min" else kept.max()
    return Partials({"e": Partial(least, node.function), "k": Partial(counted(_unknown(keep, value)), "sum")})


def _numbers(node: ir.Aggregate, value: Number, keep: Column | None, bounded: bool) -> Partials:
    parts = {"v": value.value, "l": value.low, "h": value.high}
    if not all(isinstance(part.den, int) for part in parts.values()):
        raise PolicyError("rules.divide-in-aggregate", function=node.function)
    den = math.lcm(*(part.den for part in parts.values()))
    num = {key: column(part.num) * (den // part.den) if part.den != den else column(part.num) for key, part in parts.items()}
    columns: dict[str, Partial] = {}
    if node.function == "sum":
        for key, part in parts.items():
            if key != "v" and (not bounded or part is value.value):
                continue
            columns[key] = Partial(_kept(keep, num[key]).sum().fill_null(0), "sum")
            columns[f"{key}k"] = Partial(counted(_unknown(keep, num[key])), "sum")
        return Partials(columns, den)
    for key in ("v", "l", "h") if bounded else ("v",):
        kept = _kept(keep, num[key])
        columns[key] = Partial(kept.min() if node.function == "min" else kept.max(), node.function)
        columns[f"{key}k"] = Partial(counted(_unknown(keep, num[key])), "sum")
    if bounded and keep is not None:
        columns["m"] = Partial(counted(keep.isnull()), "sum")
    return Partials(columns, den)


def final(node: ir.Aggregate, floor: Fraction | None, made: Partials, read: Callable[[str], Column]) -> Column | Number:
    """Return the aggregate's value from its partial columns, which ``read`` gives by suffix."""
    null = ibis.null("int64")
    if node.function in ("any", "all"):
        decided = ibis.literal(node.function == "any")
        hit, unknown = read("t" if node.function == "any" else "f") > 0, read("u") > 0
        return ibis.cases((hit, decided), (unknown, ibis.null("boolean")), else_=inverse(decided))
    if node.function == "count":
        n = read("n")
        if "m" not in made.columns:
            return Number.of(Ratio(n))
        value = Ratio(ibis.cases((read("m") == 0, n), else_=null))
        return Number(value, Ratio(n), Ratio(n + read("m"))) if floor is not None else Number.of(value)
    if "e" in made.columns:
        return ibis.cases((read("k") == 0, read("e")), else_=null)
    value = Ratio(ibis.cases((read("vk") == 0, read("v")), else_=null), made.den)
    if floor is None:
        return Number.of(value)

    def bound(key: str, all_needed: bool) -> Ratio:
        if key not in made.columns:
            return value
        if all_needed:
            return Ratio(ibis.cases((read(f"{key}k") == 0, read(key)), else_=null), made.den)
        sure = read("m") == 0 if "m" in made.columns else ibis.literal(True)
        return Ratio(ibis.cases((sure, read(key)), else_=null), made.den)

    if node.function == "sum":
        return Number(value, bound("l", True), bound("h", True))
    return Number(value, bound("l", node.function == "min"), bound("h", node.function == "max"))
