"""Why a policy says yes, no or unknown for one case: every condition with its value, limit, gap and what is missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any

from zhizhi.engines.rules import ir
from zhizhi.engines.rules.evaluator import (
    Case,
    Evaluation,
    Memo,
    Scope,
    in_fen,
    missing,
)
from zhizhi.engines.rules.policy import Amount, Policy
from zhizhi.engines.rules.resolution import Figures, figure_layer
from zhizhi.engines.rules.three_values import Result, compare, kleene_and, negate
from zhizhi.engines.rules.types import BOOLEAN, Type
from zhizhi.engines.rules.vocabulary import Vocabulary
from zhizhi.engines.rules.wording import Wording, result_text, value_text

Words = Mapping[str, str]
MAX_ROWS = 20
_NEGATED = {"<": ">=", ">=": "<", ">": "<=", "<=": ">", "=": "!=", "!=": "="}
_MIRRORED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "=": "=", "!=": "!="}
_RANGE = ({">", ">="}, {"<", "<="})


@dataclass(frozen=True, slots=True)
class Quantity:
    """A value as found, with its type and, where it is unknown, its bounds."""

    result: Result
    type: Type

    def text(self, lang: str) -> str:
        """Return it in words with its unit: ``1,400 CNY/month``, ``at least 5,200 CNY/month``, ``unknown``."""
        return result_text(self.result, self.type, lang)


@dataclass(frozen=True, slots=True)
class Choice:
    """One value of an ``in`` list (``high`` None), or a range of it."""

    low: Quantity
    high: Quantity | None = None
    low_closed: bool = True
    high_closed: bool = True

    def text(self, lang: str) -> str:
        """Return the value or the range, ``[80..90)``."""
        if self.high is None:
            return self.low.text(lang)
        ends = "[" if self.low_closed else "(", "]" if self.high_closed else ")"
        return f"{ends[0]}{self.low.text(lang)}..{self.high.text(lang)}{ends[1]}"


@dataclass(frozen=True, slots=True)
class Test:
    """One elementary test of a condition.

    ``operator`` is ``= != < <= > >=``, ``in``, ``not in``, ``any``, ``all`` (with a test for each row in ``rows``) or
    ``is``. ``gap`` is in the unit of ``actual``: above 0 is how far it is short of holding, otherwise it holds with
    that much to spare; ``gap_at_least`` says that a bound gave it, so that it may be more.
    """

    name: Words
    operator: str
    actual: Quantity
    limits: tuple[Choice, ...]
    limit_name: Words | None
    result: bool | None
    gap: Fraction | None = None
    gap_at_least: bool = False
    rows: tuple[RowTests, ...] = ()


@dataclass(frozen=True, slots=True)
class RowTests:
    """The tests of one member or record inside ``any`` or ``all``; ``member`` is an index, never an id."""

    member: int | None
    relation: str
    result: bool | None
    tests: tuple[Test, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """A value that went into another: a derived value, an aggregate, one member's share of it; ``depth`` nests them."""

    name: Words
    value: Quantity
    depth: int
    member: int | None = None
    relation: str = ""


@dataclass(frozen=True, slots=True)
class FigureUsed:
    """A parameter as it applied: its value, since when, from which layer ("" the package, or a region), its source."""

    owner: str
    name: str
    title: Words
    value: Quantity
    since: str
    region: str
    source: str
    status: str


@dataclass(frozen=True, slots=True)
class Lack:
    """A variable that is missing: for which members (index, relation; index None the household), and who has it."""

    name: str
    title: Words
    members: tuple[tuple[int | None, str], ...]
    owner: Words | None


@dataclass(frozen=True, slots=True)
class Reason:
    """One condition: what it asks, what was found. `actual`, `limit` and `gap` are there when it is one comparison."""

    id: str
    label: Words
    text: str
    result: bool | None
    tests: tuple[Test, ...]
    parts: tuple[Part, ...]
    figures: tuple[FigureUsed, ...]
    lacks: tuple[Lack, ...]

    @property
    def single(self) -> Test | None:
        """The condition's only test, if it has one."""
        return self.tests[0] if len(self.tests) == 1 else None

    @property
    def actual(self) -> Quantity | None:
        """The value found, if the condition is one test."""
        return self.single.actual if self.single else None

    @property
    def gap(self) -> Fraction | None:
        """How far it is short of the condition (above 0), if that can be said."""
        return self.single.gap if self.single else None


