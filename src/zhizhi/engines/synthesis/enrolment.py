"""Who receives what today: mostly those who should, and the planted and chance exceptions."""

from __future__ import annotations

import numpy as np

from zhizhi.engines.synthesis.facts import TODAY, Bools, Enrolment, Facts, Ints, Register
from zhizhi.engines.synthesis.people import DIVORCED, SINGLE
from zhizhi.engines.synthesis.truth import (
    NO,
    UNKNOWN,
    YES,
    Standards,
    dibao_amount,
    household_decisions,
    income,
    person_decisions,
)

HARDSHIP_OF = {"dibao": 0, "tekun": 1, "edge": 2, "expenditure": 3, "temporary": 4}


def thin_out_tekun(facts: Facts) -> None:
    """Record the lone people who meet the conditions of special hardship by chance as divorced: the planted ones remain."""
    tekun = household_decisions(facts, Standards())["tekun"]
    some = np.flatnonzero((tekun != NO) & ~_spots(facts, "tekun"))
    heads = facts.households.first[some]
    facts.people.marital[heads] = np.where(facts.people.marital[heads] == SINGLE, DIVORCED, facts.people.marital[heads])


def _spots(facts: Facts, *names: str) -> Bools:
    marked = np.zeros(len(facts.households), bool)
    for name in names:
        marked[facts.planted[name]] = True
    return marked


def of_households(facts: Facts, set_: Standards, rng: np.random.Generator) -> Enrolment:
    """Draw the current recipients of household aid.

    Eligible households receive it but for the planted ones and one in twenty; of those that are not eligible, the planted ones
    and a few do. Households in special hardship receive that support and not the minimum living allowance.
    """
    decided = household_decisions(facts, set_)
    chance = rng.random((3, len(facts.households)))
    since = TODAY - rng.integers(40, 2_500, len(facts.households))
    tekun = decided["tekun"] == YES
    missed = _spots(facts, "dibao-missed") | (chance[0] < 0.05)
    leaking = _spots(facts, "dibao-leaking-income", "dibao-leaking-car", "dibao-leaking-homes")
    dibao = (((decided["dibao"] == YES) & ~missed) | ((decided["dibao"] == UNKNOWN) & (chance[0] < 0.1)) | leaking) & ~tekun
    edge = ((decided["edge"] == YES) & (chance[1] < 0.8)) | (
        (decided["edge"] == 0) & (decided["dibao"] == 0) & (chance[1] < 0.0004)
    )
    spending = (decided["expenditure"] == YES) & (chance[2] < 0.6)
    topped = np.zeros(len(tekun), np.int64)
    topped[dibao] = np.maximum(dibao_amount(facts, set_, np.flatnonzero(dibao)), 10_000)
    members = income(facts).members
    parts = [
        _paid(tekun, "tekun", set_.line * 13 // 10 * members),
        _paid(dibao, "dibao", topped),
        _paid(edge & ~dibao, "edge", np.zeros_like(topped)),
        _paid(spending & ~dibao, "expenditure", np.full_like(topped, 60_000)),
    ]
    subject = np.concatenate([part[0] for part in parts])
    policy = np.concatenate([part[1] for part in parts])
    amount = np.concatenate([part[2] for part in parts])
    order = np.lexsort((policy, subject))
    subject = subject[order]
    return Enrolment(subject=subject, policy=policy[order], people=members[subject], amount=amount[order], since=since[subject])


def _paid(whom: Bools, policy: str, amount: Ints) -> tuple[Ints, np.ndarray, Ints]:
    chosen = np.flatnonzero(whom)
    return chosen, np.full(len(chosen), policy, dtype="U20"), amount[chosen]


def of_persons(facts: Facts, set_: Standards, rng: np.random.Generator) -> Enrolment:
    """Draw the current recipients of the two allowances for disabled people."""
    decided = person_decisions(facts, set_, household_decisions(facts, set_))
    homes, count = facts.households, len(facts.people)
    chance = rng.random((2, count))
    missed, leaking = np.zeros(count, bool), np.zeros(count, bool)
    missed[homes.first[facts.planted["severe-care-missed"]]] = True
    leaking[homes.first[facts.planted["severe-care-leaking"]]] = True
    severe = ((decided["severe-care"] == YES) & ~missed & (chance[0] < 0.95)) | leaking
    living = (decided["disability-living"] == YES) & (chance[1] < 0.9)
    care = np.where(facts.health.grade == 1, 50_000, 25_000)
    parts = [_paid(severe, "severe-care", care), _paid(living, "disability-living", np.full(count, 38_000))]
    subject = np.concatenate([part[0] for part in parts])
    policy = np.concatenate([part[1] for part in parts])
    amount = np.concatenate([part[2] for part in parts])
    order = np.lexsort((policy, subject))
    subject = subject[order]
    since = TODAY - rng.integers(40, 2_000, len(subject))
    return Enrolment(
        subject=subject, policy=policy[order], people=np.ones(len(subject), np.int8), amount=amount[order], since=since
    )


def register(paid: Enrolment, rng: np.random.Generator) -> Register:
    """Return the register of aid that belongs to the recipients of household aid: the weightiest hardship of each."""
    hardship = np.array([HARDSHIP_OF[name] for name in paid.policy.tolist()], np.int8)
    household, where = np.unique(paid.subject, return_index=True)
    since = paid.since[where]
    verified = since + ((TODAY - since) * rng.random(len(household))).astype(np.int64)
    lowest = np.minimum.reduceat(hardship, where) if len(where) else hardship
    return Register(household=household, hardship=lowest, registered=since, verified=verified)
