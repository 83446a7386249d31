"""Where households live, as far as a post sees: what is outside does not exist for it."""

from __future__ import annotations

from collections.abc import Sequence

from zhizhi.apps.actors import Actor
from zhizhi.apps.assistance.selectors.lake import lake_in_use
from zhizhi.apps.assistance.selectors.packages import package_in_use
from zhizhi.backends.screening_whole import household_places
from zhizhi.kernel.errors import NotFoundError


def places_of(actor: Actor, households: Sequence[str]) -> dict[str, str]:
    """Return household -> region code of those that the post sees; others are left out."""
    found = household_places(lake_in_use(), package_in_use(), households)
    return {household: region for household, region in found.items() if actor.sees(region)}


def place_of(actor: Actor, household: str) -> str:
    """Return the region of one household.

    Raises:
        NotFoundError: ``assistance.household-unknown``: there is none, or it lies outside the post's region.
    """
    region = places_of(actor, [household]).get(household)
    if region is None:
        raise NotFoundError("assistance.household-unknown")
    return region
