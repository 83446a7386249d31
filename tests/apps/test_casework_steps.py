"""A case from opening to close, by people of different roles; what is refused, and what two people at once lead to."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from casework_world import BEISHAN, FORMS, QINGBO, SANDUN, draft, household, shipped, walk

from zhizhi.apps.actors import Actor, Role
from zhizhi.apps.casework.models import Case, Entry, Tally
from zhizhi.apps.casework.schemas import CaseFilter, FormError
from zhizhi.apps.casework.selectors.cases import case_count, case_list, cases_of_household, last_cases
from zhizhi.apps.casework.selectors.counts import reconcile
from zhizhi.apps.casework.selectors.detail import case_get, posts_for
from zhizhi.apps.casework.services.cases import case_open, case_open_many
from zhizhi.apps.casework.services.clock import cases_escalate, cases_resume
from zhizhi.apps.casework.services.comments import comment_add
from zhizhi.apps.casework.services.holders import case_assign, case_assign_many, case_hand_over, case_take
from zhizhi.apps.casework.services.links import case_link, case_merge
from zhizhi.apps.casework.services.steps import case_move, case_pause, case_reopen, case_resume
from zhizhi.apps.casework.services.workflows import package_install
from zhizhi.apps.journal.models import Event
from zhizhi.kernel.errors import ConflictError, InvalidError, NotFoundError, RefusedError, UsageError

pytestmark = pytest.mark.django_db
WAYS = ["reached", "assessed", "approve", "dispatched", "done"]


@pytest.fixture
def people(actors: dict[Role, Actor], system: Actor, now: datetime) -> dict[str, Actor]:
    """One actor a role, by the role's name, in a world where the shipped package is installed."""
    package_install(system, package=shipped(), now=now)
    return {role.value: actor for role, actor in actors.items()}


@pytest.fixture
def opened(people: dict[str, Actor], system: Actor, now: datetime) -> int:
    return case_open(people["town-officer"], draft=draft(), now=now)


def test_a_case_goes_through_five_steps_and_is_counted_once(people: dict[str, Actor], opened: int, now: datetime) -> None:
    officer = people["town-officer"]
    detail = case_get(officer, case_id=opened, now=now)
    assert (detail.row.state, detail.row.version, detail.row.status) == ("respond", 1, "running")
    assert detail.row.due is not None
    assert detail.row.due.isoformat() == "2026-03-09T09:30:00+00:00"  # Thursday, Friday, Monday until half past five
    assert detail.deadline[-1] == "所以应在 2026-03-09 17:30 前办完。"
    moved = walk(people, opened, 1, WAYS, lambda: now + timedelta(days=1), outcome="granted")
    assert (moved.state, moved.version, moved.due) == ("closed", 6, None)
    detail = case_get(officer, case_id=opened, now=now, lang="en")
    assert (detail.row.outcome, detail.row.outcome_title["zh"], detail.row.status) == ("granted", "已帮扶", "closed")
    assert [line.kind for line in detail.timeline] == ["opened", "moved", "moved", "moved", "moved", "closed"]
    assert [line.way for line in detail.timeline][1:] == WAYS
    assert {field.id: value for field, value in detail.timeline[2].answers}["income"] == "850"
    assert detail.ways == ()
    names = list(Event.objects.filter(subjects__subject=f"case:{opened}").order_by("id").values_list("name", flat=True))
    assert names == ["casework.case.opened", *["casework.case.moved"] * 4, "casework.case.closed"]
    assert "药费" not in str(list(Event.objects.values_list("details", flat=True)))
    assert reconcile(officer) == {"opened": (1, 1), "closed": (1, 1)}
    assert sorted(Tally.objects.filter(measure="policy").values_list("policy", "key")) == [
        ("medical-aid", "granted"),
        ("serious-illness", "granted"),
    ]


def test_a_case_comes_back_to_the_hands_it_was_in(people: dict[str, Actor], opened: int, now: datetime) -> None:
    worker, officer = people["village-worker"], people["town-officer"]
    moved = walk(people, opened, 1, ["reached", "assessed"], lambda: now)
    held = case_get(officer, case_id=opened, now=now).row
    assert (held.role, held.holder_post) == ("town-officer", None)
    case_move(officer, case_id=opened, version=moved.version, way_id="back-to-assess", reason="收入没有写清楚", now=now)
    held = case_get(officer, case_id=opened, now=now).row
    assert (held.state, held.role, held.holder_post) == ("assess", "village-worker", worker.post_id)


