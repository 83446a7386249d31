"""The independent three-valued evaluator: one case at the counter, exact rationals, no database.

It states the meaning of the language a second time, apart from the SQL that screening runs; the two must agree on
every cell. An unknown value is None and stays unknown. A number may carry bounds although it is unknown: inside a
derived value with a floor, a missing part is at least the floor, and a comparison may be decided by that alone.
"""

from __future__ import annotations

import calendar
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from math import ceil
from typing import Any, NamedTuple

from zhizhi.engines.rules import ir
from zhizhi.engines.rules.policy import Condition, Policy
from zhizhi.engines.rules.resolution import Figures, figure_on, resolve
from zhizhi.engines.rules.syntax import Window
from zhizhi.engines.rules.three_values import (
    UNKNOWN,
    Bound,
    Result,
    arithmetic,
    compare,
    exact,
    extreme,
    kleene_and,
    kleene_or,
    known,
    negate,
    round_half_away,
    round_significant,
    total,
)
from zhizhi.engines.rules.vocabulary import Vocabulary
from zhizhi.kernel.errors import PolicyError

Row = Mapping[str, Any]
Memo = dict[tuple[object, ...], tuple[ir.Node, Result]]


@dataclass(frozen=True, slots=True)
class Case:
    """One household and its members, for the as-of date.

    Args:
        household: variables of the household, and under a household table's name the list of its rows.
        members: variables of each member, and under a person table's name the list of her rows.
        region: code of the subject's region; decides which regional figure applies.
        person: index in ``members`` of the person whom a person's policy is about.

    A number is a `Fraction` (whole numbers and decimals are taken, floats are refused); a variable that is absent or
    None is unknown.
    """

    household: Row
    members: Sequence[Row]
    region: str = ""
    person: int | None = None


class Missing(NamedTuple):
    """A base variable without a value: its name (``claims.self_paid`` for a table's field) and whose it is.

    ``member`` is an index in the case's members, None for the household itself.
    """

    name: str
    member: int | None


@dataclass(frozen=True, slots=True)
class Decision:
    """What a policy says of a case on a date.

    ``decision`` is ``eligible``, ``not eligible`` or ``unknown``; ``not in force`` when the policy is not valid on the
    date. ``amount_fen`` is in whole fen, only for eligible. ``missing`` are the names of unknown base variables that
    stand in the conditions that are unknown, sorted.
    """

    policy: str
    decision: str
    amount_fen: int | None = None
    conditions: tuple[tuple[Condition, bool | None], ...] = ()
    missing: tuple[str, ...] = ()


class Scope(NamedTuple):
    """Where evaluation stands: which member, which row of a record table, and the floor of missing numbers.

    With ``decimal`` every arithmetic operation is rounded to 34 significant digits, as in amounts.
    """

    member: int | None
    row: Row | None
    floor: Bound
    decimal: bool = False


