"""Seeing who somebody is: only as far as the post's data grade reaches, only on purpose, and never without a trace."""

from __future__ import annotations

from datetime import date, datetime

from django.db import transaction

from zhizhi.apps.actors import Actor, Permission
from zhizhi.apps.assistance.schemas import PURPOSES
from zhizhi.apps.assistance.selectors.household import household_region
from zhizhi.apps.assistance.selectors.lake import register
from zhizhi.apps.journal.schemas import declare
from zhizhi.apps.journal.services import record
from zhizhi.backends.register import Identity
from zhizhi.kernel.errors import InvalidError, RefusedError

REVEALED = declare("assistance.identity.revealed")
LEAST = 2
"""Characters of a reason: a Chinese word."""


def household_reveal(actor: Actor, *, household: str, purpose: str, reason: str, on: date, now: datetime) -> list[Identity]:
    """Return a household's members in clear and write who saw them, when and for what.

    Raises:
        RefusedError: the post may not read files, or ``household.grade-too-low``.
        InvalidError: no purpose, or no reason. NotFoundError: no such household within the post's region.
    """
    actor.require(Permission.HOUSEHOLD_VIEW)
    if purpose not in PURPOSES:
        raise InvalidError("household.purpose-unknown", field="purpose")
    if len(reason.strip()) < LEAST:
        raise InvalidError("household.reason-missing", field="reason")
    region = household_region(actor, household, on=on)
    people = register(on)
    if actor.grade < people.name_grade:
        raise RefusedError("household.grade-too-low", grade=actor.grade, needed=people.name_grade)
    found = people.reveal(household, actor.grade)
    with transaction.atomic():
        record(
            actor,
            REVEALED,
            now=now,
            subjects=[f"household:{household}"],
            region=region,
            purpose=f"{purpose}: {reason.strip()}"[:200],
            details={"people": len(found), "grade": actor.grade, "numbers": any(item.number for item in found)},
        )
    return found
