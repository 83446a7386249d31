"""Every route of the desk, found by walking the URLs: who may call it, and what strangers and other places are told."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from ninja.openapi.schema import normalize_path
from world import THINGS, World, new_world

from conftest import POSTS
from zhizhi.apps.actors import PERMISSIONS, Actor, Permission, Role
from zhizhi.apps.gate import Gate
from zhizhi.web.api import api

OPEN = {  # every route that answers without a login, and what it may answer
    "start": {302},
    "alive": {200},
    "accounts:login": {200},
    "accounts:login-code": {302},
    "accounts:logout": {405},
}
PARAMETER = re.compile(r"<(?:[a-z_]+:)?([a-z_]+)>|\{(?:[a-z_]+:)?([a-z_]+)\}")
SHAPES: dict[str, Any] = {"int": 1, "uuid": "00000000-0000-4000-8000-000000000000"}
SEES = {role: Actor(1, 1, "", role, region) for role, (region, _, _) in POSTS.items()}
UNSAFE = ("POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True)
class Route:
    """One page, or one operation of the API."""

    name: str
    app: str
    path: str
    methods: tuple[str, ...]
    gate: Gate | None
    is_api: bool

    @property
    def parameters(self) -> list[str]:
        """Names of what the path asks for."""
        return [page or operation for page, operation in PARAMETER.findall(self.path)]

    def url(self, values: dict[str, Any]) -> str:
        """The address with its parameters filled in."""
        return PARAMETER.sub(lambda found: str(values[found[1] or found[2]]), self.path)

    def __str__(self) -> str:
        return f"{'/'.join(self.methods)} {self.path}" if self.is_api else self.name


def pages() -> Iterator[Route]:
    """Every page, with its address in Chinese."""

    def walk(patterns: list[Any], prefix: str, namespace: str) -> Iterator[Route]:
        for pattern in patterns:
            path = prefix + str(pattern.pattern).lstrip("^")
            if isinstance(pattern, URLResolver):
                inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
                if inner != "api:":
                    yield from walk(pattern.url_patterns, path, inner)
            else:
                assert isinstance(pattern, URLPattern)
                gate = getattr(pattern.callback, "gate", None)
                yield Route(f"{namespace}{pattern.name}", namespace.rstrip(":"), f"/{path}", ("GET", "POST"), gate, False)

    yield from walk(get_resolver().url_patterns, "", "")


def operations() -> Iterator[Route]:
    """Every operation of the API."""
    for bound in api._get_bound_routers():
        for path, view in bound.path_operations.items():
            full = normalize_path("/".join(part for part in ("/api/v1", bound.prefix, path) if part))
            for operation in view.operations:
                gate = getattr(operation.view_func, "gate", None)
                app = full.split("/")[3]
                yield Route(operation.view_func.__name__, app, full, tuple(operation.methods), gate, True)


ROUTES = [*pages(), *operations()]
GUARDED = [route for route in ROUTES if route.name not in OPEN]


@pytest.fixture
def world(region_tree: list[object], system: Actor, now: datetime) -> World:
    return new_world(system, now)


def ask(client: Client, route: Route, url: str, method: str = "") -> HttpResponse:
    """Send a request of one of the route's methods, with an empty body."""
    wanted = method or route.methods[0]
    given: dict[str, Any] = {"data": "{}", "content_type": "application/json"} if wanted in UNSAFE and route.is_api else {}
    return client.generic(wanted, url, **given)  # type: ignore[return-value]


def anything(route: Route) -> dict[str, Any]:
    """Values that fit the shape of the path; whether there is such a thing does not matter to who may call."""
    shapes = {name: kind for kind, name in re.findall(r"[<{]([a-z_]+):([a-z_]+)[>}]", route.path)}
    return {name: SHAPES.get(shapes.get(name, ""), "330106") for name in route.parameters}


def test_there_are_pages_and_operations_to_walk() -> None:
    assert len([route for route in ROUTES if not route.is_api]) > 40
    assert len([route for route in ROUTES if route.is_api]) > 25


def test_every_route_has_a_gate() -> None:
    assert [str(route) for route in ROUTES if not isinstance(route.gate, Gate)] == []


def test_only_these_routes_are_open_to_everybody_each_with_its_reason() -> None:
    opened = {route.name: route.gate.open_because for route in ROUTES if route.gate and route.gate.permission is None}
    assert set(opened) == set(OPEN)
    assert all(len(reason) > 10 for reason in opened.values())


def test_every_permission_of_a_route_is_held_by_some_role() -> None:
    held = frozenset().union(*PERMISSIONS.values())
    assert {str(route) for route in GUARDED if route.gate and route.gate.permission not in held} == set()


