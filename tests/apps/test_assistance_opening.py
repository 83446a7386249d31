"""Findings made into cases: screened once, given out within budgets, nothing twice, nobody's word undone."""

from __future__ import annotations

import csv
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from assistance_world import install, places, worker

from conftest import NOW
from zhizhi.apps.accounts.selectors.posts import posts_of
from zhizhi.apps.actors import Actor, Role
from zhizhi.apps.assistance import jobs
from zhizhi.apps.assistance.models import Dismissal, Opening, Raised, Run
from zhizhi.apps.assistance.schemas import REASONS
from zhizhi.apps.assistance.selectors.dismissals import dismissals_of, dismissed
from zhizhi.apps.assistance.selectors.found import found_sight
from zhizhi.apps.assistance.selectors.lake import found_reader
from zhizhi.apps.assistance.selectors.queries import data_queries
from zhizhi.apps.assistance.selectors.runs import (
    missed_by_place,
    run_failed,
    run_latest,
    run_trend,
    screening_due,
    waiting_count,
    waiting_list,
)
from zhizhi.apps.assistance.selectors.scores import score_formula, score_lines
from zhizhi.apps.assistance.services.by_hand import cases_open_for
from zhizhi.apps.assistance.services.dismissals import finding_restore, findings_dismiss
from zhizhi.apps.assistance.services.opening import COUNTED, alerts_give_out
from zhizhi.apps.assistance.services.runs import screening_ask, screening_do
from zhizhi.apps.casework.schemas import CaseFilter
from zhizhi.apps.casework.selectors.cases import case_count, case_list, cases_of_household
from zhizhi.apps.casework.selectors.counts import reconcile
from zhizhi.apps.casework.selectors.doors import doors
from zhizhi.apps.casework.services.steps import case_move
from zhizhi.apps.configuration import configuration
from zhizhi.apps.journal.models import Event
from zhizhi.backends.duckdb import connect
from zhizhi.backends.found import Wanted
from zhizhi.backends.lake import Lake
from zhizhi.backends.loading import Loader
from zhizhi.backends.loading_folder import load_folder, match_files
from zhizhi.backends.population import scan
from zhizhi.backends.vault import Vault
from zhizhi.exchange.contract import read_contracts
from zhizhi.kernel.errors import (
    ConflictError,
    InvalidError,
    LakeError,
    NotFoundError,
    PackageError,
    RefusedError,
    UnavailableError,
)
from zhizhi.kernel.messages import render
from zhizhi.scenarios.shipped import find_package

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def ready(desk_lake: Path, region_tree: object, system: Actor, now: datetime) -> Actor:
    """A lake, the tree of counties, the workflow: everything but people who visit."""
    places(system)
    install(system, now)
    return system


@pytest.fixture
def given(ready: Actor, now: datetime) -> Actor:
    """Screened, and given out to one worker for the whole city."""
    worker(ready, "330100", now, "everywhere")
    screening_do(ready, now=now)
    alerts_give_out(ready, now=now)
    return ready


def latest() -> Opening:
    made = Opening.objects.order_by("-id")[0]
    assert made.alerts == sum(getattr(made, name) for name in COUNTED[1:])
    return made


def all_cases(actor: Actor, now: datetime, **wanted: object) -> list[object]:
    return list(case_list(actor, wanted=CaseFilter(**wanted), now=now, size=500).rows)


# screening ---------------------------------------------------------------------------------------------------------


def test_the_same_state_is_screened_once(ready: Actor, now: datetime) -> None:
    assert screening_due(now=now)
    assert screening_ask(ready, now=now)
    run = screening_do(ready, now=now)
    assert screening_do(ready, now=now + DAY) == run  # the date is fixed by the sample
    assert not screening_due(now=now)
    assert not screening_ask(ready, now=now)
    assert Run.objects.filter(state="done").count() == 1
    assert Event.objects.filter(name="assistance.screening.finished").count() == 1
    shown = run_latest(ready)
    assert shown is not None
    assert (shown.id, shown.synthetic, str(shown.on)) == (run, True, "2025-09-01")
    assert shown.people > shown.households > shown.alerts > 0


