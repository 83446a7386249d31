"""The world of the tests of assistance: a small screened lake, the package installed, a worker in every place."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from zhizhi.apps.accounts.selectors.regions import Place
from zhizhi.apps.accounts.services.people import post_grant, regions_put, user_create
from zhizhi.apps.actors import Actor, Role
from zhizhi.apps.assistance.selectors.packages import package_in_use
from zhizhi.apps.casework.services.workflows import package_install

COUNTIES = tuple(f"3301{number:02d}" for number in (2, 5, 6, 8, 9, 10, 11, 12, 13, 14, 22, 27, 82))


def install(system: Actor, now: datetime) -> None:
    """Install the package's workflow and calendar."""
    package_install(system, package=package_in_use(), now=now)


def places(system: Actor, codes: Iterable[str] = COUNTIES) -> None:
    """Put every county of the sample region into the tree of regions, where it is not yet."""
    regions_put(system, places=[Place(code, code, code, "county", "330100", None) for code in codes])


def worker(system: Actor, region: str, now: datetime, name: str = "") -> int:
    """Make a village worker of a region and return her user id."""
    user = user_create(system, username=name or f"worker-{region}", display_name="走访员", password=None, now=now)
    post_grant(system, user_id=user, role=Role.VILLAGE_WORKER, region=region, grade=3, now=now)
    return user
