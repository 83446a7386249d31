"""The worker's path, as plain forms and links: no test here runs a line of JavaScript."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from datetime import datetime

import pytest
from casework_world import BEISHAN, FORMS, SANDUN, draft, shipped
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from zhizhi.apps.accounts.selectors.posts import posts_of
from zhizhi.apps.actors import Actor, Role
from zhizhi.apps.casework.selectors.detail import case_get
from zhizhi.apps.casework.services.cases import case_open
from zhizhi.apps.casework.services.workflows import package_install

pytestmark = pytest.mark.django_db
DOORS = "/zh-hans/cases/doors"
Clients = Callable[[Role], Client]
CARD = {
    "name": "王**",
    "age": 78,
    "members": 2,
    "reason": {"zh": "可能符合“医疗救助”而没有享受。", "en": "May be entitled to medical aid."},
    "asks": [{"zh": "药费一个月多少", "en": "What do the medicines cost a month"}],
    "entitled": [{"policy": "medical-aid", "zh": "医疗救助", "en": "Medical aid", "payable_fen": 30000, "unit": "CNY/month"}],
}


@pytest.fixture(autouse=True)
def installed(region_tree: object, system: Actor) -> None:
    package_install(system, package=shipped(), now=datetime.fromisoformat("2026-03-04T02:00:00+00:00"))


@pytest.fixture
def door(users: dict[Role, int], system: Actor) -> int:
    """A case that the worker holds, opened now: the pages read the clock themselves."""
    return open_door(users, system, 1)


def open_door(users: dict[Role, int], system: Actor, number: int, **changes: object) -> int:
    from django.utils import timezone  # noqa: PLC0415 - the one place of this module that reads the clock

    post = posts_of(users[Role.VILLAGE_WORKER])[0]
    holder = (post.id, post.user_id, post.user_name)
    return case_open(system, draft=draft(number, **{"holder": holder, "card": CARD, **changes}), now=timezone.now())


def seen(actor: Actor, case: int) -> object:
    from django.utils import timezone  # noqa: PLC0415

    return case_get(actor, case_id=case, now=timezone.now())


def hidden(page: str, way: str) -> dict[str, str]:
    """Return the hidden fields of a way's form, as a browser without JavaScript would send them."""
    form = next(part for part in page.split("<form")[1:] if f'value="{way}"' in part.split("</form>")[0])
    found = dict(re.findall(r'type="hidden" name="(state|version|key|way)" value="([^"]*)"', form))
    return {**found, "way": way}


def test_a_card_says_who_where_why_what_to_ask_and_what_to_bring(client_for: Clients, door: int) -> None:
    page = client_for(Role.VILLAGE_WORKER).get(DOORS).content.decode()
    for words in (
        "王**，78 岁",
        "三墩镇",
        "可能符合“医疗救助”而没有享受。",
        "药费一个月多少",
        "医疗救助，每月 300 元",
        "开始走访",
        "没有人在家",
    ):
        assert words in page
    assert "资料里没有门牌号" in page
    assert "tel:" not in page  # there is no telephone in the data, so no button pretends
    english = client_for(Role.VILLAGE_WORKER).get("/en/cases/doors").content.decode()
    assert "May be entitled to medical aid." in english
    assert "Nobody at home" in english


def test_nobody_at_home_takes_one_tap_and_comes_back_tomorrow(client_for: Clients, door: int, actors: dict[Role, Actor]) -> None:
    client = client_for(Role.VILLAGE_WORKER)
    sent = hidden(client.get(DOORS).content.decode(), "not-home")
    response = client.post(f"/zh-hans/cases/{door}/visit", sent)
    assert response.url == DOORS
    after = client.get(DOORS)
    assert "已记录：没有人在家" in after.content.decode()
    assert [item["row"].id for item in after.context["tried"]] == [door]
    assert after.context["doors"] == []
    again = client.post(f"/zh-hans/cases/{door}/visit", sent)  # a second tap on the same button
    assert again.url == DOORS
    detail = seen(actors[Role.VILLAGE_WORKER], door)
    assert [entry.kind for entry in detail.timeline].count("stayed") == 1  # type: ignore[attr-defined]


@pytest.mark.parametrize(("way", "outcome"), [("moved", "moved"), ("declined", "declined")])
def test_moved_and_declined_ask_why_and_close(
    client_for: Clients, door: int, actors: dict[Role, Actor], way: str, outcome: str
) -> None:
    client = client_for(Role.VILLAGE_WORKER)
    assert f"{door}/visit?way={way}" in client.get(DOORS).content.decode()
    page = client.get(f"/zh-hans/cases/{door}/visit", {"way": way}).content.decode()
    sent = hidden(page, way)
    unsaid = client.post(f"/zh-hans/cases/{door}/visit", {**sent, "note": "邻居说的"})
    assert unsaid.status_code == 422
    assert "请写明理由" in unsaid.content.decode()
    assert "邻居说的" in unsaid.content.decode()
    said = client.post(f"/zh-hans/cases/{door}/visit", {**sent, "reason": "邻居证实，两个月前搬走"})
    assert said.url == DOORS
    row = seen(actors[Role.VILLAGE_WORKER], door).row  # type: ignore[attr-defined]
    assert (row.outcome, row.closed_on is not None) == (outcome, True)


