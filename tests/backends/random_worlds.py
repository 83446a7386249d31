"""A small made-up population with random policies over it, and what the Python evaluator says of every cell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction
from typing import Any

import numpy as np
from engine_runs import Engine, Table

from data_generators import ON, Limits, pick, random_expression, random_households, vocabulary
from zhizhi.engines.rules import ir
from zhizhi.engines.rules.evaluator import Case, Evaluation, decide
from zhizhi.engines.rules.policy import Amount, Condition, Policy
from zhizhi.engines.rules.resolution import Figures
from zhizhi.engines.rules.types import BOOLEAN
from zhizhi.engines.rules.vocabulary import Variable, Vocabulary
from zhizhi.engines.screening.plan import Plan, plan_screening
from zhizhi.engines.screening.steps import PHYSICAL

VOCABULARY = vocabulary()
WORD = 64
Cell = tuple[str, str, int]  # level, subject, bit


def policy(name: str, subject: str, nodes: Sequence[Any], amount: Amount | None = None) -> Policy:
    conditions = tuple(Condition(f"c{index}", "", node, {}) for index, node in enumerate(nodes))
    return Policy(name, "policy", {}, "civil-affairs", subject, date(2020, 1, 1), None, conditions, amount, {})


def physical(value: Any, variable: Variable) -> Any:
    """Return a value as a base table holds it: a whole number of 10^-scale, yyyymmdd, or as it is."""
    if value is None:
        return None
    if isinstance(value, Fraction):
        scaled = value * 10**variable.scale
        assert scaled.denominator == 1
        return int(scaled)
    return value.year * 10_000 + value.month * 100 + value.day if isinstance(value, date) else value


def base_tables(cases: Sequence[Case], known: Vocabulary = VOCABULARY) -> list[Table]:
    """Return the base tables of ``cases``: household i is ``h<i>``, her member j ``h<i>p<j>``."""
    person, household = known.variables["person"], known.variables["household"]
    rows: dict[str, list[tuple[Any, ...]]] = {name: [] for name in ("person_base", "household_base", *known.records)}

    def add_records(subject: str, source: Mapping[str, Any], entity: str) -> None:
        for record in known.records.values():
            if record.entity == entity:
                for row in source.get(record.name) or ():
                    values = [physical(row.get(name), variable) for name, variable in record.fields.items()]
                    day = record.fields[record.date]
                    rows[record.name].append((subject, physical(row.get(record.date), day), *values))

    for i, case in enumerate(cases):
        values = [physical(case.household.get(name), variable) for name, variable in household.items()]
        rows["household_base"].append((f"h{i}", case.region, *values))
        add_records(f"h{i}", case.household, "household")
        for j, member in enumerate(case.members):
            mine = [physical(member.get(name), variable) for name, variable in person.items()]
            rows["person_base"].append((f"h{i}p{j}", f"h{i}", case.region, *mine))
            add_records(f"h{i}p{j}", member, "person")

    def columns(variables: Mapping[str, Variable], prefix: str = "") -> tuple[tuple[str, str], ...]:
        return tuple((prefix + name, PHYSICAL[variable.type.kind]) for name, variable in variables.items())

    text = "string"
    tables = [
        Table("person_base", (("person", text), ("household", text), ("region", text), *columns(person)), rows["person_base"]),
        Table("household_base", (("household", text), ("region", text), *columns(household, "h_")), rows["household_base"]),
    ]
    for name, record in known.records.items():
        tables.append(Table(f"records_{name}", (("subject", text), ("date", "int64"), *columns(record.fields)), rows[name]))
    return tables


def subjects(cases: Sequence[Case], level: str) -> Iterator[tuple[str, Case]]:
    for i, case in enumerate(cases):
        if level == "household":
            yield f"h{i}", case
        else:
            for j in range(len(case.members)):
                yield f"h{i}p{j}", replace(case, person=j)


@dataclass(frozen=True)
class World:
    """Cases with their base tables, a plan over them, and the evaluator's answer to every cell."""

    cases: Sequence[Case]
    tables: Sequence[Table]
    plan: Plan
    cells: Mapping[Cell, bool | None]

    def condition(self, cell: Cell) -> Any:
        level = self.plan.household if cell[0] == "household" else self.plan.person
        return level.conditions[cell[2]].node


