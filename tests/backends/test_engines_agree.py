"""Every engine says of every cell what the Python evaluator says: random rules over random rows with missing values."""

from __future__ import annotations

import os
from collections import Counter
from fractions import Fraction
from functools import cache
from random import Random

import pytest
import sqlglot
from engine_runs import ENGINES, Engine, Spark, Table, run_plan
from random_worlds import (
    VOCABULARY,
    World,
    amounts_of,
    base_tables,
    engine_amounts,
    environment,
    evaluated,
    paid,
    policy,
    random_amounts,
    random_world,
    subjects,
    unpacked,
    written_amounts,
    written_world,
)
from random_worlds import (
    world as make_world,
)
from written_rules import AMOUNTS

from data_generators import ON
from zhizhi.engines.rules import ir
from zhizhi.engines.rules.checker import check
from zhizhi.engines.rules.evaluator import Case, evaluate
from zhizhi.engines.rules.types import BOOLEAN, number
from zhizhi.engines.screening.plan import plan_screening
from zhizhi.kernel.errors import PolicyError

SEEDS = range(int(os.environ.get("ZHIZHI_TEST_WORLDS", "12")))
CONDITIONS, HOUSEHOLDS = 40, 60


@cache
def world_of(seed: int) -> World:
    return random_world(seed, CONDITIONS, HOUSEHOLDS)


def compared(engine: Engine, world: World) -> Counter[bool | None]:
    """Run ``world`` on ``engine`` and hold each cell against the evaluator's; return how often each value came up."""
    run_plan(engine, world.tables, world.plan)
    found = unpacked(engine, world.plan)
    assert found.keys() == world.cells.keys()
    wrong = [cell for cell, value in world.cells.items() if found[cell] is not value]
    for cell in wrong[:1]:
        text = f"{engine.dialect} says {found[cell]} of {cell}, the evaluator {world.cells[cell]}: {world.condition(cell)}"
        pytest.fail(f"{len(wrong)} of {len(found)} cells differ; {text}")
    return Counter(found.values())


@pytest.mark.parametrize("name", ENGINES)
def test_random_conditions_are_decided_alike_in_every_cell(name: str) -> None:
    seen: Counter[bool | None] = Counter()
    for seed in SEEDS:
        engine = ENGINES[name]()
        seen += compared(engine, world_of(seed))
        engine.close()
    assert seen.total() >= 100_000
    # a generator that says the same of nearly everything would compare nothing
    assert all(seen[value] >= seen.total() / 10 for value in (True, False, None)), seen


def without_floor(node: ir.Node) -> ir.Node:
    return ir.Derived(node.type, node.name, node.expr) if isinstance(node, ir.Derived) else node


def test_the_random_worlds_are_worth_comparing() -> None:
    met: set[type] = set()
    by_floor = 0
    for seed in SEEDS:
        world = world_of(seed)
        for level in (world.plan.household, world.plan.person):
            for condition in level.conditions:
                met |= {type(part) for part in ir.walk(condition.node)}
        for cell, value in Random(seed).sample(sorted(world.cells.items()), 800):
            bare = ir.rewrite(world.condition(cell), without_floor)
            if value is not None and bare != world.condition(cell):
                case = dict(subjects(world.cases, cell[0]))[cell[1]]
                by_floor += evaluate(bare, case, world.plan.on, VOCABULARY).value is None
    assert met == set(ir.NODE_TYPES) - {ir.Param}
    assert by_floor >= 30


@cache
def written() -> World:
    return written_world(71, 300)


@pytest.mark.parametrize("name", ENGINES)
def test_written_conditions_are_decided_alike(name: str) -> None:
    engine = ENGINES[name]()
    seen = compared(engine, written())
    engine.close()
    assert all(seen[value] >= seen.total() / 10 for value in (True, False, None)), seen


@cache
def paying() -> list[tuple[World, dict[tuple[str, str], int | None]]]:
    worlds = [written_amounts(at, 120, AMOUNTS[at : at + 5]) for at in range(0, len(AMOUNTS), 5)]
    worlds += [random_amounts(seed, 10, 40) for seed in range(2)]
    return [(world, amounts_of(world)) for world in worlds]


@pytest.mark.parametrize("name", ENGINES)
def test_amounts_come_out_alike_to_the_fen(name: str) -> None:
    for world, amounts in paying():
        engine = ENGINES[name]()
        run_plan(engine, world.tables, world.plan)
        found = engine_amounts(engine, world.plan)
        engine.close()
        assert {key: (found[key], amount) for key, amount in amounts.items() if found[key] != amount} == {}


@pytest.mark.parametrize("name", ENGINES)
def test_a_quotient_keeps_34_digits_and_no_more(name: str) -> None:
    # 340 / 3 = 113.33...3 with 31 threes after the point: three times that is a hair short of 340, and 3080.0...1 rounds up
    household = dict.fromkeys((variable for variable in VOCABULARY.variables["household"]), None)
    incomes = {340: 308_100, 640: 278_000, 2830: 59_100}
    cases = [Case({**household, "h_small": Fraction(income)}, [{}]) for income in incomes]
    node = check("(1140 - h_small / 3) * 3", environment("household"), None, "number")
    world = make_world([paid("topped up", "household", node, "yuan-up")], cases)
    engine = ENGINES[name]()
    run_plan(engine, world.tables, world.plan)
    assert list(engine_amounts(engine, world.plan).values()) == list(amounts_of(world).values()) == list(incomes.values())
    engine.close()


