"""A workflow that could lose a case is refused with its line; the shipped one is sound; forms say what they lack."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from zhizhi.engines.workflow.definition import FIELD_TYPES, ROLES, TimeLimit, Workflow
from zhizhi.engines.workflow.forms import asked, read_form, strangers
from zhizhi.engines.workflow.moves import may_take, outcome_of, way, ways
from zhizhi.engines.workflow.plain import from_plain, to_plain
from zhizhi.kernel.errors import InvalidError, PackageError, RefusedError
from zhizhi.scenarios.calendar_file import calendar_faults, read_calendar
from zhizhi.scenarios.difference import compare_packages
from zhizhi.scenarios.document import parse_document
from zhizhi.scenarios.inspection import inspect
from zhizhi.scenarios.package import package_digest, read_package
from zhizhi.scenarios.workflow_file import read_workflow, workflow_faults

SHIPPED = Path(__file__).resolve().parents[3] / "scenarios" / "social-assistance"
SOURCE = (SHIPPED / "workflows" / "household-aid.yaml").read_text(encoding="utf-8")
T = {"zh": "题", "en": "title"}


def small() -> dict[str, Any]:
    """A sound workflow of two steps, to be broken."""
    step = {"title": T, "task": T, "roles": ["village-worker"], "limit": {"working-days": 2}}
    return {
        "workflow": "small",
        "version": "1",
        "title": T,
        "start": "look",
        "steps": {
            "look": {**step, "form": [{"id": "seen", "type": "yes-no", "help": T, "required": True, **T}]},
            "act": {**step, "roles": ["town-officer"], "form": []},
        },
        "final": {"closed": T},
        "outcomes": {"done": T},
        "transitions": [
            {"id": "on", "from": "look", "to": "act", **T},
            {"id": "back", "from": "act", "to": "look", "kind": "return", **T},
            {"id": "end", "from": "act", "to": "closed", "outcomes": ["done"], **T},
        ],
    }


def faults(data: dict[str, Any], name: str = "workflows/small.yaml") -> list[tuple[str, int | None]]:
    document = parse_document(yaml.safe_dump(data, allow_unicode=True, sort_keys=False), name)
    return [(fault.code, fault.place.line if fault.place else None) for fault in workflow_faults(document)]


def codes(data: dict[str, Any]) -> list[str]:
    return [code for code, _ in faults(data)]


@pytest.fixture(scope="module")
def shipped() -> Workflow:
    return read_workflow(parse_document(SOURCE, "workflows/household-aid.yaml"))


def test_the_small_workflow_is_sound() -> None:
    assert faults(small()) == []


def test_a_state_that_nothing_leads_to_is_refused_with_its_line() -> None:
    data = small()
    data["steps"]["island"] = {**data["steps"]["act"]}
    data["transitions"].append({"id": "leave", "from": "island", "to": "act", **T})
    found = faults(data)
    assert [code for code, _ in found] == ["workflow.unreachable"]
    text = yaml.safe_dump(data, allow_unicode=True, sort_keys=False)
    assert found[0][1] is not None
    assert "island" in text.splitlines()[found[0][1] - 2]


def test_a_dead_end_and_a_loop_without_exit_are_refused() -> None:
    data = small()
    data["transitions"][2] = {"id": "end", "from": "look", "to": "closed", "outcomes": ["done"], **T}
    data["transitions"][1] = {"id": "wait", "from": "act", "to": "act", "kind": "stay", **T}
    assert codes(data) == ["workflow.dead-end"]
    data = small()
    data["steps"]["third"] = {**data["steps"]["act"]}
    data["transitions"] += [
        {"id": "round", "from": "look", "to": "third", **T},
        {"id": "again", "from": "third", "to": "third2", **T},
        {"id": "again", "from": "third2", "to": "third", **T},
    ]
    data["steps"]["third2"] = {**data["steps"]["act"]}
    assert codes(data) == ["workflow.no-exit", "workflow.no-exit"]


def broken(**changes: Any) -> dict[str, Any]:
    data = small()
    for path, value in changes.items():
        target: Any = data
        *parents, last = path.split("__")
        for key in parents:
            target = target[int(key) if key.isdigit() else key]
        target[int(last) if last.isdigit() else last] = value
    return data


FIELD = {"id": "x", "type": "text", "help": T, **T}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"steps__look__roles": ["mayor"]}, ["workflow.role-unknown"]),
        ({"transitions__0__roles": ["mayor"]}, ["workflow.way-role-outside", "workflow.role-unknown"]),
        ({"transitions__0__roles": ["county-manager"]}, ["workflow.way-role-outside"]),
        ({"start": "nowhere"}, ["workflow.state-unknown", *["workflow.unreachable"] * 3]),
        ({"transitions__0__to": "nowhere"}, ["workflow.state-unknown", *["workflow.unreachable"] * 2, "workflow.dead-end"]),
        ({"transitions__2__outcomes": ["lost"]}, ["workflow.outcome-undeclared"]),
        ({"transitions__0__outcomes": ["done"]}, ["workflow.outcome-without-close"]),
        ({"transitions__2": {"id": "end", "from": "act", "to": "closed", **T}}, ["workflow.close-without-outcome"]),
        (
            {"transitions__0__kind": "stay"},
            ["workflow.unreachable", "workflow.unreachable", "workflow.dead-end", "workflow.stay"],
        ),
        ({"transitions__0__fields": ["nothing"]}, ["workflow.field-unknown"]),
        ({"steps__look__escalation": {"to": "mayor"}}, ["workflow.role-unknown"]),
        ({"reopening": {"days": 3, "to": "gone", "roles": ["mayor"]}}, ["workflow.state-unknown", "workflow.role-unknown"]),
        ({"steps__act__form": [FIELD, FIELD]}, ["workflow.field-twice"]),
        ({"steps__act__form": [{**FIELD, "type": "number"}]}, ["workflow.field-unit"]),
        ({"steps__act__form": [{**FIELD, "type": "choice"}]}, ["workflow.field-choices"]),
        ({"steps__act__form": [{**FIELD, "when": {"y": "yes"}}]}, ["workflow.field-when"]),
        (
            {"steps__look__form": [{**FIELD, "id": "q", "type": "yes-no"}, {**FIELD, "when": {"q": "perhaps"}}]},
            ["workflow.field-answer"],
        ),
        ({"steps__look__form__0__zh": "  "}, ["workflow.language"]),
        ({"title": {"zh": "题"}}, ["package.key-missing"]),
        ({"steps__look__limit": {"working-days": 0}}, ["package.value"]),
        ({"steps__look__colour": "red"}, ["package.key-unknown"]),
        ({"workflow": "other"}, ["workflow.file-name"]),
        (
            {"final": {}},
            ["workflow.no-final", "workflow.state-unknown", "workflow.outcome-without-close", *["workflow.no-exit"] * 2],
        ),
    ],
)
def test_what_is_wrong_is_said(changes: dict[str, Any], expected: list[str]) -> None:
    assert sorted(codes(broken(**changes))) == sorted(expected)


def test_every_fault_reads_well_in_both_languages() -> None:
    document = parse_document(yaml.safe_dump(broken(steps__look__roles=["mayor"]), allow_unicode=True), "workflows/small.yaml")
    fault = next(iter(workflow_faults(document)))
    assert "mayor" in fault.text("zh")
    assert "town-officer" in fault.text("en")
    assert "{" not in fault.text("zh") + fault.text("en")


def test_the_shipped_workflow_has_the_five_steps_and_the_declared_outcomes(shipped: Workflow) -> None:
    assert list(shipped.steps) == ["respond", "assess", "feed-back", "dispatch", "close"]
    assert list(shipped.outcomes) == ["granted", "already-receiving", "declined", "moved", "not-eligible", "data-wrong", "other"]
    assert {role for step in shipped.steps.values() for role in step.roles} == set(ROLES)
    assert shipped.outcomes["granted"].confirms is True
    assert shipped.outcomes["data-wrong"].confirms is False
    assert shipped.outcomes["declined"].confirms is None
    kinds = {field.type for step in shipped.steps.values() for field in step.form}
    assert kinds == set(FIELD_TYPES) - {"text"}


def test_who_may_go_which_way(shipped: Workflow) -> None:
    assert [item.id for item in ways(shipped, "respond", "village-worker")] == [
        "reached", "not-home", "moved", "declined", "receiving",
    ]  # fmt: skip
    assert ways(shipped, "feed-back", "village-worker") == ()
    assert ways(shipped, "closed") == ()
    assert may_take(shipped, "feed-back", "town-officer")
    assert not may_take(shipped, "closed", "county-manager")
    with pytest.raises(RefusedError, match="village-worker"):
        way(shipped, "feed-back", "approve", "village-worker")
    with pytest.raises(InvalidError, match="approve, refuse"):
        way(shipped, "feed-back", "reached", "town-officer")


def test_an_outcome_is_given_exactly_where_a_case_closes(shipped: Workflow) -> None:
    done = way(shipped, "close", "done", "town-officer")
    assert outcome_of(shipped, done, "granted") == "granted"
    assert outcome_of(shipped, way(shipped, "respond", "moved", "village-worker"), "") == "moved"
    assert outcome_of(shipped, way(shipped, "respond", "reached", "village-worker"), "") == ""
    for given, expected in (("", "outcome-missing"), ("lost", "outcome-unknown")):
        with pytest.raises(InvalidError) as caught:
            outcome_of(shipped, done, given)
        assert caught.value.code == f"workflow.{expected}"
    with pytest.raises(InvalidError):
        outcome_of(shipped, way(shipped, "respond", "reached", "village-worker"), "granted")


def test_a_form_says_what_it_lacks_in_the_words_beside_the_field(shipped: Workflow) -> None:
    values, lacks = read_form(shipped.steps["respond"].form, {"reached_by": "visit", "agrees": "是", "urgent": "yes"})
    assert values == {"reached_by": "visit", "agrees": True, "urgent": True}
    assert [(lack.field.id, lack.code) for lack in lacks] == [
        ("met", "workflow.field-required"),
        ("urgent_need", "workflow.field-required"),
    ]
    assert lacks[0].text("zh") == "请填写“见到（或通话）的是谁”。"
    assert lacks[1].text("en") == "Fill in “What is needed at once”."


def test_a_question_that_does_not_arise_is_neither_required_nor_kept(shipped: Workflow) -> None:
    given = {"reached_by": "visit", "met": "head", "agrees": "no", "urgent": "no", "urgent_need": "left over"}
    values, lacks = read_form(shipped.steps["respond"].form, given)
    assert not lacks
    assert "urgent_need" not in values
    assert values["agrees"] is False


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("members_present", "3", "3"),
        ("members_present", 3, "3"),
        ("members_present", "0", "workflow.field-least"),
        ("members_present", "31", "workflow.field-most"),
        ("members_present", "three", "workflow.field-number"),
        ("members_present", True, "workflow.field-number"),
        ("members_present", "1e3", "workflow.field-number"),
        ("income", "1,234.50", "1234.5"),
        ("income", "￥100", "100"),
        ("income", "0.005", "workflow.field-cents"),
        ("income", "-1", "workflow.field-least"),
        ("income", "0", "0"),
        ("visited_on", "2025-09-01", "2025-09-01"),
        ("visited_on", "2025-02-29", "workflow.field-date"),
        ("visited_on", "0001-01-01", "workflow.field-date"),
        ("needs", ["medical", "living"], ["living", "medical"]),
        ("needs", "care", ["care"]),
        ("needs", ["gold"], "workflow.field-choice"),
        ("severity", "awful", "workflow.field-choice"),
        ("data_right", "perhaps", "workflow.field-yes-no"),
        ("photos", ["12", 13], [12, 13]),
        ("photos", ["../etc"], "workflow.field-file"),
        ("finding", "短", "workflow.field-short"),
        ("finding", "很" * 4001, "workflow.field-long"),
    ],
)
def test_answers_are_read_in_their_types(shipped: Workflow, name: str, value: object, expected: object) -> None:
    values, lacks = read_form(shipped.steps["assess"].form, {name: value})
    wrong = [lack.code for lack in lacks if lack.field.id == name]
    assert (wrong[0] if wrong else values[name]) == expected
    for lack in lacks:
        assert "{" not in lack.text("zh") + lack.text("en")


def test_one_tap_ways_ask_only_their_own_fields(shipped: Workflow) -> None:
    step = shipped.steps["respond"]
    assert [field.id for field in asked(step, way(shipped, "respond", "not-home", "village-worker"))] == ["note"]
    assert asked(step, way(shipped, "respond", "reached", "village-worker")) == step.form
    assert strangers(step.form, {"met": "head", "bribe": 1}) == ("bribe",)


def test_regions_change_time_limits_and_the_most_local_wins(shipped: Workflow) -> None:
    local = {("3301", "respond"): TimeLimit(2), ("330106", "respond"): TimeLimit(1)}
    workflow = read_workflow(parse_document(SOURCE, "workflows/household-aid.yaml"), local)
    assert workflow.at("330106002").steps["respond"].limit == TimeLimit(1)
    assert workflow.at("330102").steps["respond"].limit == TimeLimit(2)
    assert workflow.at("330201").steps["respond"].limit == shipped.steps["respond"].limit


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SHIPPED, tmp_path / "social-assistance"))


def test_the_package_carries_workflow_calendar_and_local_limits(copied: Path) -> None:
    overlay = copied / "overlays" / "330122" / "overlay.yaml"
    text = overlay.read_text(encoding="utf-8")
    overlay.write_text(text + "workflows:\n  household-aid: {steps: {respond: {limit: {working-days: 1}}}}\n", encoding="utf-8")
    package = read_package(copied)
    assert package.calendar is not None
    assert package.workflows["household-aid"].at("330122105").steps["respond"].limit == TimeLimit(1)
    overlay.write_text(text + "workflows:\n  household-aid: {steps: {nap: {limit: {working-days: 1}}}}\n", encoding="utf-8")
    with pytest.raises(PackageError, match="nap") as caught:
        read_package(copied)
    assert "overlays/330122/overlay.yaml:" in str(caught.value)
    overlay.write_text(text + "workflows:\n  hotline: {steps: {respond: {limit: {working-days: 1}}}}\n", encoding="utf-8")
    with pytest.raises(PackageError, match="hotline"):
        read_package(copied)


def test_a_workflow_survives_as_json(shipped: Workflow) -> None:
    workflow = replace(shipped, local={("3301", "respond"): TimeLimit(2)})
    assert from_plain(json.loads(json.dumps(to_plain(workflow)))) == workflow


def test_the_digest_and_the_difference_see_a_changed_limit(copied: Path) -> None:
    before = package_digest(copied)
    path = copied / "workflows" / "household-aid.yaml"
    path.write_text(SOURCE.replace("limit: {working-days: 3}", "limit: {working-days: 4}", 1), encoding="utf-8")
    assert package_digest(copied) != before
    changes = compare_packages(SHIPPED, copied)
    assert [(change.part, change.path, change.old, change.new) for change in changes] == [
        ("workflows", ("steps", "respond", "limit", "working-days"), "3", "4")
    ]


def test_inspection_reports_every_fault_of_workflows_and_calendar_with_its_line(copied: Path) -> None:
    path = copied / "workflows" / "household-aid.yaml"
    path.write_text(SOURCE.replace("roles: [village-worker, town-officer]", "roles: [mayor]", 1), encoding="utf-8")
    year = copied / "calendar" / "2025.yaml"
    year.write_text(year.read_text(encoding="utf-8").replace("day: 2025-01-26", "day: 2025-01-27"), encoding="utf-8")
    package, found = inspect(copied)
    assert package is None
    assert [fault.code for fault in found] == ["workflow.calendar-not-weekend", "workflow.role-unknown"]
    assert all(fault.place is not None and fault.place.line for fault in found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("year: 2025\nstatus: published\n", "workflow.calendar-source"),
        ("year: 2026\nstatus: weekends-only\n", "workflow.calendar-file"),
        ("year: 2025\nstatus: weekends-only\nholidays: [{from: 2025-01-01, to: 2025-01-01, zh: 假, en: h}]\n",
         "workflow.calendar-weekends-only"),
        ("year: 2025\nstatus: published\nsource: s\nholidays: [{from: 2025-01-02, to: 2025-01-01, zh: 假, en: h}]\n",
         "workflow.calendar-order"),
        ("year: 2025\nstatus: published\nsource: s\nholidays: [{from: 2024-01-02, to: 2025-01-01, zh: 假, en: h}]\n",
         "workflow.calendar-year"),
        ("year: 2025\nstatus: published\nsource: s\nholidays: [{from: 2025-02-30, to: 2025-03-01, zh: 假, en: h}]\n",
         "workflow.calendar-date"),
        ("year: 2025\nstatus: published\nsource: s\nholidays: [{from: 2025-01-04, to: 2025-01-04, zh: 假, en: h}]\n"
         "workdays: [{day: 2025-01-04, zh: 班, en: w}]\n", "workflow.calendar-both"),
    ],
)  # fmt: skip
def test_a_year_that_cannot_be_right_is_refused(text: str, expected: str) -> None:
    assert [fault.code for fault in calendar_faults(parse_document(text, "calendar/2025.yaml"))] == [expected]


@pytest.mark.parametrize("hours", ['["09:00-08:00"]', '["08:00-12:00", "11:00-17:00"]', '["8h"]'])
def test_opening_hours_that_cannot_be_right_are_refused(hours: str) -> None:
    document = parse_document(f"zone: Asia/Shanghai\nhours: {hours}\n", "calendar/hours.yaml")
    assert [fault.code for fault in calendar_faults(document)] == ["workflow.calendar-hours"]


def test_a_zone_that_does_not_exist_is_refused() -> None:
    document = parse_document('zone: Asia/Zhejiang\nhours: ["08:00-12:00"]\n', "calendar/hours.yaml")
    assert [fault.code for fault in calendar_faults(document)] == ["workflow.calendar-zone"]


def test_a_package_with_workflows_needs_a_calendar(copied: Path) -> None:
    shutil.rmtree(copied / "calendar")
    assert read_calendar(copied) is None
    with pytest.raises(PackageError, match=r"calendar/\*\.yaml"):
        read_package(copied)