def test_counts_of_a_run_are_those_of_the_list_of_findings(ready: Actor, now: datetime) -> None:
    screening_do(ready, now=now)
    reader = found_reader()
    assert reader is not None
    for finding in ("missed", "warning", "unknown"):
        listed = reader.counts(found_sight(ready), Wanted(finding=(finding,)))
        point = run_trend(ready, finding=finding)[-1]
        assert point.households == listed.households > 0
        places_ = missed_by_place(ready, finding=finding, region="330100")
        city = reader.counts(found_sight(ready), Wanted(finding=(finding,), region="330100"))
        assert sum(row.households for row in places_) == city.households
        by_policy = sum(run_trend(ready, finding=finding, policy=name)[-1].subjects for name in listed.policy)
        assert by_policy == listed.total
    rates = missed_by_place(ready, region="330100")
    assert all(row.per_1000 == round(row.households * 1000 / row.people, 2) for row in rates if row.people)
    assert run_trend(ready.within("330106109"), policy="dibao") == []  # by policy no further down than the county


def test_departments_are_asked_for_what_nobody_could_decide_without(
    ready: Actor, actors: dict[Role, Actor], now: datetime
) -> None:
    screening_do(ready, now=now)
    reader = found_reader()
    assert reader is not None
    unknown = list(reader.every(found_sight(ready), Wanted(finding=("unknown",))))
    asked = data_queries(ready)
    assert {row.name for row in asked} == {name for item in unknown for name in item.missing}
    for row in asked:
        waiting = [item for item in unknown if row.name in item.missing]
        assert (row.households, row.findings) == (len({item.household for item in waiting}), len(waiting))
        assert set(row.policies) == {item.policy for item in waiting}
        assert row.owner["zh"].endswith(("局", "会"))
        assert row.title["zh"] != row.name
    assert [row.households for row in asked] == sorted((row.households for row in asked), reverse=True)
    manager = actors[Role.COUNTY_MANAGER]
    here = [item for item in unknown if item.region.startswith("330106")]
    assert sum(row.findings for row in data_queries(manager)) == sum(len(item.missing) for item in here)
    with pytest.raises(RefusedError):
        data_queries(manager, region="330102")


def test_a_package_that_fails_to_load_is_told_and_earlier_findings_stand(given: Actor, now: datetime, tmp_path: Path) -> None:
    before = run_latest(given)
    cases = case_count(given, wanted=CaseFilter(), now=now)
    broken = tmp_path / "social-assistance"
    broken.mkdir()
    (broken / "package.yaml").write_text("scenario: [", encoding="utf-8")
    settings = configuration().home / "zhizhi.toml"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(f'{text}packages = ["{broken}"]\n', encoding="utf-8")
    configuration.cache_clear()
    assert screening_due(now=now + DAY)
    with pytest.raises(PackageError):
        screening_do(given, now=now + DAY)
    failed = run_failed(given)
    assert failed is not None
    assert failed.error is not None
    assert "package.yaml" in failed.error["place"]
    assert render(failed.error["code"], "zh", failed.error["params"]) != failed.error["code"]
    assert not screening_due(now=now + DAY)  # told once a day, not every few minutes
    assert run_latest(given) == before
    assert case_count(given, wanted=CaseFilter(), now=now) == cases
    settings.write_text(text, encoding="utf-8")
    configuration.cache_clear()
    screening_do(given, now=now + DAY)
    assert found_reader() is not None


def test_a_file_of_the_lake_that_is_gone_is_named_with_the_remedy(ready: Actor, now: datetime) -> None:
    gone = Path(Lake.open(configuration().lake_path).files("wages")[0])
    (configuration().lake_path / "screening").rename(configuration().home / "elsewhere")
    gone.unlink()
    with pytest.raises(LakeError) as refused:
        screening_do(ready, now=now)
    assert refused.value.code == "lake.file-gone"
    assert gone.name in refused.value.text("zh")
    failed = run_failed(ready)
    assert failed is not None
    assert Event.objects.filter(name="assistance.screening.failed").count() == 1


