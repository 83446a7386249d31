"""A package's tests in sentences: each a household, a date, and what a policy must say of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from fractions import Fraction
from typing import Any

from zhizhi.engines.rules.evaluator import Case, Decision, decide, in_fen
from zhizhi.engines.rules.policy import Policy
from zhizhi.engines.rules.resolution import Figures
from zhizhi.engines.rules.vocabulary import RecordTable, Variable, Vocabulary
from zhizhi.kernel.errors import PackageError, Place
from zhizhi.scenarios.document import Document, read_document
from zhizhi.scenarios.package import Package

Report = Callable[[PackageError], None]


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a test expects; ``amount_fen``, ``failed`` and ``missing`` are None where the test says nothing of them."""

    decision: str
    amount_fen: int | None = None
    amount_given: bool = False
    failed: tuple[str, ...] | None = None
    missing: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one evaluator says: decision, amount in fen, ids of the conditions that are false, names of what is missing."""

    decision: str
    amount_fen: int | None
    failed: tuple[str, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SentenceTest:
    """One test: the household as a case of the evaluator, the date, and what is expected."""

    policy: Policy
    name: str
    on: date
    case: Case
    expect: Expectation
    place: Place


def read_tests(package: Package, report: Report) -> list[SentenceTest]:
    """Return the tests of every policy, in the order of policies and files.

    A test that cannot be read is left out, and each of its faults is handed to ``report``: ``package.test-variable``,
    ``package.test-computed``, ``package.test-value``, ``package.test-rows``, ``package.test-nobody``,
    ``package.test-person``, ``package.test-condition`` or ``package.test-date``.
    """
    tests: list[SentenceTest] = []
    for policy in package.policies.values():
        if policy.tests:
            document = read_document(package.folder / policy.file, package.folder)
            for index, spec in enumerate(policy.tests):
                found = _Reader(package.needs.vocabulary, policy, document, index, str(spec["name"])).read(spec)
                if isinstance(found, SentenceTest):
                    tests.append(found)
                else:
                    for fault in found:
                        report(fault)
    return tests


def by_hand(test: SentenceTest, package: Package, figures: Figures | None = None) -> Verdict:
    """Return what the independent evaluator says of a test; ``figures`` stand in the place of the package's own."""
    found: Decision = decide(test.policy, test.case, test.on, figures or package.figures, package.needs.vocabulary)
    failed = tuple(condition.id for condition, result in found.conditions if result is False)
    return Verdict(found.decision, found.amount_fen, failed, found.missing)


def differences(test: SentenceTest, verdict: Verdict) -> Iterator[tuple[str, str, str]]:
    """Yield (what, expected, found) for everything in which a verdict is not what the test expects."""
    expect = test.expect
    if verdict.decision != expect.decision:
        yield "decision", expect.decision, verdict.decision
    if expect.amount_given and verdict.amount_fen != expect.amount_fen:
        yield "amount", yuan(expect.amount_fen), yuan(verdict.amount_fen)
    for what, wanted, found in (("failed", expect.failed, verdict.failed), ("missing", expect.missing, verdict.missing)):
        if wanted is not None and sorted(wanted) != sorted(found):
            yield what, listed(wanted), listed(found)


def disagreements(one: Verdict, other: Verdict) -> Iterator[tuple[str, str, str]]:
    """Yield (what, one, other) for everything in which two evaluators differ."""
    if one.decision != other.decision:
        yield "decision", one.decision, other.decision
    if one.amount_fen != other.amount_fen:
        yield "amount", yuan(one.amount_fen), yuan(other.amount_fen)
    for what, a, b in (("failed", one.failed, other.failed), ("missing", one.missing, other.missing)):
        if sorted(a) != sorted(b):
            yield what, listed(a), listed(b)


def yuan(fen: int | None) -> str:
    """Return an amount in yuan with two decimals, ``–`` for none.

    Example:
        >>> yuan(308100)
        '3,081.00'
    """
    return "–" if fen is None else f"{fen // 100:,}.{fen % 100:02d}"


def listed(names: Sequence[str]) -> str:
    """Return names separated by commas, ``–`` for none."""
    return ", ".join(sorted(names)) or "–"


