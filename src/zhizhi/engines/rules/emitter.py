"""Checked expressions to Ibis expressions: the only module that knows how a rule becomes SQL.

Numbers are exact rationals held as whole numbers: a `Ratio` is a numerator column over a whole-number denominator.
Nothing is rounded before a policy says so (quotients within amounts apart, see `Ratio`), and every engine that multiplies
64-bit integers gives the same answer (overflow is the engine's error, never a wrong figure). Dates are whole numbers
yyyymmdd. NULL is unknown, and SQL's ``and``/``or``/``not`` are Kleene's already.

Where a missing part has a floor, a number also carries bounds; see ``docs/explanation/three-values.md``.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date
from fractions import Fraction
from typing import Any, cast

import ibis

from zhizhi.engines.rules import ir
from zhizhi.engines.rules.ratios import (
    NULL_INT,
    Column,
    Ratio,
    add,
    column,
    compare,
    divide,
    inverse,
    known,
    multiply,
    pick,
    product,
    ratio,
    round_half_away,
    round_up,
    tested,
    whole,
    ymd,
)
from zhizhi.kernel.errors import PolicyError

Key = tuple[ir.Node, Fraction | None]


@dataclass(frozen=True, slots=True)
class Number:
    """A value with bounds: each a `Ratio` that is NULL where unknown (for a bound: unbounded).

    Invariant: where ``value`` is known, ``low`` and ``high`` equal it. ``exact`` = no bounds of its own.
    """

    value: Ratio
    low: Ratio
    high: Ratio

    @property
    def exact(self) -> bool:
        """Whether the bounds are the value itself, so that they add nothing."""
        return self.low is self.value and self.high is self.value

    @classmethod
    def of(cls, value: Ratio) -> Number:
        """Return a number whose bounds are its value."""
        return cls(value, value, value)


@dataclass(slots=True)
class Frame:
    """Where expressions are evaluated: a table, how its columns answer for variables, and what is already computed."""

    table: Any
    on: date
    var: Callable[[ir.Var], Column]
    scale: Callable[[ir.Var], int]
    region: Column | None = None
    ready: dict[Key, Column | Number] = field(default_factory=dict)
    cache: dict[Key, Column | Number] = field(default_factory=dict)
    decimal: bool = False


def exactly(frame: Frame) -> Frame:
    """Return ``frame`` for a comparison within an amount, which knows of no decimals."""
    drifting = {key for key, value in frame.ready.items() if isinstance(value, Number) and value.value.drift is not None}
    ready = {key: value for key, value in frame.ready.items() if key not in drifting}
    return replace(frame, ready=ready, cache={}, decimal=False)


def emit(node: ir.Node, frame: Frame, floor: Fraction | None = None) -> Any:
    """Return the Ibis expression of ``node``: a `Number` for numbers, else a column (boolean, string, or yyyymmdd).

    Raises:
        PolicyError: ``rules.not-compilable`` for an aggregate the frame has not computed.
    """
    key = (node, floor)
    for store in (frame.ready, frame.cache):
        if key in store:
            return store[key]
    result = _emit(node, frame, floor)
    frame.cache[key] = result
    return result


def _emit(node: ir.Node, frame: Frame, floor: Fraction | None) -> Any:
    if node.type.kind == "number":
        return _number(node, frame, floor)
    match node:
        case ir.Const():
            return _constant(node)
        case ir.RegionParam():
            return _by_region(frame, [(code, _constant(ir.Const(node.type, value))) for code, value in node.values])
        case ir.Var():
            return frame.var(node)
        case ir.Derived():
            return emit(node.expr, frame, node.floor if node.floor is not None else floor)
        case ir.Known():
            inner = emit(node.x, frame, floor)
            return known(inner.value) if isinstance(inner, Number) else inner.notnull()
        case ir.Not():
            return inverse(emit(node.x, frame, floor))
        case ir.Junction():
            parts = [emit(item, frame, floor) for item in node.items]
            return functools.reduce((lambda a, b: a & b) if node.operator == "and" else (lambda a, b: a | b), parts)
        case ir.Compare():
            return _compare(node, frame, floor)
        case ir.StartsWith():
            return _starts_with(node, frame, floor)
        case ir.If():
            when = emit(node.condition, frame, floor)
            null = ibis.null(emit(node.then, frame, floor).type())
            then, otherwise = emit(node.then, frame, floor), emit(node.otherwise, frame, floor)
            return ibis.cases((when, then), (inverse(when), otherwise), else_=null)
        case _:
            raise PolicyError("rules.not-compilable", what=type(node).__name__)


def _constant(node: ir.Const) -> Column:
    value = node.value
    if value is None:
        return ibis.null({"boolean": "boolean", "date": "int64"}.get(node.type.kind, "string"))
    if isinstance(value, bool):
        return ibis.literal(value)
    if isinstance(value, date):
        return whole(ymd(value))
    return ibis.literal(str(value))


def _by_region(frame: Frame, values: list[tuple[str, Column]]) -> Column:
    if frame.region is None:
        raise PolicyError("rules.region-in-record")
    default = next(value for code, value in values if code == "")
    local = sorted((item for item in values if item[0]), key=lambda item: -len(item[0]))
    return ibis.cases(*((frame.region.substr(0, len(code)) == code, value) for code, value in local), else_=default)


def _starts_with(node: ir.StartsWith, frame: Frame, floor: Fraction | None) -> Column:
    x, prefix = emit(node.x, frame, floor), emit(node.prefix, frame, floor)
    if isinstance(node.prefix, ir.Const) and isinstance(node.prefix.value, str):
        return tested("=", x.substr(0, len(node.prefix.value)), prefix)
    return tested("=", x.substr(0, prefix.length()), prefix)


def _compare(node: ir.Compare, frame: Frame, floor: Fraction | None) -> Column:
    if frame.decimal:
        frame = exactly(frame)
    left, right = emit(node.left, frame, floor), emit(node.right, frame, floor)
    if not isinstance(left, Number):
        return tested(node.operator, left, right)
    return compare_numbers(node.operator, left, right)


def compare_numbers(operator: str, left: Number, right: Number) -> Column:
    """Return the three-valued comparison of two numbers, decided by bounds where a value is unknown."""
    if left.exact and right.exact:
        return compare(operator, left.value, right.value)
    if operator in (">", ">="):
        return compare_numbers({">": "<", ">=": "<="}[operator], right, left)
    if operator == "!=":
        return inverse(compare_numbers("=", left, right))
    null = ibis.null("boolean")
    yes, no = ibis.literal(True), ibis.literal(False)
    if operator == "=":
        return ibis.cases(
            (compare("=", left.value, right.value), yes),
            (compare("<", left.high, right.low), no),
            (compare(">", left.low, right.high), no),
            else_=null,
        )
    opposite = {"<": ">=", "<=": ">"}[operator]
    return ibis.cases((compare(operator, left.high, right.low), yes), (compare(opposite, left.low, right.high), no), else_=null)


# numbers -----------------------------------------------------------------------------------------------------------


def _number(node: ir.Node, frame: Frame, floor: Fraction | None) -> Number:
    match node:
        case ir.Const():
            if node.value is None:
                return Number.of(Ratio(NULL_INT()))
            return Number.of(ratio(cast(Fraction, node.value)))
        case ir.RegionParam():
            den = math.lcm(*(cast(Fraction, value).denominator for _, value in node.values))
            figures = [(code, whole(int(cast(Fraction, value) * den))) for code, value in node.values]
            return Number.of(Ratio(_by_region(frame, figures), den))
        case ir.Var():
            return leaf(Ratio(frame.var(node), 10 ** frame.scale(node)), floor)
        case ir.Derived():
            return cast(Number, emit(node.expr, frame, node.floor if node.floor is not None else floor))
        case ir.Arithmetic():
            return _arithmetic(node.operator, emit(node.left, frame, floor), emit(node.right, frame, floor), frame.decimal)
        case ir.Extreme():
            items = [cast(Number, emit(item, frame, floor)) for item in node.items]
            return functools.reduce(functools.partial(_extreme, node.function), items)
        case ir.Absolute():
            return _absolute(emit(node.x, frame, floor))
        case ir.Round():
            x = cast(Number, emit(node.x, frame, floor))
            return _map(x, lambda part: round_half_away(part, node.digits))
        case ir.Elapsed():
            return Number.of(Ratio(_elapsed(node, frame, floor)))
        case ir.If():
            when = emit(node.condition, frame, floor)
            then, otherwise = emit(node.then, frame, floor), emit(node.otherwise, frame, floor)
            return _join(lambda a, b: pick([(when, a), (inverse(when), b)]), then, otherwise)
        case _:
            raise PolicyError("rules.not-compilable", what=type(node).__name__)


def leaf(value: Ratio, floor: Fraction | None) -> Number:
    """Return a variable's number: without a floor unknown is unbounded, with one it is at least ``floor``."""
    if floor is None:
        return Number.of(value)
    den = math.lcm(value.den, floor.denominator)
    low = column(product(value.num, den // value.den)).fill_null(int(floor * den))
    return Number(value, Ratio(low, den), value)


def _map(x: Number, change: Callable[[Ratio], Ratio]) -> Number:
    value = change(x.value)
    low = value if x.low is x.value else change(x.low)
    return Number(value, low, value if x.high is x.value else change(x.high))


def _join(change: Callable[[Ratio, Ratio], Ratio], a: Number, b: Number) -> Number:
    """Apply ``change`` to values, to lows and to highs, sharing what is the same."""
    value = change(a.value, b.value)

    def bound(x: Ratio, y: Ratio) -> Ratio:
        return value if x is a.value and y is b.value else change(x, y)

    return Number(value, bound(a.low, b.low), bound(a.high, b.high))


def _arithmetic(operator: str, a: Number, b: Number, decimal: bool) -> Number:
    if operator == "+":
        return _join(add, a, b)
    if operator == "-":
        value = add(a.value, b.value, -1)
        if a.exact and b.exact:
            return Number.of(value)
        return Number(value, add(a.low, b.high, -1), add(a.high, b.low, -1))
    if operator == "*":
        return _times(a, b)
    value = divide(a.value, b.value, decimal)
    return Number.of(value) if a.exact else _scaled(value, a, lambda part: divide(part, b.value), b.value)


def _times(a: Number, b: Number) -> Number:
    value = multiply(a.value, b.value)
    if a.exact and b.exact:
        return Number.of(value)
    if b.exact:
        return _scaled(value, a, lambda part: multiply(part, b.value), b.value)
    if a.exact:
        return _scaled(value, b, lambda part: multiply(part, a.value), a.value)
    # either side may be the unknown one in a row: bounds hold where the other side is known
    first = _scaled(value, a, lambda part: multiply(part, b.value), b.value)
    second = _scaled(value, b, lambda part: multiply(part, a.value), a.value)

    def either(x: Ratio, y: Ratio) -> Ratio:
        return pick([(known(x), x), (known(y), y)])

    return Number(value, either(first.low, second.low), either(first.high, second.high))


def _scaled(value: Ratio, a: Number, change: Callable[[Ratio], Ratio], by: Ratio) -> Number:
    """Return ``value`` with the bounds of ``a`` scaled by a known ``by``: swapped where it is negative, none where it is 0."""
    low = value if a.low is a.value else change(a.low)
    high = value if a.high is a.value else change(a.high)
    if by.constant:
        if by.num > 0:
            return Number(value, low, high)
        return Number(value, high, low) if by.num < 0 else Number.of(value)
    up, down = column(by.num) > 0, column(by.num) < 0

    def choose(positive: Ratio, negative: Ratio) -> Ratio:
        return pick([(known(value), value), (up, positive), (down, negative)])

    return Number(value, choose(low, high), choose(high, low))


def _extreme(function: str, a: Number, b: Number) -> Number:
    least = "<=" if function == "min" else ">="

    def both(x: Ratio, y: Ratio) -> Ratio:
        first = compare(least, x, y)
        if x.drift is not None or y.drift is not None:
            ahead = tested(least, *(ibis.literal(0.0) if part.drift is None else part.drift for part in (x, y)))
            first = ibis.cases((compare("=", x, y), ahead), else_=first)
        return pick([(first, x), (inverse(first), y)])

    def any_of(x: Ratio, y: Ratio) -> Ratio:
        together = both(x, y)
        return pick([(known(together), together), (known(x), x), (known(y), y)])

    value = both(a.value, b.value)
    low_is_value, high_is_value = a.low is a.value and b.low is b.value, a.high is a.value and b.high is b.value
    if function == "min":
        return Number(value, value if low_is_value else both(a.low, b.low), any_of(a.high, b.high))
    return Number(value, any_of(a.low, b.low), value if high_is_value else both(a.high, b.high))


def _absolute(x: Number) -> Number:
    num, drift = column(x.value.num), x.value.drift
    turned = None if drift is None else ibis.cases((num < 0, -drift), else_=drift)
    value = Ratio(abs(x.value.num) if isinstance(x.value.num, int) else num.abs(), x.value.den, turned)
    if x.exact:
        return Number.of(value)
    positive = column(x.low.num) >= 0
    return Number(value, pick([(known(value), value), (positive, x.low)]), pick([(known(value), value), (positive, x.high)]))


def _elapsed(node: ir.Elapsed, frame: Frame, floor: Fraction | None) -> Column:
    since = emit(node.since, frame, floor)
    until = whole(ymd(frame.on)) if node.until is None else emit(node.until, frame, floor)
    if node.unit == "years":
        # shifted so that a whole-number division that truncates floors all the same (a birth date after the as-of date)
        return (until - since + 100_000_000) // 10_000 - 10_000
    if node.unit == "days":
        end = frame.on.toordinal() + 1_721_425 if node.until is None else _day_number(until)
        return end - _day_number(since)
    months = _months(until) - _months(since)
    return months - ibis.cases((until % 100 < since % 100, 1), else_=0)


def _months(day: Column) -> Column:
    return day // 10_000 * 12 + day % 10_000 // 100


def _day_number(day: Column) -> Column:
    """Return the Julian day number of yyyymmdd (Richards, Explanatory Supplement to the Astronomical Almanac, 15.11)."""
    early = ibis.cases((day % 10_000 < 300, 1), else_=0)
    y, m = day // 10_000 + 4800 - early, day % 10_000 // 100 + 12 * early - 3
    return day % 100 + (153 * m + 2) // 5 + 365 * y + y // 4 - y // 100 + y // 400 - 32045


def amount_fen(value: Ratio, rounding: str) -> Column:
    """Return an amount in whole fen, rounded as the policy says."""
    step = 1 if rounding.startswith("yuan") else 100
    if value.drift is None and isinstance(value.den, int) and step % value.den == 0:
        # already a whole number of what is rounded to
        return column(value.num) * (100 // value.den)
    if rounding == "yuan-up":
        return round_up(value, 0).num * 100
    if rounding == "yuan":
        return round_half_away(value, 0).num * 100
    return (round_up(value, 2) if rounding == "fen-up" else round_half_away(value, 2)).num