def test_no_lake_is_not_due(region_tree: object, system: Actor, now: datetime) -> None:
    assert not screening_due(now=now)
    with pytest.raises(NotFoundError):
        alerts_give_out(system, now=now)


def test_the_job_screens_and_gives_out(ready: Actor, now: datetime) -> None:
    worker(ready, "330100", now)
    run = jobs.screen.call()
    assert Run.objects.get(pk=run).state == "done"
    assert latest().opened == configuration().doors_per_day
    assert jobs.give_out.call() == 0  # the doors of the day are given out


# budgets and places ------------------------------------------------------------------------------------------------


def test_without_workers_everybody_waits_and_it_is_said(ready: Actor, now: datetime) -> None:
    screening_do(ready, now=now)
    assert alerts_give_out(ready, now=now) == 0
    made = latest()
    assert made.nobody == made.alerts - made.nowhere > 0
    rows = waiting_list(ready, limit=500)
    assert waiting_count(ready) == made.nobody == len(rows)
    assert [row.rank for row in rows] == list(range(1, len(rows) + 1))
    assert [row.score for row in rows] == sorted((row.score for row in rows), reverse=True)
    assert {row.why for row in rows} == {"nobody"}


def test_a_worker_gets_her_doors_of_the_day_the_most_pressing_first(ready: Actor, now: datetime) -> None:
    user = worker(ready, "330100", now)
    screening_do(ready, now=now)
    per_day = configuration().doors_per_day
    assert alerts_give_out(ready, now=now) == per_day
    assert alerts_give_out(ready, now=now) == 0
    cases = all_cases(ready, now)
    waiting = waiting_list(ready, limit=500)
    assert min(case.score for case in cases) >= max(row.score for row in waiting if row.region.startswith("3301"))
    assert {row.why for row in waiting} == {"budget"}
    post = posts_of(user)[0]
    assert {case.holder_post for case in cases} == {post.id}
    assert alerts_give_out(ready, now=now + DAY) == per_day
    assert alerts_give_out(ready, now=now + 2 * DAY) == per_day
    assert alerts_give_out(ready, now=now + 3 * DAY) == 0  # she holds three days' worth that nobody visited yet
    assert latest().waiting == waiting_count(ready) > 0
    assert all(told == counted for told, counted in reconcile(ready).values())


def test_a_giving_out_that_fails_leaves_nothing_half_done(
    desk_lake: Path, system: Actor, region_tree: object, now: datetime
) -> None:
    worker(system, "330100", now)
    screening_do(system, now=now)
    with pytest.raises(UnavailableError):  # no workflow is installed
        alerts_give_out(system, now=now)
    assert not Opening.objects.exists()
    assert not Raised.objects.exists()
    assert waiting_count(system) == 0
    install(system, now)
    assert alerts_give_out(system, now=now) == configuration().doors_per_day


def test_the_nearest_worker_goes_and_load_is_spread(ready: Actor, now: datetime) -> None:
    near = posts_of(worker(ready, "330106", now))[0].id
    far = {posts_of(worker(ready, "330100", now, name))[0].id for name in ("one", "two")}
    screening_do(ready, now=now)
    alerts_give_out(ready, now=now)
    cases = all_cases(ready, now)
    assert all(case.region.startswith("330106") for case in cases if case.holder_post == near)
    held = [sum(case.holder_post == post for case in cases) for post in far]
    assert abs(held[0] - held[1]) <= 1
    here = sum(case.region.startswith("330106") for case in cases)
    assert sum(case.holder_post == near for case in cases) == min(here, configuration().doors_per_day)


