"""Warnings: what is told of their precision and from how many verdicts, how much work they make, and other thresholds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from casework_world import SANDUN, draft, household, shipped, walk
from django.test import Client
from django_tasks_db.models import DBTaskResult

from zhizhi.apps.actors import Actor, Role
from zhizhi.apps.assistance.models import Curve
from zhizhi.apps.assistance.selectors.warnings import STUCK, curves_of, enough, thresholds, warning_get, warning_list
from zhizhi.apps.assistance.services.thresholds import curve_ask, curve_work_out
from zhizhi.apps.casework.services.cases import case_open_many
from zhizhi.apps.casework.services.workflows import package_install
from zhizhi.apps.journal.models import Event
from zhizhi.engines.screening.precision import wilson
from zhizhi.kernel.errors import InvalidError, NotFoundError, RefusedError, UsageError

WAYS = ["reached", "assessed", "approve", "dispatched", "done"]
WARNING = "serious-illness"

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(actors: dict[Role, Actor], system: Actor, desk_lake: Path, now: datetime) -> dict[Role, Actor]:
    """The small screened lake, the package's workflow and calendar, and an actor a role."""
    package_install(system, package=shipped(), now=now)
    return actors


def close(desk: dict[Role, Actor], system: Actor, now: datetime, outcomes: list[str], region: str = SANDUN) -> None:
    """Open one case a outcome, and take each to its end."""
    hands = {role.value: replace(system, role=role) for role in Role}
    drafts = [draft(number + 1, household=household(number + 1), region=region) for number in range(len(outcomes))]
    for case_id, outcome in zip(case_open_many(system, drafts=drafts, now=now), outcomes, strict=True):
        steps = iter(range(1, 20))
        walk(hands, case_id, 1, WAYS, lambda steps=steps: now + timedelta(hours=6 * next(steps)), outcome=outcome)  # type: ignore[misc]


def of(rows: list, name: str):  # type: ignore[no-untyped-def,type-arg]
    return next(row for row in rows if row.id == name)


def test_nothing_is_claimed_of_three_cases(desk: dict[Role, Actor], system: Actor, now: datetime) -> None:
    close(desk, system, now, ["granted"] * 3)
    row = of(warning_list(desk[Role.COUNTY_MANAGER], now=now + timedelta(days=3)), WARNING)
    assert not row.outcome.precision.told
    assert (row.outcome.confirmed, row.outcome.precision.decided) == (3, 3)
    assert row.missing == row.outcome.least - 3
    assert row.narrow is None


def test_precision_stands_with_its_interval_once_enough_is_decided(desk: dict[Role, Actor], system: Actor, now: datetime) -> None:
    close(desk, system, now, ["granted"] * 15 + ["not-eligible"] * 5 + ["declined"] * 2)
    row = of(warning_list(desk[Role.COUNTY_MANAGER], now=now + timedelta(days=3)), WARNING)
    assert row.outcome.closed == 22
    assert row.outcome.precision.share == pytest.approx(0.75)
    assert (row.outcome.precision.low, row.outcome.precision.high) == pytest.approx(wilson(15, 20))
    assert row.missing == 0
    assert row.narrow == enough(0.75)
    assert row.per_week == pytest.approx(22)
    assert row.waits.visited == 22
    assert row.waits.half == timedelta(hours=6)


def test_what_others_did_elsewhere_is_not_counted(desk: dict[Role, Actor], system: Actor, now: datetime) -> None:
    close(desk, system, now, ["granted"] * 4, region="330102001")
    later = now + timedelta(days=3)
    assert of(warning_list(desk[Role.COUNTY_MANAGER], now=later), WARNING).outcome.closed == 0
    assert of(warning_list(replace(desk[Role.COUNTY_MANAGER], region="330100"), now=later), WARNING).outcome.closed == 4
    assert of(warning_list(replace(desk[Role.COUNTY_MANAGER], region=""), now=later), WARNING).outcome.closed == 0


def test_the_interval_narrows_as_the_square_of_its_width() -> None:
    assert enough(None) is None
    assert enough(0.5) == 385
    assert enough(0.0) == enough(1.0) == enough(0.05)


def test_who_may_see_what(desk: dict[Role, Actor], now: datetime) -> None:
    with pytest.raises(RefusedError):
        warning_list(desk[Role.DATA_STEWARD], now=now)
    with pytest.raises(UsageError):
        warning_list(desk[Role.AUDITOR], now=now, sort="best")
    for unknown in ("dibao", "nothing"):
        with pytest.raises(NotFoundError):
            warning_get(desk[Role.AUDITOR], unknown, now=now)
    with pytest.raises(RefusedError):
        curve_ask(desk[Role.VILLAGE_WORKER], warning=WARNING, figure="recent", now=now)
    with pytest.raises(InvalidError):
        curve_ask(desk[Role.POLICY_ANALYST], warning=WARNING, figure="dibao_line", now=now)


