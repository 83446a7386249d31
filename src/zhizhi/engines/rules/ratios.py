"""Exact rationals over whole-number columns: what the emitter counts with.

Every engine that multiplies 64-bit integers gives the same answer; overflow is the engine's error, never a wrong figure.
"""

from __future__ import annotations

import functools
import math
import operator as operators
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any

import ibis
import ibis.expr.operations as ops

Column = Any  # an Ibis column or scalar; its classes carry no useful static types


@dataclass(frozen=True, slots=True)
class Ratio:
    """``num / den``: each a Python int or an Ibis int64 expression. A constant or expression ``den`` is > 0 or NULL.

    ``drift`` (an Ibis float64 or None for none) is how far the number lies from the ratio when quotients are decimals
    of 34 digits, as they are in amounts; it only matters to rounding where the ratio falls on the edge.
    """

    num: Column
    den: Column = 1
    drift: Column = None

    @property
    def constant(self) -> bool:
        """Whether both parts are Python ints."""
        return isinstance(self.num, int) and isinstance(self.den, int)


def whole(value: int) -> Column:
    """Return an int64 literal."""
    return ibis.literal(value, "int64")


def column(part: Column) -> Column:
    """Return ``part`` as an Ibis expression."""
    return whole(part) if isinstance(part, int) else part


NULL_INT: Callable[[], Column] = functools.partial(ibis.null, "int64")


def ymd(day: date) -> int:
    """Return a date as the whole number yyyymmdd."""
    return day.year * 10_000 + day.month * 100 + day.day


def ratio(value: Fraction) -> Ratio:
    """Return a constant ratio."""
    return Ratio(value.numerator, value.denominator)


def product(a: Column, b: Column) -> Column:
    """Return a × b of whole numbers, worked out at once where both are Python ints."""
    if isinstance(a, int) and isinstance(b, int):
        return a * b
    if isinstance(a, int) and a == 1:
        return b
    if isinstance(b, int) and b == 1:
        return a
    return column(a) * column(b)


def _same(a: Column, b: Column) -> bool:
    if isinstance(a, int) or isinstance(b, int):
        return isinstance(a, int) and isinstance(b, int) and a == b
    return bool(a.equals(b))