class _Reader:
    """Reads one test; faults are gathered, so that all of them are told at once."""

    def __init__(self, vocabulary: Vocabulary, policy: Policy, document: Document, index: int, name: str) -> None:
        self.vocabulary, self.policy, self.document, self.index, self.name = vocabulary, policy, document, index, name
        self.faults: list[PackageError] = []

    def read(self, spec: Mapping[str, Any]) -> SentenceTest | list[PackageError]:
        given, on = spec["given"], spec["on"]
        if not isinstance(on, date):
            self.fault("package.test-date", "on", value=on)
        household = self.row("household", given.get("household") or {}, "given", "household")
        members = [self.row("person", row, "given", "members", i) for i, row in enumerate(given.get("members") or [])]
        person = None
        if self.policy.subject == "person":
            members.insert(0, self.row("person", given.get("person") or {}, "given", "person"))
            person = 0
        elif "person" in given:
            self.fault("package.test-person", "given", "person")
        if not members:
            self.fault("package.test-nobody", "given")
        expect = self.expectation(spec["expect"])
        if self.faults:
            return self.faults
        case = Case(household, members, str(spec.get("region", "")), person)
        place = self.document.place("tests", self.index)
        return SentenceTest(self.policy, self.name, on, case, expect, place)

    def fault(self, code: str, *path: str | int, **params: object) -> None:
        self.faults.append(PackageError(code, self.document.place("tests", self.index, *path), test=self.name, **params))

    def expectation(self, spec: Mapping[str, Any]) -> Expectation:
        known = [condition.id for condition in self.policy.conditions]
        for id_ in spec.get("failed") or ():
            if id_ not in known:
                self.fault("package.test-condition", "expect", "failed", id=id_, known=", ".join(known))
        amount = spec.get("amount")
        return Expectation(
            spec["decision"],
            None if amount is None else in_fen(amount, "fen"),
            "amount" in spec,
            tuple(spec["failed"]) if "failed" in spec else None,
            tuple(spec["missing"]) if "missing" in spec else None,
        )

    def row(self, entity: str, given: Mapping[str, Any], *path: str | int) -> dict[str, Any]:
        """Return one person or household: what is given, ``absent`` values for the rest, and its record tables' rows."""
        variables = self.vocabulary.of(entity)
        tables = {name: table for name, table in self.vocabulary.records.items() if table.entity == entity}
        row = {name: v.absent for name, v in variables.items() if v.expr is None and v.absent is not None}
        for name, value in given.items():
            if name in tables:
                row[name] = self.records(tables[name], value, *path, name)
            elif name in variables:
                row[name] = self.value(variables[name], value, *path, name)
            else:
                self.unknown(name, [*variables, *tables], *path, name)
        return row

    def records(self, table: RecordTable, rows: Any, *path: str | int) -> list[dict[str, Any]]:
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            self.fault("package.test-rows", *path, name=table.name)
            return []
        found = []
        for index, given in enumerate(rows):
            row: dict[str, Any] = {}
            for name, value in given.items():
                if name in table.fields:
                    row[name] = self.value(table.fields[name], value, *path, index, name)
                elif name == table.date:
                    row[name] = self.day(name, value, *path, index, name)
                else:
                    self.unknown(name, [*table.fields, table.date], *path, index, name)
            found.append(row)
        return found

    def unknown(self, name: str, known: Sequence[str], *path: str | int) -> None:
        near = get_close_matches(name, known, n=1, cutoff=0.3)
        self.fault("package.test-variable", *path, name=name, nearest=near[0] if near else ", ".join(known))

    def day(self, name: str, value: Any, *path: str | int) -> Any:
        if value is not None and not isinstance(value, date):
            self.fault("package.test-value", *path, name=name, value=value, type="date", detail="2025-07-01")
        return value

    def value(self, variable: Variable, value: Any, *path: str | int) -> Any:
        """Return a given value in the variable's type; null is a blank cell."""
        if variable.expr is not None:
            self.fault("package.test-computed", *path, name=variable.name, expr=variable.expr)
            return None
        if value is None:
            return None
        kind = variable.type.kind
        if kind == "date":
            return self.day(variable.name, value, *path)
        if kind == "code" and str(value) in variable.type.codes:
            return str(value)
        fits = {
            "number": isinstance(value, Fraction) and (value * 10**variable.scale).denominator == 1,
            "boolean": isinstance(value, bool),
            "string": isinstance(value, str),
        }.get(kind, False)
        if not fits:
            detail = {"number": f"scale {variable.scale}", "code": ", ".join(variable.type.codes), "string": '"…"'}.get(
                kind, "true, false"
            )
            self.fault("package.test-value", *path, name=variable.name, value=value, type=kind, detail=detail)
        return value