def test_a_return_needs_a_reason_and_begins_the_step_anew(people: dict[str, Actor], opened: int, now: datetime) -> None:
    officer = people["town-officer"]
    moved = walk(people, opened, 1, ["reached", "assessed"], lambda: now)
    with pytest.raises(InvalidError) as caught:
        case_move(officer, case_id=opened, version=moved.version, way_id="back-to-assess", now=now)
    assert caught.value.code == "casework.reason"
    later = now + timedelta(days=5)
    case_move(officer, case_id=opened, version=moved.version, way_id="back-to-assess", reason="请补收入", now=later)
    detail = case_get(officer, case_id=opened, now=later)
    assert detail.step_started == later
    assert detail.timeline[-1].kind == "returned"
    assert detail.timeline[-1].note == "请补收入"


def test_nobody_at_home_leaves_the_step_and_its_clock(people: dict[str, Actor], opened: int, now: datetime) -> None:
    worker = people["village-worker"]
    due = Case.objects.get(pk=opened).due
    moved = case_move(worker, case_id=opened, version=1, way_id="not-home", answers={"note": "邻居说去看病了"}, now=now)
    case = Case.objects.get(pk=opened)
    assert (moved.state, case.due, case.holder_post) == ("respond", due, worker.post_id)
    assert str(case.tried_on) == "2026-03-04"


def test_one_tap_closes_with_the_outcome_of_its_way(people: dict[str, Actor], opened: int, now: datetime) -> None:
    moved = case_move(people["village-worker"], case_id=opened, version=1, way_id="moved", reason="房子已经退租", now=now)
    assert moved.state == "closed"
    assert Case.objects.get(pk=opened).outcome == "moved"


def test_the_form_says_every_field_it_lacks(people: dict[str, Actor], opened: int, now: datetime) -> None:
    with pytest.raises(FormError) as caught:
        case_move(people["village-worker"], case_id=opened, version=1, way_id="reached", answers={"met": "head"}, now=now)
    assert [lack.field.id for lack in caught.value.lacks] == ["reached_by", "agrees", "urgent"]
    assert "reached_by" in caught.value.text("zh")
    with pytest.raises(UsageError) as unknown:
        case_move(people["village-worker"], case_id=opened, version=1, way_id="reached", answers={"colour": "red"}, now=now)
    assert unknown.value.params["names"] == "colour"
    assert Case.objects.get(pk=opened).version == 1


def test_who_may_take_a_step(people: dict[str, Actor], opened: int, now: datetime) -> None:
    with pytest.raises(RefusedError):
        case_move(people["auditor"], case_id=opened, version=1, way_id="reached", answers=FORMS["reached"], now=now)
    moved = walk(people, opened, 1, ["reached", "assessed"], lambda: now)
    with pytest.raises(RefusedError) as caught:
        case_move(
            people["village-worker"], case_id=opened, version=moved.version, way_id="approve", answers=FORMS["approve"], now=now
        )
    assert caught.value.code == "workflow.way-role"


def test_another_worker_does_not_take_a_case_that_somebody_holds(people: dict[str, Actor], opened: int, now: datetime) -> None:
    worker = people["village-worker"]
    case_take(worker, case_id=opened, version=1, now=now)
    other = Actor(worker.user_id, 999_999, "别人", Role.VILLAGE_WORKER, SANDUN, permissions=worker.permissions)
    with pytest.raises(RefusedError) as caught:
        case_move(other, case_id=opened, version=2, way_id="reached", answers=FORMS["reached"], now=now)
    assert caught.value.code == "casework.held"
    assert worker.name in caught.value.text("zh")
    assert not case_get(other, case_id=opened, now=now).may_work
    assert case_get(worker, case_id=opened, now=now).may_work


