"""Random checked expressions and random households with missing values, from one seeded numpy Generator.

Few distinct values and dates on the edges of windows, so that equalities and boundaries really happen; numbers small
enough that products and cross-multiplied quotients stay below 2**53. Every node type of `ir` comes up.
"""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from typing import Any, TypeVar

import numpy as np

from zhizhi.engines.rules import ir
from zhizhi.engines.rules.evaluator import Case
from zhizhi.engines.rules.syntax import Window
from zhizhi.engines.rules.types import BOOLEAN, DATE, STRING, Type, number
from zhizhi.engines.rules.vocabulary import RecordTable, Variable, Vocabulary

ON = date(2025, 8, 31)
CODES = ("a", "b", "c")
CODE = Type("code", codes=CODES)
NUMBER = number()
REGIONS = ("330106", "330122", "330122001", "340100", "")
STRINGS = ("33", "3301", "330122", "34", "")
SMALL = tuple(Fraction(n) for n in (0, 1, 2, 3))
SIGNED = tuple(Fraction(n) for n in (-2, -1, 0, 1, 2))
MONEY = tuple(Fraction(text) for text in ("0", "0.01", "0.5", "1", "1.5", "2"))
T = TypeVar("T")


def _variables(entity: str, prefix: str = "") -> dict[str, Variable]:
    kinds = {
        "small": (NUMBER, 0),
        "signed": (NUMBER, 0),
        "money": (NUMBER, 2),
        "flag": (BOOLEAN, 0),
        "kind": (CODE, 0),
        "day": (DATE, 0),
        "text": (STRING, 0),
    }
    return {
        prefix + name: Variable(prefix + name, entity, type_, {"zh": name, "en": name}, scale)
        for name, (type_, scale) in kinds.items()
    }


def vocabulary() -> Vocabulary:
    """Return person, household (names begin with ``h_``), and the tables ``claims`` (person) and ``incidents`` (household)."""

    def table(name: str, entity: str) -> RecordTable:
        return RecordTable(name, entity, name, "day", _variables(name), {"zh": name, "en": name})

    variables = {"person": _variables("person"), "household": _variables("household", "h_")}
    return Vocabulary(variables, {"claims": table("claims", "person"), "incidents": table("incidents", "household")})


@dataclass(frozen=True, slots=True)
class Limits:
    """What may come up.

    ``bits`` bounds numerator times denominator of what a comparison crosses. ``row_division`` lets rows divide inside
    an aggregate (a sum of quotients has a denominator for each row). ``nested`` puts an aggregate of a person's
    records inside an aggregate over members, as a variable of the vocabulary may.
    """

    bits: int = 44
    division: bool = True
    row_division: bool = False
    nested: bool = False
    region_in_record: bool = False
    null: float = 0.02


# rows ------------------------------------------------------------------------------------------------------------


def days_around(on: date) -> tuple[date, ...]:
    """Return days on the edges of windows that end on ``on``, birthdays, leap days and days still to come."""
    days = [on, on + timedelta(1), on - timedelta(1), date(on.year, 1, 1), date(on.year - 1, 12, 31)]
    for months in (1, 2, 6, 12):
        year, month = divmod(on.year * 12 + on.month - 1 - months, 12)
        edge = date(year, month + 1, min(on.day, calendar.monthrange(year, month + 1)[1]))
        days += [edge, edge + timedelta(1)]
    days += [on - timedelta(30), on - timedelta(29), date(1964, 2, 29), date(on.year - 60, on.month, min(on.day, 28))]
    return tuple(dict.fromkeys(days))


def random_row(rng: np.random.Generator, days: Sequence[date], prefix: str = "", missing: float = 0.15) -> dict[str, Any]:
    """Return one row of every kind of variable; each is missing (None) with probability ``missing``."""
    values: dict[str, Sequence[Any]] = {
        "small": SMALL,
        "signed": SIGNED,
        "money": MONEY,
        "flag": (True, False),
        "kind": CODES,
        "day": days,
        "text": STRINGS,
    }
    gone = rng.random(len(values)) < missing
    picks = rng.random(len(values))
    return {
        prefix + name: None if gone[i] else choices[int(picks[i] * len(choices))]
        for i, (name, choices) in enumerate(values.items())
    }


