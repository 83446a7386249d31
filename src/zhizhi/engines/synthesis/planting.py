"""Situations planted in the region, so that it is known where the product must find something.

Each situation takes its households from those that no other has taken, changes their facts so that one thing decides, and is
recorded in ``Facts.planted``. Numbers are for 100,000 people and grow with the region; the smallest region gets one of each
where it has the households for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from zhizhi.engines.synthesis import health
from zhizhi.engines.synthesis.facts import BLANK, NONE, TODAY, Bools, Facts, Incidents, Ints
from zhizhi.engines.synthesis.livelihood import EMPLOYED, UNEMPLOYED, set_income
from zhizhi.engines.synthesis.people import CHILD, COUNTY_CODES, GRANDCHILD, SINGLE, SPOUSE

Generator = np.random.Generator
Plant = Callable[[Facts, Ints, Generator], None]


def incidents(facts: Facts, rng: Generator) -> Incidents:
    """Draw accidents and disasters of the last two years: about four for a thousand households."""
    struck = np.flatnonzero(rng.random(len(facts.households)) < 0.004)
    number = len(struck)
    return Incidents(
        household=struck,
        kind=rng.integers(0, 5, number).astype(np.int8),
        day=(TODAY - rng.integers(0, 730, number)).astype(np.int32),
        loss=(np.round(np.exp(8.6 + 1.1 * rng.standard_normal(number)), -1) * 100).astype(np.int64),
        injured=(rng.random(number) < 0.08).astype(np.int8),
        deaths=(rng.random(number) < 0.01).astype(np.int8),
    )


def plant(facts: Facts, rng: Generator) -> None:
    """Plant every situation in households of its own, and record which."""
    free = np.ones(len(facts.households), bool)
    for name, per_100k, suits, change in SITUATIONS:
        wanted = max(1, round(per_100k * len(facts.people) / 100_000))
        pool = np.flatnonzero(free & suits(facts))
        chosen = np.sort(rng.choice(pool, min(wanted, len(pool)), replace=False))
        free[chosen] = False
        if len(chosen):
            change(facts, chosen, rng)
        facts.planted[name] = chosen


def anybody(facts: Facts) -> Bools:
    """Every household."""
    return np.ones(len(facts.households), bool)


def couples(facts: Facts) -> Bools:
    """Households whose head and spouse are both members of 20 to 54 years."""
    homes, folk = facts.households, facts.people
    age = folk.ages()
    second = np.minimum(homes.first + 1, len(folk) - 1)
    both = (homes.size > 1) & (folk.relation[second] == SPOUSE) & (folk.cancelled[second] == NONE)
    young = (age[homes.first] >= 20) & (age[homes.first] < 55) & (age[second] >= 20) & (age[second] < 55)
    found: Bools = both & young
    return found


def with_pupil(facts: Facts) -> Bools:
    """Households with a member of 7 to 14 years."""
    found: Bools = np.logical_or.reduceat(_pupils(facts), facts.households.first)
    return found


def without_disability(facts: Facts) -> Bools:
    """Households of which no member holds a certificate."""
    return np.asarray(facts.largest(facts.health.grade) == 0)


def _pupils(facts: Facts) -> Bools:
    folk = facts.people
    age = folk.ages()
    pupil: Bools = (age >= 7) & (age < 15) & np.isin(folk.relation, (CHILD, GRANDCHILD)) & (folk.cancelled == NONE)
    return pupil


def _make_local_and_plain(facts: Facts, chosen: Ints) -> None:
    """Register the head here and leave the household one home and no car, so that only income decides."""
    homes, folk, own = facts.households, facts.people, facts.holdings
    inside = np.zeros(len(homes), bool)
    inside[chosen] = True
    whom = inside[folk.household]
    own.car_price[whom], own.car_since[whom], own.homes[whom], own.area[whom], own.unsafe[whom] = 0, NONE, 0, 0, NONE
    heads = homes.first[chosen]
    folk.hukou[heads] = COUNTY_CODES[homes.county[chosen]]
    own.homes[heads], own.area[heads], own.unsafe[heads] = 1, 7_250, 0


def _income(low: float, high: float) -> Plant:
    def change(facts: Facts, chosen: Ints, rng: Generator) -> None:
        _make_local_and_plain(facts, chosen)
        set_income(facts, chosen, low + (high - low) * rng.random(len(chosen)), rng)

    return change


def _car(facts: Facts, chosen: Ints, rng: Generator) -> None:
    _income(0.1, 0.8)(facts, chosen, rng)
    heads = facts.households.first[chosen]
    facts.holdings.car_price[heads] = rng.integers(120, 400, len(chosen)) * 100_000
    facts.holdings.car_since[heads] = TODAY - 200


def _homes(facts: Facts, chosen: Ints, rng: Generator) -> None:
    _income(0.1, 0.8)(facts, chosen, rng)
    heads = facts.households.first[chosen]
    facts.holdings.homes[heads], facts.holdings.area[heads] = 3, 26_040


def _wage_unknown(facts: Facts, chosen: Ints, rng: Generator) -> None:
    _income(0.2, 0.7)(facts, chosen, rng)
    spouse = facts.households.first[chosen] + 1
    facts.living.status[spouse], facts.living.wage[spouse], facts.living.previous[spouse] = EMPLOYED, BLANK, 320_000


def _wage_unknown_decided(facts: Facts, chosen: Ints, rng: Generator) -> None:
    _income(2.5, 4.0)(facts, chosen, rng)
    spouse = facts.households.first[chosen] + 1
    facts.living.status[spouse], facts.living.wage[spouse], facts.living.previous[spouse] = EMPLOYED, BLANK, 320_000


def _spending(facts: Facts, chosen: Ints, rng: Generator) -> None:
    _income(2.2, 3.5)(facts, chosen, rng)
    heads = facts.households.first[chosen]
    more = health.claims_for(np.repeat(heads, 3), facts.people, facts.health, rng)
    more.kind[:] = health.INPATIENT
    more.day[:] = TODAY - rng.integers(0, 360, len(more.day))
    more.own[:] = rng.integers(450_000, 2_500_000, len(more.own))
    more.total[:] = more.own + rng.integers(100_000, 4_000_000, len(more.own))
    facts.claims = health.join(facts.claims, more)


def _illness(facts: Facts, chosen: Ints, rng: Generator) -> None:
    _income(1.05, 1.9)(facts, chosen, rng)
    heads = facts.households.first[chosen]
    facts.health.illness[heads] = rng.integers(0, 7, len(chosen))
    facts.health.diagnosed[heads] = TODAY - rng.integers(0, 91, len(chosen))


def _disability(facts: Facts, chosen: Ints, rng: Generator) -> None:
    heads = facts.households.first[chosen]
    facts.health.grade[heads] = rng.integers(1, 5, len(chosen))
    facts.health.kind[heads] = rng.integers(0, 7, len(chosen))
    facts.health.certified[heads] = TODAY - rng.integers(0, 181, len(chosen))


def _dropout(facts: Facts, chosen: Ints, rng: Generator) -> None:
    pupil = _pupils(facts)
    firsts, sizes = facts.households.first[chosen].tolist(), facts.households.size[chosen].tolist()
    at = np.array(
        [first + int(np.argmax(pupil[first : first + size])) for first, size in zip(firsts, sizes, strict=True)], dtype=np.int64
    )
    facts.living.school_status[at] = rng.integers(1, 3, len(at))
    facts.living.school_since[at] = TODAY - rng.integers(20, 200, len(at))


def _lost_job(facts: Facts, chosen: Ints, rng: Generator) -> None:
    _income(1.05, 1.9)(facts, chosen, rng)
    life, heads = facts.living, facts.households.first[chosen]
    spouse = heads + 1
    whole = life.wage[heads] + life.wage[spouse]
    life.status[spouse], life.wage[spouse], life.previous[spouse] = EMPLOYED, whole, whole
    life.status[heads], life.wage[heads], life.previous[heads] = UNEMPLOYED, 0, rng.integers(4_000, 9_000, len(heads)) * 100
    life.job_ended[heads] = TODAY - rng.integers(0, 91, len(heads))


def _income_drop(facts: Facts, chosen: Ints, rng: Generator) -> None:
    _income(1.05, 1.9)(facts, chosen, rng)
    life, heads = facts.living, facts.households.first[chosen]
    for who in (heads, heads + 1):
        life.previous[who] = life.wage[who] * 3


def _incident(facts: Facts, chosen: Ints, rng: Generator) -> None:
    number = len(chosen)
    more = Incidents(
        household=chosen,
        kind=rng.integers(0, 5, number).astype(np.int8),
        day=(TODAY - rng.integers(0, 90, number)).astype(np.int32),
        loss=rng.integers(15_000, 200_000, number) * 100,
        injured=(rng.random(number) < 0.3).astype(np.int8),
        deaths=np.zeros(number, np.int8),
    )
    facts.incidents = Incidents(*(np.concatenate((getattr(facts.incidents, n), getattr(more, n))) for n in Incidents.__slots__))


def _severe(facts: Facts, chosen: Ints, rng: Generator) -> None:
    heads = facts.households.first[chosen]
    facts.health.grade[heads] = rng.integers(1, 3, len(chosen))
    facts.health.kind[heads] = rng.integers(0, 7, len(chosen))
    facts.health.certified[heads] = TODAY - rng.integers(400, 3_000, len(chosen))


def alone_and_old(facts: Facts) -> Bools:
    """Households of one registered person of 62 or older."""
    homes = facts.households
    alone: Bools = (homes.size == 1) & (facts.people.ages()[homes.first] >= 62)
    return alone


def _tekun(facts: Facts, chosen: Ints, rng: Generator) -> None:
    _income(0.0, 0.6)(facts, chosen, rng)
    facts.people.marital[facts.households.first[chosen]] = SINGLE


def _mild(facts: Facts, chosen: Ints, rng: Generator) -> None:
    _severe(facts, chosen, rng)
    facts.health.grade[facts.households.first[chosen]] = 4


SITUATIONS: Final[tuple[tuple[str, float, Callable[[Facts], Bools], Plant], ...]] = (
    ("tekun", 30, alone_and_old, _tekun),
    ("dibao-missed", 60, anybody, _income(0.1, 0.95)),
    ("dibao-leaking-income", 40, anybody, _income(1.2, 3.0)),
    ("dibao-leaking-car", 20, anybody, _car),
    ("dibao-leaking-homes", 20, anybody, _homes),
    ("dibao-unknown-wage", 40, couples, _wage_unknown),
    ("dibao-decided-in-spite-of-unknown-wage", 40, couples, _wage_unknown_decided),
    ("dibao-near", 50, anybody, _income(1.001, 1.06)),
    ("medical-spending", 60, anybody, _spending),
    ("serious-illness", 60, anybody, _illness),
    ("newly-disabled", 50, without_disability, _disability),
    ("dropout", 30, with_pupil, _dropout),
    ("lost-job", 80, couples, _lost_job),
    ("income-drop", 60, couples, _income_drop),
    ("incident", 60, anybody, _incident),
    ("severe-care-missed", 50, without_disability, _severe),
    ("severe-care-leaking", 30, without_disability, _mild),
)
"""Name, number for 100,000 people, which households it suits, what it changes."""
