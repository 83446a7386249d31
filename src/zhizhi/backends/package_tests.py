"""A package's tests through the compiled plan on DuckDB: every test a household of its own, one plan a date."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from fractions import Fraction
from typing import Any

import duckdb
import pyarrow as pa

from zhizhi.backends.duckdb import connect
from zhizhi.engines.rules.vocabulary import Variable, Vocabulary
from zhizhi.engines.screening.plan import Plan, plan_screening
from zhizhi.engines.screening.questions import WORD, Level, PlannedPolicy
from zhizhi.engines.screening.verdicts import decision, missing
from zhizhi.scenarios.package import Package
from zhizhi.scenarios.testing import SentenceTest, Verdict

_TYPES = {"number": pa.int64(), "date": pa.int64(), "boolean": pa.bool_(), "code": pa.string(), "string": pa.string()}
_KEYS = {"person": pa.string(), "household": pa.string(), "region": pa.string(), "subject": pa.string(), "date": pa.int64()}
Numbered = Sequence[tuple[int, SentenceTest]]


def by_plan(tests: Sequence[SentenceTest], package: Package) -> list[Verdict]:
    """Return what the compiled plan says of each test, in the order of ``tests``."""
    verdicts: dict[int, Verdict] = {}
    for on in sorted({test.on for test in tests}):
        mine = [(number, test) for number, test in enumerate(tests) if test.on == on]
        verdicts |= dict(_run(mine, package, on))
    return [verdicts[number] for number in range(len(tests))]


def _run(tests: Numbered, package: Package, on: date) -> Iterator[tuple[int, Verdict]]:
    policies = {test.policy.id: test.policy for _, test in tests}
    in_force = [policy for policy in policies.values() if policy.in_force(on)]
    idle = [number for number, test in tests if test.policy not in in_force]
    yield from ((number, Verdict("not in force", None, (), ())) for number in idle)
    if not in_force:
        return
    plan = plan_screening(in_force, package.needs.vocabulary, package.figures, on)
    with connect(threads=1) as connection:
        for name, columns in base_columns(plan).items():
            connection.register("given", _base(name, columns, tests, package.needs.vocabulary))
            connection.execute(f"CREATE TEMP TABLE {name} AS SELECT * FROM given")
            connection.unregister("given")
        for step in plan.steps:
            connection.execute(f"CREATE TEMP TABLE {step.name} AS {step.sql('duckdb')}")
        for level in (plan.household, plan.person):
            for item in level.policies:
                mine = [number for number, test in tests if test.policy.id == item.policy.id]
                yield from _verdicts(connection, level, item, mine)


def _verdicts(
    connection: duckdb.DuckDBPyConnection, level: Level, item: PlannedPolicy, mine: Sequence[int]
) -> Iterator[tuple[int, Verdict]]:
    words = ", ".join(f"T{w} | U{w}" for w in range(level.words))
    wanted = ", ".join(f"'{_subject(number, level.subject)}'" for number in mine)
    rows = connection.execute(
        f"SELECT {level.subject}, {decision(item, level)}, {item.amount or 'NULL'}, {missing(item, level)}, {words} "
        f"FROM {level.subject}_bits WHERE {level.subject} IN ({wanted})"
    ).fetchall()
    for subject, verdict, amount, lacks, *open_words in rows:
        failed = tuple(
            condition.id
            for condition, bit in zip(item.policy.conditions, item.bits, strict=True)
            if not open_words[bit // WORD] >> (bit % WORD) & 1
        )
        names = tuple(lacks.split(";")) if verdict == "unknown" and lacks else ()
        yield int(subject[1:7]), Verdict(verdict, amount, failed, names)


def _subject(number: int, subject: str, member: int = 0) -> str:
    household = f"t{number:06d}"
    return household if subject == "household" else f"{household}.{member:03d}"


def base_columns(plan: Plan) -> dict[str, list[str]]:
    """Return, per base table that the plan's steps read, its columns: person_base, household_base, records_*."""
    made = {step.name for step in plan.steps}
    found: dict[str, list[str]] = {}
    for step in plan.steps:
        for node in step.table.op().find(lambda op: type(op).__name__ == "UnboundTable"):
            if node.name not in made:
                found[node.name] = list(node.schema.names)
    return found


def _base(name: str, columns: Sequence[str], tests: Numbered, vocabulary: Vocabulary) -> pa.Table:
    """Return a base table that holds every test's household, numbers and dates in their physical form."""
    if name == "household_base":
        variables = {f"h_{n}": v for n, v in vocabulary.of("household").items()}
        rows = [
            {f"h_{n}": v for n, v in test.case.household.items()}
            | {"household": _subject(number, "household"), "region": test.case.region}
            for number, test in tests
        ]
    elif name == "person_base":
        variables = dict(vocabulary.of("person"))
        rows = [
            {**member, "person": _subject(number, "person", index), "household": _subject(number, "household")}
            | {"region": test.case.region}
            for number, test in tests
            for index, member in enumerate(test.case.members)
        ]
    else:
        table = vocabulary.records[name.removeprefix("records_")]
        variables = dict(table.fields)
        rows = [
            {**row, "subject": subject, "date": physical(row.get(table.date))}
            for subject, holder in _holders(tests, table.entity)
            for row in holder.get(table.name) or ()
        ]
    return pa.table({column: _column(column, variables.get(column), rows) for column in columns})


def _holders(tests: Numbered, entity: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for number, test in tests:
        if entity == "household":
            yield _subject(number, "household"), test.case.household
        else:
            for index, member in enumerate(test.case.members):
                yield _subject(number, "person", index), member


def _column(name: str, variable: Variable | None, rows: Sequence[Mapping[str, Any]]) -> pa.Array:
    if variable is None or name in ("subject", "date"):
        return pa.array([row[name] for row in rows], _KEYS[name])
    return pa.array([physical(row.get(name), variable.scale) for row in rows], _TYPES[variable.type.kind])


def physical(value: Any, scale: int = 0) -> Any:
    """Return a value in the form in which rules are evaluated: whole numbers of 10^-scale, dates yyyymmdd."""
    if isinstance(value, Fraction):
        return int(value * 10**scale)
    if isinstance(value, date):
        return value.year * 10_000 + value.month * 100 + value.day
    return value