def random_household(rng: np.random.Generator, on: date = ON, missing: float = 0.15) -> Case:
    """Return one household of 1 to 5 members with 0 to 3 rows in each table; the case names no person."""
    days = days_around(on)
    share = missing if rng.random() < 0.6 else 0.0
    members = []
    for _ in range(int(rng.integers(1, 6))):
        member = random_row(rng, days, missing=share)
        member["claims"] = [random_row(rng, days, missing=share) for _ in range(int(rng.integers(0, 4)))]
        members.append(member)
    household = random_row(rng, days, "h_", share)
    household["incidents"] = [random_row(rng, days, missing=share) for _ in range(int(rng.integers(0, 4)))]
    return Case(household, members, pick(rng, REGIONS))


def random_households(rng: np.random.Generator, n: int, on: date = ON, missing: float = 0.15) -> list[Case]:
    """Return ``n`` random households; use ``dataclasses.replace(case, person=i)`` for a person's policy."""
    return [random_household(rng, on, missing) for _ in range(n)]


# expressions -----------------------------------------------------------------------------------------------------


def pick(rng: np.random.Generator, items: Sequence[T]) -> T:
    return items[int(rng.integers(len(items)))]


def random_expression(
    rng: np.random.Generator, subject: str = "household", kind: str = "boolean", depth: int = 4, limits: Limits | None = None
) -> ir.Node:
    """Return a random resolved expression over `vocabulary()`.

    Args:
        rng: the only source of chance.
        subject: ``person`` or ``household``, the entity that bare names belong to.
        kind: ``boolean``, ``number``, ``date``, ``code`` or ``string``.
        depth: how many nodes may stand on top of each other.
        limits: what may come up.
    """
    maker = _Maker(rng, limits or Limits())
    return maker.node(kind, depth, subject, maker.limits.bits)


