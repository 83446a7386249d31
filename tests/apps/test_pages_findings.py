"""The findings explorer as people see it: counts, scope, grades, export, and what can be done with several at once."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from django.test import Client
from openpyxl import load_workbook
from screened_world import CITY, XIHU, findings_of, one

from zhizhi.apps.actors import Actor, Role
from zhizhi.apps.assistance.selectors.dismissals import dismissed
from zhizhi.apps.casework.selectors.cases import cases_of_household
from zhizhi.apps.casework.services.workflows import package_install
from zhizhi.apps.journal.selectors import EventFilter, event_list
from zhizhi.backends.found import FoundReader, Sight, Wanted

pytestmark = pytest.mark.django_db
URL = "/zh-hans/assistance/findings"
Clients = Callable[[Role], Client]


@pytest.fixture
def reader(desk_lake: Path) -> FoundReader:
    return findings_of(desk_lake)


def text_of(response: object) -> str:
    return response.content.decode()  # type: ignore[attr-defined, no-any-return]


def test_every_count_is_the_number_of_rows_within_the_post(client_for: Clients, reader: FoundReader) -> None:
    client = client_for(Role.COUNTY_MANAGER)
    response = client.get(URL)
    counts = reader.counts(XIHU, Wanted())
    assert 0 < counts.total < reader.counts(CITY, Wanted()).total
    assert response.context["counts"].total == counts.total
    page = text_of(response)
    assert f"{counts.total} 条发现，涉及 {counts.households} 户" in page
    for kind, code in (("missed", "missed"), ("near miss", "near-miss"), ("unknown", "unknown")):
        rows = client.get(URL, {"finding": code})
        assert rows.context["counts"].total == counts.finding.get(kind, 0)
        assert {row.found.finding for row in rows.context["rows"]} <= {kind}
    assert all(row.found.region.startswith("330106") for row in response.context["rows"])


def test_names_are_masked_and_only_for_those_whose_grade_reaches_them(client_for: Clients, reader: FoundReader) -> None:
    officer = client_for(Role.COUNTY_MANAGER).get(URL)
    assert all(row.head is None or "*" in row.head.name for row in officer.context["rows"])
    assert any(row.head for row in officer.context["rows"])
    analyst = client_for(Role.POLICY_ANALYST).get(URL)
    assert all(row.head is None for row in analyst.context["rows"])
    assert "看不到姓名" in text_of(analyst)
    assert "/assistance/households/" not in text_of(analyst)


def test_a_post_of_one_department_sees_its_policies_alone(client_for: Clients, reader: FoundReader) -> None:
    response = client_for(Role.POLICY_ANALYST).get(URL)
    own = reader.count(Sight("3301", "civil-affairs"), Wanted())
    assert response.context["counts"].total == own < reader.count(CITY, Wanted())
    assert set(response.context["counts"].department) == {"civil-affairs"}


@pytest.mark.parametrize(
    "query", [{"finding": "mised"}, {"policy": "nothing"}, {"colour": "red"}, {"sort": "name"}, {"region": "33"}]
)
def test_a_filter_that_names_nothing_is_refused(client_for: Clients, reader: FoundReader, query: dict[str, str]) -> None:
    response = client_for(Role.COUNTY_MANAGER).get(URL, query)
    assert response.status_code == 400


def test_a_region_outside_the_post_gives_nothing(client_for: Clients, reader: FoundReader) -> None:
    response = client_for(Role.COUNTY_MANAGER).get(URL, {"region": "330110"})
    assert response.context["counts"].total == 0
    assert "没有符合条件的发现" in text_of(response)


def test_before_any_screening_the_page_says_what_comes_next(client_for: Clients) -> None:
    response = client_for(Role.COUNTY_MANAGER).get(URL)
    assert response.status_code == 200
    assert "还没有核查过" in text_of(response)


def test_the_workbook_holds_what_is_shown_and_that_it_was_taken_is_written(
    client_for: Clients, reader: FoundReader, actors: dict[Role, Actor]
) -> None:
    client = client_for(Role.COUNTY_MANAGER)
    assert client.get("/zh-hans/assistance/findings.xlsx").status_code == 405
    response = client.post("/zh-hans/assistance/findings.xlsx?finding=missed,unknown&sort=-payable")
    assert response.status_code == 200
    sheet = load_workbook(io.BytesIO(response.content)).worksheets[0]
    rows = list(sheet.iter_rows(values_only=True))
    wanted = Wanted(finding=("missed", "unknown"))
    expected = list(reader.every(XIHU, wanted, "-payable"))
    assert "合成数据" in str(rows[0][0])
    header = next(number for number, row in enumerate(rows) if row[0] == "发现" and row[1] == "政策")
    assert [row[-1] for row in rows[header + 1 :]] == [item.household for item in expected]
    assert not any(cell.data_type == "f" for line in sheet.iter_rows() for cell in line)
    events, _ = event_list(actors[Role.AUDITOR], EventFilter(name="assistance.finding.exported"))
    assert events[0].details["rows"] == len(expected)


def test_those_who_may_not_export_do_not(client_for: Clients, reader: FoundReader) -> None:
    client = client_for(Role.VILLAGE_WORKER)
    assert "导出" not in text_of(client.get(URL))
    assert client.post("/zh-hans/assistance/findings.xlsx").status_code == 403


def keys_of(reader: FoundReader, sight: Sight, kind: str, number: int) -> list[str]:
    found = reader.page(sight, Wanted(finding=(kind,)), limit=number)
    return [f"{item.subject}.{item.policy}.{item.finding.replace(' ', '-')}" for item in found]


def test_several_are_dismissed_with_a_reason_only(
    client_for: Clients, reader: FoundReader, actors: dict[Role, Actor], system: Actor, now: object
) -> None:
    client, keys = client_for(Role.COUNTY_MANAGER), keys_of(reader, XIHU, "unknown", 2)
    refused = client.post("/zh-hans/assistance/findings/act", {"chosen": keys, "action": "dismiss", "reason": ""})
    assert refused.status_code == 422
    assert refused.context["chosen"] == keys
    done = client.post("/zh-hans/assistance/findings/act", {"chosen": keys, "action": "dismiss", "reason": "data-wrong"})
    assert done.status_code == 302
    household = next(iter(reader.some(XIHU, [tuple(keys[0].split("."))]))).household  # type: ignore[list-item]
    assert any(view.reason == "data-wrong" for view in dismissed(actors[Role.COUNTY_MANAGER], [household]).values())
    assert "不办理：数据有误" in text_of(client.get(URL, {"q": household}))


def test_cases_are_opened_for_chosen_households_and_nothing_is_granted(
    client_for: Clients, reader: FoundReader, actors: dict[Role, Actor], system: Actor, now: object
) -> None:
    package_install(system, package=reader.package, now=now)  # type: ignore[arg-type]
    client, household = client_for(Role.COUNTY_MANAGER), one(reader, "missed")
    keys = keys_of(reader, XIHU, "missed", 1)
    assert client.post("/zh-hans/assistance/findings/act", {"chosen": keys, "action": "grant"}).status_code == 400
    assert client.post("/zh-hans/assistance/findings/act", {"action": "open"}).status_code == 422
    done = client.post("/zh-hans/assistance/findings/act", {"chosen": keys, "action": "open"})
    assert done.status_code == 302
    cases = cases_of_household(actors[Role.COUNTY_MANAGER], household=household, now=now)  # type: ignore[arg-type]
    assert len(cases) == 1
    assert f"在办案件 {cases[0].number}" in text_of(client.get(URL, {"q": household}))


def test_findings_of_another_region_cannot_be_dealt_with(
    client_for: Clients, reader: FoundReader, actors: dict[Role, Actor]
) -> None:
    outside = next(item for item in reader.every(CITY, Wanted()) if not item.region.startswith("330106"))
    key = f"{outside.subject}.{outside.policy}.{outside.finding.replace(' ', '-')}"
    client = client_for(Role.COUNTY_MANAGER)
    opened = client.post("/zh-hans/assistance/findings/act", {"chosen": [key], "action": "open"})
    assert opened.status_code == 409
    gone = client.post("/zh-hans/assistance/findings/act", {"chosen": [key], "action": "dismiss", "reason": "known"})
    assert gone.status_code == 404
    assert not dismissed(actors[Role.POLICY_ANALYST], [outside.household])


def test_filters_are_kept_by_each_person_for_herself(client_for: Clients, reader: FoundReader) -> None:
    mine, other = client_for(Role.COUNTY_MANAGER), client_for(Role.TOWN_OFFICER)
    kept = {"name": "待核实", "query": "finding=unknown&page=3"}
    assert mine.post("/zh-hans/assistance/findings/filters", kept).status_code == 302
    view = mine.get(URL).context["filters"][0]
    assert (view.name, view.query) == ("待核实", "finding=unknown")
    assert list(other.get(URL).context["filters"]) == []
    assert other.post(f"/zh-hans/cases/filters/{view.id}/remove").status_code == 404
    assert mine.post(f"/zh-hans/cases/filters/{view.id}/remove", {"back": URL}).url == URL
    assert list(mine.get(URL).context["filters"]) == []


def test_the_api_pages_through_the_same_rows(client_for: Clients, reader: FoundReader) -> None:
    client = client_for(Role.COUNTY_MANAGER)
    first = client.get("/api/v1/assistance/findings", {"limit": 7, "finding": ["missed", "unknown"]}).json()
    seen, cursor = [item["subject"] for item in first["items"]], first["next"]
    while cursor:
        page = client.get("/api/v1/assistance/findings", {"limit": 7, "finding": ["missed", "unknown"], "cursor": cursor}).json()
        seen += [item["subject"] for item in page["items"]]
        cursor = page["next"]
    assert seen == [item.subject for item in reader.every(XIHU, Wanted(finding=("missed", "unknown")))]
    assert first["count"] == len(seen)
    assert client.get("/api/v1/assistance/findings", {"finding": "mised"}).status_code == 422


@pytest.mark.parametrize("q", ["\x00", "'; DROP TABLE found; --", "%", "\\", "一" * 300])
def test_odd_words_find_nothing_and_break_nothing(client_for: Clients, reader: FoundReader, q: str) -> None:
    client = client_for(Role.COUNTY_MANAGER)
    assert client.get(URL, {"q": q}).status_code in (200, 400)
    assert client.get("/zh-hans/assistance/search", {"q": q}).status_code in (200, 400)
    assert client.get(URL, {"page": "99999999999999"}).status_code == 200
    odd = {"chosen": [f"{q}.dibao.missed", "x"], "action": "open"}
    assert client.post("/zh-hans/assistance/findings/act", odd).status_code in (400, 409)
    kept = client.post("/zh-hans/assistance/findings/filters", {"name": q, "query": "finding=missed"})
    assert kept.status_code in ((400, 422) if q == "\x00" else (302,))
