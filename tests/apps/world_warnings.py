"""A warning of the package, for the walk over all routes."""

from __future__ import annotations

from world import World, thing


@thing("assistance", "warning_id", placeless=True)
def warning(world: World) -> str:
    return "lone-elder"
