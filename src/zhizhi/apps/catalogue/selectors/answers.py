"""Answers of owners about bad rows, and the state that they give a row."""

from __future__ import annotations

from collections import Counter

from zhizhi.apps.actors import Actor, Permission
from zhizhi.apps.catalogue.models import Answer, AnsweredRow
from zhizhi.apps.catalogue.schemas import AnswerView
from zhizhi.apps.catalogue.selectors.sources import contract_of


def answer_list(actor: Actor, dataset: str, *, limit: int = 200) -> list[AnswerView]:
    """Return the answers about one dataset, newest first: of the actor's department, or of all where the post has none."""
    actor.require(Permission.QUARANTINE_VIEW)
    contract = contract_of(dataset)
    titles = {rule.name: rule.titles for rule in contract.table.rules}
    rows = Answer.objects.filter(dataset=dataset).order_by("-answered_at", "-pk")
    if actor.department:
        rows = rows.filter(owner=actor.department)
    listed = list(rows[:limit])
    states: dict[int, Counter[str]] = {row.pk: Counter() for row in listed}
    for answer, state in AnsweredRow.objects.filter(answer__in=states).values_list("answer_id", "state"):
        states[answer][state] += 1
    return [_view(row, titles.get(row.rule, {}), states[row.pk]) for row in listed]


def settled_rows() -> set[tuple[str, str, str]]:
    """Return (dataset, rule, digest) of every row that needs no answer: its latest one stands, waits or is closed."""
    rows = AnsweredRow.objects.filter(answer__withdrawn_at__isnull=True).order_by("answer__answered_at", "answer_id")
    last = {
        (dataset, rule, digest): state for dataset, rule, digest, state in rows.values_list("dataset", "rule", "digest", "state")
    }
    return {key for key, state in last.items() if state != "back"}


def row_states(dataset: str) -> dict[tuple[str, str], tuple[str, int]]:
    """Return (rule, digest) -> (state, answer) of every row that a standing answer covers; the latest answer counts."""
    rows = AnsweredRow.objects.filter(dataset=dataset, answer__withdrawn_at__isnull=True).order_by(
        "answer__answered_at", "answer_id"
    )
    return {
        (rule, digest): (state, answer)
        for rule, digest, state, answer in rows.values_list("rule", "digest", "state", "answer_id")
    }


def _view(row: Answer, title: object, states: Counter[str]) -> AnswerView:
    return AnswerView(
        id=row.pk,
        rule=row.rule,
        title=dict(title) if isinstance(title, dict) else {},
        verdict=row.verdict,
        reason=row.reason,
        whole_rule=row.whole_rule,
        rows=row.rows,
        person=row.person,
        answered_at=row.answered_at,
        settled_at=row.settled_at,
        settled_by=row.settled_by,
        withdrawn=row.withdrawn_at is not None,
        waiting=states["waiting"],
        back=states["back"],
        closed=states["closed"],
        standing=states["standing"],
    )
