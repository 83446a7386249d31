"""One synthetic region from a size and a source of chance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zhizhi.engines.synthesis import enrolment, health, holdings, livelihood, people, planting
from zhizhi.engines.synthesis.facts import Enrolment, Facts, Register
from zhizhi.engines.synthesis.truth import Standards, income

SMALLEST, LARGEST = 1_000, 12_000_000
"""Sizes that can be drawn: below, the planted situations do not fit; above, the resident ids of one day run out."""


@dataclass(frozen=True, slots=True)
class Region:
    """The clean facts, and who receives what today."""

    facts: Facts
    household_aid: Enrolment
    person_aid: Enrolment
    register: Register


def region(size: int, rng: np.random.Generator) -> Region:
    """Draw a synthetic region of ``size`` registered people. The same seed gives the same region.

    Args:
        size: people, from ``SMALLEST`` to ``LARGEST``.
        rng: seeded generator; nothing else decides what comes out.

    Raises:
        ValueError: ``size`` is out of bounds.
    """
    if not SMALLEST <= size <= LARGEST:
        raise ValueError(f"a region has {SMALLEST} to {LARGEST} people")
    chances = rng.spawn(12)
    homes = people.households(size, chances[0])
    folk = people.people(homes, chances[1])
    body = health.health(folk, chances[2])
    facts = Facts(
        households=homes,
        people=folk,
        living=livelihood.living(homes, folk, chances[3]),
        holdings=holdings.holdings(homes, folk, chances[4]),
        health=body,
        claims=health.claims(folk, body, chances[5]),
        businesses=holdings.businesses(folk, chances[6]),
        incidents=None,  # type: ignore[arg-type]
    )
    facts.incidents = planting.incidents(facts, chances[7])
    livelihood.settle_incomes(facts, chances[8])
    earned = income(facts)
    holdings.settle_holdings(facts, earned.known < 2 * livelihood.LINE * earned.members, chances[9])
    planting.plant(facts, chances[10])
    enrolment.thin_out_tekun(facts)
    figures = Standards()
    household_aid = enrolment.of_households(facts, figures, chances[11])
    return Region(
        facts, household_aid, enrolment.of_persons(facts, figures, chances[11]), enrolment.register(household_aid, chances[11])
    )
