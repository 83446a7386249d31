"""A dismissal and a record of aid in the foreign town, for the walk over all routes."""

from __future__ import annotations

from datetime import date

from world import World, thing

from zhizhi.apps.assistance.models import AidGiven, Dismissal

HOME = "0123456789abcdef01234567"


@thing("assistance", "dismissal")
def dismissal(world: World) -> int:
    row = Dismissal.objects.create(
        household=HOME,
        region=world.region,
        kind="household",
        subject=HOME,
        policy="dibao",
        finding="missed",
        facts="0",
        reason="known",
        package="social-assistance",
        at=world.now,
        actor="far",
    )
    return int(row.pk)


@thing("assistance", "aid")
def aid(world: World) -> int:
    row = AidGiven.objects.create(
        household=HOME,
        region=world.region,
        kind="goods",
        title="棉被",
        given_on=date(2026, 1, 1),
        source="某镇",
        at=world.now,
        actor="far",
    )
    return int(row.pk)