@dataclass(slots=True)
class Evaluation:
    """Evaluates the nodes of one case on one date.

    A parameter is read from ``figures``; without them nodes must be resolved (no `ir.Param` is left). ``memo`` holds what
    was computed of aggregates and derived values; evaluations of the same household, date and figures may share one.
    """

    case: Case
    on: date
    vocabulary: Vocabulary
    figures: Figures | None = None
    memo: Memo = field(default_factory=dict)
    start: Scope = field(init=False)

    def __post_init__(self) -> None:
        self.start = Scope(self.case.person, None, None)

    def of(self, node: ir.Node, scope: Scope | None = None) -> Result:
        """Return the result of ``node``, by default for the subject itself."""
        scope = self.start if scope is None else scope
        if not isinstance(node, (ir.Aggregate, ir.Derived)):
            return _RULES[type(node)](self, node, scope)
        # what is computed of a household is asked for again and again, by tests, parts and by each member's policies
        whole = isinstance(node, ir.Aggregate) and node.of == "household"
        key = (id(node), scope.floor, scope.decimal) if whole else (id(node), scope.member, id(scope.row), *scope[2:])
        found = self.memo.get(key)
        if found is None:
            # the node is kept beside its result, so that its identity is not taken by another
            found = self.memo[key] = node, _RULES[type(node)](self, node, scope)
        return found[1]

    def amount(self, node: ir.Node) -> Result:
        """Return an amount before its own rounding: in decimals of 34 digits, the numbers of FEEL.

        Its aggregates and the comparisons in it stay exact.
        """
        return self.of(node, self.start._replace(decimal=True))

    def truth(self, node: ir.Node, scope: Scope) -> bool | None:
        """Return a condition's three-valued result."""
        value = self.of(node, scope).value
        assert value is None or isinstance(value, bool)
        return value

    def variable(self, node: ir.Var, scope: Scope) -> ir.Value:
        """Return the base variable's value as the case has it."""
        if node.entity == "household":
            source: Row | None = self.case.household
        elif node.entity == "person":
            source = None if scope.member is None else self.case.members[scope.member]
        else:
            source = scope.row
        if source is None:
            raise PolicyError("rules.no-subject", name=node.name, entity=node.entity)
        return exact(source.get(node.name))

    def rows(self, node: ir.Aggregate, scope: Scope) -> Iterator[tuple[Scope, bool | None]]:
        """Yield each row's scope and whether it counts by its date: true, or unknown; a row out of time is left out."""
        if node.over == "members":
            for index in range(len(self.case.members)):
                yield Scope(index, None, scope.floor), True
            return
        table = self.vocabulary.records[node.over]
        start = window_start(node.window, self.on)
        for member, row in self._table(node, table.entity, scope):
            at = row.get(table.date)
            if at is None:
                yield Scope(member, row, scope.floor), None
            elif (start is None or start < at) and at <= self.on:
                yield Scope(member, row, scope.floor), True

    def _table(self, node: ir.Aggregate, entity: str, scope: Scope) -> Iterator[tuple[int | None, Row]]:
        if entity == "household":
            for row in self.case.household.get(node.over) or ():
                yield None, row
            return
        members = range(len(self.case.members)) if node.of == "household" else (scope.member,)
        for member in members:
            if member is None:
                raise PolicyError("rules.no-subject", name=node.over, entity="person")
            for row in self.case.members[member].get(node.over) or ():
                yield member, row

    def kept(self, node: ir.Aggregate, scope: Scope) -> tuple[list[Scope], list[Scope]]:
        """Return the rows that surely count, and those of which it is unknown."""
        sure: list[Scope] = []
        maybe: list[Scope] = []
        for row, timely in self.rows(node, scope):
            chosen = timely if node.where is None else kleene_and((timely, self.truth(node.where, row)))
            if chosen is not False:
                (sure if chosen else maybe).append(row)
        return sure, maybe


def window_start(window: Window | None, on: date) -> date | None:
    """Return the last day before a window that ends on ``on``: rows after it count. None: no start."""
    if window is None:
        return None
    try:
        if window.unit == "year-to-date":
            return date(on.year, 1, 1) - timedelta(days=1)
        if window.unit == "days":
            return on - timedelta(days=window.count)
        months = on.year * 12 + on.month - 1 - window.count * (12 if window.unit == "years" else 1)
        year, month = divmod(months, 12)
        return date(year, month + 1, min(on.day, calendar.monthrange(year, month + 1)[1]))
    except (OverflowError, ValueError, IndexError):  # before the calendar begins
        return None


# one rule a node type --------------------------------------------------------------------------------------------


def _const(run: Evaluation, node: ir.Const, scope: Scope) -> Result:
    return known(node.value)


def _region_param(run: Evaluation, node: ir.RegionParam, scope: Scope) -> Result:
    fitting = [(len(code), value) for code, value in node.values if run.case.region.startswith(code)]
    return known(max(fitting, key=lambda item: item[0])[1]) if fitting else UNKNOWN


def _var(run: Evaluation, node: ir.Var, scope: Scope) -> Result:
    value = run.variable(node, scope)
    if value is None and node.type.kind == "number":
        return Result(None, scope.floor)
    return known(value)


def _derived(run: Evaluation, node: ir.Derived, scope: Scope) -> Result:
    return run.of(node.expr, scope if node.floor is None else scope._replace(floor=node.floor))


def _known(run: Evaluation, node: ir.Known, scope: Scope) -> Result:
    return Result(run.of(node.x, scope).value is not None)


def _not(run: Evaluation, node: ir.Not, scope: Scope) -> Result:
    return Result(negate(run.truth(node.x, scope)))


def _junction(run: Evaluation, node: ir.Junction, scope: Scope) -> Result:
    ends = node.operator == "or"
    unknown = False
    for item in node.items:
        value = run.truth(item, scope)
        if value is ends:
            return Result(ends)
        unknown = unknown or value is None
    return Result(None if unknown else not ends)