def test_the_curve_meets_what_stands_today_and_never_rises_again(desk: dict[Role, Actor], now: datetime) -> None:
    analyst = desk[Role.POLICY_ANALYST]
    assert [item.name for item in thresholds("lone-elder")] == ["old_age"]
    curve, new = curve_ask(analyst, warning="lone-elder", figure="old_age", now=now)
    assert new
    assert curve_work_out(curve_id=curve, now=now) == "done"
    [seen] = curves_of(analyst, "lone-elder", now=now)
    counts = [point["households"] for point in seen.points]
    assert counts == sorted(counts, reverse=True), "the older the age asked for, the fewer are found"
    assert counts[0] > counts[-1]
    standing = warning_get(analyst, "lone-elder", now=now).row.standing
    assert next(point["households"] for point in seen.points if point["value"] == seen.current) == standing
    assert Event.objects.filter(name="assistance.curve.asked").count() == 1


def test_the_same_curve_is_worked_out_once_and_again_if_its_worker_died(desk: dict[Role, Actor], now: datetime) -> None:
    analyst = desk[Role.POLICY_ANALYST]
    first, new = curve_ask(analyst, warning="lone-elder", figure="old_age", now=now)
    assert new
    assert curve_ask(analyst, warning="lone-elder", figure="old_age", now=now) == (first, False)
    Curve.objects.filter(pk=first).update(state="running")
    assert curves_of(analyst, "lone-elder", now=now + 2 * STUCK)[0].stuck
    assert curve_ask(analyst, warning="lone-elder", figure="old_age", now=now + 2 * STUCK) == (first, True)
    curve_work_out(curve_id=first, now=now)
    assert curve_work_out(curve_id=first, now=now) == "done"
    assert curve_ask(analyst, warning="lone-elder", figure="old_age", now=now + 3 * STUCK) == (first, False)


def test_a_curve_is_of_its_region_alone(desk: dict[Role, Actor], now: datetime) -> None:
    manager = desk[Role.COUNTY_MANAGER]
    curve, _ = curve_ask(manager, warning="lone-elder", figure="old_age", now=now)
    curve_work_out(curve_id=curve, now=now)
    assert not curves_of(desk[Role.POLICY_ANALYST], "lone-elder", now=now)
    [seen] = curves_of(manager, "lone-elder", now=now)
    whole, _ = curve_ask(desk[Role.POLICY_ANALYST], warning="lone-elder", figure="old_age", now=now)
    curve_work_out(curve_id=whole, now=now)
    [city] = curves_of(desk[Role.POLICY_ANALYST], "lone-elder", now=now)
    assert all(a["households"] <= b["households"] for a, b in zip(seen.points, city.points, strict=True))
    assert seen.points != city.points


def test_pages_say_it_in_both_languages(
    desk: dict[Role, Actor], client_for: Callable[[Role], Client], system: Actor, now: datetime
) -> None:
    close(desk, system, now, ["granted"] * 2)
    client = client_for(Role.COUNTY_MANAGER)
    assert "尚不能判断" in client.get("/zh-hans/assistance/warnings").content.decode()
    assert client.get("/zh-hans/assistance/warnings?sort=best").status_code == 400
    assert client.get("/zh-hans/assistance/warnings?sorted=x").status_code == 400
    for language, words in (("zh-hans", "只有 2 件走访有结论"), ("en", "Only 2 visits ended with a verdict")):
        page = client.get(f"/{language}/assistance/warnings/{WARNING}")
        assert page.status_code == 200
        text = page.content.decode()
        assert words in text
        assert "warnings." not in text.replace("/warnings", ""), "every label has its words"
    assert client.get("/zh-hans/assistance/warnings/dibao").status_code == 404


def test_a_threshold_is_tried_from_the_page(desk: dict[Role, Actor], client_for: Callable[[Role], Client]) -> None:
    client, place = client_for(Role.COUNTY_MANAGER), "/zh-hans/assistance/warnings/lone-elder"
    assert "还没有试算过" in client.get(place).content.decode()
    assert client.post(f"{place}/curve", {"figure": "old_age"}).status_code == 302
    assert client.post(f"{place}/curve", {"figure": "old_age"}).status_code == 302
    [job] = DBTaskResult.objects.filter(task_path__endswith="work_out_curve")
    assert "正在试算" in client.get(place).content.decode()
    job.task.call(*job.args_kwargs["args"], **job.args_kwargs["kwargs"])
    assert 'data-chart="line"' in client.get(place).content.decode()
    assert client.post(f"{place}/curve", {"figure": "nonsense"}).status_code == 422
    assert client_for(Role.VILLAGE_WORKER).post(f"{place}/curve", {"figure": "old_age"}).status_code == 403
