"""A household, a try and a draft of a far place, for the walk over all routes."""

from __future__ import annotations

from datetime import date

from screened_world import findings_of, one
from world import World, thing

from zhizhi.apps.assistance.services.policies import draft_save, whatif_ask, whatif_work_out
from zhizhi.backends.found import Sight


@thing("assistance", "pseudonym", where="counted")
def household(world: World) -> str:
    if world.lake is None:
        return "0" * 24
    return one(findings_of(world.lake), "missed", Sight(world.counted))


@thing("assistance", "household", where="counted")
def household_of_the_api(world: World) -> str:
    return str(world.get("assistance", "pseudonym"))


@thing("assistance", "policy_id", placeless=True)
def policy(world: World) -> str:
    return "dibao"


@thing("assistance", "whatif_id")
def whatif(world: World) -> int:
    if world.lake is None:
        return 0
    asked, _ = whatif_ask(world.system.within(world.county), policy="dibao", settings=["dibao_line=2000"], now=world.now)
    return asked


@thing("assistance", "draft_id")
def draft(world: World) -> int:
    if world.lake is None:
        return 0
    tried = world.get("assistance", "whatif_id")
    whatif_work_out(whatif=tried)
    far = world.system.within(world.county)
    return draft_save(far, whatif=tried, title="far", note="", starts_on=date(2026, 5, 1), now=world.now)