def _starts_with(run: Evaluation, node: ir.StartsWith, scope: Scope) -> Result:
    x, prefix = run.of(node.x, scope).value, run.of(node.prefix, scope).value
    return UNKNOWN if x is None or prefix is None else Result(str(x).startswith(str(prefix)))


def _if(run: Evaluation, node: ir.If, scope: Scope) -> Result:
    condition = run.truth(node.condition, scope)
    if condition is None:
        return UNKNOWN
    return run.of(node.then if condition else node.otherwise, scope)


def _compare(run: Evaluation, node: ir.Compare, scope: Scope) -> Result:
    scope = scope._replace(decimal=False)
    return Result(compare(node.operator, run.of(node.left, scope), run.of(node.right, scope)))


def _arithmetic(run: Evaluation, node: ir.Arithmetic, scope: Scope) -> Result:
    result = arithmetic(node.operator, run.of(node.left, scope), run.of(node.right, scope))
    if scope.decimal and isinstance(result.value, Fraction):
        return known(round_significant(result.value))
    return result


def _extreme(run: Evaluation, node: ir.Extreme, scope: Scope) -> Result:
    return extreme(node.function, [run.of(item, scope) for item in node.items])


def _absolute(run: Evaluation, node: ir.Absolute, scope: Scope) -> Result:
    x = run.of(node.x, scope)
    if isinstance(x.value, Fraction):
        return known(abs(x.value))
    return x if x.low is not None and x.low >= 0 else UNKNOWN


def _round(run: Evaluation, node: ir.Round, scope: Scope) -> Result:
    x = run.of(node.x, scope)
    low, high = (None if bound is None else round_half_away(bound, node.digits) for bound in (x.low, x.high))
    return Result(low if x.value is not None else None, low, high)


def _elapsed(run: Evaluation, node: ir.Elapsed, scope: Scope) -> Result:
    since = run.of(node.since, scope).value
    until = run.on if node.until is None else run.of(node.until, scope).value
    if not isinstance(since, date) or not isinstance(until, date):
        return UNKNOWN
    return known(Fraction(elapsed(node.unit, since, until)))


def elapsed(unit: str, since: date, until: date) -> int:
    """Return whole days, completed months or completed years from ``since`` to ``until``."""
    if unit == "days":
        return (until - since).days
    if unit == "months":
        return (until.year - since.year) * 12 + until.month - since.month - (until.day < since.day)
    return (_number_of(until) - _number_of(since)) // 10000


def _number_of(day: date) -> int:
    return day.year * 10000 + day.month * 100 + day.day


def _aggregate(run: Evaluation, node: ir.Aggregate, scope: Scope) -> Result:
    if node.function in ("any", "all"):
        return Result(_quantifier(run, node, scope))
    sure, maybe = run.kept(node, scope)
    bounded = scope.floor is not None
    if node.function == "count":
        if not maybe:
            return known(Fraction(len(sure)))
        return Result(None, Fraction(len(sure)), Fraction(len(sure) + len(maybe))) if bounded else UNKNOWN
    if maybe or node.value is None:
        return UNKNOWN
    items = [run.of(node.value, row) for row in sure]
    if node.function == "sum":
        found = total(items)
    elif items:
        found = extreme(node.function, items)
    else:
        return UNKNOWN
    return found if bounded or found.value is not None else UNKNOWN


def _quantifier(run: Evaluation, node: ir.Aggregate, scope: Scope) -> bool | None:
    assert node.value is not None
    parts: list[bool | None] = []
    for row, timely in run.rows(node, scope):
        chosen = timely if node.where is None else kleene_and((timely, run.truth(node.where, row)))
        if chosen is False:
            continue
        holds = run.truth(node.value, row)
        parts.append(kleene_and((chosen, holds)) if node.function == "any" else kleene_or((negate(chosen), holds)))
    return kleene_or(parts) if node.function == "any" else kleene_and(parts)


def _param(run: Evaluation, node: ir.Param, scope: Scope) -> Result:
    if run.figures is None:
        raise PolicyError("rules.unresolved", name=node.name)
    return known(figure_on(run.figures[node.owner, node.name], run.on, run.case.region))


_RULES: dict[type, Callable[[Evaluation, Any, Scope], Result]] = {
    ir.Const: _const,
    ir.Param: _param,
    ir.RegionParam: _region_param,
    ir.Var: _var,
    ir.Known: _known,
    ir.Not: _not,
    ir.Junction: _junction,
    ir.Compare: _compare,
    ir.StartsWith: _starts_with,
    ir.If: _if,
    ir.Arithmetic: _arithmetic,
    ir.Extreme: _extreme,
    ir.Absolute: _absolute,
    ir.Round: _round,
    ir.Elapsed: _elapsed,
    ir.Aggregate: _aggregate,
    ir.Derived: _derived,
}


