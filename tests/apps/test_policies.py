"""The policy library, a what-if and a draft, as an analyst meets them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

import pytest
import yaml
from django.test import Client

from zhizhi.apps.actors import Actor, Role
from zhizhi.apps.assistance.selectors.lake import found_reader
from zhizhi.apps.assistance.selectors.packages import package_in_use
from zhizhi.apps.assistance.selectors.policies import policy_get, policy_list, policy_places
from zhizhi.apps.assistance.selectors.whatifs import draft_get, whatif_get
from zhizhi.apps.assistance.services.policies import draft_overlay, draft_save, whatif_ask, whatif_work_out
from zhizhi.apps.configuration import Configuration, configuration
from zhizhi.backends.found import Sight, Wanted
from zhizhi.kernel.errors import ConflictError, InvalidError, NotFoundError, RefusedError, UsageError

ANALYST, MANAGER = Role.POLICY_ANALYST, Role.COUNTY_MANAGER


def test_a_policy_is_read_as_sentences_with_its_figures_law_and_tests(actors: dict[Role, Actor], now: datetime) -> None:
    page = policy_get(actors[ANALYST], "dibao", now=now)
    assert page.conditions[1]["label"]["zh"] == "共同生活的家庭成员人均收入低于当地最低生活保障标准"
    assert "最低生活保障标准" in page.conditions[1]["rule"]["zh"]
    line = next(figure for figure in page.figures if figure.key == "dibao_line")
    assert line.plain == "1400"
    assert [(step.region, step.start, step.in_force) for step in line.history][:2] == [
        ("", "2025-07-01", True),
        ("", "2024-07-01", False),
    ]
    assert {basis["law"] for basis in page.policy.basis} == {"社会救助暂行办法", "浙江省社会救助条例"}
    assert len(page.tests) == len(page.policy.tests)
    assert not any(test.problems for test in page.tests)
    assert {read.dataset for read in page.reads} >= {"wages", "pensions", "homes", "vehicles"}


def test_the_library_is_filtered_and_an_unknown_filter_is_an_error(actors: dict[Role, Actor], now: datetime) -> None:
    mine = policy_list(actors[ANALYST], now=now, department="civil-affairs")
    assert mine
    assert {row.department for row in mine} == {"civil-affairs"}
    assert [row.id for row in policy_list(actors[ANALYST], now=now, text="最低生活保障边缘")] == ["edge"]
    with pytest.raises(UsageError):
        policy_list(actors[ANALYST], now=now, department="astrology")


def test_a_page_with_an_unknown_filter_answers_400(client_for: Callable[[Role], Client]) -> None:
    assert client_for(ANALYST).get("/zh-hans/assistance/policies?colour=red").status_code == 400


def test_a_try_is_worked_out_once_and_counts_only_the_asker_s_region(
    desk_lake: Path, actors: dict[Role, Actor], now: datetime
) -> None:
    city, new = whatif_ask(actors[ANALYST], policy="dibao", settings=["dibao_line=2000"], now=now)
    assert new
    assert whatif_ask(actors[ANALYST], policy="dibao", settings=["dibao_line=2000"], now=now) == (city, False)
    assert whatif_work_out(whatif=city) == "done"
    county, _ = whatif_ask(actors[MANAGER], policy="dibao", settings=["dibao_line=2000"], now=now)
    whatif_work_out(whatif=county)
    whole = _dibao(actors[ANALYST], city)
    part = _dibao(actors[MANAGER], county)
    assert whole["gainers"] > part["gainers"] > 0
    of_the_county = next(row for row in whole["by_county"] if row[0] == "330106")
    assert part["gainers"] == of_the_county[1]
    assert all(row[0].startswith("330106") and len(row[0]) == 9 for row in part["by_county"])
    assert sum(row[1] for row in part["by_county"]) == part["gainers"]


def _dibao(actor: Actor, whatif: int) -> dict[str, object]:
    outcome = whatif_get(actor, whatif).outcome
    assert outcome is not None
    return next(effect for effect in outcome["effects"] if effect["policy"] == "dibao")


def test_another_county_does_not_see_the_try(desk_lake: Path, actors: dict[Role, Actor], now: datetime) -> None:
    city, _ = whatif_ask(actors[ANALYST], policy="dibao", settings=["dibao_line=2000"], now=now)
    with pytest.raises(NotFoundError):
        whatif_get(actors[MANAGER], city)


def test_nothing_changed_and_unknown_figures_are_refused(desk_lake: Path, actors: dict[Role, Actor], now: datetime) -> None:
    for settings, error in ((["dibao_line=1400"], InvalidError), (["moon=1"], UsageError), (["dibao_line=much"], UsageError)):
        with pytest.raises(error):
            whatif_ask(actors[ANALYST], policy="dibao", settings=settings, now=now)


def test_a_draft_carries_its_failing_tests_and_becomes_an_overlay(
    desk_lake: Path, actors: dict[Role, Actor], now: datetime
) -> None:
    tried, _ = whatif_ask(actors[ANALYST], policy="dibao", settings=["dibao_line=2000"], now=now)
    with pytest.raises(ConflictError):
        draft_save(actors[ANALYST], whatif=tried, title="提标", note="", starts_on=date(2026, 1, 1), now=now)
    whatif_work_out(whatif=tried)
    with pytest.raises(InvalidError):
        draft_save(actors[ANALYST], whatif=tried, title=" ", note="", starts_on=date(2026, 1, 1), now=now)
    kept = draft_save(actors[ANALYST], whatif=tried, title="提标", note="物价", starts_on=date(2026, 1, 1), now=now)
    draft = draft_get(actors[ANALYST], kept)
    assert "a couple whose income per member equals the line is not eligible" in {test["name"] for test in draft.failing}
    with pytest.raises(ConflictError):
        draft_save(actors[ANALYST], whatif=tried, title="again", note="", starts_on=date(2026, 1, 1), now=now)
    text = draft_overlay(
        {
            "title": "提标",
            "starts_on": draft.starts_on,
            "settings": ["dibao_line=2000"],
            "on": draft.tried.on,
            "region": "330100",
        },
        package_in_use(),
    )
    overlay = yaml.safe_load(text)
    assert overlay["region"] == "330100"
    assert overlay["params"]["dibao_line"]["values"] == {date(2026, 1, 1): 2000}


def test_figures_of_another_department_can_be_tried_but_not_kept(
    desk_lake: Path, actors: dict[Role, Actor], now: datetime
) -> None:
    tried, _ = whatif_ask(actors[ANALYST], policy="disability-living", settings=["disability-living.grant=500"], now=now)
    whatif_work_out(whatif=tried)
    assert package_in_use().policies["disability-living"].department != actors[ANALYST].department
    with pytest.raises(RefusedError):
        draft_save(actors[ANALYST], whatif=tried, title="x", note="", starts_on=date(2026, 1, 1), now=now)


def test_a_package_that_fails_to_load_says_so_and_the_catalogue_goes_on(
    home: Configuration, client_for: Callable[[Role], Client], tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "needs.yaml").write_text("variables: [", encoding="utf-8")
    (home.home / "zhizhi.toml").write_text(f'region = "330100"\npackages = ["{broken}"]\n', encoding="utf-8")
    configuration.cache_clear()
    response = client_for(ANALYST).get("/zh-hans/assistance/policies")
    assert response.status_code == 503
    assert "package.yaml" in response.content.decode()


def test_the_whole_way_in_the_browser_s_words(desk_lake: Path, client_for: Callable[[Role], Client]) -> None:
    browser = client_for(ANALYST)
    assert "最低生活保障" in browser.get("/zh-hans/assistance/policies/dibao").content.decode()
    same = browser.post("/zh-hans/assistance/policies/dibao/try", {"dibao_line": "1400"})
    assert same.status_code == 422
    assert "没有改动任何数值" in same.content.decode()
    sent = browser.post("/zh-hans/assistance/policies/dibao/try", {"dibao_line": "2000"})
    assert sent.status_code == 302
    number = int(sent.headers["Location"].rstrip("/").rsplit("/", 1)[1])
    assert "等待测算" in browser.get(sent.headers["Location"]).content.decode()
    whatif_work_out(whatif=number)
    done = browser.get(sent.headers["Location"]).content.decode()
    assert "新符合" in done
    assert "存为草案" in done


def test_whom_a_policy_touches_is_counted_within_the_post_s_region(desk_lake: Path, actors: dict[Role, Actor]) -> None:
    counties = policy_places(actors[ANALYST], "dibao")
    towns = policy_places(actors[MANAGER], "dibao")
    assert all(len(place.region) == 6 for place in counties)
    assert towns
    assert all(place.region.startswith("330106") and len(place.region) == 9 for place in towns)
    mine = next(place for place in counties if place.region == "330106")
    assert (mine.eligible, mine.receiving) == (sum(p.eligible for p in towns), sum(p.receiving or 0 for p in towns))
    reader = found_reader()
    assert reader is not None
    missed = reader.counts(Sight(prefix="330106"), Wanted(finding=("missed",), policy=("dibao",))).total
    assert mine.missed == missed


def test_before_any_screening_the_page_says_so(client_for: Callable[[Role], Client]) -> None:
    assert "还没有做过核对" in client_for(ANALYST).get("/zh-hans/assistance/policies/dibao").content.decode()


def test_the_same_through_the_api(desk_lake: Path, client_for: Callable[[Role], Client]) -> None:
    browser = client_for(ANALYST)
    api = "/api/v1/assistance"
    assert "dibao" in {row["id"] for row in browser.get(f"{api}/policies").json()}
    assert browser.get(f"{api}/policies/dibao").json()["failing_tests"] == []
    assert sum(row["eligible"] for row in browser.get(f"{api}/policies/dibao/places").json()) > 0
    asked = browser.post(f"{api}/whatifs", {"policy": "dibao", "settings": ["moon=1"]}, content_type="application/json")
    assert (asked.status_code, asked.json()["code"]) == (400, "usage.set-unknown")
    asked = browser.post(f"{api}/whatifs", {"policy": "dibao", "settings": ["dibao_line=2000"]}, content_type="application/json")
    assert (asked.status_code, asked.json()["state"]) == (202, "waiting")
    number = asked.json()["id"]
    whatif_work_out(whatif=number)
    assert browser.get(f"{api}/whatifs/{number}").json()["outcome"]["effects"][0]["gainers"] > 0
    draft = {"title": "提标", "starts_on": "2026-01-01"}
    kept = browser.post(f"{api}/whatifs/{number}/draft", draft, content_type="application/json")
    assert kept.status_code == 201
    assert browser.get(f"{api}/drafts/{kept.json()['id']}").json()["failing"]
    assert browser.post(f"{api}/whatifs/{number}/draft", draft, content_type="application/json").status_code == 409
    assert client_for(Role.VILLAGE_WORKER).get(f"{api}/whatifs").status_code == 403
