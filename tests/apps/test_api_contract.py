"""Every operation of the API, asked with what fits its document and with what does not: no fault, no undocumented answer.

As a person of a role that may call it, over the WSGI application, with objects that are there and that are not.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from django.conf import settings
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
from django.test import Client
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as bounds
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from test_routes import operations
from world import THINGS, World, new_world

from conftest import PASSWORD
from zhizhi.apps.actors import PERMISSIONS, Actor, Role
from zhizhi.apps.configuration import Configuration, configuration
from zhizhi.web.api import api
from zhizhi.web.wsgi import application

EXAMPLES = 6
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
CSRF = "a" * 32
ASKED_AS = (Role.COUNTY_MANAGER, *(role for role in Role if role is not Role.COUNTY_MANAGER))
"""Who asks: the one who sees most, else the first role that may."""


@pytest.fixture
def no_limit(home: Configuration) -> None:
    """As many requests a minute as it takes."""
    (home.home / "zhizhi.toml").write_text(
        'region = "330100"\nas_of = "2025-09-01"\napi_per_minute = 1000000\n', encoding="utf-8"
    )
    configuration.cache_clear()


@pytest.fixture
def one_connection() -> Iterator[None]:
    """Requests over WSGI stay in the test's transaction, as those of Django's own client do."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def near(desk_lake: Path, system: Actor, region_tree: list[object], now: datetime) -> World:
    """Objects in a place that most roles see."""
    world = new_world(system, now, desk_lake)
    world.county, world.region, world.counted = "330106", "330106109", "330106"
    return world


def session(client: Client) -> dict[str, str]:
    """Cookies of a browser that is logged in and may send changes."""
    key = client.cookies[settings.SESSION_COOKIE_NAME].value
    return {settings.SESSION_COOKIE_NAME: key, "csrftoken": CSRF}


def template(path: str) -> str:
    """A route's path as the document writes it."""
    return re.sub(r"{[a-z]+:", "{", path)


def probe(operation: Any, known: dict[str, Any], who: dict[str, str], answered: Counter[int]) -> None:
    """Ask an operation some examples, half of them about a thing that is there, and hold the answers to the document."""

    def one(case: Any, there: bool) -> None:
        if there:
            case.path_parameters |= known
        answer = case.call_and_validate(headers={"X-CSRFToken": CSRF}, cookies=who, checks=CHECKS)
        answered[answer.status_code] += 1

    strategy = st.one_of(
        operation.as_strategy(generation_mode=GenerationMode.POSITIVE),
        operation.as_strategy(generation_mode=GenerationMode.NEGATIVE),
    )
    limited = bounds(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    limited(given(case=strategy, there=st.booleans())(one))()


def test_no_operation_breaks_or_answers_what_its_document_does_not_say(
    no_limit: None, one_connection: None, near: World, client_for: Callable[[Role], Client]
) -> None:
    cookies = {role: session(client_for(role)) for role in Role}
    holders = {}
    for route in operations():
        role = next((role for role in ASKED_AS if route.gate and route.gate.permission in PERMISSIONS[role]), None)
        for method in route.methods:
            holders[(method, template(route.path))] = (role, route)
    schema = schemathesis.openapi.from_dict(json.loads(json.dumps(api.get_openapi_schema())))
    schema.app = application
    schema.config.generation.with_security_parameters = False  # we bring our own: a person who is logged in
    for app, name in THINGS:
        near.get(app, name)  # all of them, before the first is ended by what follows
    faults: list[str] = []
    answered: Counter[int] = Counter()
    for result in schema.get_all_operations():
        operation = result.ok()
        role, route = holders[(operation.method.upper(), operation.path)]
        assert role is not None, operation.label
        things = {name: near.made[route.app, name] for name in route.parameters if (route.app, name) in near.made}
        known = {name: value if isinstance(value, int) else str(value) for name, value in things.items()}

        try:
            with transaction.atomic():
                probe(operation, known, cookies[role], answered)
                transaction.set_rollback(True)  # an operation that ends a session or a post spares those that follow
        except BaseException as error:  # all operations are asked before any is blamed
            if isinstance(error, KeyboardInterrupt):
                raise
            faults.append(f"{operation.label} as {role}: {error}"[:1_500])
    assert not faults, "\n\n".join(faults)
    print(answered)
    assert answered.total() > 300
    assert answered[401] == answered[429] == 0
    assert answered[200] + answered[201] + answered[204] > answered.total() / 10, f"too few were really done: {answered}"


def test_a_change_over_a_session_needs_the_csrf_token(client_for: Callable[[Role], Client], users: dict[Role, int]) -> None:
    client = Client(enforce_csrf_checks=True)
    client.post("/zh-hans/accounts/login", {"username": "administrator", "password": PASSWORD})
    plain = Client(enforce_csrf_checks=True)
    plain.cookies = client_for(Role.ADMINISTRATOR).cookies
    body = json.dumps({"username": "newcomer", "name": "n", "region": "330106"})
    refused = plain.post("/api/v1/accounts/people", body, "application/json")
    assert (refused.status_code, refused.json()["code"]) == (403, "web.stale-form")
    plain.cookies["csrftoken"] = CSRF
    made = plain.post("/api/v1/accounts/people", body, "application/json", headers={"X-CSRFToken": CSRF})
    assert made.status_code == 201


BODIES = [
    (b"{", 400),
    (b"", 422),
    (b"[]", 422),
    (b'{"username": "x1", "name": "\\u0000", "region": "330106"}', 400),
    (b'{"username": "x1", "name": "\\ud800", "region": "330106"}', 400),
    (b'{"username": "x1", "name": NaN, "region": "330106"}', 400),
    (b"[" * 100_000, 400),
    (b'{"username": "x1", "name": "n", "region": "330106", "role": "administrator"}', 422),
    (b'"' + b"x" * 3_000_000 + b'"', 413),
    ("姓名".encode("gb18030"), 400),
]


@pytest.mark.parametrize(("body", "status"), BODIES, ids=range(len(BODIES)))
def test_a_body_that_cannot_be_read_is_told_in_words(body: bytes, status: int, client_for: Callable[[Role], Client]) -> None:
    answer = client_for(Role.ADMINISTRATOR).post("/api/v1/accounts/people", body, "application/json")
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")
    assert answer.json()["detail"]


def test_what_breaks_a_rule_is_listed_without_what_was_sent(client_for: Callable[[Role], Client]) -> None:
    body = {"username": "Secret Name 张三", "name": "", "region": "nowhere"}
    answer = client_for(Role.ADMINISTRATOR).post("/api/v1/accounts/people", json.dumps(body), "application/json")
    assert {fault["where"] for fault in answer.json()["errors"]} == {"body.body.username", "body.body.name", "body.body.region"}
    assert "张三" not in answer.content.decode()


@pytest.mark.parametrize("path", ["/api/v1/accounts/people?q=%00", "/api/v1/accounts/people/99999999999999999999999999"])
def test_odd_addresses_are_no_fault(path: str, client_for: Callable[[Role], Client]) -> None:
    assert client_for(Role.ADMINISTRATOR).get(path).status_code in (400, 404)