def common(a: Ratio, b: Ratio) -> tuple[Column, Column, Column]:
    """Return both numerators over one denominator, and that denominator."""
    if isinstance(a.den, int) and isinstance(b.den, int):
        den = math.lcm(a.den, b.den)
        return product(a.num, den // a.den), product(b.num, den // b.den), den
    if _same(a.den, b.den):
        return a.num, b.num, a.den
    return product(a.num, b.den), product(b.num, a.den), product(a.den, b.den)


def add(a: Ratio, b: Ratio, sign: int = 1) -> Ratio:
    """Return a + b (``sign`` 1) or a - b (-1)."""
    left, right, den = common(a, b)
    drift = _sum(a.drift, b.drift if b.drift is None or sign == 1 else -b.drift)
    if isinstance(left, int) and isinstance(right, int):
        return Ratio(left + sign * right, den)
    if isinstance(right, int) and right == 0:
        return Ratio(left, den, drift)
    left, right = column(left), column(right)
    return Ratio(left + right if sign == 1 else left - right, den, drift)


def _sum(a: Column, b: Column) -> Column:
    return b if a is None else a if b is None else a + b


def _float(a: Ratio) -> Column:
    return column(a.num).cast("float64") / column(a.den).cast("float64")


def multiply(a: Ratio, b: Ratio) -> Ratio:
    """Return a × b, constants reduced to lowest terms."""
    if a.constant and b.constant:
        return ratio(Fraction(a.num, a.den) * Fraction(b.num, b.den))
    drift = _sum(None if a.drift is None else a.drift * _float(b), None if b.drift is None else b.drift * _float(a))
    return Ratio(product(a.num, b.num), product(a.den, b.den), drift)


def divide(a: Ratio, b: Ratio, decimal: bool = False) -> Ratio:
    """Return a / b; NULL where b is zero. With ``decimal`` the quotient is a decimal of 34 digits: it gets a drift."""
    if b.constant:
        if b.num == 0:
            return Ratio(NULL_INT(), 1)
        quotient = multiply(a, ratio(Fraction(b.den, b.num)))
    else:
        sign = ibis.cases((column(b.num) < 0, -1), else_=1)
        num = product(product(a.num, b.den), sign)
        quotient = Ratio(num, product(a.den, column(b.num).abs().nullif(0)))
    if not decimal:
        return quotient
    moved = _sum(a.drift, None if b.drift is None else -b.drift * _float(quotient))
    return Ratio(quotient.num, quotient.den, ibis.literal(0.0) if moved is None else moved / _float(b).nullif(0.0))


DIGITS = 34  # of IEEE 754-2008 decimal128, the numbers of FEEL (OMG DMN 1.3, 10.3.2.3)


def by_exponent(size: Column, value: Callable[[int], Column]) -> Column:
    """Return ``value`` of the decimal exponent of ``size`` (-10 to 13; of 0 as of 1), the usual sizes of amounts first."""
    above = ibis.cases(*((size < 10.0 ** (e + 1), value(e)) for e in range(13)), else_=value(13))
    below = ibis.cases(*((size >= float(f"1e{e}"), value(e)) for e in range(-1, -10, -1)), else_=value(-10))
    return ibis.cases((size >= 1, above), (size == 0, value(0)), else_=below)


def settling(name: str) -> list[Callable[[Any], dict[str, Column]]]:
    """Return the steps that round the drift in column ``name`` + ``f`` to 34 significant digits, halves to even.

    The ratio itself stands in columns ``name`` and ``name`` + ``d``. With E the exponent of the leading digit the last
    digit is the D-th decimal, D = 33 - E. There the number is a whole number plus rest / den, with
    rest = num * 10^D mod den (taken factor by factor, modulo 2 den, so that nothing overflows and the parity shows), plus
    the drift in units of that digit. Beyond den = 10^9 no drift is kept. Each step reads the columns of the one before,
    because an expression written out in another's place multiplies.
    """
    d, f = f"{name}d", f"{name}f"

    def magnitude(t: Any) -> dict[str, Column]:
        small = t[d] < 1_000_000_000
        size = (t[name].cast("float64") / t[d].cast("float64")).abs()
        # a power of ten that lies a hair nearer to zero has its leading digit one place further right
        nearer = ibis.cases((t[name] < 0, t[f] > 0), else_=t[f] < 0)
        return {
            f"{name}_s": ibis.cases((nearer, size * (1 - 1e-15)), else_=size),
            f"{name}_n": t[name].abs() % ibis.cases((small, t[d] * 2), else_=2),
            f"{name}_w": ibis.cases((small, t[d] * 2), else_=2),
        }

    def scale(t: Any) -> dict[str, Column]:
        size = t[f"{name}_s"]
        return {
            f"{name}_p": by_exponent(size, lambda e: whole(10 ** (17 - max(e, 0)))),
            f"{name}_u": by_exponent(size, lambda e: ibis.literal(float(f"1e{e + 1 - DIGITS}"), "float64")),
        }

    def remainder(t: Any) -> dict[str, Column]:
        n, twice = t[f"{name}_n"], t[f"{name}_w"]
        below_one = by_exponent(t[f"{name}_s"], lambda e: whole(10 ** max(-e, 0)))
        for factor in (whole(10**16), t[f"{name}_p"], below_one):
            n = n * (factor % twice) % twice
        return {f"{name}_r": n}

    def place(t: Any) -> dict[str, Column]:
        den, rest = t[f"{name}_w"].cast("float64") / 2, t[f"{name}_r"].cast("float64")
        sign = ibis.cases((t[name] < 0, -1.0), else_=1.0)
        part = ibis.cases((rest >= den, rest - den), else_=rest) / den
        return {f"{name}_a": part, f"{name}_t": part + t[f] * sign / t[f"{name}_u"]}

    def rounded(t: Any) -> dict[str, Column]:
        there = t[f"{name}_t"]
        over = there - there.floor()
        odd = (ibis.cases((t[f"{name}_r"] * 2 >= t[f"{name}_w"], 1), else_=0) + there.floor().cast("int64")) % 2 != 0
        up = ibis.cases((over > 0.5 + 1e-9, True), (over < 0.5 - 1e-9, False), else_=odd)
        moved = (there.floor() + ibis.cases((up, 1.0), else_=0.0) - t[f"{name}_a"]) * t[f"{name}_u"]
        residue = ibis.cases((t[f].abs() < 1e-40, 0.0), else_=t[f])  # what is left of a difference has few digits
        moved = ibis.cases((t[name] == 0, residue), (t[name] < 0, -moved), else_=moved)
        kept = ibis.cases((t[d] < 1_000_000_000, moved), else_=0.0)
        return {f: kept}

    return [magnitude, scale, remainder, place, rounded]


COMPARISONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "=": operators.eq,
    "!=": operators.ne,
    "<": operators.lt,
    "<=": operators.le,
    ">": operators.gt,
    ">=": operators.ge,
}


