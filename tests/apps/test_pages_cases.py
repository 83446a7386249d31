"""The list of cases and the page of one: what an officer sees and does, alone and beside others."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from casework_world import BEISHAN, FORMS, QINGBO, draft, shipped
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from openpyxl import load_workbook

from zhizhi.apps.accounts.selectors.posts import posts_of
from zhizhi.apps.actors import Actor, Role
from zhizhi.apps.casework.schemas import CaseFilter
from zhizhi.apps.casework.selectors.cases import case_count
from zhizhi.apps.casework.selectors.detail import case_get
from zhizhi.apps.casework.services.cases import case_open, case_open_many
from zhizhi.apps.casework.services.steps import case_move
from zhizhi.apps.casework.services.workflows import package_install
from zhizhi.apps.journal.selectors import EventFilter, event_list

pytestmark = pytest.mark.django_db
LIST = "/zh-hans/cases/"
Clients = Callable[[Role], Client]


@pytest.fixture(autouse=True)
def installed(region_tree: object, system: Actor) -> None:
    package_install(system, package=shipped(), now=timezone.now())


@pytest.fixture
def case(users: dict[Role, int], system: Actor) -> int:
    post = posts_of(users[Role.VILLAGE_WORKER])[0]
    return case_open(system, draft=draft(1, holder=(post.id, post.user_id, post.user_name)), now=timezone.now())


def at(case: int, what: str = "") -> str:
    return f"{LIST}{case}{'/' + what if what else ''}"


def page_of(client: Client, case: int) -> str:
    response = client.get(at(case))
    assert response.status_code == 200
    return response.content.decode()


def form_of(page: str, marker: str) -> dict[str, str]:
    """Return the hidden fields of the form that holds ``marker``."""
    form = next(part.split("</form>")[0] for part in page.split("<form")[1:] if marker in part.split("</form>")[0])
    return dict(re.findall(r'type="hidden" name="(state|version|key|way)" value="([^"]*)"', form))


def way(page: str, name: str, **given: Any) -> dict[str, Any]:
    return {**form_of(page, f'name="way" value="{name}"'), **given}


def detail(actors: dict[Role, Actor], case: int) -> Any:
    return case_get(actors[Role.COUNTY_MANAGER], case_id=case, now=timezone.now())


def test_a_case_goes_from_finding_to_closed_on_its_page(client_for: Clients, case: int, actors: dict[Role, Actor]) -> None:
    roles = {
        "reached": Role.VILLAGE_WORKER,
        "assessed": Role.VILLAGE_WORKER,
        "approve": Role.TOWN_OFFICER,
        "dispatched": Role.TOWN_OFFICER,
        "done": Role.TOWN_OFFICER,
    }
    for name, role in roles.items():
        client = client_for(role)
        page = page_of(client, case)
        assert "下一步" in page
        assert "为什么是这个日期" in page
        more = {"outcome": "granted"} if name == "done" else {}
        sent = client.post(at(case, "step"), way(page, name, **FORMS[name], **more))
        assert sent.status_code == 302, (name, sent.content.decode()[:2000])
    page = page_of(client_for(Role.AUDITOR), case)
    assert "已办结：已帮扶" in page
    assert "药费负担重，建议医疗救助" in page  # what was written stays to be read
    assert 'name="way"' not in page
    assert detail(actors, case).row.outcome == "granted"


def test_a_decision_needs_its_reason_and_nothing_typed_is_lost(client_for: Clients, case: int, actors: dict[Role, Actor]) -> None:
    worker, officer = client_for(Role.VILLAGE_WORKER), client_for(Role.TOWN_OFFICER)
    for name in ("reached", "assessed"):
        assert worker.post(at(case, "step"), way(page_of(worker, case), name, **FORMS[name])).status_code == 302
    page = page_of(officer, case)
    assert "作出不同判断要写明理由" in page
    typed = {**FORMS["approve"], "decision": "refuse", "decision_reason": ""}
    refused = officer.post(at(case, "step"), way(page, "refuse", **typed, outcome="not-eligible"))
    body = refused.content.decode()
    assert refused.status_code == 422
    assert 'class="error-summary"' in body
    assert 'href="#refuse-decision_reason"' in body
    assert 'value="refuse" checked' in body
    assert '<details class="more" open><summary>不符合条件，办结' in body
    without = officer.post(
        at(case, "step"), way(page, "refuse", **{**typed, "decision_reason": "收入高于标准两倍"}, outcome="not-eligible")
    )
    assert without.status_code == 422  # closing against a finding needs a reason of its own
    assert 'href="#refuse-reason"' in without.content.decode()
    said = {**typed, "decision_reason": "收入高于标准两倍", "reason": "核实后收入超出标准"}
    assert officer.post(at(case, "step"), way(page, "refuse", **said, outcome="not-eligible")).status_code == 302
    assert detail(actors, case).row.outcome == "not-eligible"


def test_the_second_of_two_people_is_told_and_keeps_what_she_typed(
    client_for: Clients, case: int, actors: dict[Role, Actor]
) -> None:
    officer, worker = client_for(Role.TOWN_OFFICER), client_for(Role.VILLAGE_WORKER)
    stale = page_of(officer, case)
    assert worker.post(at(case, "step"), way(page_of(worker, case), "reached", **FORMS["reached"])).status_code == 302
    late = officer.post(at(case, "step"), way(stale, "reached", **{**FORMS["reached"], "note": "邻居说明天在家"}))
    body = late.content.decode()
    assert late.status_code == 409
    assert "您打开以后，案件有了变化" in body
    assert "village-worker" in body  # who was first
    assert "邻居说明天在家" in body
    assert detail(actors, case).row.state == "assess"
    assert [entry.kind for entry in detail(actors, case).timeline].count("moved") == 1


def test_a_stale_form_of_the_same_step_is_filled_again_and_can_be_sent(
    client_for: Clients, case: int, actors: dict[Role, Actor]
) -> None:
    officer, worker = client_for(Role.TOWN_OFFICER), client_for(Role.VILLAGE_WORKER)
    stale = page_of(officer, case)
    assert worker.post(at(case, "step"), way(page_of(worker, case), "not-home", note="下午再来")).status_code == 302
    late = officer.post(at(case, "step"), way(stale, "reached", **{**FORMS["reached"], "note": "电话打通了"}))
    body = late.content.decode()
    assert late.status_code == 409
    assert "下午再来" in body
    again = officer.post(at(case, "step"), way(body, "reached", **{**FORMS["reached"], "note": "电话打通了"}))
    assert again.status_code == 302
    assert detail(actors, case).row.state == "assess"


def test_the_same_form_sent_twice_counts_once(client_for: Clients, case: int, actors: dict[Role, Actor]) -> None:
    client = client_for(Role.VILLAGE_WORKER)
    sent = way(page_of(client, case), "reached", **FORMS["reached"])
    assert [client.post(at(case, "step"), sent).status_code for _ in range(3)] == [302, 302, 302]
    assert [entry.kind for entry in detail(actors, case).timeline].count("moved") == 1
    comment = {"text": "电话里说好明天去", "key": "one"}
    assert [client.post(at(case, "comment"), comment).status_code for _ in range(2)] == [302, 302]
    assert [entry.kind for entry in detail(actors, case).timeline].count("comment") == 1


def test_pausing_handing_over_and_what_is_refused_there(
    client_for: Clients, case: int, actors: dict[Role, Actor], users: dict[Role, int]
) -> None:
    officer = client_for(Role.TOWN_OFFICER)
    page = page_of(officer, case)
    paused = form_of(page, 'name="pause"')
    assert officer.post(at(case, "pause"), {**paused, "pause": "holiday"}).status_code == 422
    assert officer.post(at(case, "pause"), {**paused, "pause": "in-hospital"}).status_code == 302
    page = page_of(officer, case)
    assert "计时已暂停" in page
    assert 'name="way"' not in page
    assert officer.post(at(case, "resume"), form_of(page, "恢复计时")).status_code == 302
    post = posts_of(users[Role.TOWN_OFFICER])[0]
    page = page_of(officer, case)
    given = form_of(page, 'id="give-post"')
    assert officer.post(at(case, "give"), {**given, "post": "999999"}).status_code == 422
    assert officer.post(at(case, "give"), {**given, "post": post.id}).status_code == 302
    assert detail(actors, case).row.holder_post == post.id
    worker = client_for(Role.VILLAGE_WORKER)
    assert "案件在town-officer手里" in page_of(worker, case)
    fresh = {"version": detail(actors, case).row.version, "key": "forced", "state": "respond", "way": "reached"}
    forced = worker.post(at(case, "step"), {**fresh, **FORMS["reached"]})
    assert forced.status_code == 403
    assert "请联系本人移交" in forced.content.decode()


def test_closed_cases_open_again_within_the_window_with_a_reason(
    client_for: Clients, case: int, actors: dict[Role, Actor]
) -> None:
    worker, officer = client_for(Role.VILLAGE_WORKER), client_for(Role.TOWN_OFFICER)
    assert worker.post(at(case, "step"), way(page_of(worker, case), "moved", reason="搬到外地")).status_code == 302
    page = page_of(officer, case)
    assert "已办结：已搬走或无法找到" in page
    sent = form_of(page, "reopen-reason")
    assert officer.post(at(case, "reopen"), {**sent, "reason": " "}).status_code == 422
    assert officer.post(at(case, "reopen"), {**sent, "reason": "人回来了"}).status_code == 302
    assert detail(actors, case).row.state == "assess"
    assert worker.post(at(case, "reopen"), {**sent, "reason": "人回来了"}).status_code == 403


def test_linking_and_merging_by_the_number_that_people_read(
    client_for: Clients, case: int, system: Actor, actors: dict[Role, Actor]
) -> None:
    other = case_open(system, draft=draft(2), now=timezone.now())
    hidden = case_open(system, draft=draft(3, region=QINGBO), now=timezone.now())
    manager = client_for(Role.COUNTY_MANAGER)
    number = detail(actors, other).row.number
    assert manager.post(at(case, "link"), {"other": number, "kind": "related"}).status_code == 302
    assert number in page_of(manager, case)
    for wrong in (str(hidden), "330106-2026-9999999", "", "x"):
        assert manager.post(at(case, "link"), {"other": wrong, "kind": "related"}).status_code == 404, wrong
    assert manager.post(at(case, "link"), {"other": str(case), "kind": "related"}).status_code == 422
    sent = form_of(page_of(manager, case), 'name="into"')
    assert manager.post(at(case, "merge"), {**sent, "into": number, "reason": "同一户"}).status_code == 302
    assert detail(actors, case).merged_into == other


def test_files_are_added_shown_and_taken_away(client_for: Clients, case: int, actors: dict[Role, Actor]) -> None:
    client = client_for(Role.VILLAGE_WORKER)
    none = client.post(at(case, "attach"), {})
    assert none.status_code == 422
    assert "请先选择文件" in none.content.decode()
    wrong = client.post(at(case, "attach"), {"file": SimpleUploadedFile("a.exe", b"MZ" * 100)})
    assert wrong.status_code == 422
    assert "只收 JPEG" in wrong.content.decode()
    paper = SimpleUploadedFile("证明.pdf", b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n")
    assert client.post(at(case, "attach"), {"file": paper}).status_code == 302
    one = detail(actors, case).attachments[0]
    sent = client.get(f"{LIST}files/{one.id}")
    assert sent["Content-Disposition"].startswith("attachment")
    assert sent["X-Content-Type-Options"] == "nosniff"
    assert b"".join(sent.streaming_content).startswith(b"%PDF")
    assert client.post(f"{LIST}files/{one.id}/remove").status_code == 302
    assert detail(actors, case).attachments == []


def test_a_case_elsewhere_is_not_there(client_for: Clients, system: Actor) -> None:
    foreign = case_open(system, draft=draft(5, region=QINGBO), now=timezone.now())
    client = client_for(Role.COUNTY_MANAGER)
    assert client.get(at(foreign)).status_code == 404
    for what in ("step", "take", "give", "pause", "resume", "reopen", "link", "merge", "comment", "attach"):
        assert client.post(at(foreign, what), {"version": 1, "text": "x", "other": "1", "reason": "x"}).status_code == 404, what
    assert client.get("/zh-hans/assistance/search", {"q": f"330102-2026-{foreign:07d}"}).status_code == 200


def test_search_leads_straight_to_a_case(client_for: Clients, case: int, actors: dict[Role, Actor]) -> None:
    client, number = client_for(Role.TOWN_OFFICER), detail(actors, case).row.number
    assert client.get("/zh-hans/assistance/search", {"q": number}).url == at(case)
    found = client.get("/zh-hans/assistance/search", {"q": "医疗救助"}).content.decode()
    assert at(case) in found
    assert "/assistance/policies/medical-aid" in found


# the list -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def many(system: Actor, users: dict[Role, int]) -> list[int]:
    post = posts_of(users[Role.VILLAGE_WORKER])[0]
    holder = (post.id, post.user_id, post.user_name)
    drafts = [
        draft(
            number,
            region=BEISHAN if number % 4 == 0 else "330106109",
            severity=number % 3 + 1,
            holder=None if number % 5 == 0 or number % 4 == 0 else holder,
            title_zh=f"=SUM(A1:A{number})" if number == 7 else f"第 {number} 户",
        )
        for number in range(1, 64)
    ]
    return case_open_many(system, drafts=drafts, now=timezone.now() - timedelta(days=1))


def test_every_chip_counts_the_rows_behind_it(client_for: Clients, many: list[int], actors: dict[Role, Actor]) -> None:
    client = client_for(Role.COUNTY_MANAGER)
    response = client.get(LIST)
    for chip in response.context["statuses"]:
        if chip["n"] is not None:
            assert client.get(LIST + chip["url"]).context["total"] == chip["n"], chip["label"]
    assert response.context["total"] == 63
    assert "共 63 条" in response.content.decode()
    officer = client_for(Role.TOWN_OFFICER).get(LIST)
    assert officer.context["total"] == case_count(actors[Role.TOWN_OFFICER], wanted=CaseFilter(), now=timezone.now()) == 48


def test_pages_follow_each_other_and_keep_the_filters(client_for: Clients, many: list[int]) -> None:
    client = client_for(Role.COUNTY_MANAGER)
    seen, url = [], LIST + "?sort=score&status=all"
    while url:
        response = client.get(url)
        seen += [row.id for row in response.context["rows"]]
        url = LIST + response.context["next_url"] if response.context["next_url"] else ""
    assert sorted(seen) == sorted(many)
    narrowed = client.get(LIST, {"region": BEISHAN, "severity": "3"})
    assert all(row.region == BEISHAN and row.severity == 3 for row in narrowed.context["rows"])
    assert {chip["label"] for chip in narrowed.context["chips"]} == {"北山街道", "高"}


@pytest.mark.parametrize(
    "query", [{"status": "done"}, {"colour": "red"}, {"severity": "9"}, {"sort": "name"}, {"outcome": "granted"}]
)
def test_an_unknown_filter_is_refused(client_for: Clients, many: list[int], query: dict[str, str]) -> None:
    assert client_for(Role.COUNTY_MANAGER).get(LIST, query).status_code == 400


def test_the_workbook_holds_the_list_and_no_formula(client_for: Clients, many: list[int], actors: dict[Role, Actor]) -> None:
    response = client_for(Role.COUNTY_MANAGER).post(LIST + "cases.xlsx?region=330106109&sort=opened")
    sheet = load_workbook(io.BytesIO(response.content)).worksheets[0]
    rows = list(sheet.iter_rows(values_only=True))
    header = next(number for number, row in enumerate(rows) if row[0] == "编号")
    assert len(rows) - header - 1 == 48
    assert "=SUM(A1:A7)" in [row[1] for row in rows[header + 1 :]]
    assert not any(cell.data_type == "f" for line in sheet.iter_rows() for cell in line)
    events, _ = event_list(actors[Role.COUNTY_MANAGER], EventFilter(name="casework.case.exported"))
    assert events[0].details["rows"] == 48
    assert client_for(Role.VILLAGE_WORKER).post(LIST + "cases.xlsx").status_code == 403
    assert client_for(Role.AUDITOR).post(LIST + "cases.xlsx").status_code == 403


def test_filters_are_kept_only_if_they_mean_something(client_for: Clients, many: list[int]) -> None:
    client = client_for(Role.COUNTY_MANAGER)
    assert client.post(LIST + "filters", {"name": "超期", "query": "status=overdue&after=x"}).status_code == 302
    assert [view.query for view in client.get(LIST).context["filters"]] == ["status=overdue"]
    assert client.post(LIST + "filters", {"name": "", "query": "status=overdue"}).status_code == 422
    assert client.post(LIST + "filters", {"name": "空", "query": ""}).status_code == 422
    assert client.post(LIST + "filters", {"name": "坏", "query": "status=no-such"}).status_code == 400


def test_an_empty_list_says_why_and_what_next(client_for: Clients) -> None:
    page = client_for(Role.COUNTY_MANAGER).get(LIST, {"status": "overdue"}).content.decode()
    assert "没有符合条件的案件" in page
    assert "看在办案件" in page


# the calendar -------------------------------------------------------------------------------------------------------


def test_the_calendar_is_kept_on_its_page(client_for: Clients, case: int, actors: dict[Role, Actor]) -> None:
    client = client_for(Role.ADMINISTRATOR)
    page = client.get("/zh-hans/cases/calendar", {"year": "2026"})
    assert "国务院办公厅" in page.content.decode()
    digest = page.context["digest"]
    day = {"day": "2026-03-12", "free": "yes", "zh": "防汛演练", "en": "Flood drill", "digest": digest}
    unnamed = client.post("/zh-hans/cases/calendar/day", {**day, "en": ""})
    assert unnamed.status_code == 422
    assert "防汛演练" in unnamed.content.decode()
    assert client.post("/zh-hans/cases/calendar/day", {**day, "day": "12.3."}).status_code == 422
    assert client.post("/zh-hans/cases/calendar/day", day).status_code == 302
    late = client.post("/zh-hans/cases/calendar/day", {**day, "day": "2026-03-13"})  # still with the digest of before
    assert late.status_code == 409
    shown = client.get("/zh-hans/cases/calendar", {"year": "2026"})
    assert "防汛演练" in shown.content.decode()
    cleared = {"day": "2026-03-12", "digest": shown.context["digest"]}
    assert client.post("/zh-hans/cases/calendar/day/clear", cleared).status_code == 302
    assert "防汛演练" not in client.get("/zh-hans/cases/calendar", {"year": "2026"}).content.decode()
    assert client.post("/zh-hans/cases/calendar/hours", {"hours": "17:30-08:30", "year": "2026"}).status_code == 422
    assert client.post("/zh-hans/cases/calendar/hours", {"hours": "09:00-12:00\n13:00-17:00", "year": "2026"}).status_code == 302
    assert client.post("/zh-hans/cases/calendar/year", {"year": "2027", "published": "yes"}).status_code == 422
    assert client_for(Role.COUNTY_MANAGER).get("/zh-hans/cases/calendar").status_code == 403


def test_what_the_second_person_did_in_another_way_shows(client_for: Clients, case: int, actors: dict[Role, Actor]) -> None:
    officer = client_for(Role.TOWN_OFFICER)
    stale = page_of(officer, case)
    case_move(
        actors[Role.VILLAGE_WORKER], case_id=case, version=1, way_id="moved", reason="搬走了", outcome="", now=timezone.now()
    )
    late = officer.post(at(case, "step"), way(stale, "reached", **FORMS["reached"]))
    assert late.status_code == 409
    body = late.content.decode()
    assert "办结" in body
    assert "上门走访" in body  # what she had picked, so that she need not remember it