def test_scope_holds_for_those_who_wait(ready: Actor, actors: dict[Role, Actor], now: datetime) -> None:
    screening_do(ready, now=now)
    alerts_give_out(ready, now=now)
    manager = actors[Role.COUNTY_MANAGER]
    rows = waiting_list(manager, limit=500)
    assert rows
    assert all(row.region.startswith("330106") for row in rows)
    assert waiting_count(manager) == len(rows) == waiting_count(ready, region="330106")
    with pytest.raises(RefusedError):
        waiting_count(manager, region="330102")
    with pytest.raises(RefusedError):
        waiting_list(actors[Role.ADMINISTRATOR])
    with pytest.raises(RefusedError):
        screening_do(actors[Role.VILLAGE_WORKER], now=now)


def test_a_card_says_why_what_to_ask_and_what_to_bring(given: Actor, now: datetime) -> None:
    post = next(post for case in all_cases(given, now) if (post := case.holder_post))
    cards = [case.card for case in all_cases(given, now)]
    assert post
    for card in cards:
        assert card["reason"]["zh"].endswith("。")
        assert card["reason"]["en"].endswith(".")
        assert card["name"].endswith("*")
        assert card["members"] >= 1
    missed = [card for card in cards if card["entitled"]]
    assert missed
    assert any("元" in card["reason"]["zh"] for card in missed)
    warned = [card for card in cards if card["asks"]]
    assert all(ask["zh"] and ask["en"] for card in warned for ask in card["asks"])
    run = run_latest(given)
    assert run is not None
    assert run.on is not None
    for card in cards:
        lines = score_lines(card["score"], run.on)
        assert round(sum(line.points for line in lines), 1) == card["score"]["total"] / 10
        assert all(line.label["zh"] and line.label["en"] and "{" not in line.label["zh"] for line in lines)
    weights = score_formula(run.on)
    assert {row.status for row in weights} <= {"illustrative", "verified"}
    assert all(row.source and row.label["zh"] != row.name for row in weights)


def test_her_doors_show_the_new_cases(given: Actor, now: datetime) -> None:
    from_cases = all_cases(given, now)
    user = next(case.holder_post for case in from_cases)
    me = Actor.system("w", "330100")
    mine = doors(Actor(1, user, "w", Role.VILLAGE_WORKER, "330100", grade=3, permissions=me.permissions), now=now)
    assert len(mine.rows) == len(from_cases)


# dismissals and rest -------------------------------------------------------------------------------------------------


def keys_of(household: str) -> list[tuple[str, str, str]]:
    reader = found_reader()
    assert reader is not None
    found = reader.of_household(found_sight(Actor.system("t", "330000")), household)
    return [(item.subject, item.policy, item.finding) for item in found if item.finding in ("missed", "warning")]


def test_a_dismissal_stands_until_the_data_behind_it_changes(ready: Actor, now: datetime) -> None:
    screening_do(ready, now=now)
    alerts_give_out(ready, now=now)
    first = waiting_list(ready)[0].household
    keys = keys_of(first)
    assert findings_dismiss(ready, keys=keys, reason="known", now=now) == len(keys)
    assert findings_dismiss(ready, keys=keys, reason="known", now=now) == 0
    assert first not in {row.household for row in waiting_list(ready, limit=500)}
    worker(ready, "330100", now)
    alerts_give_out(ready, now=now)
    assert not cases_of_household(ready, household=first, now=now)
    assert latest().dismissed == 1
    assert set(dismissed(ready, [first])) == set(keys)
    Dismissal.objects.filter(household=first).update(facts="of other values")
    alerts_give_out(ready, now=now + DAY)
    assert cases_of_household(ready, household=first, now=now)
    assert {view.ended_why for view in dismissals_of(ready, household=first)} == {"data"}
    assert Event.objects.filter(name="assistance.finding.dismissal-lapsed").count() == len(keys)