def tested(operator: str, left: Column, right: Column) -> Column:
    """Return ``left operator right``, unknown where either side is.

    A side that is the literal NULL is decided here, because Ibis takes ``x == NULL`` to mean ``x IS NULL``.
    """
    if any(isinstance(side.op(), ops.Literal) and side.op().value is None for side in (left, right)):
        return ibis.null("boolean")
    return COMPARISONS[operator](left, right)


def inverse(test: Column) -> Column:
    """Return Kleene's not as ``test = FALSE``: Ibis writes ``~x`` without brackets, and ``NOT (x) IS NULL`` is never unknown."""
    return tested("=", test, ibis.literal(False))


def compare(operator: str, a: Ratio, b: Ratio) -> Column:
    """Return a boolean column, NULL where either side is."""
    left, right, den = common(a, b)
    result = tested(operator, column(left), column(right))
    if not isinstance(den, int) and _same(a.den, b.den):
        # the shared denominator dropped out of the comparison, but a NULL in it still means unknown
        return ibis.cases((den.notnull(), result), else_=ibis.null("boolean"))
    return result


def known(a: Ratio) -> Column:
    """Return whether the ratio has a value."""
    if a.constant:
        return ibis.literal(True)
    parts = [part.notnull() for part in (a.num, a.den) if not isinstance(part, int)]
    return functools.reduce(lambda x, y: x & y, parts)


def pick(cases: Iterable[tuple[Column, Ratio]]) -> Ratio:
    """Return the ratio of the first true case, NULL if none is."""
    listed = list(cases)
    drift = None
    if any(item.drift is not None for _, item in listed):
        drift = ibis.cases(*((when, 0.0 if item.drift is None else item.drift) for when, item in listed), else_=0.0)
    den: Column = 1
    for _, item in listed:
        den = math.lcm(den, item.den) if isinstance(den, int) and isinstance(item.den, int) else None
        if den is None:
            break
    if den is not None:
        return Ratio(
            ibis.cases(*((when, column(product(r.num, den // r.den))) for when, r in listed), else_=NULL_INT()), den, drift
        )
    num = ibis.cases(*((when, column(r.num)) for when, r in listed), else_=NULL_INT())
    return Ratio(num, ibis.cases(*((when, column(r.den)) for when, r in listed), else_=NULL_INT()), drift)


def floor_division(a: Column, b: Column) -> Column:
    """Return floor(a / b) for b > 0, exact below 2^53 (the engines divide whole numbers in different ways)."""
    rest = a % b
    rest = ibis.cases((rest < 0, rest + b), else_=rest)
    return ((a - rest) / b).cast("int64")


def round_half_away(a: Ratio, digits: int) -> Ratio:
    """Return ``a`` to ``digits`` decimals, halves away from zero."""
    num, den = column(a.num), column(a.den)
    scale = 10**digits
    twice = num.abs() * (2 * scale) + den
    size = floor_division(twice, den * 2)
    if a.drift is not None:
        # on the very edge a number that lies a hair nearer to zero is not rounded away from it
        nearer = ibis.cases((num < 0, a.drift > 0), else_=a.drift < 0)
        size = size - ibis.cases(((twice % (den * 2) == 0) & nearer, 1), else_=0)
    return Ratio(ibis.cases((num < 0, -size), else_=size), scale)


def round_up(a: Ratio, digits: int) -> Ratio:
    """Return the least number of ``digits`` decimals that is not below ``a``."""
    num, den = column(a.num) * 10**digits, column(a.den)
    up = -floor_division(-num, den)
    if a.drift is not None:
        up = up + ibis.cases(((num % den == 0) & (a.drift > 0), 1), else_=0)
    return Ratio(up, 10**digits)
