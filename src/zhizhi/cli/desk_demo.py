"""The demonstration's accounts, people and cases. Loaded after Django is set up."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from django.db import transaction
from django.utils import timezone

from zhizhi.apps.accounts.selectors.regions import Place, region_get, region_list
from zhizhi.apps.accounts.services.people import post_grant, regions_put, user_create
from zhizhi.apps.actors import Actor, Role
from zhizhi.apps.assistance.selectors.packages import package_in_use
from zhizhi.apps.assistance.services.opening import alerts_give_out
from zhizhi.apps.assistance.services.runs import screening_do
from zhizhi.apps.configuration import configuration
from zhizhi.apps.journal.services.sealing import ledger_seal
from zhizhi.backends.lake import Lake
from zhizhi.backends.places import missed_by_town, people_by_region
from zhizhi.kernel.messages import render

LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""No character that is taken for another."""

WEST_LAKE, ENOUGH = "330106", 5

POSTS: tuple[tuple[str, Role, str, str, int], ...] = (
    ("worker", Role.VILLAGE_WORKER, "town", "", 3),
    ("officer", Role.TOWN_OFFICER, "town", "", 3),
    ("manager", Role.COUNTY_MANAGER, "county", "", 3),
    ("analyst", Role.POLICY_ANALYST, "region", "civil-affairs", 2),
    ("steward", Role.DATA_STEWARD, "region", "civil-affairs", 4),
    ("auditor", Role.AUDITOR, "region", "", 2),
    ("reform", Role.REFORM_OFFICE, "region", "", 1),
    ("admin", Role.ADMINISTRATOR, "region", "", 1),
)
"""Login, role, level of the post's place, department, highest data grade."""


@dataclass(frozen=True, slots=True)
class Line:
    """One sentence of what was done."""

    code: str
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Account:
    """One demo account."""

    username: str
    role: str
    region: Place

    def place(self, speak: str) -> str:
        """Return the name and code of the post's place."""
        return f"{self.region.name(speak)} {self.region.code}"

    def as_json(self) -> dict[str, str]:
        """Return it for scripts."""
        return {"login": self.username, "role": self.role, "region": self.region.code}


def fill() -> Iterator[Line]:
    """Give the regions their people and screen them; yield what was done."""
    actor, places = _everywhere(), region_list(Actor.system("demo", "330000", via="cli"))
    counts = people_by_region(Lake.open(configuration().lake_path))
    known = [replace(place, people=counts.get(place.code, 0)) for place in places]
    regions_put(actor, places=known)
    total = counts.get(configuration().region, 0)
    yield Line("demo.people", {"places": len(known), "n": f"{total:,}"})
    screening_do(actor, now=timezone.now())


def cases() -> Iterator[Line]:
    """Open cases for what was found, as ``zhizhi work`` does; yield what was done."""
    yield Line("demo.cases", {"n": f"{alerts_give_out(_everywhere(), now=timezone.now()):,}"})
    ledger_seal(now=timezone.now())


def accounts() -> tuple[list[Account], str]:
    """Make one account a role with a password drawn now; return them and the password."""
    actor, now, password = _everywhere(), timezone.now(), _password()
    places = _places()
    made = []
    for name, role, level, department, grade in POSTS:
        shown = f"{render(f'accounts.role-{role.value}', 'zh', {})}（演示）"
        user = user_create(actor, username=name, display_name=shown, password=password, now=now, demo=True)
        place = places[level]
        post_grant(actor, user_id=user, role=role, region=place.code, department=department, grade=grade, now=now)
        made.append(Account(name, role.value, place))
    _colleagues(actor, places)
    return made, password


def _colleagues(actor: Actor, places: Mapping[str, Place]) -> None:
    """Make a worker for every other town, and an officer for those of the county, so that cases have somebody to go to.

    They have no password: nobody logs in as them.
    """
    now = timezone.now()
    with transaction.atomic():  # one at a time, two hundred would take a while
        for town in _towns():
            if town.code == places["town"].code or not town.people:
                continue
            roles = [(Role.VILLAGE_WORKER, "worker")]
            roles += [(Role.TOWN_OFFICER, "officer")] if town.parent == places["county"].code else []
            for role, name in roles:
                shown = f"{town.zh}{render(f'accounts.role-{role.value}', 'zh', {})}（演示）"
                login = f"{name}-{town.code}"
                user = user_create(actor, username=login, display_name=shown, password=None, now=now, demo=True, region=town.code)
                post_grant(actor, user_id=user, role=role, region=town.code, now=now, grade=3)


def _places() -> dict[str, Place]:
    """Return the region served, and the county and town in which the demonstration plays.

    That is West Lake district where enough was found in one of its towns, else the town in which most was found.
    """
    served, towns = region_get(configuration().region), _towns()
    if served is None or not towns:
        raise LookupError(configuration().region)
    missed = missed_by_town(Lake.open(configuration().lake_path), package_in_use())
    chosen = [town for town in towns if town.parent == WEST_LAKE and missed.get(town.code, 0) >= ENOUGH]
    town = max(chosen or towns, key=lambda place: missed.get(place.code, 0))
    return {"region": served, "county": region_get(town.parent) or served, "town": town}


def _towns() -> list[Place]:
    """Return the towns, those with most people last."""
    everywhere = Actor.system("demo", configuration().region, via="cli")
    return sorted(region_list(everywhere, "town"), key=lambda place: (place.people or 0, place.code))


def _everywhere() -> Actor:
    return Actor.system("demo", configuration().region, via="cli")


def _password() -> str:
    return "-".join("".join(secrets.choice(LETTERS) for _ in range(4)) for _ in range(4))