def test_outside_the_region_a_case_is_not_there(people: dict[str, Actor], system: Actor, now: datetime) -> None:
    elsewhere = case_open(system, draft=draft(7, region=QINGBO), now=now)
    manager = people["county-manager"]
    for call in (
        lambda: case_get(manager, case_id=elsewhere, now=now),
        lambda: case_move(manager, case_id=elsewhere, version=1, way_id="moved", reason="没有了", now=now),
        lambda: case_pause(manager, case_id=elsewhere, version=1, reason_id="disaster", now=now),
        lambda: case_assign(manager, case_id=elsewhere, version=1, post_id=manager.post_id or 0, now=now),
        lambda: comment_add(manager, case_id=elsewhere, text="看看", now=now),
        lambda: posts_for(manager, case_id=elsewhere),
    ):
        with pytest.raises(NotFoundError):
            call()
    missing = pytest.raises(NotFoundError)
    with missing as caught:
        case_get(manager, case_id=999_999_999, now=now)
    with pytest.raises(NotFoundError) as hidden:
        case_get(manager, case_id=elsewhere, now=now)
    assert caught.value.code == hidden.value.code
    with pytest.raises(RefusedError):
        case_open(manager, draft=draft(8, region=QINGBO), now=now)


def test_a_stale_form_is_told_who_did_what_when_and_overwrites_nothing(
    people: dict[str, Actor], opened: int, now: datetime
) -> None:
    worker, officer = people["village-worker"], people["town-officer"]
    case_pause(worker, case_id=opened, version=1, reason_id="in-hospital", now=now)
    case_resume(worker, case_id=opened, version=2, now=now + timedelta(hours=1))
    with pytest.raises(ConflictError) as caught:
        case_move(officer, case_id=opened, version=1, way_id="reached", answers=FORMS["reached"], now=now)
    assert caught.value.code == "casework.stale-paused"
    assert caught.value.text("zh") == (
        f"village-worker在 2026-03-04 10:00 暂停了案件 {opened} 的计时，您的内容没有提交。请刷新后再提交。"
    )
    assert Case.objects.get(pk=opened).state == "respond"
    assert Entry.objects.filter(case_id=opened, kind="moved").count() == 0


def test_every_change_has_its_own_sentence_for_whoever_comes_second() -> None:
    from zhizhi.kernel.messages import catalogue  # noqa: PLC0415

    bumping = ["moved", "stayed", "returned", "closed", "reopened", "assigned", "handed-over", "paused", "resumed", "merged"]
    assert [kind for kind in bumping if f"casework.stale-{kind}" not in catalogue()] == []


def test_the_same_form_sent_twice_counts_once(people: dict[str, Actor], opened: int, now: datetime) -> None:
    given: dict[str, Any] = {"case_id": opened, "version": 1, "way_id": "reached", "answers": FORMS["reached"], "now": now}
    first = case_move(people["village-worker"], **given, key="form-1")
    second = case_move(people["village-worker"], **given, key="form-1")
    assert (first.again, second.again) == (False, True)
    assert second.version == first.version
    assert Entry.objects.filter(case_id=opened, kind="moved").count() == 1
    assert Event.objects.filter(name="casework.case.moved").count() == 1
    one = comment_add(people["village-worker"], case_id=opened, text="已经约好", now=now, key="c-1")
    assert comment_add(people["village-worker"], case_id=opened, text="已经约好", now=now, key="c-1") == one


def test_opening_twice_opens_once(people: dict[str, Actor], opened: int, now: datetime) -> None:
    officer = people["town-officer"]
    with pytest.raises(ConflictError) as caught:
        case_open(officer, draft=draft(), now=now)
    assert caught.value.params["number"] == opened
    keyed = case_open(officer, draft=draft(2, key="k"), now=now)
    assert case_open(officer, draft=draft(2, key="k"), now=now) == keyed


def test_many_are_opened_in_order_and_a_household_never_twice(people: dict[str, Actor], opened: int, now: datetime) -> None:
    officer = people["town-officer"]
    more = draft(1, findings=[{"policy": "dibao", "finding": "missed"}], severity=3, score=90.0)
    ids = case_open_many(officer, drafts=[draft(3), more, draft(4), draft(3, findings=[])], now=now)
    assert ids[1] == opened
    assert ids[0] == ids[3]
    assert len(set(ids)) == 3
    case = Case.objects.get(pk=opened)
    assert [item["policy"] for item in case.findings] == ["medical-aid", "serious-illness", "dibao"]
    assert (case.severity, case.score, case.version) == (3, 90.0, 1)
    assert case_open_many(officer, drafts=[draft(3), more, draft(4)], now=now) == [ids[0], opened, ids[2]]
    assert Entry.objects.filter(case_id=opened).count() == 2
    assert reconcile(officer) == {"opened": (3, 3), "closed": (0, 0)}


