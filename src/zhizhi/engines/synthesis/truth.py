"""The right answers, from the clean facts alone: three-valued decisions in exact arithmetic.

Nothing here reads a policy file or calls the product's rules. Each function states its definition; the figures stand in
:class:`Standards` and are those of the shipped package on 2025-09-01. Truth values are 0 (false), 1 (unknown), 2 (true), so that
Kleene's *and* is the smaller, *or* the larger, and *not* is 2 minus the value.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Context, Decimal, localcontext
from typing import Final

import numpy as np

from zhizhi.engines.synthesis.facts import BLANK, NONE, TODAY, WINDOW_START, Bools, Facts, Ints
from zhizhi.engines.synthesis.livelihood import UNEMPLOYED
from zhizhi.engines.synthesis.people import SINGLE

NO, UNKNOWN, YES = 0, 1, 2
HOUSEHOLD_POLICIES: Final = (
    "dibao", "edge", "tekun", "expenditure", "temporary", "medical-spending", "income-drop", "lone-elder", "incident",
)  # fmt: skip
PERSON_POLICIES: Final = (
    "old-age",
    "severe-care",
    "disability-living",
    "serious-illness",
    "newly-disabled",
    "dropout",
    "lost-job",
)


@dataclass(frozen=True, slots=True)
class Standards:
    """Figures that decide, in fen, days and years (illustrative, as in the package)."""

    line: int = 140_000
    homes: int = 2
    car: int = 8_000_000
    alarm: int = 1_200_000
    spending: int = 1_000_000
    loss_alarm: int = 1_000_000
    loss: int = 500_000
    recent: int = 90
    certified: int = 180


@dataclass(frozen=True, slots=True)
class Income:
    """Known monthly income of each household, whether a wage in it is missing, and the number of members."""

    known: Ints
    missing: Bools
    members: Ints

    def below(self, limit: int) -> Ints:
        """Income per member < limit. A missing wage is at least 0, so enough known income decides."""
        return np.where(self.known >= limit * self.members, NO, np.where(self.missing, UNKNOWN, YES))

    def within(self, limit: int) -> Ints:
        """Income per member <= limit."""
        return np.where(self.known > limit * self.members, NO, np.where(self.missing, UNKNOWN, YES))


def sure(condition: Bools) -> Ints:
    """Return YES where ``condition`` holds and NO elsewhere."""
    return np.where(condition, YES, NO)


def all_of(*values: Ints) -> Ints:
    """Kleene's *and*."""
    smallest: Ints = np.minimum.reduce(values)
    return smallest


def opposite(values: Ints) -> Ints:
    """Kleene's *not*."""
    return YES - values


def income(facts: Facts) -> Income:
    """Wages and pensions of the members."""
    life = facts.living
    return Income(
        known=facts.total(np.maximum(life.wage, 0).astype(np.int64) + life.pension),
        missing=facts.total(life.wage == BLANK) > 0,
        members=facts.total(np.ones(len(facts.people), np.int8)),
    )


def spent(facts: Facts) -> Ints:
    """Fen that each household's members paid themselves after 2024-09-01, up to and including 2025-09-01."""
    counted = (facts.claims.day > WINDOW_START) & (facts.claims.day <= TODAY)
    person = facts.claims.person[counted]
    inside = facts.members()[person]
    household = facts.people.household[person[inside]]
    # A double holds whole fen exactly far beyond any household's spending.
    return np.bincount(household, facts.claims.own[counted][inside].astype(np.float64), minlength=len(facts.households)).astype(
        np.int64
    )


def struck(facts: Facts, limit: int) -> Ints:
    """Losses of the last 90 days above ``limit``, or somebody hurt or dead."""
    hit = facts.incidents
    recent = (hit.day > TODAY - 90) & (hit.day <= TODAY)
    count = len(facts.households)
    loss = np.bincount(hit.household[recent], hit.loss[recent].astype(np.float64), minlength=count)
    hurt = np.bincount(hit.household[recent], (hit.injured + hit.deaths)[recent].astype(np.float64), minlength=count)
    return sure((loss > limit) | (hurt > 0))


def recently(day: Ints, days: int) -> Bools:
    """Return where ``day`` is known and at most ``days`` ago."""
    recent: Bools = (day != NONE) & (TODAY - day <= days)
    return recent