class _Maker:
    """``scope`` is ``household``, ``person``, ``member`` (inside an aggregate over members) or a record table."""

    def __init__(self, rng: np.random.Generator, limits: Limits) -> None:
        self.rng, self.limits, self.names = rng, limits, 0

    def chance(self, p: float) -> bool:
        return bool(self.rng.random() < p)

    def node(self, kind: str, depth: int, scope: str, bits: int) -> ir.Node:
        if kind == "boolean":
            return self.boolean(depth, scope)
        if kind == "number":
            return self.number(depth, scope, bits)
        return self.plain(kind, depth, scope)

    def variable(self, kind: str, scope: str) -> ir.Var:
        entity = "person" if scope == "member" else scope
        if scope == "person" and self.chance(0.3):
            entity = "household"
        name = {"boolean": "flag", "date": "day", "code": "kind", "string": "text"}.get(kind, kind)
        type_ = {"flag": BOOLEAN, "day": DATE, "kind": CODE, "text": STRING}.get(name, NUMBER)
        return ir.Var(type_, entity, ("h_" if entity == "household" else "") + name)

    def regional(self, type_: Type, values: Sequence[Any]) -> ir.RegionParam:
        figures = tuple((code, pick(self.rng, values)) for code in ("", "33", "3301", "330122"))
        return ir.RegionParam(type_, "", "p", figures[: int(self.rng.integers(2, 5))])

    def may_differ_by_region(self, scope: str) -> bool:
        return scope in ("household", "person", "member") or self.limits.region_in_record

    # dates, codes and strings ----------------------------------------------------------------------------------

    def plain(self, kind: str, depth: int, scope: str) -> ir.Node:
        type_ = {"date": DATE, "code": CODE, "string": STRING}[kind]
        values: Sequence[Any] = {"date": days_around(ON), "code": CODES, "string": STRINGS}[kind]
        if self.chance(self.limits.null):
            return ir.Const(type_, None)
        choice = self.rng.random()
        if depth > 1 and choice < 0.1:
            branches = (self.plain(kind, depth - 1, scope) for _ in range(2))
            return ir.If(type_, self.boolean(depth - 2, scope), *branches)
        if depth > 1 and choice < 0.3 and kind == "date" and scope in ("household", "person"):
            return self.aggregate(pick(self.rng, ("min", "max")), "date", depth, scope, 0)
        if kind == "string" and choice < 0.35 and self.may_differ_by_region(scope):
            return self.regional(type_, STRINGS)
        if choice < 0.75:
            return self.variable(kind, scope)
        return ir.Const(type_, pick(self.rng, values))

    # numbers ---------------------------------------------------------------------------------------------------

    def number(self, depth: int, scope: str, bits: int) -> ir.Node:
        if self.chance(self.limits.null):
            return ir.Const(NUMBER, None)
        if depth <= 1 or bits < 12:
            return self.leaf(scope, bits)
        makers = ["arithmetic"] * 4 + ["leaf", "extreme", "absolute", "round", "if", "derived", "elapsed"]
        if scope in ("household", "person"):
            makers += ["aggregate"] * 5
        match pick(self.rng, makers):
            case "arithmetic":
                return self.arithmetic(depth, scope, bits)
            case "extreme":
                items = tuple(self.number(depth - 1, scope, bits // 2 - 1) for _ in range(int(self.rng.integers(2, 4))))
                return ir.Extreme(NUMBER, pick(self.rng, ("min", "max")), items)
            case "absolute":
                return ir.Absolute(NUMBER, self.number(depth - 1, scope, bits))
            case "round":
                return ir.Round(NUMBER, self.number(depth - 1, scope, bits - 8), int(self.rng.integers(0, 3)))
            case "if":
                branches = (self.number(depth - 1, scope, bits // 2) for _ in range(2))
                return ir.If(NUMBER, self.boolean(depth - 2, scope), *branches)
            case "derived":
                return self.derived(depth, scope, bits)
            case "elapsed" if bits > 18:
                return self.elapsed(depth, scope, bits)
            case "aggregate":
                return self.aggregate(pick(self.rng, ("sum", "sum", "count", "min", "max")), "number", depth, scope, bits)
        return self.leaf(scope, bits)

    def leaf(self, scope: str, bits: int) -> ir.Node:
        choice = self.rng.random()
        if choice < 0.25:
            return ir.Const(NUMBER, pick(self.rng, (*SIGNED, *MONEY) if bits > 9 else SIGNED))
        if choice < 0.32 and self.may_differ_by_region(scope):
            return self.regional(NUMBER, SMALL)
        return self.variable(pick(self.rng, ("small", "signed", "money") if bits > 9 else ("small", "signed")), scope)

    def arithmetic(self, depth: int, scope: str, bits: int) -> ir.Node:
        top = scope in ("household", "person")
        operators = "++--**" + ("//" if self.limits.division and (top or self.limits.row_division) else "")
        half = (bits - 1) // 2
        left, right = self.number(depth - 1, scope, half), self.number(depth - 1, scope, half)
        return ir.Arithmetic(NUMBER, pick(self.rng, operators), left, right)

    def derived(self, depth: int, scope: str, bits: int) -> ir.Node:
        self.names += 1
        floor = pick(self.rng, (None, Fraction(0), Fraction(0), Fraction(1), Fraction(-1)))
        if scope not in ("household", "person"):  # only a policy's own derived values have floors
            floor = None
        return ir.Derived(NUMBER, f"d{self.names}", self.number(depth - 1, scope, bits), floor)

    def elapsed(self, depth: int, scope: str, bits: int) -> ir.Node:
        unit = pick(self.rng, ("years", "months", "days"))
        until = None if self.chance(0.6) else self.plain("date", depth - 1, scope)
        return ir.Elapsed(number(unit), unit, self.plain("date", depth - 1, scope), until)

    # aggregates ------------------------------------------------------------------------------------------------

    def aggregate(self, function: str, kind: str, depth: int, scope: str, bits: int) -> ir.Node:
        choices = [("household", "members"), ("household", "members"), ("household", "claims"), ("household", "incidents")]
        if scope in ("person", "member"):
            choices += [("person", "claims")] * 3
        of, over = ("person", "claims") if scope == "member" else pick(self.rng, choices)
        inner = "member" if over == "members" else over
        value: ir.Node | None = None
        if function in ("any", "all"):
            value = self.boolean(depth - 1, inner)
        elif function != "count":
            value = self.node(kind, depth - 1, inner, bits - 6)
            if self.limits.nested and inner == "member" and kind == "number" and self.chance(0.3):
                self.names += 1
                nested = self.aggregate(pick(self.rng, ("sum", "count", "max")), "number", depth - 1, "member", bits - 10)
                value = ir.Derived(NUMBER, f"v{self.names}", nested)
        where = self.boolean(depth - 2, inner) if self.chance(0.45) else None
        window = None
        if over != "members" and self.chance(0.6):
            window = pick(
                self.rng,
                (Window(0, "year-to-date"), Window(30, "days"), Window(6, "months"), Window(12, "months"), Window(1, "years")),
            )
        type_ = BOOLEAN if function in ("any", "all") else DATE if kind == "date" else NUMBER
        return ir.Aggregate(type_, function, of, over, value, where, window)

    # booleans --------------------------------------------------------------------------------------------------

    def boolean(self, depth: int, scope: str) -> ir.Node:
        if self.chance(self.limits.null):
            return ir.Const(BOOLEAN, None)
        if depth <= 1:
            return self.test(1, scope)
        makers = ["test"] * 5 + ["junction"] * 3 + ["not", "known", "if", "derived", "equal"]
        if scope in ("household", "person"):
            makers += ["aggregate"] * 3
        match pick(self.rng, makers):
            case "junction":
                items = tuple(self.boolean(depth - 1, scope) for _ in range(int(self.rng.integers(2, 4))))
                return ir.Junction(BOOLEAN, pick(self.rng, ("and", "or")), items)
            case "not":
                return ir.Not(BOOLEAN, self.boolean(depth - 1, scope))
            case "known":
                kind = pick(self.rng, ("number", "boolean", "date", "code", "string"))
                return ir.Known(BOOLEAN, self.node(kind, depth - 1, scope, self.limits.bits))
            case "if":
                return ir.If(BOOLEAN, *(self.boolean(depth - 1, scope) for _ in range(3)))
            case "derived":
                self.names += 1
                return ir.Derived(BOOLEAN, f"d{self.names}", self.boolean(depth - 1, scope))
            case "equal":
                sides = (self.boolean(depth - 1, scope) for _ in range(2))
                return ir.Compare(BOOLEAN, pick(self.rng, ("=", "!=")), *sides)
            case "aggregate":
                return self.aggregate(pick(self.rng, ("any", "all")), "boolean", depth, scope, self.limits.bits)
        return self.test(depth, scope)

    def test(self, depth: int, scope: str) -> ir.Node:
        match pick(self.rng, ("number", "number", "number", "date", "code", "string", "starts", "flag", "const")):
            case "number":
                half = self.limits.bits // 2
                operator = pick(self.rng, ("=", "!=", "<", "<=", ">", ">="))
                left, right = self.number(depth - 1, scope, half), self.number(depth - 1, scope, half)
                return ir.Compare(BOOLEAN, operator, left, right)
            case "date":
                operator = pick(self.rng, ("=", "!=", "<", "<=", ">", ">="))
                return ir.Compare(BOOLEAN, operator, *(self.plain("date", depth - 1, scope) for _ in range(2)))
            case "code" | "string" as kind:
                return ir.Compare(BOOLEAN, pick(self.rng, ("=", "!=")), *(self.plain(kind, depth - 1, scope) for _ in range(2)))
            case "starts":
                return ir.StartsWith(BOOLEAN, *(self.plain("string", depth - 1, scope) for _ in range(2)))
            case "flag":
                return self.variable("boolean", scope)
        return ir.Const(BOOLEAN, self.chance(0.5))