@pytest.mark.parametrize(
    "changes",
    [
        {"household": ""},
        {"region": "33010x"},
        {"title_zh": " "},
        {"severity": 9},
        {"findings": [{"finding": "missed"}]},
        {"key": ""},
        {"title_en": "x" * 301},
    ],
)
def test_a_draft_that_cannot_be_right_is_refused_and_none_is_opened(
    people: dict[str, Actor], now: datetime, changes: dict[str, Any]
) -> None:
    with pytest.raises((InvalidError, RefusedError)):
        case_open_many(people["town-officer"], drafts=[draft(5), draft(6, **changes)], now=now)
    assert Case.objects.count() == 0


def test_a_pause_stops_the_clock_and_gives_back_exactly_its_working_time(
    people: dict[str, Actor], opened: int, now: datetime
) -> None:
    worker = people["village-worker"]
    due = Case.objects.get(pk=opened).due
    assert due is not None
    stop = now + timedelta(days=1)  # Thursday 10:00
    case_pause(worker, case_id=opened, version=1, reason_id="in-hospital", note="周一出院", now=stop)
    detail = case_get(worker, case_id=opened, now=stop)
    assert (detail.row.status, detail.row.due, detail.ways, detail.may_resume) == ("paused", None, (), True)
    assert "当事人住院" not in detail.deadline[0] or "2026-03-05 10:00" in detail.deadline[0]
    with pytest.raises(ConflictError) as caught:
        case_move(worker, case_id=opened, version=2, way_id="reached", answers=FORMS["reached"], now=stop)
    assert caught.value.code == "casework.paused-now"
    resumed = case_resume(worker, case_id=opened, version=2, now=stop + timedelta(days=1))  # Friday 10:00: one working day later
    assert resumed.due == due + timedelta(days=1)
    assert "扣除 7.5 个工作小时" in "".join(case_get(worker, case_id=opened, now=stop).deadline)


def test_pauses_have_declared_reasons_and_an_end(people: dict[str, Actor], opened: int, system: Actor, now: datetime) -> None:
    worker = people["village-worker"]
    with pytest.raises(InvalidError):
        case_pause(worker, case_id=opened, version=1, reason_id="holiday", now=now)
    case_pause(worker, case_id=opened, version=1, reason_id="waiting-data", now=now)
    until = Case.objects.get(pk=opened).pause_until
    assert until is not None
    assert cases_resume(system, now=until) == 0
    assert cases_resume(system, now=until + timedelta(minutes=1)) == 1
    assert cases_resume(system, now=until + timedelta(minutes=1)) == 0
    detail = case_get(worker, case_id=opened, now=until)
    assert detail.paused_at is None
    assert detail.pauses[0][1] == until
    assert detail.timeline[-1].kind == "resumed"


def test_an_overdue_case_is_escalated_once(people: dict[str, Actor], opened: int, system: Actor, now: datetime) -> None:
    due = Case.objects.get(pk=opened).due
    assert due is not None
    assert cases_escalate(system, now=due) == 0
    assert cases_escalate(system, now=due + timedelta(minutes=1)) == 1
    assert cases_escalate(system, now=due + timedelta(minutes=2)) == 0
    officer = people["town-officer"]
    listed = case_list(officer, wanted=CaseFilter(status="escalated"), now=due)
    assert [row.id for row in listed.rows] == [opened]
    assert case_count(people["county-manager"], wanted=CaseFilter(status="escalated"), now=due) == 0
    assert case_get(officer, case_id=opened, now=due).timeline[-1].kind == "escalated"
    late = due + timedelta(days=1)
    walk(people, opened, 1, ["reached"], lambda: late)
    assert Case.objects.get(pk=opened).escalated_at is None


