"""Reading a household's file is an act: who read it and what for is an event, and the household can be told."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from zhizhi.apps.actors import Actor, Permission
from zhizhi.apps.assistance.schemas import HOUSEHOLD_READ, PURPOSES
from zhizhi.apps.assistance.selectors.places import place_of
from zhizhi.apps.journal.services import record
from zhizhi.kernel.errors import InvalidError


def household_read(actor: Actor, *, household: str, purpose: str, now: datetime, case_id: int | None = None) -> str:
    """Write that a household's file is read, and return the region where it lives. Call it before anything is shown.

    Args:
        actor: who reads.
        household: pseudonym.
        purpose: one of ``PURPOSES``.
        now: when.
        case_id: the case for which it is read, if any.

    Raises:
        RefusedError: the post may not read files. InvalidError: ``assistance.purpose-unknown``.
        NotFoundError: no such household within the post's region; nothing is written.
    """
    actor.require(Permission.HOUSEHOLD_VIEW)
    if purpose not in PURPOSES:
        raise InvalidError("assistance.purpose-unknown", field="purpose", known=", ".join(PURPOSES))
    region = place_of(actor, household)
    subjects = [f"household:{household}"] + ([f"case:{case_id}"] if case_id else [])
    with transaction.atomic():
        record(
            actor, HOUSEHOLD_READ, now=now, subjects=subjects, region=region, purpose=purpose, details={"viewing": actor.viewing}
        )
    return region
