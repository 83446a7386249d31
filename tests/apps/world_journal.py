"""An event and a case's receipt of a far town, for the walk over all routes."""

from __future__ import annotations

from django.db import transaction
from world import World, thing

from zhizhi.apps.journal.services import record


@thing("journal", "event")
def event(world: World) -> int:
    with transaction.atomic():
        return record(world.system, "accounts.user.created", now=world.now, subjects=["user:0"], region=world.region)


@thing("journal", "case")
def case(world: World) -> int:
    return int(world.get("casework", "case_id"))