def test_a_closed_case_is_reopened_within_its_window_and_no_longer_counted_as_closed(
    people: dict[str, Actor], opened: int, now: datetime
) -> None:
    officer, worker = people["town-officer"], people["village-worker"]
    moved = walk(people, opened, 1, WAYS, lambda: now, outcome="granted")
    closed = CaseFilter(status="closed")
    assert case_count(officer, wanted=closed, now=now) == 1
    with pytest.raises(RefusedError):
        case_reopen(worker, case_id=opened, version=moved.version, reason="没有到手", now=now)
    with pytest.raises(InvalidError):
        case_reopen(officer, case_id=opened, version=moved.version, reason=" ", now=now)
    late = now + timedelta(days=31)
    with pytest.raises(ConflictError) as caught:
        case_reopen(officer, case_id=opened, version=moved.version, reason="没有到手", now=late)
    assert caught.value.code == "casework.reopen-late"
    back = case_reopen(officer, case_id=opened, version=moved.version, reason="没有到手", now=now + timedelta(days=30))
    assert back.state == "assess"
    assert case_count(officer, wanted=closed, now=now) == 0
    assert case_count(officer, wanted=CaseFilter(), now=now) == 1
    detail = case_get(officer, case_id=opened, now=now)
    assert (detail.reopened, detail.row.holder_post, detail.row.outcome) == (1, worker.post_id, "")
    assert reconcile(officer) == {"opened": (1, 1), "closed": (0, 0)}


def test_a_case_is_not_reopened_beside_a_newer_one(people: dict[str, Actor], opened: int, now: datetime) -> None:
    officer = people["town-officer"]
    moved = walk(people, opened, 1, WAYS, lambda: now, outcome="granted")
    newer = case_open(officer, draft=draft(1), now=now)
    with pytest.raises(ConflictError) as caught:
        case_reopen(officer, case_id=opened, version=moved.version, reason="没有到手", now=now)
    assert caught.value.params["number"] == newer


def test_assigning_needs_a_post_of_the_right_role_and_place(people: dict[str, Actor], opened: int, now: datetime) -> None:
    officer, worker = people["town-officer"], people["village-worker"]
    assert worker.post_id
    fit = posts_for(officer, case_id=opened)
    assert {post.role.value for post in fit} == {"village-worker", "town-officer"}
    with pytest.raises(InvalidError):
        case_assign(officer, case_id=opened, version=1, post_id=people["county-manager"].post_id or 0, now=now)
    with pytest.raises(RefusedError):
        case_assign(worker, case_id=opened, version=1, post_id=worker.post_id, now=now)
    moved = case_assign(officer, case_id=opened, version=1, post_id=worker.post_id, now=now)
    assert case_get(officer, case_id=opened, now=now).row.holder_name == worker.name
    with pytest.raises(InvalidError):
        case_hand_over(worker, case_id=opened, version=moved.version, post_id=officer.post_id or 0, note="", now=now)
    due = Case.objects.get(pk=opened).due
    handed = case_hand_over(
        worker,
        case_id=opened,
        version=moved.version,
        post_id=officer.post_id or 0,
        note="我明天出差",
        now=now + timedelta(days=1),
    )
    case = Case.objects.get(pk=opened)
    assert (case.holder_post, case.due, handed.version) == (officer.post_id, due, 3)


def test_many_are_assigned_and_what_does_not_fit_is_passed_over(people: dict[str, Actor], system: Actor, now: datetime) -> None:
    ids = case_open_many(system, drafts=[draft(1), draft(2), draft(3, region=BEISHAN)], now=now)
    worker = people["village-worker"].post_id
    assert worker
    pairs = [(pk, worker) for pk in ids] + [(999_999, worker)]
    assert case_assign_many(system, pairs=pairs, now=now) == 2
    assert case_assign_many(system, pairs=pairs, now=now) == 0
    assert sorted(Case.objects.filter(holder_post=worker).values_list("pk", flat=True)) == ids[:2]
    assert Entry.objects.filter(kind="assigned").count() == 2