def test_open_routes_answer_a_stranger_as_listed(db: None) -> None:
    for route in ROUTES:
        if route.name in OPEN:
            assert Client().get(route.path).status_code in OPEN[route.name], route.name


def test_a_stranger_is_sent_to_the_login_or_told_401(db: None) -> None:
    client, wrong = Client(), []
    for route in GUARDED:
        for method in route.methods:
            answer = ask(client, route, route.url(anything(route)), method)
            if route.is_api:
                fits = answer.status_code == 401 and answer.json()["code"] == "accounts.login-needed"
            else:  # some pages are only looked at, some only sent to
                to_login = answer.status_code == 302 and answer["Location"].split("?")[0] == "/zh-hans/accounts/login"
                fits = to_login or answer.status_code == 405
            if not fits:
                wrong.append(f"{method} {route}: {answer.status_code}")
    assert wrong == []


@pytest.mark.parametrize("role", list(Role))
def test_a_role_without_the_permission_is_refused_everywhere(role: Role, client_for: Callable[[Role], Client]) -> None:
    client, wrong = client_for(role), []
    for route in GUARDED:
        assert route.gate is not None
        if route.gate.permission in PERMISSIONS[role]:
            continue
        for method in route.methods:
            answer = ask(client, route, route.url(anything(route)), method)
            if answer.status_code != 403 and not (answer.status_code == 405 and not route.is_api):
                wrong.append(f"{method} {route}: {answer.status_code}")
            elif answer.status_code == 403 and route.is_api:
                assert answer.json()["code"] == "accounts.refused"
    assert wrong == []


def test_every_parameter_of_a_route_has_a_thing_to_ask_for(world: World) -> None:
    """Otherwise the walk over foreign places would silently pass a new route by."""
    lacking = {(route.app, name) for route in GUARDED for name in route.parameters} - set(THINGS)
    assert lacking == set(), "add them to tests/apps/world_<app>.py"


def test_what_lies_in_another_place_is_not_there(
    client_for: Callable[[Role], Client], desk_lake: Path, region_tree: list[object], system: Actor, now: datetime
) -> None:
    world, wrong, asked = new_world(system, now, desk_lake), [], Counter[Role]()
    clients = {role: client_for(role) for role in Role}
    for role, route in product(Role, GUARDED):
        assert route.gate is not None
        things = [THINGS.get((route.app, name)) for name in route.parameters]
        if None in things or all(thing.placeless for thing in things if thing) or route.gate.permission not in PERMISSIONS[role]:
            continue
        if all(thing.placeless or SEES[role].sees(getattr(world, thing.where)) for thing in things if thing):
            continue
        values = {name: world.get(route.app, name) for name in route.parameters}
        for method in route.methods:
            answer = ask(clients[role], route, route.url(values), method)
            asked[role] += 1
            shape = answer.status_code == 422 and route.is_api and method in UNSAFE  # an empty body tells nothing either
            if answer.status_code not in (403, 404) and not shape and not (answer.status_code == 405 and not route.is_api):
                wrong.append(f"{method} {route} as {role}: {answer.status_code}")
    assert wrong == []
    assert asked[Role.ADMINISTRATOR] > 5 < asked[Role.COUNTY_MANAGER], "the walk must have walked"


@pytest.mark.parametrize("role", list(Role))
def test_a_filter_that_nobody_knows_is_an_error(role: Role, client_for: Callable[[Role], Client], world: World) -> None:
    client, wrong = client_for(role), []
    for route in GUARDED:
        assert route.gate is not None
        if route.gate.permission in PERMISSIONS[role] and "GET" in route.methods:
            answer = client.get(route.url(anything(route)) + "?no-such-filter=1")
            if answer.status_code not in (400, 405):
                wrong.append(f"{route}: {answer.status_code}")
    assert wrong == []


def test_the_pages_have_both_languages() -> None:
    assert [code for code, _ in settings.LANGUAGES] == ["zh-hans", "en"]
    prefixes = {route.path.split("/")[1] for route in ROUTES if not route.is_api and route.app and route.app != "api"}
    assert prefixes == {"zh-hans"}


def test_the_things_that_are_asked_for_do_exist(world: World, system: Actor) -> None:
    """The control of the walk above: a post of that very place sees what others do not."""
    from zhizhi.apps.accounts.selectors.people import user_get  # noqa: PLC0415

    assert user_get(system.within(world.county), world.get("accounts", "user_id"), now=world.now).username == "far-away"
    assert Permission.SELF in PERMISSIONS[Role.ADMINISTRATOR]
