"""Assistance through the API, over a screened lake: what is asked for is done, and nothing outside the document is answered."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from assistance_world import install, places, worker
from django.test import Client

from zhizhi.apps.actors import Actor, Role
from zhizhi.apps.assistance.models import Dismissal
from zhizhi.apps.assistance.selectors.runs import waiting_list
from zhizhi.apps.assistance.services.opening import alerts_give_out
from zhizhi.apps.assistance.services.runs import screening_do

pytestmark = pytest.mark.django_db
ROOT = "/api/v1/assistance"


@pytest.fixture
def given(desk_lake: Path, region_tree: object, system: Actor, now: datetime) -> Actor:
    places(system)
    install(system, now)
    worker(system, "330100", now)
    screening_do(system, now=now)
    alerts_give_out(system, now=now)
    return system


@pytest.fixture
def manager(given: Actor, client_for: Callable[[Role], Client]) -> Client:
    return client_for(Role.COUNTY_MANAGER)


def send(client: Client, path: str, **body: object) -> tuple[int, dict[str, object]]:
    answer = client.post(f"{ROOT}{path}", json.dumps(body), "application/json")
    return answer.status_code, answer.json() if answer.content else {}


def test_what_was_screened_and_what_became_of_it(manager: Client) -> None:
    (run,) = manager.get(f"{ROOT}/runs").json()
    assert (run["state"], run["on"], run["synthetic"]) == ("done", "2025-09-01", True)
    made = manager.get(f"{ROOT}/opening").json()
    assert made["opened"] == 10
    assert made["alerts"] == sum(value for name, value in made.items() if name not in ("at", "run", "alerts"))
    asked, answer = send(manager, "/runs")
    assert (asked, answer) == (202, {"queued": False})
    (point,) = manager.get(f"{ROOT}/runs/trend").json()
    rates = manager.get(f"{ROOT}/runs/places").json()
    assert point["households"] == sum(row["households"] for row in rates)
    assert manager.get(f"{ROOT}/runs/places?region=330102").status_code == 403
    assert manager.get(f"{ROOT}/runs/trend?finding=found").status_code == 422
    assert manager.get(f"{ROOT}/runs/trend?policy=none").status_code == 400
    assert manager.get(f"{ROOT}/runs/places?place=330106").status_code == 400


def test_waiting_is_paged_without_losing_or_repeating_anybody(manager: Client) -> None:
    seen, url = [], f"{ROOT}/waiting?limit=2"
    for _ in range(200):
        page = manager.get(url).json()
        seen += [row["household"] for row in page["items"]]
        if page["next"] is None:
            break
        url = f"{ROOT}/waiting?limit=2&cursor={page['next']}"
    assert len(seen) == len(set(seen)) == page["count"] > 2
    assert manager.get(f"{ROOT}/waiting?cursor=WzEsMl0").status_code == 400
    assert manager.get(f"{ROOT}/waiting?region=330102").status_code == 403


def test_a_dismissal_is_shown_and_taken_back_in_its_place_only(
    manager: Client, given: Actor, actors: dict[Role, Actor], client_for: Callable[[Role], Client]
) -> None:
    home = waiting_list(actors[Role.COUNTY_MANAGER])[0].household
    found = manager.get(f"{ROOT}/findings?q={home}").json()["items"]
    keys = [{name: row[name] for name in ("subject", "policy", "finding")} for row in found]
    assert send(manager, "/findings/dismiss", findings=keys, reason="known") == (200, {"number": len(keys)})
    (first, *_) = manager.get(f"{ROOT}/households/{home}/dismissals").json()
    assert (first["reason"], first["ended_at"]) == ("known", None)
    assert send(manager, f"/dismissals/{first['id']}/restore")[0] == 204
    assert send(manager, f"/dismissals/{first['id']}/restore")[0] == 409
    assert client_for(Role.VILLAGE_WORKER).post(f"{ROOT}/dismissals/1/restore", "{}", "application/json").status_code == 403
    Dismissal.objects.update(region="330203001")
    assert send(manager, f"/dismissals/{first['id']}/restore")[0] == 404
    elsewhere = next(row.household for row in waiting_list(given, limit=500) if not row.region.startswith("330106"))
    assert manager.get(f"{ROOT}/households/{elsewhere}/dismissals").status_code == 404
    assert manager.get(f"{ROOT}/households/{elsewhere}/aid").status_code == 404


def test_aid_is_written_down_and_withdrawn(manager: Client, actors: dict[Role, Actor]) -> None:
    home = waiting_list(actors[Role.COUNTY_MANAGER])[0].household
    body = {"kind": "goods", "project": "goods-parcel", "given_on": "2025-08-01", "source": "三墩镇", "value_fen": 20000}
    status, made = send(manager, f"/households/{home}/aid", **body, key="once")
    assert status == 201
    assert send(manager, f"/households/{home}/aid", **body, key="once") == (201, made)
    listed = manager.get(f"{ROOT}/households/{home}/aid").json()
    assert listed["totals"]["goods"] == 20000
    status, problem = send(manager, f"/households/{home}/aid", **{**body, "project": "none"})
    assert (status, problem["code"]) == (422, "assistance.aid-project")
    assert send(manager, f"/households/{home}/aid", **body, price=1)[0] == 422
    assert send(manager, f"/aid/{made['id']}/withdraw", reason="登错")[0] == 204
    assert manager.get(f"{ROOT}/households/{home}/aid").json()["totals"]["goods"] == 0


def test_projects_weights_and_outcomes(manager: Client) -> None:
    base = manager.get(f"{ROOT}/projects").json()
    assert sum(len(item["groups"]) for item in base) == 25
    outcomes = manager.get(f"{ROOT}/outcomes").json()
    assert outcomes
    assert all(row["share"] is None and row["low"] is None for row in outcomes)
    weights = manager.get(f"{ROOT}/weights").json()
    assert {"high", "child", "depth_most"} <= {row["name"] for row in weights}
