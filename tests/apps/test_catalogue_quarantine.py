"""Bad rows and their owner's answers: who sees them, what an answer does, and what the next file says about it."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.test import Client

from zhizhi.apps.actors import Actor, Role
from zhizhi.apps.catalogue.selectors.answers import answer_list
from zhizhi.apps.catalogue.selectors.quarantine import quarantine_get, todo_counts
from zhizhi.apps.catalogue.selectors.sources import contract_of
from zhizhi.apps.catalogue.services.answers import answer_give, answer_withdraw
from zhizhi.apps.catalogue.services.sync import catalogue_sync
from zhizhi.apps.configuration import configuration
from zhizhi.apps.journal.models import Event
from zhizhi.backends.lake import Lake
from zhizhi.backends.loading import Loader
from zhizhi.backends.loading_folder import load_folder
from zhizhi.backends.vault import Vault
from zhizhi.kernel.errors import ConflictError, InvalidError, NotFoundError, RefusedError, ZhizhiError

DATASET, FILE = "aid_register", "民政_救助家庭登记.csv"
PAGE = f"/zh-hans/catalogue/datasets/{DATASET}/quarantine"

pytestmark = pytest.mark.django_db


@contextmanager
def refusing(family: type[ZhizhiError], code: str) -> Iterator[None]:
    with pytest.raises(family) as caught:
        yield
    assert caught.value.code == code


def load(path: Path, now: datetime) -> None:
    """Load a file as the command does, outside of the desk."""
    lake, vault = Lake.open(configuration().lake_path), Vault.open(configuration().key_path)
    outcome = next(iter(load_folder(Loader(lake, vault, now), [(path, contract_of(DATASET))])))
    assert outcome.error is None


@pytest.fixture
def broken(desk_lake: Path, made_lake: Path, tmp_path: Path, now: datetime) -> Path:
    """The register with four rows of an unknown kind of hardship."""
    with (made_lake.parent / "exports" / FILE).open(encoding="utf-8-sig", newline="") as file:
        header, *rows = list(csv.reader(file))
    item = contract_of(DATASET).fields["hardship_type"]
    place = header.index(item.header)
    for number, row in enumerate([row for row in rows if row[place] in item.codes][:4]):
        row[place] += f"x{number}"
    path = tmp_path / FILE
    path.write_text("".join(",".join(row) + "\n" for row in [header, *rows]), encoding="utf-8")
    load(path, now)
    return path


@pytest.fixture
def steward(actors: dict[Role, Actor], broken: Path) -> Actor:
    return actors[Role.DATA_STEWARD]


def rule_of(actor: Actor) -> str:
    """The rule that the four rows bear."""
    return next(group.rule for group in quarantine_get(actor, DATASET).groups if group.check == "code" and group.rows >= 4)


def states(actor: Actor) -> dict[str, int]:
    return dict(quarantine_get(actor, DATASET, rule=rule_of(actor)).states)


def test_a_steward_sees_her_own_rows_only(steward: Actor, actors: dict[Role, Actor]) -> None:
    seen = quarantine_get(steward, DATASET)
    assert seen.total >= 4
    assert {row.owner for row in seen.rows} == {"civil-affairs"}
    assert quarantine_get(replace(steward, department="health"), DATASET).total == 0
    assert quarantine_get(actors[Role.AUDITOR], DATASET).total == seen.total, "an auditor's post has no department: all of them"
    assert set(todo_counts(steward)) == {"aid_recipients", DATASET}
    with pytest.raises(RefusedError):
        quarantine_get(actors[Role.COUNTY_MANAGER], DATASET)
    assert quarantine_get(replace(steward, region="330106"), DATASET).total == 0, "a broken row cannot be placed in a county"
    assert quarantine_get(replace(steward, region=""), DATASET).total == 0


def test_values_are_cut_to_the_grade(steward: Actor) -> None:
    grade = contract_of(DATASET).fields["hardship_type"].grade
    shown = [row.value for row in quarantine_get(steward, DATASET, rule=rule_of(steward)).rows]
    low = quarantine_get(replace(steward, grade=int(grade[1]) - 1), DATASET, rule=rule_of(steward)).rows
    assert any("x0" in value for value in shown)
    assert all(row.value == "•••" and row.hidden for row in low)
    identifiers = {item.header for item in contract_of("aid_recipients").table.fields if item.identifier}
    for row in quarantine_get(steward, "aid_recipients").rows:
        assert row.column not in identifiers or row.value in ("合计", "") or "*" in row.value, (
            "numbers of people are masked in every list"
        )


def test_without_the_key_values_stay_masked(steward: Actor) -> None:
    configuration().key_path.unlink()
    assert all("x0" not in row.value for row in quarantine_get(steward, DATASET, rule=rule_of(steward)).rows)


def test_a_rule_is_answered_and_the_next_file_closes_it(
    steward: Actor, system: Actor, made_lake: Path, tmp_path: Path, now: datetime
) -> None:
    rule = rule_of(steward)
    rows = quarantine_get(steward, DATASET, rule=rule).total
    answer_give(steward, dataset=DATASET, rule=rule, verdict="fixed", now=now)
    assert states(steward)["waiting"] == rows
    assert todo_counts(steward).get(DATASET, 0) == sum(
        group.waiting for group in quarantine_get(steward, DATASET).groups if group.rule != rule
    )
    assert catalogue_sync(system, now=now), "the first time"
    assert not catalogue_sync(system, now=now), "nothing has changed since"
    mended = tmp_path / "mended" / FILE
    mended.parent.mkdir()
    shutil.copy(made_lake.parent / "exports" / FILE, mended)
    load(mended, now + timedelta(days=1))
    assert catalogue_sync(system, now=now + timedelta(days=1))
    answer = answer_list(steward, DATASET)[0]
    assert answer.settled_by
    assert answer.closed >= 4
    event = Event.objects.get(name="catalogue.answer.settled")
    assert event.details["closed"] == answer.closed


def test_a_row_that_comes_again_unchanged_is_back_with_its_owner(
    steward: Actor, system: Actor, broken: Path, tmp_path: Path, now: datetime
) -> None:
    rule = rule_of(steward)
    answer_give(steward, dataset=DATASET, rule=rule, verdict="fixed", now=now)
    lines = broken.read_text(encoding="utf-8").splitlines()
    again = tmp_path / "again" / FILE
    again.parent.mkdir()
    kept = [line for line in lines if "x0" not in line]  # one row is mended away, three come as they were
    again.write_text("\n".join(kept[:-1]) + "\n", encoding="utf-8")
    load(again, now + timedelta(days=1))
    catalogue_sync(system, now=now + timedelta(days=1))
    answer = answer_list(steward, DATASET)[0]
    assert answer.state == "back"
    assert answer.back >= 3
    assert answer.closed >= 1
    assert states(steward)["back"] >= 3
    answer_give(steward, dataset=DATASET, rule=rule, verdict="right", reason="旧系统的类型", now=now + timedelta(days=2))
    assert "back" not in {name for name, count in states(steward).items() if count}


def test_right_as_it_is_needs_a_reason_and_stands(
    steward: Actor, system: Actor, broken: Path, tmp_path: Path, now: datetime
) -> None:
    rule = rule_of(steward)
    with refusing(InvalidError, "catalogue.reason-missing"):
        answer_give(steward, dataset=DATASET, rule=rule, verdict="right", reason="  ", now=now)
    chosen = [row.digest for row in quarantine_get(steward, DATASET, rule=rule).rows if "x1" in row.value]
    answer_give(steward, dataset=DATASET, rule=rule, verdict="right", reason="这是新的困难类型", rows=chosen, now=now)
    assert states(steward)["standing"] == 1
    lines = broken.read_text(encoding="utf-8").splitlines()
    other = tmp_path / "other" / FILE
    other.parent.mkdir()
    other.write_text("\n".join(lines[:-1]) + "\n", encoding="utf-8")
    load(other, now + timedelta(days=1))
    catalogue_sync(system, now=now + timedelta(days=1))
    assert states(steward)["standing"] == 1, "the same row in the next file bears the same answer"
    row = next(row for row in quarantine_get(steward, DATASET, rule=rule).rows if row.state == "standing")
    assert row.answer is not None
    assert row.answer.reason == "这是新的困难类型"
    assert "新的困难类型" not in str(Event.objects.get(name="catalogue.quarantine.answered").details), (
        "no free text in the journal"
    )


def test_an_answer_is_given_once_and_can_be_taken_back(steward: Actor, actors: dict[Role, Actor], now: datetime) -> None:
    rule = rule_of(steward)
    chosen = [quarantine_get(steward, DATASET, rule=rule).rows[0].digest]
    [answer] = answer_give(steward, dataset=DATASET, rule=rule, verdict="fixed", rows=chosen, now=now)
    with refusing(ConflictError, "catalogue.answered-already"):
        answer_give(steward, dataset=DATASET, rule=rule, verdict="right", reason="再答一次", rows=chosen, now=now)
    with refusing(NotFoundError, "catalogue.answer-unknown"):
        answer_withdraw(replace(steward, department="health"), answer=answer, now=now)
    with pytest.raises(RefusedError):
        answer_withdraw(actors[Role.AUDITOR], answer=answer, now=now)
    answer_withdraw(steward, answer=answer, now=now)
    answer_withdraw(steward, answer=answer, now=now)
    assert "waiting" not in states(steward)
    assert Event.objects.filter(name="catalogue.answer.withdrawn").count() == 1


def test_rows_of_others_cannot_be_answered(steward: Actor, now: datetime) -> None:
    rule = rule_of(steward)
    digest = quarantine_get(steward, DATASET, rule=rule).rows[0].digest
    stranger = replace(steward, department="health")
    with refusing(NotFoundError, "catalogue.row-unknown"):
        answer_give(stranger, dataset=DATASET, rule=rule, verdict="fixed", rows=[digest], now=now)
    with refusing(NotFoundError, "catalogue.row-unknown"):
        answer_give(stranger, dataset=DATASET, rule=rule, verdict="fixed", now=now)
    with refusing(NotFoundError, "catalogue.row-unknown"):
        answer_give(steward, dataset=DATASET, rule=rule, verdict="fixed", rows=["0" * 32], now=now)


def test_the_page_answers_and_keeps_what_was_typed(client_for: Callable[[Role], Client], steward: Actor) -> None:
    client, rule = client_for(Role.DATA_STEWARD), rule_of(steward)
    digest = quarantine_get(steward, DATASET, rule=rule).rows[0].digest
    wrong = client.post(f"{PAGE}?rule={rule}", {"rule": rule, "verdict": "right", "reason": "短", "rows": [digest]})
    assert wrong.status_code == 422
    text = wrong.content.decode()
    assert "至少 4 个字" in text
    assert f'value="{digest}" aria-label' in text
    assert "checked" in text
    none = client.post(f"{PAGE}?rule={rule}", {"rule": rule, "verdict": "fixed"})
    assert none.status_code == 422
    assert "请先勾选" in none.content.decode()
    done = client.post(f"{PAGE}?rule={rule}", {"rule": rule, "verdict": "fixed", "rows": [digest]})
    assert done.status_code == 302
    assert states(steward)["waiting"] == 1
    assert client.get(f"{PAGE}?state=nonsense").status_code == 400
    assert client.get(f"{PAGE}?stat=todo").status_code == 400
    assert client.get(f"{PAGE}?page=0").status_code == 400


def test_looking_at_rows_is_an_event(client_for: Callable[[Role], Client], steward: Actor) -> None:
    client_for(Role.AUDITOR).get(PAGE)
    event = Event.objects.get(name="catalogue.quarantine.read")
    assert event.details["rows"] > 0
    assert [subject.subject for subject in event.subjects.all()] == [f"dataset:{DATASET}"]
    assert client_for(Role.COUNTY_MANAGER).get(PAGE).status_code == 403