def test_a_load_that_changes_a_wage_ends_the_dismissal_that_rests_on_it_and_no_other(
    ready: Actor, made_lake: Path, now: datetime, tmp_path: Path
) -> None:
    screening_do(ready, now=now)
    alerts_give_out(ready, now=now)
    reader, lake = found_reader(), Lake.open(configuration().lake_path)
    assert reader is not None
    poor = list(reader.every(found_sight(ready), Wanted(finding=("missed",), policy=("dibao", "edge"))))
    with connect() as connection:
        people = connection.execute(
            f"SELECT DISTINCT ON (p.household_no) p.household_no, p.resident_id FROM {scan(lake.files('population'))} AS p "
            f"JOIN {scan(lake.files('wages'))} AS w USING (resident_id) WHERE w.wage > 0 AND p.cancel_reason IS NULL "
            "ORDER BY 1, 2"
        ).fetchall()
    earner = dict(people)
    one, two = [item for item in poor if item.household in earner][:2]
    for item in (one, two):
        findings_dismiss(ready, keys=[(item.subject, item.policy, item.finding)], reason="known", now=now)
    vault = Vault.open(configuration().key_path)
    number = vault.reveal(lake, [earner[one.household]])[earner[one.household]]
    load_wage(lake, vault, made_lake.parent / "exports", tmp_path, number)
    assert screening_due(now=now)
    screening_do(ready, now=now + DAY)
    alerts_give_out(ready, now=now + DAY)
    standing = dismissed(ready, [one.household, two.household])
    assert {key[0] for key in standing} == {two.subject}
    assert [view.ended_why for view in dismissals_of(ready, household=one.household)] == ["data"]


def load_wage(lake: Lake, vault: Vault, exports: Path, folder: Path, number: str) -> None:
    """Load a correction: the last wage of a person is one yuan less."""
    with (exports / "人社_就业工资.csv").open(encoding="utf-8-sig", newline="") as source:
        header, *rows = csv.reader(source)
    wage = header.index("月工资（元）")
    with (folder / "人社_就业工资_更正.csv").open("w", encoding="utf-8", newline="") as target:
        writer = csv.writer(target)
        writer.writerow(header)
        for row in rows:
            if row[0] == number and row[wage]:
                writer.writerow([*row[:wage], str(int(row[wage]) - 1), *row[wage + 1 :]])
    contracts = read_contracts(find_package("social-assistance") / "contracts")
    outcomes = list(load_folder(Loader(lake, vault, NOW), match_files(folder, contracts).jobs))
    assert [outcome.error for outcome in outcomes] == [None]


def test_a_dismissal_can_be_taken_back(ready: Actor, now: datetime) -> None:
    screening_do(ready, now=now)
    alerts_give_out(ready, now=now)
    first = waiting_list(ready)[0].household
    findings_dismiss(ready, keys=keys_of(first), reason="other", note="住在女儿家", now=now)
    for view in dismissed(ready, [first]).values():
        finding_restore(ready, dismissal_id=view.id, now=now)
        with pytest.raises(ConflictError):
            finding_restore(ready, dismissal_id=view.id, now=now)
    alerts_give_out(ready, now=now)
    assert first in {row.household for row in waiting_list(ready, limit=500)}


def test_what_cannot_be_dismissed(ready: Actor, actors: dict[Role, Actor], now: datetime) -> None:
    screening_do(ready, now=now)
    alerts_give_out(ready, now=now)
    elsewhere = next(row.household for row in waiting_list(ready, limit=500) if not row.region.startswith("330106"))
    keys = keys_of(elsewhere)
    with pytest.raises(NotFoundError):
        findings_dismiss(actors[Role.COUNTY_MANAGER], keys=keys, reason="known", now=now)
    with pytest.raises(NotFoundError):
        findings_dismiss(ready, keys=[*keys, ("0" * 24, "dibao", "missed")], reason="known", now=now)
    with pytest.raises(RefusedError):
        findings_dismiss(actors[Role.VILLAGE_WORKER], keys=keys, reason="known", now=now)
    with pytest.raises(InvalidError, match="one of already-receiving"):
        findings_dismiss(ready, keys=keys, reason="because", now=now)
    with pytest.raises(InvalidError):
        findings_dismiss(ready, keys=keys, reason="other", now=now)
    with pytest.raises(InvalidError):
        findings_dismiss(ready, keys=[], reason="known", now=now)
    assert not Dismissal.objects.exists()
    assert all(render(f"assistance.dismiss-{name}", lang, {}) != name for name in REASONS for lang in ("zh", "en"))


