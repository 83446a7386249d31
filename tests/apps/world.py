"""One object of every kind, made by the real services, for the tests that walk all routes.

Every app adds its own in ``tests/apps/world_<app>.py``::

    from world import World, thing

    @thing("casework", "case_id")                      # app of the route, name of the route's parameter
    def case(world: World) -> int:
        return case_open(world.system, region=world.region, ..., now=world.now)

    @thing("assistance", "policy", placeless=True)     # no region: every post with the permission may see it
    def policy(world: World) -> str:
        return "low-income"

``world.region`` is a town that no actor of ``conftest.POSTS`` sees: whoever asks for the object must be told 404 (or 403), while
a post of that place sees it. A function may ask ``world.get("casework", "case_id")`` for what another made.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from zhizhi.apps.accounts.selectors.regions import Place as Region
from zhizhi.apps.accounts.services.people import regions_put
from zhizhi.apps.actors import Actor

FOREIGN = [
    Region("330200", "宁波市", "Ningbo", "city", "330000", None),
    Region("330203", "海曙区", "Haishu", "county", "330200", None),
    Region("330203001", "南门街道", "Nanmen", "town", "330203", None),
]


@dataclass
class World:
    """Where objects are made: far from every actor of the tests."""

    system: Actor
    now: datetime
    county: str = "330203"
    region: str = "330203001"
    counted: str = "330102"
    """Where households of the sample lake live that nobody who reads files sees; the lake reaches no further."""
    lake: Path | None = None
    made: dict[tuple[str, str], Any] = field(default_factory=dict)

    def get(self, app: str, parameter: str) -> Any:
        """Return the object for a route's parameter, made on first asking."""
        key = (app, parameter)
        if key not in self.made:
            self.made[key] = THINGS[key].make(self)
        return self.made[key]


@dataclass(frozen=True)
class Thing:
    """How the object for a parameter is made, and whether it lies somewhere."""

    make: Callable[[World], Any]
    placeless: bool
    where: str = "region"


THINGS: dict[tuple[str, str], Thing] = {}


def thing(
    app: str, parameter: str, *, placeless: bool = False, where: str = "region"
) -> Callable[[Callable[[World], Any]], Callable[[World], Any]]:
    """Say how the object for the parameter of an app's routes is made; ``where`` is the field of ``World`` with its place."""

    def keep(make: Callable[[World], Any]) -> Callable[[World], Any]:
        THINGS[(app, parameter)] = Thing(make, placeless, where)
        return make

    return keep


@thing("", "code")
def code(world: World) -> str:
    """Give the place of a map."""
    return world.county


def new_world(system: Actor, now: datetime, lake: Path | None = None) -> World:
    """Return a world with the foreign places in the tree."""
    regions_put(system, places=FOREIGN)
    for file in sorted(Path(__file__).parent.glob("world_*.py")):
        import_module(file.stem)
    return World(system, now, lake=lake)