def photo() -> SimpleUploadedFile:
    content = io.BytesIO()
    Image.new("RGB", (40, 30), "white").save(content, "JPEG")
    return SimpleUploadedFile("灶台.jpg", content.getvalue(), "image/jpeg")


def test_a_visit_goes_from_the_door_to_the_next_step_with_a_photograph(
    client_for: Clients, door: int, actors: dict[Role, Actor]
) -> None:
    client = client_for(Role.VILLAGE_WORKER)
    at = f"/zh-hans/cases/{door}/visit"
    page = client.get(at).content.decode()
    wrong = client.post(at, {**hidden(page, "reached"), "reached_by": "visit", "urgent": "yes"})
    assert wrong.status_code == 422
    body = wrong.content.decode()
    assert 'class="error-summary"' in body
    assert 'href="#reached-met"' in body
    assert 'value="visit" checked' in body
    assert client.post(at, {**hidden(body, "reached"), **FORMS["reached"]}).url == at
    step = client.get(at).content.decode()
    assert "评估" in step
    assert 'enctype="multipart/form-data"' in step
    filled = {**hidden(step, "assessed"), **FORMS["assessed"], "income": "很少", "upload-photos": photo()}
    refused = client.post(at, filled)
    assert refused.status_code == 422
    body = refused.content.decode()
    assert "灶台.jpg" in body  # what was uploaded is kept with the form
    kept = re.findall(r'name="photos" value="(\d+)" checked', body)
    assert len(kept) == 1
    assert "药费负担重，建议医疗救助" in body
    done = client.post(at, {**hidden(body, "assessed"), **FORMS["assessed"], "photos": kept})
    assert done.url == DOORS  # the decision is not the worker's
    detail = seen(actors[Role.VILLAGE_WORKER], door)
    assert detail.row.state == "feed-back"  # type: ignore[attr-defined]
    assert [one.name for one in detail.attachments] == ["灶台.jpg"]  # type: ignore[attr-defined]
    answers = {field.id: value for entry in detail.timeline for field, value in entry.answers}  # type: ignore[attr-defined]
    assert answers["photos"] == [int(kept[0])] or answers["photos"] == kept


def test_at_most_so_many_doors_the_gravest_first_neighbours_together(
    client_for: Clients, users: dict[Role, int], system: Actor
) -> None:
    for number in range(12):
        open_door(users, system, number + 1, severity=3 if number % 2 else 1, score=float(number))
    response = client_for(Role.VILLAGE_WORKER).get(DOORS)
    assert len(response.context["doors"]) == 10
    assert response.context["more"] == 2
    assert {item["row"].severity for item in response.context["doors"]} == {1, 3}
    assert "还有 2 户排在后面" in response.content.decode()


def test_doors_of_others_and_elsewhere_are_not_shown(
    client_for: Clients, users: dict[Role, int], system: Actor, door: int
) -> None:
    foreign = open_door(users, system, 2, region=BEISHAN, holder=None)
    client = client_for(Role.VILLAGE_WORKER)
    assert [item["row"].id for item in client.get(DOORS).context["doors"]] == [door]
    assert client.get(f"/zh-hans/cases/{foreign}/visit").status_code == 404
    assert client.post(f"/zh-hans/cases/{foreign}/visit", {"way": "moved", "state": "respond"}).status_code == 404
    assert client_for(Role.TOWN_OFFICER).get(DOORS).context["doors"] == []


def test_no_door_today_says_what_to_do(client_for: Clients) -> None:
    page = client_for(Role.VILLAGE_WORKER).get(DOORS).content.decode()
    assert "今天没有要走访的人家" in page
    assert "status=mine" in page


def test_the_pages_of_the_path_hold_no_inline_script(client_for: Clients, door: int) -> None:
    client = client_for(Role.VILLAGE_WORKER)
    for address in (DOORS, f"/zh-hans/cases/{door}/visit", f"/zh-hans/cases/{door}", "/zh-hans/cases/"):
        page = client.get(address).content.decode()
        assert not re.search(r"<script(?![^>]*\bsrc=)", page)
        assert not re.search(r"\son\w+=|\sstyle=", page)
    assert SANDUN
