"""Aid lists, needs, outcomes and reads of a household: what stands behind a file and a policy's page."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from assistance_world import install, places, worker

from zhizhi.apps.actors import Actor, Role
from zhizhi.apps.assistance.models import AidGiven
from zhizhi.apps.assistance.schemas import AID_KINDS, PURPOSES
from zhizhi.apps.assistance.selectors.aid import aid_list, months_of_year
from zhizhi.apps.assistance.selectors.lake import lake_in_use
from zhizhi.apps.assistance.selectors.needs import need_of
from zhizhi.apps.assistance.selectors.outcomes import finding_outcomes
from zhizhi.apps.assistance.selectors.packages import package_in_use
from zhizhi.apps.assistance.selectors.places import places_of
from zhizhi.apps.assistance.selectors.projects import project_base
from zhizhi.apps.assistance.selectors.triage import triage_in_use
from zhizhi.apps.assistance.services.aid import aid_record, aid_withdraw
from zhizhi.apps.assistance.services.households import household_read
from zhizhi.apps.assistance.services.opening import alerts_give_out
from zhizhi.apps.assistance.services.runs import screening_do
from zhizhi.apps.casework.schemas import CaseFilter
from zhizhi.apps.casework.selectors.cases import case_list
from zhizhi.apps.casework.selectors.visits import time_to_visit
from zhizhi.apps.casework.services.steps import case_move
from zhizhi.apps.journal.models import Event, EventSubject
from zhizhi.backends.duckdb import connect
from zhizhi.backends.population import scan
from zhizhi.backends.screening import latest_run, state_folder
from zhizhi.kernel.errors import ConflictError, InvalidError, NotFoundError, RefusedError
from zhizhi.kernel.messages import render

pytestmark = pytest.mark.django_db
ON = date(2025, 9, 1)
DAY = timedelta(days=1)


@pytest.fixture
def ready(desk_lake: Path, region_tree: object, system: Actor, now: datetime) -> Actor:
    places(system)
    install(system, now)
    return system


def receiving(policy: str) -> tuple[str, int]:
    """Return a household that receives a policy, and its monthly fen."""
    kept = latest_run(state_folder(lake_in_use(), package_in_use()))
    assert kept is not None
    with connect() as connection:
        row = connection.execute(
            f"SELECT subject, amount FROM {scan([str(kept[0] / 'receipts.parquet')])} WHERE kind = 'household' "
            "AND policy = ? AND amount > 0 AND since < 20250101 ORDER BY 1 LIMIT 1",
            [policy],
        ).fetchone()
    assert row is not None
    return row[0], row[1]


def others() -> list[str]:
    kept = latest_run(state_folder(lake_in_use(), package_in_use()))
    assert kept is not None
    with connect() as connection:
        rows = connection.execute(f"SELECT household FROM {scan([str(kept[0] / 'household_file.parquet')])} LIMIT 3").fetchall()
    return [row[0] for row in rows]


# aid ---------------------------------------------------------------------------------------------------------------


def test_what_departments_pay_is_listed_with_source_and_comes_to_a_year(ready: Actor) -> None:
    household, monthly = receiving("dibao")
    listed = aid_list(ready, household=household, on=ON)
    row = next(row for row in listed.rows if row.policy == "dibao")
    assert (row.kind, row.value_fen, row.monthly, row.estimated) == ("money", monthly, True, True)
    assert row.this_year_fen == monthly * 9  # January to September
    assert row.source["zh"].endswith("局")
    assert row.group == "basic-living"
    assert listed.totals["money"] == sum(row.this_year_fen or 0 for row in listed.rows)


def test_amounts_above_the_grade_are_hidden_and_in_no_total(ready: Actor) -> None:
    household, _ = receiving("dibao")
    low = Actor(1, 1, "x", Role.TOWN_OFFICER, "330000", grade=2, permissions=ready.permissions)
    listed = aid_list(low, household=household, on=ON)
    assert all(row.hidden and row.value_fen is None for row in listed.rows if row.policy == "dibao")
    assert listed.totals["money"] == 0


def test_aid_is_written_down_once_counted_and_withdrawn(ready: Actor, now: datetime) -> None:
    household, _ = receiving("dibao")
    before = aid_list(ready, household=household, on=date(2026, 3, 4)).totals
    given = {"household": household, "given_on": date(2026, 3, 1), "source": "三墩镇", "now": now}
    one = aid_record(ready, kind="goods", project="goods-parcel", value_fen=20_000, quantity="2 袋", key="k", **given)
    assert aid_record(ready, kind="goods", project="goods-parcel", value_fen=20_000, quantity="2 袋", key="k", **given) == one
    other = next(home for home in places_of(ready, [household, *others()]) if home != household)
    with pytest.raises(ConflictError):
        aid_record(ready, kind="goods", title="棉被", key="k", **{**given, "household": other})
    aid_record(ready, kind="money", policy="temporary", value_fen=50_000, **given)
    aid_record(ready, kind="service", title="陪同就医", **given)
    listed = aid_list(ready, household=household, on=date(2026, 3, 4))
    assert listed.totals["goods"] == before["goods"] + 20_000
    assert listed.totals["money"] == before["money"] + 50_000
    assert listed.totals["service"] == before["service"] + 1
    titles = {row.title["zh"]: row.group for row in listed.rows if row.id}
    assert titles == {"米面油物资包": "daily-goods", "临时救助": "emergency-living", "陪同就医": ""}
    aid_withdraw(ready, aid_id=one, reason="登错了户", now=now)
    assert aid_list(ready, household=household, on=date(2026, 3, 4)).totals["goods"] == before["goods"]
    with pytest.raises(ConflictError):
        aid_withdraw(ready, aid_id=one, reason="again", now=now)
    assert [event.name for event in Event.objects.filter(name__startswith="assistance.aid").order_by("id")] == [
        "assistance.aid.recorded",
        "assistance.aid.recorded",
        "assistance.aid.recorded",
        "assistance.aid.withdrawn",
    ]
    assert "陪同" not in str(list(Event.objects.values_list("details", flat=True)))  # what was typed stays out of the journal


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"kind": "gold"}, "assistance.aid-kind"),
        ({"title": ""}, "assistance.aid-what"),
        ({"title": "米" * 121}, "assistance.aid-what"),
        ({"kind": "money"}, "assistance.aid-value-missing"),
        ({"value_fen": -1}, "assistance.aid-value"),
        ({"value_fen": 10**14}, "assistance.aid-value"),
        ({"source": " "}, "assistance.aid-source"),
        ({"given_on": date(2026, 3, 5)}, "assistance.aid-date"),
        ({"given_on": date(1900, 1, 1)}, "assistance.aid-date"),
        ({"project": "no-such"}, "assistance.aid-project"),
        ({"policy": "no-such"}, "assistance.aid-policy"),
        ({"quantity": "多" * 61}, "assistance.aid-what"),
    ],
)
def test_what_cannot_be_aid(ready: Actor, now: datetime, wrong: dict[str, object], code: str) -> None:
    household, _ = receiving("dibao")
    right = {"kind": "goods", "title": "棉被", "given_on": date(2026, 3, 1), "source": "三墩镇"}
    with pytest.raises(InvalidError) as refused:
        aid_record(ready, household=household, now=now, **{**right, **wrong})
    assert refused.value.code == code
    assert refused.value.params.get("field")
    assert render(code, "zh", refused.value.params) != code
    assert not AidGiven.objects.exists()


def test_outside_the_region_there_is_no_such_household(ready: Actor, actors: dict[Role, Actor], now: datetime) -> None:
    manager = actors[Role.COUNTY_MANAGER]
    household, _ = receiving("dibao")
    region = places_of(ready, [household])[household]
    elsewhere = Actor(1, 1, "x", Role.COUNTY_MANAGER, "330200", grade=4, permissions=manager.permissions)
    right = {"household": household, "kind": "goods", "title": "棉被", "given_on": ON, "source": "某镇", "now": now}
    for act in (
        lambda who: aid_list(who, household=household, on=ON),
        lambda who: aid_record(who, **right),
        lambda who: household_read(who, household=household, purpose="visit", now=now),
    ):
        with pytest.raises(NotFoundError):
            act(elsewhere)
        with pytest.raises(RefusedError):
            act(actors[Role.ADMINISTRATOR])
    made = aid_record(ready, **right)
    with pytest.raises(NotFoundError):
        aid_withdraw(elsewhere, aid_id=made, reason="x", now=now)
    assert not Event.objects.filter(name="assistance.household.read").exists()
    assert household_read(ready, household=household, purpose="visit", now=now, case_id=7) == region
    event = Event.objects.get(name="assistance.household.read")
    assert (event.purpose, event.region) == ("visit", region)
    subjects = set(EventSubject.objects.filter(event=event).values_list("subject", flat=True))
    assert subjects == {f"household:{household}", "case:7"}
    with pytest.raises(InvalidError):
        household_read(ready, household=household, purpose="curiosity", now=now)


def test_months_of_a_year() -> None:
    assert months_of_year(None, ON) is None
    assert months_of_year(date(2020, 5, 5), ON) == 9
    assert months_of_year(date(2025, 9, 1), ON) == 1
    assert months_of_year(date(2025, 10, 1), ON) == 0


# projects and needs ------------------------------------------------------------------------------------------------


def test_the_base_has_four_classes_and_twenty_five_sub_classes_and_places_every_policy_once(home: object) -> None:
    base = project_base()
    groups = [group for item in base for group in item.groups]
    assert (len(base), len(groups)) == (4, 25)
    listed = [name for group in groups for name, _ in group.policies]
    assert sorted(listed) == sorted(package_in_use().policies)
    assert all(group.status in ("illustrative", "verified") and group.source for group in groups)
    assert {project.kind for group in groups for project in group.projects} <= set(AID_KINDS)


def test_needs_are_those_that_something_speaks_for(home: object) -> None:
    assert need_of(findings=[], answers={}) == []
    assert need_of(findings=[], answers={"needs": [], "severity": "slight"}) == []
    (one,) = need_of(findings=["lone-elder"], answers={})
    assert (one.id, one.points) == ("spiritual-care", 2)
    assert one.suggestions[0].id == "visiting"
    needs = need_of(findings=["lone-elder", "medical-spending"], answers={"needs": ["company", "medical"], "severity": "severe"})
    assert [(need.id, need.points) for need in needs] == [("spiritual-care", 5), ("health", 5), ("environment", 2)]
    assert all(need.points == sum(points for _, points in need.clues) for need in needs)
    assert all(label["zh"] and label["en"] for need in needs for label, _ in need.clues)


def test_answers_that_the_clues_ask_for_are_answers_of_the_form(home: object) -> None:
    steps = next(iter(package_in_use().workflows.values())).steps
    from_form = {field.id: {choice.id for choice in field.choices} for field in steps["assess"].form}
    for clue in triage_in_use().clues:
        if clue.answer is not None:
            name, value = clue.answer
            assert value in from_form[name]


# outcomes ----------------------------------------------------------------------------------------------------------


def test_precision_is_told_only_from_enough_verdicts(ready: Actor, now: datetime) -> None:
    for number in range(9):
        worker(ready, "330000", now, f"w{number}")
    screening_do(ready, now=now)
    alerts_give_out(ready, now=now)
    rows = list(case_list(ready, wanted=CaseFilter(policy="lone-elder"), now=now, size=500).rows)
    assert len(rows) >= 20
    views = finding_outcomes(ready, on=ON)
    assert set(views) == set(package_in_use().policies)
    assert not views["lone-elder"].precision.told
    for number, row in enumerate(rows[:21]):
        way = ("receiving", "already-receiving") if number < 20 else ("declined", "declined")
        holder = Actor(1, row.holder_post, "w", Role.VILLAGE_WORKER, "330000", grade=3, permissions=ready.permissions)
        case_move(
            holder,
            case_id=row.id,
            version=row.version,
            way_id=way[0],
            answers={},
            reason="核实过了",
            outcome=way[1],
            now=now + DAY,
        )
    view = finding_outcomes(ready, on=ON)["lone-elder"]
    assert (view.closed, view.confirmed, view.denied, view.least) == (21, 0, 20, 20)
    assert view.precision.told
    assert view.precision.low == 0.0
    assert round(view.precision.high or 0, 3) == 0.161  # Wilson, 0 of 20
    assert view.outcomes == {"already-receiving": 20, "declined": 1}
    waits = time_to_visit(ready, policy="lone-elder")
    assert (waits.visited, waits.open, waits.half) == (21, len(rows) - 21, DAY)
    assert all(render(f"assistance.purpose-{name}", "zh", {}) != f"assistance.purpose-{name}" for name in PURPOSES)
