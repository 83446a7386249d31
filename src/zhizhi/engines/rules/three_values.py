"""Three-valued logic and numbers with bounds: what can be said of a value that is not known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from math import floor
from typing import Any, NamedTuple

from zhizhi.kernel.errors import PolicyError

Value = Fraction | str | bool | date | None
Bound = Fraction | None


class Result(NamedTuple):
    """A value, or None for unknown, and the bounds of a number (None: unbounded on that side)."""

    value: Value
    low: Bound = None
    high: Bound = None


UNKNOWN = Result(None)
_DECIMAL128 = Context(prec=34, rounding=ROUND_HALF_EVEN)


def exact(value: Any) -> Value:
    """Return a case's value as the evaluator holds it: whole numbers and decimals become fractions."""
    if isinstance(value, (int, Decimal)) and not isinstance(value, bool):
        return Fraction(value)
    if isinstance(value, float):
        raise PolicyError("rules.float", value=value)
    result: Value = value
    return result


def kleene_and(items: Sequence[bool | None]) -> bool | None:
    """Return false if one is false, else unknown if one is unknown, else true."""
    return False if False in items else None if None in items else True


def kleene_or(items: Sequence[bool | None]) -> bool | None:
    """Return true if one is true, else unknown if one is unknown, else false."""
    return True if True in items else None if None in items else False


def negate(value: bool | None) -> bool | None:
    """Return Kleene's not."""
    return None if value is None else not value


def round_half_away(value: Fraction, digits: int) -> Fraction:
    """Round to ``digits`` decimals, halves away from zero."""
    scale = 10**digits
    whole = floor(abs(value) * scale + Fraction(1, 2))
    return Fraction(whole if value >= 0 else -whole, scale)


def round_significant(value: Fraction) -> Fraction:
    """Round to 34 significant digits, halves to even: IEEE 754-2008 decimal128, the numbers of FEEL (OMG DMN 1.3, 10.3.2.3)."""
    return Fraction(_DECIMAL128.divide(Decimal(value.numerator), Decimal(value.denominator)))


def known(value: Value) -> Result:
    """Return a known value; a number is its own bounds."""
    return Result(value, value, value) if isinstance(value, Fraction) else Result(value)


def compare(operator: str, left: Result, right: Result) -> bool | None:
    """Compare two results; where one is unknown, its bounds may still decide."""
    match operator:
        case "=":
            return _equal(left, right)
        case "!=":
            return negate(_equal(left, right))
        case "<":
            return _less(left, right)
        case ">":
            return _less(right, left)
        case "<=":
            return negate(_less(right, left))
        case _:
            return negate(_less(left, right))


def _less(left: Result, right: Result) -> bool | None:
    if left.value is not None and right.value is not None:
        return bool(left.value < right.value)  # type: ignore[operator]
    if left.high is not None and right.low is not None and left.high < right.low:
        return True
    if left.low is not None and right.high is not None and left.low >= right.high:
        return False
    return None


def _equal(left: Result, right: Result) -> bool | None:
    if left.value is not None and right.value is not None:
        return left.value == right.value
    apart = (left.high is not None and right.low is not None and left.high < right.low) or (
        left.low is not None and right.high is not None and left.low > right.high
    )
    return False if apart else None


def _plus(a: Bound, b: Bound, sign: int = 1) -> Bound:
    return None if a is None or b is None else a + sign * b


def arithmetic(operator: str, left: Result, right: Result) -> Result:
    """Return ``left + right`` and so on, for ``+ - * /``; division by zero is unknown."""
    match operator:
        case "+":
            low, high = _plus(left.low, right.low), _plus(left.high, right.high)
        case "-":
            low, high = _plus(left.low, right.high, -1), _plus(left.high, right.low, -1)
        case "*":
            return _product(left, right)
        case _:
            if not isinstance(right.value, Fraction) or right.value == 0:
                return UNKNOWN
            return _product(left, known(1 / right.value))
    if left.value is None or right.value is None:
        return Result(None, low, high)
    return Result(low, low, high)


def _product(left: Result, right: Result) -> Result:
    if isinstance(left.value, Fraction) and isinstance(right.value, Fraction):
        return known(left.value * right.value)
    given, other = (left, right) if left.value is not None else (right, left)
    factor = given.value
    if not isinstance(factor, Fraction) or factor == 0:
        return UNKNOWN
    low, high = (None if bound is None else factor * bound for bound in (other.low, other.high))
    return Result(None, low, high) if factor > 0 else Result(None, high, low)


def extreme(function: str, items: Sequence[Result]) -> Result:
    """Return the least (``min``) or greatest (``max``) of ``items`` with its bounds."""
    pick: Callable[[list[Any]], Any] = min if function == "min" else max
    if all(item.value is not None for item in items):
        return known(pick([item.value for item in items]))
    lows = [item.low for item in items if item.low is not None]
    highs = [item.high for item in items if item.high is not None]
    # the least is at least the least low, if every part has one, and at most any high; the greatest the other way
    if function == "min":
        return Result(None, min(lows) if len(lows) == len(items) else None, min(highs, default=None))
    return Result(None, max(lows, default=None), max(highs) if len(highs) == len(items) else None)


def total(items: Sequence[Result]) -> Result:
    """Return the sum of ``items`` with its bounds; 0 for none."""
    low: Bound = Fraction(0)
    high: Bound = Fraction(0)
    for item in items:
        low, high = _plus(low, item.low), _plus(high, item.high)
    whole = all(item.value is not None for item in items)
    return Result(low if whole else None, low, high)