@pytest.mark.parametrize("name", ENGINES)
def test_no_rows_at_all_is_no_error(name: str) -> None:
    world = written()
    engine = ENGINES[name]()
    run_plan(engine, [Table(table.name, table.columns, []) for table in world.tables], world.plan)
    assert unpacked(engine, world.plan) == {}
    engine.close()


@pytest.mark.parametrize("name", ENGINES)
def test_households_without_records_are_decided_alike(name: str) -> None:
    cases = [
        Case({**case.household, "incidents": []}, [{**member, "claims": []} for member in case.members], case.region)
        for case in written().cases[:60]
    ]
    plan = written().plan
    engine = ENGINES[name]()
    compared(engine, World(cases, base_tables(cases), plan, evaluated(plan, cases)))
    engine.close()


HUGE = 4_000_000_000_000_000_000  # fits in 64 bits; three of them do not


def huge(text: str) -> World:
    """Return a household of three whose figures fit in 64 bits, and one condition whose intermediate figures may not."""
    empty = dict.fromkeys(VOCABULARY.variables["household"])
    household = {**empty, "h_small": Fraction(HUGE), "h_money": Fraction(1)}
    node = check(text, environment("household"), None, "boolean")
    return make_world([policy("huge", "household", [node])], [Case(household, [{"small": Fraction(HUGE)}] * 3)])


TOO_LARGE = [
    "h_small * 3 < 0",
    "h_small * h_small < 0",
    "h_small + h_small + h_small < 0",
    "0 - h_small - h_small - h_small > 0",
    "sum(members.small) < 0",
    "h_small / 7 < h_money / h_small",
]


def refuses(engine: Engine, text: str) -> bool:
    """Whether ``engine`` raises an error; if it does not, its answer must be right, as DuckDB's 3 x < 0 made x < 0 is."""
    world = huge(text)
    try:
        run_plan(engine, world.tables, world.plan)
        found = unpacked(engine, world.plan)
    except engine.faults:
        return True
    assert found == world.cells
    return False


@pytest.mark.parametrize("name", ENGINES)
def test_a_number_too_large_is_an_error_never_a_wrong_answer(name: str) -> None:
    refused = 0
    for text in TOO_LARGE:
        engine = ENGINES[name]()
        if "overflow" in engine.gaps:
            pytest.skip(engine.gaps["overflow"])
        refused += refuses(engine, text)
        engine.close()
    assert refused >= len(TOO_LARGE) - 1


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("h_smal > 1", "rules.name-unknown-near"),
        ("zzz > 1", "rules.name-unknown"),
        ("param.lime > 1", "rules.name-unknown-near"),
        ("sum(members.mony) > 1", "rules.name-unknown-near"),
        ("sum(payments.money) > 1", "rules.no-collection"),
        ("summ(members.money) > 1", "rules.function-unknown"),
        ('h_kind = "d"', "rules.code-unknown"),
        ("age(h_day) > h_money", None),
        ("h_flag = 1", "rules.unlike-types"),
        ("h_small", "rules.expected-type"),
    ],
)
def test_what_does_not_resolve_never_becomes_a_rule(text: str, code: str | None) -> None:
    with pytest.raises(PolicyError) as caught:
        check(text, environment("household"), None, "boolean")
    assert code in (None, caught.value.code)


NUMBER = number()
ABSENT = ir.Var(NUMBER, "household", "h_gone")


@pytest.mark.parametrize(
    "node",
    [
        ABSENT,
        ir.Var(NUMBER, "person", "gone"),
        ir.Param(NUMBER, "", "gone"),
        ir.Aggregate(NUMBER, "sum", "household", "members", ir.Var(NUMBER, "person", "gone"), None, None),
        ir.Aggregate(NUMBER, "count", "household", "gone", None, None, None),
        ir.Aggregate(NUMBER, "sum", "household", "claims", ir.Var(NUMBER, "claims", "gone"), None, None),
        ir.Var(NUMBER, "gone", "h_small"),
        ir.Var(BOOLEAN, "gone", "h_flag"),
        ir.Var(BOOLEAN, "claims", "flag"),
    ],
)
@pytest.mark.parametrize("subject", ["household", "person"])
def test_an_unresolved_node_never_becomes_a_plan(node: ir.Node, subject: str) -> None:
    test = ir.Compare(BOOLEAN, "=", node, node)
    with pytest.raises((PolicyError, KeyError)):
        assert plan_screening([policy("p", subject, [test])], VOCABULARY, {}, ON).steps


@pytest.mark.parametrize("dialect", ["duckdb", "postgres", "pyspark", "sqlite"])
def test_every_dialect_has_its_text_and_it_parses(dialect: str) -> None:
    for plan in (written().plan, *(world.plan for world, _ in paying()[:1])):
        for name, text in plan.tables(dialect, plan.steps):
            parsed = sqlglot.parse(text, dialect="spark" if dialect == "pyspark" else dialect)
            assert len(parsed) == 1, name
            assert isinstance(parsed[0], sqlglot.exp.Select), name


def test_spark_decides_and_pays_alike() -> None:
    engine = Spark()
    compared(engine, written())
    compared(engine, world_of(0))
    for world, amounts in paying()[:2]:
        run_plan(engine, world.tables, world.plan)
        assert engine_amounts(engine, world.plan) == amounts
    assert refuses(engine, "h_small * h_small < 0")
    assert refuses(engine, "sum(members.small) < 0")
    engine.close()