def floored(rng: np.random.Generator, subject: str) -> ir.Node:
    """Return a comparison of a derived number that has a floor, so that bounds often decide it."""
    side = Limits(bits=20)
    number = random_expression(rng, subject, "number", int(rng.integers(2, 5)), side)
    derived = ir.Derived(number.type, "d", number, pick(rng, (Fraction(0), Fraction(1), Fraction(-1, 2))))
    sides = [derived, random_expression(rng, subject, "number", int(rng.integers(1, 3)), side)]
    rng.shuffle(sides)
    return ir.Compare(BOOLEAN, pick(rng, ("=", "!=", "<", "<=", ">", ">=")), *sides)


def random_world(seed: int, conditions: int, households: int) -> World:
    """Return ``households`` random households and ``conditions`` random conditions on each level."""
    rng = np.random.default_rng(seed)
    cases = random_households(rng, households)

    def condition(i: int, subject: str) -> ir.Node:
        return floored(rng, subject) if i % 4 == 0 else random_expression(rng, subject, "boolean", int(rng.integers(2, 6)))

    policies = [policy(f"{kind}{i}", kind, [condition(i, kind)]) for kind in ("household", "person") for i in range(conditions)]
    return world(policies, cases)


def world(policies: Sequence[Policy], cases: Sequence[Case], figures: Figures | None = None) -> World:
    """Return the world of ``policies`` over ``cases``."""
    plan = plan_screening(policies, VOCABULARY, figures or {}, ON)
    return World(cases, base_tables(cases), plan, evaluated(plan, cases))


def evaluated(plan: Plan, cases: Sequence[Case]) -> dict[Cell, bool | None]:
    """Return what the evaluator says of each condition of ``plan`` for each subject."""
    cells: dict[Cell, Any] = {}
    for level in (plan.household, plan.person):
        for subject, case in subjects(cases, level.subject):
            run = Evaluation(case, plan.on, VOCABULARY)
            for condition in level.conditions:
                cells[level.subject, subject, condition.bit] = run.of(condition.node).value
    return cells


def unpacked(engine: Engine, plan: Plan) -> dict[Cell, bool | None]:
    """Return the cells that the engine's condition words hold."""
    cells: dict[Cell, bool | None] = {}
    for level in (plan.household, plan.person):
        words = [f'"{kind}{word}"' for word in range(level.words) for kind in "TU"]
        if not words:
            continue
        for subject, *found in engine.fetch(f"SELECT {level.subject}, {', '.join(words)} FROM {level.subject}_bits"):
            for bit in range(len(level.conditions)):
                true, unknown = (found[2 * (bit // WORD) + k] >> bit % WORD & 1 for k in (0, 1))
                assert not (true and unknown)
                cells[level.subject, subject, bit] = None if unknown else bool(true)
    return cells


def amounts_of(world: World) -> dict[tuple[str, str], int | None]:
    """Return the evaluator's amount in fen by policy and subject."""
    found: dict[tuple[str, str], int | None] = {}
    for level in (world.plan.household, world.plan.person):
        for subject, case in subjects(world.cases, level.subject):
            for planned in level.policies:
                found[planned.policy.id, subject] = decide(planned.policy, case, ON, {}, VOCABULARY).amount_fen
    return found


def engine_amounts(engine: Engine, plan: Plan) -> dict[tuple[str, str], int | None]:
    """Return the engine's amount in fen by policy and subject."""
    found: dict[tuple[str, str], int | None] = {}
    for level in (plan.household, plan.person):
        paid = [planned for planned in level.policies if planned.amount]
        if not paid:
            continue
        columns = ", ".join(f'"{planned.amount}"' for planned in paid)
        for subject, *values in engine.fetch(f"SELECT {level.subject}, {columns} FROM {level.subject}_bits"):
            for planned, value in zip(paid, values, strict=True):
                found[planned.policy.id, subject] = value
    return found