@dataclass(frozen=True, slots=True)
class AmountReason:
    """How the amount was computed: exact value, whole fen, the formula in words and with the values put in."""

    value: Quantity
    fen: int | None
    rounding: str
    formula: Words
    numbers: Words
    parts: tuple[Part, ...]
    figures: tuple[FigureUsed, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """A policy's decision for one case and all its reasons."""

    policy: str
    title: Words
    department: str
    on: date
    decision: str
    reasons: tuple[Reason, ...]
    amount: AmountReason | None
    basis: tuple[Mapping[str, Any], ...]


def explain(
    policy: Policy,
    case: Case,
    on: date,
    figures: Figures,
    vocabulary: Vocabulary,
    owners: Mapping[str, Words] | None = None,
    titles: Mapping[str, Words] | None = None,
    memo: Memo | None = None,
) -> Explanation:
    """Explain what a policy says of a case on a date; the decision is that of `evaluator.decide`.

    Args:
        policy: as checked.
        case: the household and, for a person's policy, which member.
        on: the as-of date.
        figures: every parameter by (owner, name).
        vocabulary: the package's.
        owners: department that owns a variable, by the variable's name (``claims.self_paid`` or ``claims`` for a table).
        titles: titles of policies and derived values by name, for conditions that read them.
        memo: what is already computed of this household on this date (see `Evaluation`), shared among its explanations.

    Raises:
        PolicyError: ``rules.no-figure`` if a parameter has no value yet on ``on``.
    """
    run = Evaluation(case, on, vocabulary, figures, {} if memo is None else memo)
    teller = _Teller(run, Wording(vocabulary, figures, titles or {}), owners or {})
    head = (policy.id, policy.title_in(case.region), policy.department, on)
    basis = tuple(policy.basis)
    if not policy.in_force(on):
        return Explanation(*head, "not in force", (), None, basis)
    reasons = tuple(
        teller.reason(condition.id, condition.label, condition.text, condition.node) for condition in policy.conditions
    )
    verdict = kleene_and([reason.result for reason in reasons])
    decision = {True: "eligible", False: "not eligible", None: "unknown"}[verdict]
    amount = None
    if verdict and policy.amount is not None:
        amount = teller.amount(policy.amount)
    return Explanation(*head, decision, reasons, amount, basis)


class _Teller:
    def __init__(self, run: Evaluation, wording: Wording, owners: Mapping[str, Words]) -> None:
        self.run, self.wording, self.owners = run, wording, owners

    def reason(self, name: str, label: Words, text: str, node: ir.Node) -> Reason:
        result = self.run.truth(node, self.run.start)
        tests = tuple(self.tests(node, self.run.start, False))
        parts = tuple(part for side in _sides(node) for part in self.below(side, self.run.start, 0))
        lacks = self.lacks(node) if result is None else ()
        return Reason(name, label, text, result, tests, parts, self.figures(node), lacks)

    def amount(self, amount: Amount) -> AmountReason:
        node, rounding = amount.node, amount.rounding
        result = self.run.amount(node)
        fen = in_fen(result.value, rounding) if isinstance(result.value, Fraction) else None
        numbers = {lang: self.wording.formula(node, lang, self._number(lang)) for lang in ("zh", "en")}
        parts = tuple(self.below(node, self.run.start, 0))
        quantity = Quantity(result, Type("number", amount.unit))
        return AmountReason(quantity, fen, rounding, self.wording.both(node), numbers, parts, self.figures(node))

    def _number(self, lang: str) -> Any:
        def shown(node: ir.Node) -> str | None:
            if isinstance(node, ir.If):
                chosen = self.run.truth(node.condition, self.run.start)
                branch = node.then if chosen else node.otherwise
                return None if chosen is None else self.wording.formula(branch, lang, shown)
            if isinstance(node, (ir.Param, ir.RegionParam, ir.Var, ir.Derived, ir.Aggregate, ir.Elapsed)):
                return value_text(self.run.of(node).value, Type("string"), lang)
            return None

        return shown

    # tests -------------------------------------------------------------------------------------------------------

    def tests(self, node: ir.Node, scope: Scope, negated: bool) -> Iterator[Test]:
        if isinstance(node, ir.Not):
            yield from self.tests(node.x, scope, not negated)
        elif isinstance(node, ir.Derived) and not node.name.startswith("decision:"):
            yield from self.tests(node.expr, scope, negated)
        elif isinstance(node, ir.Junction):
            member = self.membership(node, scope, negated)
            if member is not None:
                yield member
            else:
                for item in node.items:
                    yield from self.tests(item, scope, negated)
        elif isinstance(node, ir.Compare):
            yield self.comparison(node, scope, negated)
        elif isinstance(node, ir.Aggregate) and node.value is not None:
            yield self.quantifier(node, scope, negated)
        else:
            yield self.plain(node, scope, negated)

    def quantity(self, node: ir.Node, scope: Scope) -> Quantity:
        return Quantity(self.run.of(node, scope), node.type)

    def plain(self, node: ir.Node, scope: Scope, negated: bool) -> Test:
        actual = self.quantity(node, scope)
        value = actual.result.value
        assert value is None or isinstance(value, bool)
        return Test(self.wording.both(node), "is", actual, (), None, negate(value) if negated else value)

    def comparison(self, node: ir.Compare, scope: Scope, negated: bool) -> Test:
        operator = _NEGATED[node.operator] if negated else node.operator
        left, right = node.left, node.right
        if _is_figure(left) and not _is_figure(right):
            left, right, operator = right, left, _MIRRORED[operator]
        actual, limit = self.quantity(left, scope), self.quantity(right, scope)
        result = compare(operator, actual.result, limit.result)
        gap, at_least = _gap(operator, actual.result, limit.result, result)
        choices = (Choice(_in_unit(limit, actual)),)
        named = self.wording.both(right) if not isinstance(right, ir.Const) else None
        return Test(self.wording.both(left), operator, _in_unit(actual, limit), choices, named, result, gap, at_least)

    def membership(self, node: ir.Junction, scope: Scope, negated: bool) -> Test | None:
        found = _choices(node)
        if found is None:
            return None
        subject, ranges = found
        actual = self.quantity(subject, scope)
        choices = tuple(
            Choice(
                _in_unit(self.quantity(low.right, scope), actual),
                None if high is None else _in_unit(self.quantity(high.right, scope), actual),
                low.operator != ">",
                high is None or high.operator == "<=",
            )
            for low, high in ranges
        )
        result = self.run.truth(node, scope)
        gap = None if negated else _range_gap(actual.result.value, choices)
        operator = "not in" if negated else "in"
        return Test(self.wording.both(subject), operator, actual, choices, None, negate(result) if negated else result, gap)

    def quantifier(self, node: ir.Aggregate, scope: Scope, negated: bool) -> Test:
        assert node.value is not None
        value = self.run.truth(node, scope)
        function = {"any": "all", "all": "any"}[node.function] if negated else node.function
        sure, maybe = self.run.kept(node, scope)
        rows = tuple(
            RowTests(
                row.member,
                self.relation(row.member),
                negate(self.run.truth(node.value, row)) if negated else self.run.truth(node.value, row),
                tuple(self.tests(node.value, row, negated)),
            )
            for row in (*sure, *maybe)[:MAX_ROWS]
        )
        gaps = [row.tests[0].gap if len(row.tests) == 1 else None for row in rows]
        known = [gap for gap in gaps if gap is not None]
        gap = (min(known) if function == "any" else max(known)) if known and len(known) == len(sure) and not maybe else None
        result = negate(value) if negated else value
        return Test(self.wording.both(node), function, Quantity(Result(value), BOOLEAN), (), None, result, gap, rows=rows)

    # parts, parameters, what is missing ------------------------------------------------------------------------------

    def relation(self, member: int | None) -> str:
        if member is None:
            return ""
        return str(self.run.case.members[member].get("relation") or "")

    def below(self, node: ir.Node, scope: Scope, depth: int) -> Iterator[Part]:
        """Yield what went into ``node``, itself left out."""
        if isinstance(node, ir.Derived):
            inner = scope if node.floor is None else scope._replace(floor=node.floor)
            yield from self.part(node.expr, inner, depth)
        elif isinstance(node, ir.Aggregate):
            if node.value is None or node.function in ("any", "all"):
                return
            sure, maybe = self.run.kept(node, scope)
            name = self.wording.both(node.value)
            for row in (*sure, *maybe)[:MAX_ROWS]:
                yield Part(name, self.found(node.value, row), depth, row.member, self.relation(row.member))
        else:
            for child in ir.children(node):
                yield from self.part(child, scope, depth)

    def found(self, node: ir.Node, scope: Scope) -> Quantity:
        """Return the value of a part; a base variable without one is plainly unknown, whatever its floor."""
        quantity = self.quantity(node, scope)
        bare = isinstance(node, ir.Var) and quantity.result.value is None
        return Quantity(Result(None), node.type) if bare else quantity

    def part(self, node: ir.Node, scope: Scope, depth: int) -> Iterator[Part]:
        if isinstance(node, (ir.Derived, ir.Aggregate, ir.Var)):
            yield Part(self.wording.both(node), self.found(node, scope), depth, scope.member, self.relation(scope.member))
            if not isinstance(node, ir.Var):
                yield from self.below(node, scope, depth + 1)
        else:
            yield from self.below(node, scope, depth)

    def figures(self, node: ir.Node) -> tuple[FigureUsed, ...]:
        used: dict[tuple[str, str], FigureUsed] = {}
        for part in _own(node):
            if isinstance(part, ir.Param) and (part.owner, part.name) not in used:
                assert self.run.figures is not None
                parameter = self.run.figures[part.owner, part.name]
                region, since, value = figure_layer(parameter, self.run.on, self.run.case.region)
                source = parameter.sources.get(region, {})
                used[part.owner, part.name] = FigureUsed(
                    part.owner,
                    part.name,
                    self.wording.parameter(part.owner, part.name),
                    Quantity(Result(value), part.type),
                    since,
                    region,
                    source.get("source", "" if region else parameter.source),
                    source.get("status", "" if region else parameter.status),
                )
        return tuple(used.values())

    def lacks(self, node: ir.Node) -> tuple[Lack, ...]:
        found: dict[str, list[tuple[int | None, str]]] = {}
        for item in missing(node, self.run.case, self.run.on, self.run.vocabulary):
            found.setdefault(item.name, []).append((item.member, self.relation(item.member)))
        return tuple(Lack(name, self.title(name), tuple(whose), self.owner(name)) for name, whose in found.items())

    def title(self, name: str) -> Words:
        table, _, field = name.rpartition(".")
        if table:
            return self.wording.variable(table, field)
        entity = "person" if name in self.run.vocabulary.of("person") else "household"
        return self.wording.variable(entity, name)

    def owner(self, name: str) -> Words | None:
        return self.owners.get(name) or self.owners.get(name.partition(".")[0])


def _sides(node: ir.Node) -> Iterator[ir.Node]:
    """Yield the values that a condition compares; a bare variable is shown by its test already."""
    if isinstance(node, ir.Compare):
        for side in (node.left, node.right):
            if not isinstance(side, (ir.Var, ir.Const, ir.Param, ir.RegionParam)):
                yield side
    elif isinstance(node, ir.Junction):
        choices = _choices(node)
        if choices is not None:
            yield from _sides(ir.Compare(BOOLEAN, "=", choices[0], choices[0]))
        else:
            for item in node.items:
                yield from _sides(item)
    elif isinstance(node, ir.Not):
        yield from _sides(node.x)
    elif isinstance(node, ir.Derived):
        yield from _sides(node.expr) if not node.name.startswith("decision:") else ()


def _own(node: ir.Node) -> Iterator[ir.Node]:
    """Yield ``node`` and what is below it, but for the inside of another policy's decision."""
    yield node
    if not (isinstance(node, ir.Derived) and node.name.startswith("decision:")):
        for child in ir.children(node):
            yield from _own(child)


def _is_figure(node: ir.Node) -> bool:
    return all(not isinstance(part, (ir.Var, ir.Aggregate)) for part in ir.walk(node))


def _in_unit(quantity: Quantity, other: Quantity) -> Quantity:
    """Give a number made of literals only the unit of what it is compared with."""
    return Quantity(quantity.result, other.type) if quantity.type.free and other.type.kind == "number" else quantity


def _choices(node: ir.Junction) -> tuple[ir.Node, list[tuple[ir.Compare, ir.Compare | None]]] | None:
    """Return subject and choices if ``node`` is what ``in`` or ``between`` was compiled to."""
    ranges = [_range(item) for item in node.items] if node.operator == "or" else [_range(node)]
    found = [item for item in ranges if item is not None]
    if not found or len(found) < len(ranges) or any(item[0].left != found[0][0].left for item in found):
        return None
    return found[0][0].left, found


def _range(node: ir.Node) -> tuple[ir.Compare, ir.Compare | None] | None:
    if isinstance(node, ir.Compare) and node.operator == "=":
        return node, None
    if not isinstance(node, ir.Junction) or node.operator != "and" or len(node.items) != 2:
        return None
    low, high = node.items
    if not isinstance(low, ir.Compare) or not isinstance(high, ir.Compare) or low.left != high.left:
        return None
    return (low, high) if low.operator in _RANGE[0] and high.operator in _RANGE[1] else None


def _gap(operator: str, actual: Result, limit: Result, result: bool | None) -> tuple[Fraction | None, bool]:
    if result is None or operator == "!=":
        return None, False
    known = actual.value is not None and limit.value is not None
    if operator == "=":
        if known and isinstance(actual.value, Fraction) and isinstance(limit.value, Fraction):
            return abs(actual.value - limit.value), False
        return None, False
    low, high = (actual, limit) if operator in ("<", "<=") else (limit, actual)
    # the condition is low < high: what is missing is low - high; bounds give the least that it can be
    a, b = (low.low, high.high) if not result else (low.high, high.low)
    return (None, False) if a is None or b is None else (a - b, not known)


def _range_gap(actual: ir.Value, choices: tuple[Choice, ...]) -> Fraction | None:
    if not isinstance(actual, Fraction):
        return None
    gaps = []
    for choice in choices:
        low, high = choice.low.result.value, (choice.high or choice.low).result.value
        if not isinstance(low, Fraction) or not isinstance(high, Fraction):
            return None
        gaps.append(max(low - actual, actual - high))
    return min(gaps)