def evaluate(node: ir.Node, case: Case, on: date, vocabulary: Vocabulary) -> Result:
    """Evaluate a resolved expression for one case.

    Args:
        node: a checked tree whose parameters are resolved (`resolution.resolve`).
        case: the household, its members and which of them is the subject.
        on: the as-of date of ages, windows and future rows.
        vocabulary: says whose a record table is and which field is its date.

    Returns:
        The value, None for unknown, and for a number its bounds.

    Raises:
        PolicyError: ``rules.unresolved`` for a parameter, ``rules.no-subject`` if a person's variable is read and the
            case names no person, ``rules.float`` for a number that is not exact.
    """
    return Evaluation(case, on, vocabulary).of(node)


def missing(node: ir.Node, case: Case, on: date, vocabulary: Vocabulary) -> tuple[Missing, ...]:
    """Return the base variables of ``node`` that have no value in ``case``, with whose they are, sorted.

    A member counts whether or not a ``where`` would keep her; a row of a record table counts if it lies in the window
    or has no date, and its date itself is named if it is missing.
    """
    run = Evaluation(case, on, vocabulary)
    found: set[Missing] = set()
    _collect(run, node, run.start, found)
    return tuple(sorted(found, key=lambda item: (item.name, -1 if item.member is None else item.member)))


def _collect(run: Evaluation, node: ir.Node, scope: Scope, found: set[Missing]) -> None:
    if isinstance(node, ir.Var):
        if run.variable(node, scope) is None:
            record = node.entity not in ("person", "household")
            whose = None if node.entity == "household" else scope.member
            found.add(Missing(f"{node.entity}.{node.name}" if record else node.name, whose))
    elif isinstance(node, ir.Aggregate):
        for row, timely in run.rows(node, scope):
            if timely is None:
                found.add(Missing(f"{node.over}.{run.vocabulary.records[node.over].date}", row.member))
            for part in (node.value, node.where):
                if part is not None:
                    _collect(run, part, row, found)
    else:
        for child in ir.children(node):
            _collect(run, child, scope, found)


def in_fen(value: Fraction, rounding: str) -> int:
    """Return an amount of yuan in whole fen, rounded as the policy says: ``yuan-up``, ``yuan``, ``fen-up`` or ``fen``.

    Example:
        >>> in_fen(Fraction("12.005"), "fen"), in_fen(Fraction("12.005"), "yuan-up")
        (1201, 1300)
    """
    match rounding:
        case "yuan-up":
            return ceil(value) * 100
        case "yuan":
            return int(round_half_away(value, 0)) * 100
        case "fen-up":
            return ceil(value * 100)
        case _:
            return int(round_half_away(value * 100, 0))


def decide(policy: Policy, case: Case, on: date, figures: Figures, vocabulary: Vocabulary) -> Decision:
    """Decide a policy for one case on a date.

    Args:
        policy: as checked.
        case: the household and, for a person's policy, which member it is about.
        on: the as-of date; figures, ages, windows and validity are those of this day.
        figures: the package's and its policies' parameters by (owner, name).
        vocabulary: the package's.

    Raises:
        PolicyError: ``rules.no-figure`` if a parameter has no value yet on ``on``; those of `evaluate`.
    """
    if not policy.in_force(on):
        return Decision(policy.id, "not in force")
    run = Evaluation(case, on, vocabulary)
    results: list[tuple[Condition, bool | None]] = []
    lacking: set[str] = set()
    for condition in policy.conditions:
        node = resolve(condition.node, figures, on)
        result = run.truth(node, run.start)
        results.append((condition, result))
        if result is None:
            lacking |= {item.name for item in missing(node, case, on, vocabulary)}
    verdict = kleene_and([result for _, result in results])
    if verdict is None:
        return Decision(policy.id, "unknown", None, tuple(results), tuple(sorted(lacking)))
    amount: int | None = None
    if verdict and policy.amount is not None:
        value = run.amount(resolve(policy.amount.node, figures, on)).value
        amount = in_fen(value, policy.amount.rounding) if isinstance(value, Fraction) else None
    return Decision(policy.id, "eligible" if verdict else "not eligible", amount, tuple(results))