def close(actor: Actor, case_id: int, outcome: str, now: datetime) -> None:
    """Close a case in its first step, as the post that holds it."""
    row = case_list(actor, wanted=CaseFilter(status="all", q=str(case_id)), now=now).rows[0]
    holder = Actor(1, row.holder_post, "w", Role.VILLAGE_WORKER, "330000", grade=3, permissions=actor.permissions)
    way = {"moved": "moved", "declined": "declined", "already-receiving": "receiving", "data-wrong": "receiving"}[outcome]
    case_move(holder, case_id=case_id, version=row.version, way_id=way, answers={}, reason="核实过了", outcome=outcome, now=now)


def test_after_a_closed_case_a_finding_rests(given: Actor, now: datetime) -> None:
    case = all_cases(given, now)[0]
    close(given, case.id, "declined", now)
    alerts_give_out(given, now=now + 5 * DAY)
    assert len(cases_of_household(given, household=case.household, now=now)) == 1
    assert latest().resting == 1
    alerts_give_out(given, now=now + 400 * DAY)
    assert len(cases_of_household(given, household=case.household, now=now)) == 2


def test_a_persons_no_stands_while_the_values_are_the_same(given: Actor, now: datetime) -> None:
    case = all_cases(given, now)[0]
    close(given, case.id, "data-wrong", now)
    alerts_give_out(given, now=now + 400 * DAY)  # long after every rest
    assert len(cases_of_household(given, household=case.household, now=now)) == 1
    assert latest().dismissed == 1
    Raised.objects.filter(case_id=case.id).update(facts="of other values")
    alerts_give_out(given, now=now + 401 * DAY)
    assert len(cases_of_household(given, household=case.household, now=now)) == 2


# by hand -------------------------------------------------------------------------------------------------------------


def test_an_officer_opens_out_of_turn_and_against_a_word_only_with_a_reason(
    ready: Actor, actors: dict[Role, Actor], now: datetime
) -> None:
    screening_do(ready, now=now)
    alerts_give_out(ready, now=now)
    manager = actors[Role.COUNTY_MANAGER]
    one, two = (row.household for row in waiting_list(manager)[:2])
    assert len(cases_open_for(manager, households=[one], now=now)) == 1
    assert one not in {row.household for row in waiting_list(manager, limit=500)}
    assert cases_open_for(manager, households=[one], now=now) == [cases_of_household(ready, household=one, now=now)[0].id]
    findings_dismiss(manager, keys=keys_of(two), reason="known", now=now)
    with pytest.raises(InvalidError) as refused:
        cases_open_for(manager, households=[two], now=now)
    assert refused.value.code == "assistance.reason-needed"
    assert cases_open_for(manager, households=[two], reason="邻居反映老人摔伤", now=now)
    event = Event.objects.filter(name="assistance.cases.opened-by-hand").order_by("-id")[0]
    assert event.details["against_a_word"] == 1
    assert event.purpose == "邻居反映老人摔伤"


def test_leaking_makes_a_review_never_a_visit(given: Actor, now: datetime) -> None:
    reader = found_reader()
    assert reader is not None
    leaking = list(reader.every(found_sight(given), Wanted(finding=("leaking",))))
    alone = [item for item in leaking if not keys_of(item.household)]
    assert alone
    assert all(case.household != alone[0].household for case in all_cases(given, now))
    (case,) = cases_open_for(given, households=[alone[0].household], now=now)
    assert all_cases(given, now, kind="review")[0].id == case
    with pytest.raises(InvalidError):
        cases_open_for(given, households=["0" * 24], now=now)
