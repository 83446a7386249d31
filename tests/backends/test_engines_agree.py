"""Every engine says of every cell what the Python evaluator says: random rules over random rows with missing values."""

from __future__ import annotations

import os
from collections import Counter
from functools import cache
from random import Random

import pytest
from engine_runs import ENGINES, Engine, run_plan
from random_worlds import (
    VOCABULARY,
    World,
    amounts_of,
    engine_amounts,
    random_amounts,
    random_world,
    subjects,
    unpacked,
    written_amounts,
    written_world,
)
from written_rules import AMOUNTS

from zhizhi.engines.rules import ir
from zhizhi.engines.rules.evaluator import evaluate

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
    worlds += [random_amounts(seed, 12, 40) for seed in range(3)]
    return [(world, amounts_of(world)) for world in worlds]


@pytest.mark.parametrize("name", ENGINES)
def test_amounts_come_out_alike_to_the_fen(name: str) -> None:
    for world, amounts in paying():
        engine = ENGINES[name]()
        run_plan(engine, world.tables, world.plan)
        found = engine_amounts(engine, world.plan)
        engine.close()
        assert {key: (found[key], amount) for key, amount in amounts.items() if found[key] != amount} == {}
