"""Lists, their counts and the tiles: the same numbers everywhere, within scope, page by page."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import count

import pytest
from casework_world import BEISHAN, QINGBO, SANDUN, draft, household, shipped, walk

from zhizhi.apps.actors import Actor, Role
from zhizhi.apps.casework.models import Case, Tally
from zhizhi.apps.casework.schemas import STATUSES, CaseFilter, filter_from
from zhizhi.apps.casework.selectors.cases import case_count, case_list, cases_each
from zhizhi.apps.casework.selectors.counts import (
    backlog,
    by_place,
    by_state,
    counts,
    loads,
    month_before,
    opened_per_week,
    outcomes_by_policy,
    reconcile,
    trend,
)
from zhizhi.apps.casework.selectors.doors import doors
from zhizhi.apps.casework.services.cases import case_open_many
from zhizhi.apps.casework.services.holders import case_assign_many
from zhizhi.apps.casework.services.steps import case_move, case_pause
from zhizhi.apps.casework.services.tallies import tally_compact
from zhizhi.apps.casework.services.workflows import package_install
from zhizhi.kernel.errors import RefusedError, UsageError

pytestmark = pytest.mark.django_db


@pytest.fixture
def people(actors: dict[Role, Actor], system: Actor, now: datetime) -> dict[str, Actor]:
    package_install(system, package=shipped(), now=now)
    return {role.value: actor for role, actor in actors.items()}


@pytest.fixture
def world(people: dict[str, Actor], system: Actor, now: datetime) -> dict[str, Actor]:
    """Forty-two cases of two months in three towns: some closed, paused, overdue, held."""
    worker = people["village-worker"]
    numbers = count(1)
    for age in range(42):
        day = now - timedelta(days=age)
        region = (SANDUN, BEISHAN, QINGBO)[age % 3]
        made = case_open_many(
            system, drafts=[draft(next(numbers), region=region, severity=1 + age % 3, score=float(age % 7))], now=day
        )
        if age % 3 == 0 and age % 2 == 0:
            case_assign_many(system, pairs=[(made[0], worker.post_id or 0)], now=day)
        if age % 5 == 4:
            case_pause(replace(worker, region=region, post_id=worker.post_id), case_id=made[0],
                       version=Case.objects.get(pk=made[0]).version, reason_id="disaster", now=day)  # fmt: skip
        elif age % 4 == 3:
            local = {name: replace(actor, region=region) for name, actor in people.items()}
            version = Case.objects.get(pk=made[0]).version
            if age % 8 == 3:
                walk(local, made[0], version, ["reached", "assessed", "approve", "dispatched", "done"], lambda day=day: day,
                     outcome="granted")  # fmt: skip
            else:
                case_move(local["village-worker"], case_id=made[0], version=version, way_id="moved", reason="搬走了", now=day)
    return people


def ids(actor: Actor, now: datetime, **given: object) -> list[int]:
    return [row.id for row in cases_each(actor, wanted=CaseFilter(**given), now=now)]  # type: ignore[arg-type]


def test_the_count_is_that_of_the_rows(world: dict[str, Actor], now: datetime) -> None:
    narrower: list[dict[str, object]] = [{}, {"severity": 2}, {"policy": "medical-aid"}, {"opened_from": date(2026, 2, 10)}]
    for actor in (world["village-worker"], replace(world["county-manager"], region="330100")):
        for status in STATUSES:
            for region in ("", "330106", QINGBO):
                for more in narrower:
                    wanted = CaseFilter(status=status, region=region, **more)  # type: ignore[arg-type]
                    assert case_count(actor, wanted=wanted, now=now) == len(ids(actor, now, **_given(wanted))), wanted


def test_a_list_shows_what_lies_in_the_subtree_and_nothing_else(world: dict[str, Actor], now: datetime) -> None:
    manager = world["county-manager"]
    regions = {row.region for row in cases_each(manager, wanted=CaseFilter(status="all"), now=now)}
    assert regions == {SANDUN, BEISHAN}
    assert ids(manager, now, status="all", region="330102") == []
    assert ids(manager, now, status="all", region="330100") == ids(manager, now, status="all")
    nobody = replace(manager, region="")
    assert ids(nobody, now, status="all") == []
    assert counts(nobody, now=now).open == 0
    with pytest.raises(RefusedError):
        case_list(world["reform-office"], wanted=CaseFilter(), now=now)


def test_every_tile_is_the_count_of_its_list(world: dict[str, Actor], now: datetime) -> None:
    for name in ("county-manager", "town-officer", "village-worker"):
        actor = world[name]
        found = counts(actor, now=now)
        for status in ("open", "overdue", "today", "soon", "paused", "unassigned"):
            assert getattr(found, status) == len(ids(actor, now, status=status)), status
        first, today = date(2026, 3, 1), date(2026, 3, 4)
        assert found.opened_month == len(ids(actor, now, status="all", opened_from=first, opened_to=today))
        closed = ids(actor, now, status="closed", closed_from=first, closed_to=today)
        assert found.closed_month == len(closed)
        before = {"closed_from": date(2026, 2, 1), "closed_to": date(2026, 2, 4)}
        assert found.closed_before == len(ids(actor, now, status="closed", **before))
        for outcome, number in found.outcomes.items():
            assert number == len(ids(actor, now, status="closed", closed_from=first, closed_to=today, outcome=outcome))
        parts = [found.overdue, found.today, found.soon, found.paused]
        assert sum(parts) <= found.open
        for band in backlog(actor, now=now):
            listed = ids(actor, now, opened_from=band.opened_from, opened_to=band.opened_to)
            assert band.count == len(listed)
        assert sum(band.count for band in backlog(actor, now=now)) == found.open
        assert sum(number for number, _ in by_state(actor, now=now).values()) == found.open


def test_regions_below_add_up_to_the_region(world: dict[str, Actor], system: Actor, now: datetime) -> None:
    case_open_many(system, drafts=[draft(900, region="330106")], now=now)
    manager = world["county-manager"]
    rows = by_place(manager, region="330106", now=now)
    assert [row.region for row in rows] == [BEISHAN, SANDUN, "330106"]
    assert (rows[2].open, rows[2].opened) == (1, 1)
    assert sum(row.open for row in rows) == counts(manager, now=now).open
    assert sum(row.overdue for row in rows) == counts(manager, now=now).overdue
    assert sum(row.closed for row in rows) == counts(manager, now=now).closed_month
    for row in rows[:2]:
        assert row.open == len(ids(manager, now, region=row.region))
    city = replace(manager, region="330100")
    assert [row.region for row in by_place(city, region="330100", now=now)] == ["330102", "330106"]
    with pytest.raises(RefusedError):
        by_place(manager, region="330102", now=now)


def test_the_trend_counts_each_day_once_and_every_day(world: dict[str, Actor], now: datetime) -> None:
    manager = replace(world["county-manager"], region="330100")
    line = trend(manager, now=now, days=60)
    assert [day.day for day in line] == [date(2026, 3, 4) - timedelta(days=n) for n in range(59, -1, -1)]
    assert sum(day.opened for day in line) == 42
    assert sum(day.closed for day in line) == len(ids(manager, now, status="closed"))
    weeks = opened_per_week(manager, policy="medical-aid", now=now, weeks=8)
    assert len(weeks) == 8
    assert all(monday.weekday() == 0 for monday, _ in weeks)
    assert sum(number for _, number in weeks) == 42
    assert sum(number for _, number in opened_per_week(manager, policy="dibao", now=now)) == 0


def test_outcomes_of_a_policy_are_those_of_its_closed_cases(world: dict[str, Actor], now: datetime) -> None:
    manager = replace(world["county-manager"], region="330100")
    found = {item.policy: item for item in outcomes_by_policy(manager)}
    assert set(found) == {"medical-aid", "serious-illness"}
    listed = list(cases_each(manager, wanted=CaseFilter(status="closed"), now=now))
    assert found["medical-aid"].outcomes == dict(Counter(row.outcome for row in listed))
    assert found["medical-aid"].confirmed == sum(row.outcome == "granted" for row in listed)
    assert found["medical-aid"].denied == 0  # moved away says neither
    assert outcomes_by_policy(manager, first=date(2026, 4, 1)) == []


def test_summing_up_changes_no_answer(world: dict[str, Actor], now: datetime) -> None:
    manager = replace(world["county-manager"], region="330100")
    for line in list(Tally.objects.values("measure", "key", "policy", "day", "region")):
        Tally.objects.create(**line, count=3)
        Tally.objects.create(**line, count=-3)
    before = (counts(manager, now=now), trend(manager, now=now), outcomes_by_policy(manager), reconcile(manager))
    rows = Tally.objects.count()
    assert tally_compact() == rows - Tally.objects.count() > 0
    assert (counts(manager, now=now), trend(manager, now=now), outcomes_by_policy(manager), reconcile(manager)) == before
    assert tally_compact() == 0
    assert all(tally == counted for tally, counted in reconcile(manager).values())


def test_pages_hold_every_row_once_in_order(world: dict[str, Actor], now: datetime) -> None:
    actor = replace(world["county-manager"], region="330100")
    for status, sort in (("open", "due"), ("open", "score"), ("all", "opened"), ("closed", "closed"), ("all", "due")):
        wanted = CaseFilter(status=status, sort=sort)
        whole = case_list(actor, wanted=wanted, now=now, size=200)
        seen: list[int] = []
        after, first = "", True
        while first or after:
            page = case_list(actor, wanted=wanted, now=now, after=after, size=5)
            assert page.total == whole.total
            seen += [row.id for row in page.rows]
            after, first = page.after, False
        assert seen == [row.id for row in whole.rows]
        assert len(set(seen)) == len(seen) == whole.total
    due = [row.due for row in case_list(actor, wanted=CaseFilter(), now=now, size=200).rows]
    known = [moment for moment in due if moment is not None]
    assert due == sorted(known) + [None] * (len(due) - len(known))
    assert None in due


def test_a_cursor_of_another_list_or_of_nobody_is_an_error(world: dict[str, Actor], now: datetime) -> None:
    actor = world["county-manager"]
    cursor = case_list(actor, wanted=CaseFilter(), now=now, size=2).after
    assert cursor
    for wanted, text in (
        (CaseFilter(sort="score"), cursor),
        (CaseFilter(), "x" * 40),
        (CaseFilter(), "é"),
        (CaseFilter(), "W10"),
    ):
        with pytest.raises(UsageError):
            case_list(actor, wanted=wanted, now=now, after=text)


@pytest.mark.parametrize(
    "given",
    [
        {"colour": "red"}, {"status": "everything"}, {"severity": "9"}, {"severity": "x"}, {"holder": "-1"}, {"sort": "id"},
        {"region": "33%"}, {"region": "3"}, {"opened_from": "2026-02-30"}, {"outcome": "granted"}, {"closed_from": "2026-03-01"},
        {"q": "a\x00b"},
    ],
)  # fmt: skip
def test_an_unknown_filter_or_value_is_an_error_and_never_everything(given: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        filter_from(given)


def test_filters_are_read_from_a_query_string() -> None:
    found = filter_from({"status": "closed", "outcome": "granted", "closed_from": "2026-03-01", "severity": "3", "q": " "})
    assert found == CaseFilter(status="closed", outcome="granted", closed_from=date(2026, 3, 1), severity=3)


def test_searching_by_number_pseudonym_and_words(world: dict[str, Actor], now: datetime) -> None:
    manager = world["county-manager"]
    row = case_list(manager, wanted=CaseFilter(), now=now).rows[0]
    assert ids(manager, now, status="all", q=row.number) == [row.id]
    assert ids(manager, now, status="all", q=str(row.id)) == [row.id]
    assert ids(manager, now, status="all", q=row.household) == [row.id]
    assert len(ids(manager, now, q="医疗救助")) == counts(manager, now=now).open
    assert ids(manager, now, q="没有的字") == []
    assert ids(manager, now, q="%") == []
    with pytest.raises(UsageError):
        case_list(manager, wanted=CaseFilter(status="closed", q="医疗救助"), now=now)
    elsewhere = Case.objects.filter(region=QINGBO).first()
    assert elsewhere is not None
    assert ids(manager, now, status="all", q=str(elsewhere.pk)) == []


def test_today_is_the_calendar_day_of_the_region(people: dict[str, Actor], system: Actor) -> None:
    late = datetime(2026, 3, 4, 17, 0, tzinfo=UTC)  # one o'clock at night of the fifth in Shanghai
    case_open_many(system, drafts=[draft(1)], now=late)
    assert str(Case.objects.get().opened_on) == "2026-03-05"
    due = Case.objects.get().due
    assert due is not None
    officer = people["town-officer"]
    evening, morning = due - timedelta(hours=20), due - timedelta(hours=9)  # the day before, and the day itself
    assert (counts(officer, now=evening).today, counts(officer, now=morning).today) == (0, 1)
    assert trend(officer, now=late, days=1)[0].opened == 1


def test_doors_are_few_ranked_and_in_walking_order(people: dict[str, Actor], system: Actor, now: datetime) -> None:
    worker = people["village-worker"]
    villages = [SANDUN + "001", SANDUN + "002"]
    drafts = [
        draft(number, region=villages[number % 2], severity=1 + (number == 7), score=float(number), holder=_hand(worker))
        for number in range(1, 16)
    ]
    case_open_many(system, drafts=drafts, now=now)
    day = doors(worker, now=now)
    assert (day.day, len(day.rows), day.more) == (date(2026, 3, 4), 10, 5)
    numbers = [int(row.household, 16) for row in day.rows]
    assert numbers[0] == 7
    assert set(numbers) == {7, *range(7, 16)} | {6}
    assert [row.region for row in day.rows] == sorted([row.region for row in day.rows], key=lambda code: code != villages[1])
    assert len(doors(worker, now=now, limit=3).rows) == 3
    assert doors(worker, now=now, limit=0).rows == []
    pick = day.rows[0]
    case_move(worker, case_id=pick.id, version=1, way_id="not-home", now=now)
    after = doors(worker, now=now)
    assert [row.id for row in after.tried] == [pick.id]
    assert pick.id not in {row.id for row in after.rows}
    assert pick.id in {row.id for row in doors(worker, now=now + timedelta(days=1)).rows}


def test_what_is_overdue_comes_before_what_is_severe(people: dict[str, Actor], system: Actor, now: datetime) -> None:
    worker = people["village-worker"]
    case_open_many(system, drafts=[draft(1, severity=1, holder=_hand(worker))], now=now - timedelta(days=20))
    case_open_many(system, drafts=[draft(2, severity=3, holder=_hand(worker))], now=now)
    case_open_many(system, drafts=[draft(3, severity=3, region=BEISHAN)], now=now)
    assert [int(row.household, 16) for row in doors(worker, now=now).rows] == [1, 2]
    assert [row.status for row in doors(worker, now=now).rows] == ["overdue", "running"]
    assert doors(people["town-officer"], now=now).rows == []
    with pytest.raises(RefusedError):
        doors(people["auditor"], now=now)


def test_loads_count_open_cases_of_each_post(people: dict[str, Actor], system: Actor, now: datetime) -> None:
    worker = people["village-worker"]
    case_open_many(system, drafts=[draft(n, holder=_hand(worker)) for n in range(3)], now=now)
    assert loads([worker.post_id or 0, 777]) == {worker.post_id: 3, 777: 0}


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2026, 3, 31), (date(2026, 2, 1), date(2026, 2, 28))),
        (date(2026, 1, 5), (date(2025, 12, 1), date(2025, 12, 5))),
    ],
)
def test_the_same_days_of_the_month_before(day: date, expected: tuple[date, date]) -> None:
    assert month_before(day) == expected


def test_households_are_pseudonyms_of_24_signs() -> None:
    assert len(household(1)) == 24


def _hand(actor: Actor) -> tuple[int, int, str]:
    return actor.post_id or 0, actor.user_id or 0, actor.name


def _given(wanted: CaseFilter) -> dict[str, object]:
    return {name: getattr(wanted, name) for name in CaseFilter.__dataclass_fields__}
