"""Cases through the API: a whole life of a case, and what programs are told when something is wrong."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from casework_world import BEISHAN, FORMS, QINGBO, SANDUN, draft, household, shipped
from django.test import Client

from zhizhi.apps.actors import Actor, Role
from zhizhi.apps.casework.services.cases import case_open_many
from zhizhi.apps.casework.services.workflows import package_install

pytestmark = pytest.mark.django_db
ROOT = "/api/v1/casework"
NEW = {
    "household": household(1),
    "region": SANDUN,
    "title_zh": "可能应享未享：医疗救助",
    "title_en": "May be missing: medical aid",
    "severity": 2,
    "findings": [{"policy": "medical-aid", "finding": "missed"}],
}
Browser = Callable[[Role], Client]


@pytest.fixture
def people(actors: dict[Role, Actor], system: Actor, now: datetime) -> dict[Role, Actor]:
    package_install(system, package=shipped(), now=now)
    return actors


def send(client: Client, path: str, **body: Any) -> Any:
    return client.post(f"{ROOT}{path}", body, content_type="application/json")


def test_a_whole_life_through_the_api(client_for: Browser, people: dict[Role, Actor]) -> None:
    worker, officer, manager = (client_for(role) for role in (Role.VILLAGE_WORKER, Role.TOWN_OFFICER, Role.COUNTY_MANAGER))
    made = send(officer, "/cases", **NEW)
    assert made.status_code == 201, made.content
    case = made.json()["id"]
    assigned = send(officer, f"/cases/{case}/assign", version=1, post=people[Role.VILLAGE_WORKER].post_id)
    assert assigned.status_code == 200, assigned.content
    version = assigned.json()["version"]
    turns = [(worker, "reached"), (worker, "assessed"), (officer, "approve"), (manager, "dispatched"), (officer, "done")]
    for client, way in turns:
        shown = client.get(f"{ROOT}/cases/{case}").json()
        assert way in [item["id"] for item in shown["ways"]]
        outcome = {"outcome": "granted"} if way == "done" else {}
        moved = send(client, f"/cases/{case}/moves", version=version, way=way, answers=FORMS[way], **outcome)
        assert moved.status_code == 200, moved.content
        version = moved.json()["version"]
    shown = manager.get(f"{ROOT}/cases/{case}").json()
    assert (shown["state"], shown["outcome"], shown["status"]) == ("closed", "granted", "closed")
    assert [line["kind"] for line in shown["timeline"]] == ["opened", "assigned", "moved", "moved", "moved", "moved", "closed"]
    assert shown["timeline"][3]["answers"]["income"] == "850"
    assert manager.get(f"{ROOT}/cases?status=closed&outcome=granted").json()["total"] == 1
    assert manager.get(f"{ROOT}/counts").json()["closed_month"] == 1
    assert manager.get(f"{ROOT}/outcomes").json()[0]["confirmed"] == 1


def test_what_a_form_lacks_is_told_field_by_field(
    client_for: Browser, people: dict[Role, Actor], system: Actor, now: datetime
) -> None:
    case = case_open_many(system, drafts=[draft()], now=now)[0]
    answer = send(client_for(Role.VILLAGE_WORKER), f"/cases/{case}/moves", version=1, way="reached", answers={"met": "nobody"})
    assert answer.status_code == 422
    told = answer.json()
    assert told["code"] == "casework.form"
    assert [(fault["where"], fault["rule"]) for fault in told["errors"]] == [
        ("reached_by", "workflow.field-required"),
        ("met", "workflow.field-choice"),
        ("agrees", "workflow.field-required"),
        ("urgent", "workflow.field-required"),
    ]


def test_a_stale_version_is_409_and_the_same_key_is_200(
    client_for: Browser, people: dict[Role, Actor], system: Actor, now: datetime
) -> None:
    worker = client_for(Role.VILLAGE_WORKER)
    case = case_open_many(system, drafts=[draft()], now=now)[0]
    body = {"version": 1, "way": "reached", "answers": FORMS["reached"], "key": "k1"}
    assert send(worker, f"/cases/{case}/moves", **body).json()["again"] is False
    assert send(worker, f"/cases/{case}/moves", **body).json()["again"] is True
    stale = send(worker, f"/cases/{case}/moves", **{**body, "key": "k2"})
    assert (stale.status_code, stale.json()["code"]) == (409, "casework.stale-moved")
    assert stale.json()["params"]["who"] == "village-worker"


def test_lists_refuse_what_they_do_not_know(client_for: Browser, people: dict[Role, Actor], system: Actor, now: datetime) -> None:
    client = client_for(Role.COUNTY_MANAGER)
    for query, status in (
        ("colour=red", 400),
        ("status=gone", 400),
        ("severity=9", 400),
        ("opened_from=yesterday", 400),
        ("cursor=nonsense", 400),
        ("limit=0", 422),
        ("limit=1000", 422),
        ("status=closed&outcome=granted", 200),
        ("region=330102", 200),
    ):
        assert client.get(f"{ROOT}/cases?{query}").status_code == status, query


def test_paging_and_scope(client_for: Browser, people: dict[Role, Actor], system: Actor, now: datetime) -> None:
    places = (SANDUN, BEISHAN, QINGBO)
    case_open_many(system, drafts=[draft(n, region=places[n % 3]) for n in range(9)], now=now)
    client, seen, cursor = client_for(Role.COUNTY_MANAGER), [], ""
    while True:
        page = client.get(f"{ROOT}/cases", {"limit": 4, "cursor": cursor}).json()
        assert page["total"] == 6
        seen += [item["region"] for item in page["items"]]
        cursor = page["cursor"]
        if not cursor:
            break
    assert len(seen) == 6
    assert set(seen) == {SANDUN, BEISHAN}
    places_told = client.get(f"{ROOT}/places/330106").json()
    assert [(item["region"], item["open"]) for item in places_told] == [(BEISHAN, 3), (SANDUN, 3)]
    assert client.get(f"{ROOT}/places/330102").status_code == 403


def test_everything_else_answers(client_for: Browser, people: dict[Role, Actor], system: Actor, now: datetime) -> None:
    one, two, three = case_open_many(system, drafts=[draft(1), draft(2), draft(3)], now=now)
    worker, officer = client_for(Role.VILLAGE_WORKER), client_for(Role.TOWN_OFFICER)
    assert send(worker, f"/cases/{one}/take", version=1).status_code == 200
    assert worker.get(f"{ROOT}/doors").json()["rows"][0]["id"] == one
    assert send(worker, f"/cases/{one}/pause", version=2, reason="in-hospital", note="周五出院").json()["due"] is None
    assert send(worker, f"/cases/{one}/resume", version=3).status_code == 200
    posts = worker.get(f"{ROOT}/cases/{one}/posts").json()
    assert {post["role"] for post in posts} == {"village-worker", "town-officer"}
    officer_post = next(post["id"] for post in posts if post["role"] == "town-officer")
    assert send(worker, f"/cases/{one}/hand-over", version=4, post=officer_post, note="明天出差").status_code == 200
    assert send(worker, f"/cases/{one}/comments", text="邻居说周末在家").status_code == 201
    assert send(officer, f"/cases/{one}/links", other=two, kind="related").status_code == 204
    assert send(officer, f"/cases/{two}/merge", version=1, into=one, reason="同一户").status_code == 200
    moved = send(worker, f"/cases/{three}/moves", version=1, way="moved", reason="搬走了")
    assert moved.json()["state"] == "closed"
    assert send(officer, f"/cases/{three}/reopen", version=2, reason="又回来了").json()["state"] == "assess"
    for path in ("backlog", "trend?days=7"):
        assert officer.get(f"{ROOT}/{path}").status_code == 200
    assert send(officer, "/cases", **{**NEW, "household": household(1)}).status_code == 409
    assert officer.get(f"{ROOT}/cases/{2**62}").status_code == 404
    assert officer.get(f"{ROOT}/cases/-1").status_code == 404
    assert Client().get(f"{ROOT}/cases").status_code == 401
    assert client_for(Role.DATA_STEWARD).get(f"{ROOT}/cases").status_code == 403
