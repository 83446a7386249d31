"""An explanation as a page shows it: condition, value found, limit, gap, what is missing; cut to the post's data grade."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from zhizhi.engines.rules import ir
from zhizhi.engines.rules.explanation import AmountReason, Choice, Explanation, Quantity, Reason, Test
from zhizhi.engines.rules.explanation_lines import OPERATORS, basis_line, figure_line
from zhizhi.engines.rules.policy import Policy
from zhizhi.engines.rules.wording import plain_number, unit_text, value_text

Words = Mapping[str, str]
Grades = Callable[[str, ir.Node], int]
"""How high the data is that an expression reads, 1 to 4; the text names it among the package's expressions."""


@dataclass(frozen=True, slots=True)
class Naming:
    """How members and codes are named on the page: ``members`` by place, ``codes`` by code, in the page's language."""

    lang: str
    members: Sequence[str]
    codes: Mapping[str, str]
    household: str

    def whose(self, member: int | None) -> str:
        """Return a member's name as shown, or the household's."""
        return self.household if member is None else self.members[member] if member < len(self.members) else str(member + 1)

    def value(self, quantity: Quantity) -> str:
        """Return a value in words; codes by their name."""
        found = quantity.result.value
        if quantity.type.kind == "code" and isinstance(found, str):
            return self.codes.get(found, found)
        return quantity.text(self.lang)

    def limit(self, choice: Choice) -> str:
        """Return one value of a limit, or a range."""
        return self.value(choice.low) if choice.high is None else choice.text(self.lang)


@dataclass(frozen=True, slots=True)
class TestView:
    """One elementary test: whose, what, found, the limit with its operator, and how far off (or to spare)."""

    depth: int
    whose: str
    name: str
    actual: str
    limit: str
    short: str
    spare: str
    result: bool | None


@dataclass(frozen=True, slots=True)
class PartView:
    """A value that went into a test or an amount."""

    depth: int
    whose: str
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class LackView:
    """A field that is missing: for whom, and who has it."""

    name: str
    title: str
    whose: Sequence[str]
    owner: str


@dataclass(frozen=True, slots=True)
class ReasonView:
    """One condition. ``hidden``: the values are above the post's grade, only the result is told."""

    label: str
    result: bool | None
    hidden: bool
    tests: Sequence[TestView]
    parts: Sequence[PartView]
    figures: Sequence[str]
    lacks: Sequence[LackView]


@dataclass(frozen=True, slots=True)
class AmountView:
    """How an amount came about: formula in words, with numbers, result."""

    formula: str
    numbers: str
    value: str
    figures: Sequence[str]


def reasons_of(
    policy: Policy, said: Explanation, naming: Naming, grade: int, grades: Grades, *, brief: bool = False
) -> list[ReasonView]:
    """Return the conditions of an explanation; values of data above ``grade`` are left out, results and labels are not.

    ``brief`` leaves all values out: for what is listed with its result alone.
    """
    nodes = {condition.id: condition.node for condition in policy.conditions}
    return [
        _reason(reason, naming, grades(f"{policy.id}.{reason.id}", nodes[reason.id]) > grade, brief) for reason in said.reasons
    ]


def amount_of(policy: Policy, said: Explanation, naming: Naming, grade: int, grades: Grades) -> AmountView | None:
    """Return how the amount was worked out, or None: there is none, or it reads data above ``grade``."""
    amount: AmountReason | None = said.amount
    if amount is None or policy.amount is None or grades(f"{policy.id}.", policy.amount.node) > grade or amount.fen is None:
        return None
    unit = unit_text(amount.value.type, naming.lang)
    return AmountView(
        amount.formula[naming.lang],
        amount.numbers[naming.lang],
        f"{plain_number(Fraction(amount.fen, 100))} {unit}",
        [figure_line(figure, naming.lang) for figure in amount.figures],
    )


def laws_of(said: Explanation, lang: str) -> list[str]:
    """Return the law that the policy stands on, a line each."""
    return [basis_line(basis, lang) for basis in said.basis]


def _reason(reason: Reason, naming: Naming, hidden: bool, brief: bool) -> ReasonView:
    lang = naming.lang
    lacks = [
        LackView(
            lack.name,
            lack.title.get(lang, lack.name),
            [naming.whose(member) for member, _ in lack.members],
            lack.owner.get(lang, "") if lack.owner else "",
        )
        for lack in reason.lacks
    ]
    if hidden or brief:
        return ReasonView(reason.label[lang], reason.result, hidden, (), (), (), lacks)
    return ReasonView(
        reason.label[lang],
        reason.result,
        False,
        [view for test in reason.tests for view in _tests(test, naming, 0, "")],
        [
            PartView(
                part.depth, "" if part.member is None else naming.whose(part.member), part.name[lang], naming.value(part.value)
            )
            for part in reason.parts
        ],
        [figure_line(figure, lang) for figure in reason.figures],
        lacks,
    )


def _tests(test: Test, naming: Naming, depth: int, whose: str) -> Iterator[TestView]:
    lang = naming.lang
    limit = ""
    if test.limits:
        listed = ("、" if lang == "zh" else ", ").join(naming.limit(choice) for choice in test.limits)
        limit = f"{OPERATORS[test.operator][lang]} {listed}"
    plain = test.operator in ("=", "in", "not in") and all(choice.high is None for choice in test.limits)
    gap = ""
    if test.gap is not None and test.result is not None and test.limits and not plain:
        gap = value_text(abs(test.gap), test.actual.type, lang)
    short, spare = (gap, "") if test.result is False else ("", gap)
    yield TestView(depth, whose, test.name[lang], naming.value(test.actual), limit, short, spare, test.result)
    for row in test.rows:
        for inner in row.tests:
            yield from _tests(inner, naming, depth + 1, naming.whose(row.member))
