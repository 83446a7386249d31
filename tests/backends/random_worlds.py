"""A small made-up population with random policies over it, and what the Python evaluator says of every cell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction
from typing import Any

import numpy as np
from engine_runs import Engine, Table
from written_rules import CONDITIONS, FLOORED, FLOORED_CONDITIONS

from data_generators import ON, Limits, pick, random_expression, random_households, vocabulary
from zhizhi.engines.rules import ir
from zhizhi.engines.rules.checker import Derivation, Environment, check
from zhizhi.engines.rules.evaluator import Case, Evaluation, decide
from zhizhi.engines.rules.policy import ROUNDINGS, Amount, Condition, Policy
from zhizhi.engines.rules.resolution import Figures
from zhizhi.engines.rules.types import BOOLEAN, STRING, Type, Unit, number
from zhizhi.engines.rules.vocabulary import Parameter, Variable, Vocabulary
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


# rules as people write them ----------------------------------------------------------------------------------------


def parameter(name: str, kind: Type, values: Mapping[str, Any], regions: Mapping[str, Any]) -> Parameter:
    return Parameter(name, "", kind, values, {code: {"2020-01-01": value} for code, value in regions.items()})


LINE = parameter(
    "line", number(), {"2020-01-01": Fraction(1, 2), "2026-01-01": Fraction(9)}, {"330100": Fraction(1), "330122": Fraction(3, 2)}
)
PREFIX = parameter("prefix", STRING, {"2020-01-01": "33"}, {"340000": "34"})
FIGURES: Figures = {("", "line"): LINE, ("", "prefix"): PREFIX}


def environment(subject: str, derive: Mapping[str, tuple[str, int]] | None = None) -> Environment:
    derived = {name: Derivation(text, None, Fraction(floor), None) for name, (text, floor) in (derive or {}).items()}
    return Environment(subject, VOCABULARY, {"line": LINE, "prefix": PREFIX}, derived)


def written_world(seed: int, households: int) -> World:
    """Return the world of the written conditions."""
    floored_rules = [("household", text, FLOORED) for text in FLOORED_CONDITIONS]
    rules = [(subject, text, {}) for subject, texts in CONDITIONS.items() for text in texts]
    policies = [
        policy(f"{subject} {text}", subject, [check(text, environment(subject, derive), None, "boolean")])
        for subject, text, derive in [*rules, *floored_rules]
    ]
    return world(policies, random_households(np.random.default_rng(seed), households), FIGURES)


def paid(name: str, subject: str, node: ir.Node, rounding: str) -> Policy:
    return policy(name, subject, [ir.Const(BOOLEAN, True)], Amount(node, Unit.parse("CNY/month"), rounding))


def written_amounts(seed: int, households: int, texts: Sequence[str]) -> World:
    """Return a world in which ``texts`` are paid, each with every rounding, to households with edges in their figures."""
    rng = np.random.default_rng(seed)
    cases = []
    for case in random_households(rng, households):
        total = pick(rng, (0, 1, 10, 100, 340, 640, 1000, 2830, int(rng.integers(4000)), int(rng.integers(4000))))
        known = {
            "h_small": Fraction(total),
            "h_signed": Fraction(int(rng.integers(0, 14))),
            "h_money": Fraction(int(rng.integers(-50_000, 50_000)), 100),
        }
        cases.append(replace(case, household={**case.household, **known}))
    env = environment("household")
    nodes = {text: check(text, env, None, "number") for text in texts}
    return world([paid(f"{text} {how}", "household", node, how) for text, node in nodes.items() for how in ROUNDINGS], cases)


def random_amounts(seed: int, policies: int, households: int) -> World:
    """Return a world of random amounts on both levels."""
    rng = np.random.default_rng(seed)
    cases = random_households(rng, households)
    made = [
        paid(f"{kind}{i}", kind, random_expression(rng, kind, "number", int(rng.integers(2, 4))), pick(rng, ROUNDINGS))
        for kind in ("household", "person")
        for i in range(policies)
    ]
    return world(made, cases)
