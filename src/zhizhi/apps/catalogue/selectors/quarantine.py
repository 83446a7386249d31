"""Bad rows as their owner sees them: her department's only, values cut to the post's grade, each with its answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from zhizhi.apps.actors import Actor, Permission
from zhizhi.apps.catalogue.schemas import ROW_STATES, AnswerView, Names, QuarantineRow
from zhizhi.apps.catalogue.selectors.answers import answer_list, row_states, settled_rows
from zhizhi.apps.catalogue.selectors.datasets import grade_number, names
from zhizhi.apps.catalogue.selectors.sources import contract_of, lake_or_none, vault_or_none
from zhizhi.apps.configuration import configuration
from zhizhi.backends.holdings import bad_keys, bad_lines
from zhizhi.backends.vault import Vault
from zhizhi.exchange.contract import Contract
from zhizhi.kernel.errors import UsageError

NEED_ANSWER = ("open", "back")
"""States in which a row waits for its owner's word."""


@dataclass(frozen=True, slots=True)
class Group:
    """The bad rows of one rule: how many in all and how many wait for an answer."""

    rule: str
    title: Names
    check: str
    rows: int
    waiting: int
    owner: str


@dataclass(frozen=True, slots=True)
class Quarantine:
    """One page of bad rows; ``groups`` and ``states`` count all that the filters apply to, ``total`` what they leave."""

    rows: tuple[QuarantineRow, ...]
    total: int
    groups: tuple[Group, ...]
    states: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the lake's quarantine with the state that answers give it."""

    line: Mapping[str, Any]
    state: str
    answer: int | None

    @property
    def waits(self) -> bool:
        """Whether it waits for its owner's word."""
        return self.state in NEED_ANSWER


def may_see_rows(actor: Actor) -> bool:
    """Whether bad rows can be shown to a post: a broken row cannot be placed, so only sight of the whole region will do."""
    return actor.may(Permission.QUARANTINE_VIEW) and actor.sees(str(configuration().region))


def lines(actor: Actor, dataset: str) -> list[Line]:
    """Return the bad rows of a dataset that a post may see; none without sight of the whole region.

    Raises:
        RefusedError: without ``QUARANTINE_VIEW``. NotFoundError: ``catalogue.dataset-unknown``.
    """
    actor.require(Permission.QUARANTINE_VIEW)
    contract_of(dataset)
    lake = lake_or_none()
    if lake is None or not may_see_rows(actor):
        return []
    answered = row_states(dataset)
    found = []
    for line in bad_lines(lake, dataset, actor.department):
        state, answer = answered.get((line["rule"], line["digest"]), ("open", 0))
        found.append(Line(line, state, answer or None))
    return found


def quarantine_get(actor: Actor, dataset: str, *, rule: str = "", state: str = "", start: int = 0, limit: int = 50) -> Quarantine:
    """Return one page of the bad rows of a dataset.

    Args:
        actor: needs ``QUARANTINE_VIEW``; sees the rows of her department, or of all where the post has none.
        dataset: which.
        rule: only rows that bear this rule's name.
        state: one of ``ROW_STATES``, or ``todo`` for what waits for an answer.
        start: how many to leave out.
        limit: how many to return.

    Raises:
        UsageError: ``catalogue.filter-value``.
    """
    if state and state not in (*ROW_STATES, "todo"):
        raise UsageError("catalogue.filter-value", name="state", value=state, known=", ".join((*ROW_STATES, "todo")))
    contract = contract_of(dataset)
    found = lines(actor, dataset)
    wanted = NEED_ANSWER if state == "todo" else (state,)
    kept = [item for item in found if (not rule or item.line["rule"] == rule) and (not state or item.state in wanted)]
    answers = {answer.id: answer for answer in answer_list(actor, dataset)}
    lake = lake_or_none()
    vault = vault_or_none(lake) if lake else None
    shown = tuple(_shown(item, contract, actor, vault, answers) for item in kept[start : start + limit])
    states = Counter(item.state for item in found if not rule or item.line["rule"] == rule)
    return Quarantine(shown, len(kept), groups(contract, found), states | {"todo": sum(states[name] for name in NEED_ANSWER)})


def groups(contract: Contract, found: Sequence[Line]) -> tuple[Group, ...]:
    """Return the rules that bad rows bear, those with most rows waiting for an answer first."""
    rules = {rule.name: rule for rule in contract.table.rules}
    by_rule: dict[str, list[Line]] = {}
    for item in found:
        by_rule.setdefault(item.line["rule"], []).append(item)
    listed = [
        Group(
            name,
            rules[name].titles if name in rules else {"zh": name, "en": name},
            rules[name].check if name in rules else "",
            len(items),
            sum(item.waits for item in items),
            str(items[0].line["owner"]),
        )
        for name, items in by_rule.items()
    ]
    return tuple(sorted(listed, key=lambda group: (-group.waiting, -group.rows, group.rule)))


def todo_counts(actor: Actor) -> dict[str, int]:
    """Return dataset -> how many bad rows wait for the actor's answer; nothing for posts that cannot see or answer them."""
    lake = lake_or_none()
    if lake is None or not actor.may(Permission.QUARANTINE_ANSWER) or not may_see_rows(actor):
        return {}
    settled = settled_rows()
    return dict(Counter(key[0] for key in bad_keys(lake, actor.department) if key not in settled))


def _shown(item: Line, contract: Contract, actor: Actor, vault: Vault | None, answers: Mapping[int, AnswerView]) -> QuarantineRow:
    line = item.line
    rule = next((rule for rule in contract.table.rules if rule.name == line["rule"]), None)
    value, hidden = _value(line, contract, actor, vault)
    owner = next((field.owner for field in contract.table.fields if field.owner.id == line["owner"]), contract.department)
    return QuarantineRow(
        digest=str(line["digest"]),
        file=str(line["file"]),
        row=int(line["row"]),
        column=str(line["column"]),
        value=value,
        hidden=hidden,
        rule=str(line["rule"]),
        title=rule.titles if rule else {"zh": line["rule"], "en": line["rule"]},
        check=rule.check if rule else "",
        also="；".join(_titles(contract, str(line["also"]))),
        owner=str(line["owner"]),
        owner_name=names(owner),
        state=item.state,
        answer=answers.get(item.answer) if item.answer else None,
    )


def _titles(contract: Contract, also: str) -> list[str]:
    return [name for name in also.split("; ") if name]


def _value(line: Mapping[str, Any], contract: Contract, actor: Actor, vault: Vault | None) -> tuple[str, bool]:
    """Return a value cut to the post's grade: numbers and names of people stay masked for everybody, in every list."""
    field = contract.fields.get(str(line["field"]))
    value = str(line["value"])
    if field is None:
        return (value, False) if not line["cipher"] else ("", True)
    if grade_number(field.grade) > actor.grade:
        return ("•••" if value else "", bool(value))
    if not line["cipher"]:
        return value, False
    personal = any(
        other.identifier or other.protect == "encrypt" or other.format
        for other in contract.table.fields
        if other.header == field.header
    )
    if personal or vault is None:
        return value, True
    return vault.unseal(str(line["cipher"])), False
