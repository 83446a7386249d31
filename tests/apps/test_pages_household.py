"""One household, one file: what a post sees of it, why, and that every look leaves a trace."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

import pytest
from django.test import Client
from screened_world import CITY, XIHU, findings_of, one

from zhizhi.apps.accounts.selectors.posts import actor_of, posts_of
from zhizhi.apps.accounts.services.people import post_grant, user_create
from zhizhi.apps.actors import Actor, Role
from zhizhi.apps.assistance.selectors.household import household_file
from zhizhi.apps.assistance.selectors.lake import register
from zhizhi.apps.assistance.services.identity import household_reveal
from zhizhi.apps.casework.services.workflows import package_install
from zhizhi.apps.journal.selectors import reads_of
from zhizhi.backends.found import FoundReader, Wanted
from zhizhi.backends.lake import Lake
from zhizhi.backends.register import masked
from zhizhi.kernel.errors import InvalidError, NotFoundError, RefusedError

pytestmark = pytest.mark.django_db
ON = date(2025, 9, 1)
Clients = Callable[[Role], Client]


@pytest.fixture
def reader(desk_lake: Path, system: Actor, now: datetime, region_tree: object) -> FoundReader:
    found = findings_of(desk_lake)
    package_install(system, package=found.package, now=now)
    return found


def url(household: str) -> str:
    return f"/zh-hans/assistance/households/{household}"


def test_the_file_tells_who_what_and_why(client_for: Clients, reader: FoundReader) -> None:
    household = one(reader, "missed")
    found = reader.of_household(XIHU, household)[0]
    response = client_for(Role.COUNTY_MANAGER).get(url(household), {"purpose": "visit", "policy": found.policy})
    page = response.content.decode()
    file = response.context["file"]
    row = next(row for row in file.entitlements if row.policy == found.policy and row.finding == "missed")
    assert (row.decision, row.receipt) == ("eligible", False)
    assert row.payable_fen == int(found.payable * 100)
    assert row.agrees
    assert "应享未享" in page
    assert "没有门牌和坐标" in page
    assert '<details class="more" open>' in page
    assert row.reasons
    assert all(reason.result for reason in row.reasons)
    assert row.laws
    assert all(group.source.owner["zh"] and group.source.loaded for member in file.members for group in member.groups)


def test_an_open_question_names_the_field_and_who_has_it(client_for: Clients, reader: FoundReader) -> None:
    household = one(reader, "unknown")
    response = client_for(Role.COUNTY_MANAGER).get(url(household))
    open_rows = [row for row in response.context["file"].entitlements if row.decision == "unknown"]
    assert open_rows
    for row in open_rows:
        assert row.lacks
        assert all(lack.title and lack.owner for lack in row.lacks)
        assert f"缺“{row.lacks[0].title}”，由{row.lacks[0].owner}掌握" in response.content.decode()


def test_explanations_say_what_the_screening_decided(actors: dict[Role, Actor], reader: FoundReader) -> None:
    for kind in ("missed", "leaking", "near miss", "unknown", "warning"):
        for found in reader.page(XIHU, Wanted(finding=(kind,)), limit=3):
            file = household_file(actors[Role.COUNTY_MANAGER], found.household, on=ON, lang="en")
            rows = [*file.entitlements, *file.rest]
            assert all(row.agrees for row in rows)
            said = [row for row in rows if row.policy == found.policy and row.finding == kind.replace(" ", "-")]
            assert said
            assert said[0].matters


def test_a_household_elsewhere_is_not_there_and_nothing_is_written(
    client_for: Clients, reader: FoundReader, actors: dict[Role, Actor]
) -> None:
    elsewhere = next(item for item in reader.every(CITY, Wanted()) if not item.region.startswith("330106")).household
    client = client_for(Role.COUNTY_MANAGER)
    assert client.get(url(elsewhere)).status_code == 404
    assert client.get(url(elsewhere) + "/beside").status_code == 404
    assert client.get(url("0" * 24)).status_code == 404
    assert client.get("/zh-hans/assistance/search", {"q": elsewhere}).status_code == 200
    assert client.post(url(elsewhere), {"purpose": "visit", "reason": "登门核实"}).status_code == 404
    assert reads_of(actors[Role.COUNTY_MANAGER], elsewhere) == []


@pytest.mark.parametrize("role", [Role.POLICY_ANALYST, Role.AUDITOR, Role.ADMINISTRATOR, Role.DATA_STEWARD, Role.REFORM_OFFICE])
def test_those_who_work_with_no_household_read_none(client_for: Clients, reader: FoundReader, role: Role) -> None:
    assert client_for(role).get(url(one(reader, "missed"))).status_code == 403


def test_every_reading_is_written_with_its_purpose_and_shown_to_the_next(
    client_for: Clients, reader: FoundReader, actors: dict[Role, Actor]
) -> None:
    household, client = one(reader, "missed"), client_for(Role.COUNTY_MANAGER)
    first = client.get(url(household), {"purpose": "complaint"})
    assert "此前没有人看过" in first.content.decode()
    second = client.get(url(household))
    assert "处理投诉或咨询" in second.content.decode()
    assert [event.purpose for event in reads_of(actors[Role.COUNTY_MANAGER], household)] == ["check", "complaint"]
    assert client.get(url(household), {"purpose": "curiosity"}).status_code == 422
    assert len(reads_of(actors[Role.COUNTY_MANAGER], household)) == 2


def low_post(system: Actor, now: datetime, grade: int) -> Actor:
    user = user_create(system, username=f"grade-{grade}", display_name="某人", password=None, now=now)
    post_grant(system, user_id=user, role=Role.COUNTY_MANAGER, region="330106", grade=grade, now=now)
    return actor_of(posts_of(user)[0])


def test_a_low_grade_hides_names_ages_and_values_but_not_results(
    reader: FoundReader, system: Actor, now: datetime, users: object, actors: dict[Role, Actor]
) -> None:
    household = one(reader, "missed")
    low = household_file(low_post(system, now, 2), household, on=ON, lang="zh")
    high = household_file(actors[Role.COUNTY_MANAGER], household, on=ON, lang="zh")
    assert not low.names
    assert all(member.name == "" and member.age is None for member in low.members)
    assert all(fact.source.grade <= 2 for member in low.members for group in member.groups for fact in group.facts)
    assert sum(member.others for member in low.members) > sum(member.others for member in high.members)
    pairs = list(zip(low.entitlements, high.entitlements, strict=True))
    assert [row.decision for row, _ in pairs] == [row.decision for _, row in pairs]
    hidden = [reason for row in low.entitlements for reason in row.reasons if reason.hidden]
    assert hidden
    assert all(not reason.tests and not reason.parts for reason in hidden)
    assert any(other.tests for _, row in pairs for other in row.reasons)


def test_clear_names_need_a_reason_and_numbers_a_higher_grade(
    client_for: Clients, reader: FoundReader, actors: dict[Role, Actor], system: Actor, now: datetime, desk_lake: Path
) -> None:
    household, client = one(reader, "missed"), client_for(Role.COUNTY_MANAGER)
    unsaid = client.post(url(household), {"purpose": "visit", "reason": ""})
    assert unsaid.status_code == 422
    assert "为什么需要看到真实身份" in unsaid.content.decode()
    shown = client.post(url(household), {"purpose": "visit", "reason": "上门核对身份"})
    names = [item.name for item in shown.context["clear"]]
    assert all(name and "*" not in name for name in names)
    assert {masked(name) for name in names if name} == {member.name for member in shown.context["file"].members}
    assert all(item.number is None for item in shown.context["clear"])
    assert names[0] not in client.get(url(household)).content.decode()
    full = household_reveal(low_post(system, now, 4), household=household, purpose="case", reason="核对证件", on=ON, now=now)
    assert all(item.number and len(item.number) == 18 for item in full)
    with pytest.raises(RefusedError) as refused:
        household_reveal(low_post(system, now, 1), household=household, purpose="case", reason="核对证件", on=ON, now=now)
    assert refused.value.code == "household.grade-too-low"
    with pytest.raises(InvalidError):
        household_reveal(actors[Role.COUNTY_MANAGER], household=household, purpose="", reason="核对证件", on=ON, now=now)
    events = [event for event in reads_of(actors[Role.COUNTY_MANAGER], household) if event.name.endswith("revealed")]
    assert len(events) == 2
    assert events[-1].purpose == "visit: 上门核对身份"


def test_a_household_is_found_by_a_card_without_leaving_the_number_anywhere(
    client_for: Clients, reader: FoundReader, system: Actor, now: datetime, users: object, desk_lake: Path
) -> None:
    household = one(reader, "missed")
    person = household_reveal(low_post(system, now, 4), household=household, purpose="case", reason="取号", on=ON, now=now)[0]
    client = client_for(Role.COUNTY_MANAGER)
    typed = client.get("/zh-hans/assistance/search", {"q": person.number}, follow=True)
    assert typed.redirect_chain == [("/zh-hans/assistance/search", 302)]
    assert "请不要在查找框里输入身份证号" in typed.content.decode()
    assert str(person.number) not in typed.content.decode()
    led = client.post("/zh-hans/assistance/search/household", {"number": person.number})
    assert led.url == f"{url(household)}?purpose=visit"
    assert client.post("/zh-hans/assistance/search/household", {"number": "330106199001011234"}).status_code == 404
    elsewhere = client_for(Role.TOWN_OFFICER)
    region = reader.of_household(XIHU, household)[0].region
    if not region.startswith("330106109"):
        assert elsewhere.post("/zh-hans/assistance/search/household", {"number": person.number}).status_code == 404
    assert client.get("/zh-hans/assistance/search", {"q": household}).url == url(household)


def test_names_are_of_the_register(reader: FoundReader, desk_lake: Path, actors: dict[Role, Actor]) -> None:
    households = [item.household for item in reader.page(XIHU, Wanted(), limit=20)]
    heads = register(ON).heads(households)
    for household in set(households):
        file = household_file(actors[Role.COUNTY_MANAGER], household, on=ON, lang="zh")
        head = next(member for member in file.members if member.relation == "head" or member.place == 0)
        assert (heads[household].name, heads[household].age) == (head.name, head.age)
        assert heads[household].members == len(file.members)
    assert Lake.open(desk_lake).synthetic


def test_the_api_gives_the_same_file_and_writes_the_reading(
    client_for: Clients, reader: FoundReader, actors: dict[Role, Actor]
) -> None:
    household, client = one(reader, "missed"), client_for(Role.COUNTY_MANAGER)
    file = client.get(f"/api/v1/assistance/households/{household}?purpose=case").json()
    shown = household_file(actors[Role.COUNTY_MANAGER], household, on=ON, lang="zh")
    assert [row["decision"] for row in file["entitlements"]] == [row.decision for row in (*shown.entitlements, *shown.rest)]
    assert [event.purpose for event in reads_of(actors[Role.COUNTY_MANAGER], household)] == ["case"]
    assert client.get(f"/api/v1/assistance/households/{'0' * 24}").status_code == 404
    with pytest.raises(NotFoundError):
        household_file(actors[Role.COUNTY_MANAGER], "0" * 24, on=ON, lang="zh")


def test_aid_is_written_down_once_with_its_day_and_giver(
    client_for: Clients, reader: FoundReader, actors: dict[Role, Actor]
) -> None:
    household, client = one(reader, "missed"), client_for(Role.COUNTY_MANAGER)
    to = url(household) + "/aid"
    given = {
        "kind": "goods",
        "title": "大米",
        "value": "96.5",
        "quantity": "2 袋",
        "given_on": "2025-08-20",
        "source": "慈善总会",
    }
    unsaid = client.post(to, {**given, "source": ""})
    assert unsaid.status_code == 422
    assert "大米" in unsaid.content.decode()
    assert client.post(to, {**given, "given_on": "2999-01-01"}).status_code == 422
    assert client.post(to, {**given, "kind": "money", "value": ""}).status_code == 422
    for _ in range(2):
        assert client.post(to, {**given, "key": "once"}).status_code == 302
    file = client.get(url(household))
    page = file.content.decode()
    assert page.count("慈善总会") == 1
    assert "96.50" in page
    assert [tile["figure"] for tile in file.context["aid_tiles"]][1] == "96.50"
    assert client_for(Role.POLICY_ANALYST).post(to, given).status_code == 403
