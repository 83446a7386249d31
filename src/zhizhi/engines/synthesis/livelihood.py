"""What people live on: wages, pensions, school; and how many households are poor."""

from __future__ import annotations

from typing import Final

import numpy as np

from zhizhi.engines.synthesis.facts import BLANK, NONE, TODAY, WINDOW_START, Bools, Facts, Households, Ints, Living, People
from zhizhi.engines.synthesis.hangzhou import COUNTIES
from zhizhi.engines.synthesis.people import SPOUSE

EMPLOYED, UNEMPLOYED = 0, 1
EMPLOYEE, RESIDENT = 0, 1
PRESCHOOL, PRIMARY, JUNIOR, SENIOR, VOCATIONAL, COLLEGE = range(6)
LINE: Final = 140_000
"""Fen a month and member around which poor households are drawn (the line of the shipped package in 2025-07)."""
BANDS: Final = ((0.018, 0.0, 0.98), (0.016, 1.05, 1.48), (0.020, 1.52, 1.98))
"""Share of households, and their income per member as parts of the line: below it, on its edge, below twice the line."""
COMFORT: Final = 2.15
"""Every other household has at least this many lines of income a member."""
EMPLOYER_SIZE: Final = 60


def living(homes: Households, folk: People, rng: np.random.Generator) -> Living:
    """Draw wages, pensions and schooling of everybody, before the incomes of households are settled."""
    count = len(folk)
    age = folk.ages()
    woman = folk.sex == 0
    chance = rng.random(count, dtype=np.float32)
    stage, school_type, school_status = _school(age, rng)
    working_age = (age >= 18) & (age < np.where(woman, 55, 60)) & (stage < 0)
    employed = working_age & (chance < np.where(woman, 0.74, 0.86))
    unemployed = working_age & (chance > 0.965)
    status = np.where(employed, EMPLOYED, np.where(unemployed, UNEMPLOYED, NONE)).astype(np.int8)
    factor = np.array([place.wage for place in COUNTIES], np.float32)[homes.county[folk.household]]
    level = np.exp(rng.standard_normal(count, dtype=np.float32) * np.float32(0.48)) * (7_000 * factor)
    wage = np.where(employed, np.clip(np.round(level, -1), 2_490, 120_000) * 100, 0).astype(np.int32)
    drift = (0.94 + 0.08 * rng.standard_normal(count, dtype=np.float32)).clip(0.7, 1.3)
    previous = np.where(employed, (wage * drift / 100).astype(np.int32) * 100, 0).astype(np.int32)
    previous[unemployed] = (np.clip(level[unemployed] * 0.7, 2_490, 30_000)).astype(np.int32) * 100
    previous[employed & (rng.random(count, dtype=np.float32) < 0.01)] = BLANK
    ended = np.where(unemployed, TODAY - (700 * rng.random(count, dtype=np.float32)).astype(np.int32), NONE).astype(np.int32)
    employers = max(20, count // EMPLOYER_SIZE)
    employer = (employers * rng.random(count, dtype=np.float32) ** 1.6).astype(np.int32)
    old = (age >= np.where(woman, 55, 60)) & (chance < 0.96)
    urban = rng.random(count, dtype=np.float32) < 0.45 + 0.35 * (factor - 0.7)
    amount = np.where(urban, 3_900 * factor + 700 * rng.standard_normal(count, dtype=np.float32), 420 + 600 * chance)
    pension = np.where(old, np.clip(amount, 330, 12_000).astype(np.int32) * 100, 0).astype(np.int32)
    kind = np.where(old, np.where(urban, EMPLOYEE, RESIDENT), NONE).astype(np.int8)
    since = np.where(stage >= 0, WINDOW_START - rng.integers(0, 3, count, dtype=np.int32) * 365, NONE).astype(np.int32)
    return Living(
        status=status,
        wage=wage,
        previous=previous,
        job_ended=ended,
        employer=employer,
        pension_kind=kind,
        pension=pension,
        stage=stage,
        school_type=school_type,
        school_status=school_status,
        school_since=since,
    )


def _school(age: Ints, rng: np.random.Generator) -> tuple[Ints, Ints, Ints]:
    count = len(age)
    chance = rng.random(count, dtype=np.float32)
    stage = np.full(count, NONE, np.int8)
    for low, high, value in ((3, 6, PRESCHOOL), (6, 12, PRIMARY), (12, 15, JUNIOR), (15, 18, SENIOR), (18, 22, COLLEGE)):
        stage[(age >= low) & (age < high)] = value
    stage[(stage == SENIOR) & (chance < 0.35)] = VOCATIONAL
    stage[(stage == COLLEGE) & (chance < 0.45)] = NONE
    stage[(stage == PRESCHOOL) & (chance < 0.06)] = NONE
    school_type = np.where(stage >= 0, np.where(chance > 0.88, 1, 0), NONE).astype(np.int8)
    return stage, school_type, np.where(stage >= 0, 0, NONE).astype(np.int8)


def settle_incomes(facts: Facts, rng: np.random.Generator) -> None:
    """Make the drawn share of households poor, and give every other household a comfortable income."""
    homes = facts.households
    chance = rng.random(len(homes))
    low = 0.0
    poor = np.zeros(len(homes), bool)
    for share, least, most in BANDS:
        chosen = np.flatnonzero((chance >= low) & (chance < low + share))
        low += share
        poor[chosen] = True
        part = least + (most - least) * rng.random(len(chosen))
        part[(rng.random(len(chosen)) < 0.15) & (least == 0.0)] = 0.0
        set_income(facts, chosen, part, rng)
    blank_some(facts, ~poor, rng)
    lift_incomes(facts, poor, rng)


def set_income(facts: Facts, chosen: Ints, part: np.ndarray, rng: np.random.Generator) -> None:
    """Give the ``chosen`` households an income of ``part`` lines a member, carried by the head and at times the spouse.

    Whole yuan; wages and pensions of everybody else in them are removed, as are blanks.
    """
    life, folk, homes = facts.living, facts.people, facts.households
    inside = np.zeros(len(homes), bool)
    inside[chosen] = True
    clear_incomes(life, inside[folk.household])
    heads = homes.first[chosen]
    members = facts.total(np.ones(len(folk), np.int8))[chosen]
    total = np.floor(part * LINE * members / 100).astype(np.int64) * 100
    spouse = heads + 1
    pair = (homes.size[chosen] > 1) & (folk.relation[np.minimum(spouse, len(folk) - 1)] == SPOUSE)
    pair &= folk.cancelled[np.minimum(spouse, len(folk) - 1)] == NONE
    pair &= rng.random(len(chosen)) < 0.4
    second = np.where(pair, (total // 300) * 100, 0)
    give_income(facts, heads, total - second)
    give_income(facts, spouse[pair], second[pair])


def clear_incomes(life: Living, whom: Bools) -> None:
    """Remove the wages and pensions of ``whom``; what they earned before stays what it was for nobody."""
    life.status[whom] = NONE
    life.wage[whom] = 0
    life.previous[whom] = 0
    life.job_ended[whom] = NONE
    life.pension_kind[whom] = NONE
    life.pension[whom] = 0


def give_income(facts: Facts, persons: Ints, amount: Ints) -> None:
    """Give each of ``persons`` a monthly ``amount`` (fen): a pension from 60 years, else a wage; nothing where it is 0."""
    life = facts.living
    old = facts.people.ages()[persons] >= 60
    paid = amount > 0
    pensioners, workers = persons[old & paid], persons[~old & paid]
    life.pension[pensioners] = amount[old & paid]
    life.pension_kind[pensioners] = np.where(amount[old & paid] > 200_000, EMPLOYEE, RESIDENT)
    life.status[workers] = EMPLOYED
    life.wage[workers] = amount[~old & paid]
    life.previous[workers] = amount[~old & paid]
    life.job_ended[workers] = NONE


def blank_some(facts: Facts, where: Bools, rng: np.random.Generator) -> None:
    """Leave the wages of about 1.5 % of the employed blank, in households ``where``."""
    life = facts.living
    drawn = rng.random(len(life.wage), dtype=np.float32) < 0.015
    life.wage[drawn & (life.status == EMPLOYED) & where[facts.people.household]] = BLANK


def lift_incomes(facts: Facts, poor: Bools, rng: np.random.Generator) -> None:
    """Raise the head's income in every household that is not among the ``poor`` and has less than a comfortable one.

    A household with a blank wage is left as it is: whether its known income decides is what makes it interesting.
    """
    life, homes = facts.living, facts.households
    members = facts.total(np.ones(len(facts.people), np.int8))
    known = facts.total(np.maximum(life.wage, 0) + life.pension)
    blank = facts.total(life.wage == BLANK) > 0
    short = np.flatnonzero(~poor & ~blank & (known < COMFORT * LINE * members))
    target = (COMFORT + 1.5 * rng.random(len(short)) ** 2) * LINE * members[short]
    heads = homes.first[short]
    own = np.maximum(life.wage[heads], 0).astype(np.int64) + life.pension[heads]
    raised = np.ceil((target - known[short] + own) / 10_000).astype(np.int64) * 10_000
    chosen = np.zeros(len(facts.people), bool)
    chosen[heads] = True
    clear_incomes(life, chosen)
    give_income(facts, heads, raised)
    # Who earned as much last year shows no drop.
    life.previous[heads] = np.where(life.status[heads] == EMPLOYED, life.wage[heads], 0)