def household_decisions(facts: Facts, set_: Standards) -> dict[str, Ints]:
    """Return policy -> truth value, one a household."""
    own, life, folk = facts.holdings, facts.living, facts.people
    earned = income(facts)
    here = folk.hukou // 100 == 3301
    local = sure(facts.total(here) > 0)
    homes = sure(facts.total(own.homes) <= set_.homes)
    car = sure(facts.largest(own.car_price) <= set_.car)
    poor = earned.below(set_.line)
    paid = spent(facts)
    dibao = all_of(local, poor, homes, car)
    age = folk.ages()
    # What is left is at least the known income less the spending, whatever the missing wage is.
    enough_left = earned.known * 12 - paid >= set_.line * 12 * earned.members
    after_spending = np.where(enough_left, NO, np.where(earned.missing, UNKNOWN, YES))
    before = facts.total(np.maximum(life.previous, 0))
    before_missing = facts.total(life.previous == BLANK) > 0
    wages = facts.total(np.maximum(life.wage, 0))
    either = before_missing | earned.missing
    below_twice = earned.below(2 * set_.line)
    ill = sure(facts.total(recently(facts.health.diagnosed, set_.recent)) > 0)
    able = ~_unable(facts, age)
    single = (earned.members == 1) & (facts.total(folk.marital == SINGLE) == 1)
    return {
        "dibao": dibao,
        "edge": all_of(local, opposite(poor), earned.within(set_.line * 3 // 2), homes, car),
        "tekun": all_of(local, sure(facts.total(able) == 0), sure(single), poor, sure(facts.total(own.homes) <= 1), car),
        "expenditure": all_of(local, sure(paid > set_.spending), opposite(poor), after_spending, homes, car),
        "temporary": all_of(np.maximum(struck(facts, set_.loss), ill), below_twice),
        "medical-spending": all_of(sure(paid > set_.alarm), opposite(dibao)),
        "income-drop": all_of(
            np.where(before_missing, UNKNOWN, sure(before > set_.line)),
            np.where(either, UNKNOWN, sure(wages * 2 < before)),
            below_twice,
        ),
        "lone-elder": all_of(sure(earned.members == 1), sure(facts.total(age < 75) == 0)),
        "incident": struck(facts, set_.loss_alarm),
    }


def _unable(facts: Facts, age: Ints) -> Bools:
    """Return who cannot work: 60 or older, under 16, or severely disabled (kinds in the order of ``codes.DISABILITY``)."""
    grade, kind = facts.health.grade, facts.health.kind
    held = grade > 0
    mind = held & np.isin(kind, (4, 5)) & (grade <= 3)
    body = held & (kind == 3) & (grade <= 2)
    unable: Bools = (age >= 60) | (age < 16) | mind | body | (held & (kind == 0) & (grade == 1))
    return unable


def person_decisions(facts: Facts, set_: Standards, of_household: dict[str, Ints]) -> dict[str, Ints]:
    """Return policy -> truth value, one a person; NO for those who are not members."""
    folk, body, life = facts.people, facts.health, facts.living
    age, home = folk.ages(), folk.household
    here = sure(folk.hukou // 100 == 3301)
    earned = income(facts)
    below_twice = earned.below(2 * set_.line)[home]
    not_tekun = opposite(of_household["tekun"])[home]
    certificate = sure(body.grade >= 1)
    decided = {
        "old-age": all_of(here, sure(age >= 80)),
        "severe-care": all_of(here, sure(np.isin(body.grade, (1, 2))), not_tekun),
        "disability-living": all_of(here, certificate, earned.below(set_.line * 3 // 2)[home], not_tekun),
        "serious-illness": all_of(sure(recently(body.diagnosed, set_.recent)), below_twice),
        "newly-disabled": all_of(certificate, sure(recently(body.certified, set_.certified))),
        "dropout": all_of(sure((age >= 6) & (age < 16)), sure(life.school_status >= 1)),
        "lost-job": all_of(sure(life.status == UNEMPLOYED), sure(recently(life.job_ended, set_.recent)), below_twice),
    }
    members = facts.members()
    return {name: np.where(members, value, NO) for name, value in decided.items()}


def dibao_amount(facts: Facts, set_: Standards, at: Ints) -> Ints:
    """Return the monthly top-up of the households ``at`` in fen: what their members lack to the line, up to whole yuan.

    (line - income per member) * members in decimals of 34 digits, the numbers of FEEL (OMG DMN 1.3, 10.3.2.3). Where an income
    does not divide evenly, the last digit can carry the product over a whole yuan, and rounding up then gives one yuan more.
    """
    earned = income(facts)
    line = Decimal(set_.line) / 100
    due = []
    with localcontext(Context(prec=34, rounding=ROUND_HALF_EVEN)):
        for known, members in zip(earned.known[at].tolist(), earned.members[at].tolist(), strict=True):
            lacking = (line - Decimal(known) / 100 / members) * members
            due.append(int(lacking.to_integral_value(ROUND_CEILING)) * 100)
    return np.array(due, dtype=np.int64)