def test_linked_cases_name_each_other_where_both_are_in_sight(people: dict[str, Actor], system: Actor, now: datetime) -> None:
    one, two, far = case_open_many(system, drafts=[draft(1), draft(2), draft(3, region=QINGBO)], now=now)
    officer = people["town-officer"]
    case_link(officer, case_id=two, other_id=one, kind="related", now=now)
    case_link(officer, case_id=one, other_id=two, kind="related", now=now)
    case_link(system, case_id=one, other_id=far, kind="duplicate", now=now)
    assert [(link.case_id, link.kind) for link in case_get(officer, case_id=one, now=now).links] == [(two, "related")]
    assert [link.case_id for link in case_get(system, case_id=one, now=now).links] == [two, far]
    assert Entry.objects.filter(kind="linked", case_id=one).count() == 2
    for kind, other, error in (("enemy", two, InvalidError), ("related", one, InvalidError), ("related", far, NotFoundError)):
        with pytest.raises(error):
            case_link(officer, case_id=one, other_id=other, kind=kind, now=now)


def test_a_merged_case_gives_its_findings_and_counts_for_no_policy(
    people: dict[str, Actor], system: Actor, now: datetime
) -> None:
    extra = [{"policy": "dibao", "finding": "missed"}]
    one, two = case_open_many(system, drafts=[draft(1), draft(2, findings=extra, severity=3)], now=now)
    officer = people["town-officer"]
    with pytest.raises(InvalidError):
        case_merge(officer, case_id=two, version=1, into_id=two, reason="同一户", now=now)
    case_merge(officer, case_id=two, version=1, into_id=one, reason="同一户", now=now)
    target = case_get(officer, case_id=one, now=now)
    assert [item["policy"] for item in target.findings] == ["medical-aid", "serious-illness", "dibao"]
    assert target.row.severity == 3
    assert [(link.case_id, link.kind) for link in target.links] == [(two, "merged")]
    gone = case_get(officer, case_id=two, now=now)
    assert (gone.row.outcome_title["zh"], gone.merged_into, gone.may_reopen) == ("已并案", one, False)
    assert Tally.objects.filter(measure="policy").count() == 0
    with pytest.raises(ConflictError):
        case_merge(officer, case_id=two, version=2, into_id=one, reason="同一户", now=now)


def test_a_clock_that_is_set_back_loses_nothing(people: dict[str, Actor], opened: int, now: datetime) -> None:
    worker = people["village-worker"]
    back = now - timedelta(hours=3)
    paused = case_pause(worker, case_id=opened, version=1, reason_id="household-away", now=now)
    resumed = case_resume(worker, case_id=opened, version=paused.version, now=back)
    assert Case.objects.get(pk=opened).pauses == [[now.isoformat(), now.isoformat()]]
    walk(people, opened, resumed.version, WAYS, lambda: back, outcome="granted")
    detail = case_get(worker, case_id=opened, now=back)
    assert [line.kind for line in detail.timeline] == ["opened", "paused", "resumed", *["moved"] * 4, "closed"]


def test_a_household_knows_its_cases(people: dict[str, Actor], opened: int, now: datetime) -> None:
    officer = people["town-officer"]
    assert [row.id for row in cases_of_household(officer, household=household(1), now=now)] == [opened]
    known = last_cases(officer, households=[household(1), household(2)])
    assert known == {
        household(1): {
            "id": opened,
            "open": True,
            "outcome": "",
            "closed_on": None,
            "opened_on": now.date(),
            "policies": ["medical-aid", "serious-illness"],
        }
    }


def test_a_package_that_changed_leaves_open_cases_their_own_workflow(
    people: dict[str, Actor], opened: int, system: Actor, now: datetime
) -> None:
    from dataclasses import replace  # noqa: PLC0415

    from zhizhi.engines.workflow.definition import TimeLimit  # noqa: PLC0415

    package = shipped()
    flow = package.workflows["household-aid"]
    steps = {**flow.steps, "respond": replace(flow.steps["respond"], limit=TimeLimit(1))}
    changed = replace(package, workflows={"household-aid": replace(flow, steps=steps)}, version="1.1.0")
    later = now + timedelta(minutes=1)
    assert package_install(system, package=changed, now=later) == 1
    assert package_install(system, package=changed, now=later) == 0
    newer = case_open(system, draft=draft(2), now=now)
    assert Case.objects.get(pk=newer).due < Case.objects.get(pk=opened).due  # type: ignore[operator]
    package_install(system, package=package, now=later + timedelta(minutes=1))
    again = case_open(system, draft=draft(3), now=now)
    assert Case.objects.get(pk=again).due == Case.objects.get(pk=opened).due
