"""Refuse a workflow in which a case could get lost: unreachable states, dead ends, loops without exit, unknown names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from zhizhi.engines.workflow.definition import FIELD_TYPES, FORWARD, RETURN, STAY, Field, Step, Workflow
from zhizhi.kernel.messages import LANGUAGES

Path = tuple[str | int, ...]
_WITH_CHOICES = ("choice", "multi-choice")


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: a message code, where in the workflow, and what the message names."""

    code: str
    path: Path
    params: Mapping[str, object]


def fault(code: str, path: Path, **params: object) -> Fault:
    """Return a fault."""
    return Fault(code, path, params)


def check(workflow: Workflow, roles: tuple[str, ...]) -> Iterator[Fault]:
    """Yield everything that is wrong with ``workflow``, where only ``roles`` exist."""
    yield from _names(workflow)
    yield from _graph(workflow)
    for number, item in enumerate(workflow.transitions):
        yield from _transition(workflow, number)
        for role in item.roles:
            if role not in roles:
                yield fault("workflow.role-unknown", ("transitions", number, "roles"), role=role, known=", ".join(roles))
    for step in workflow.steps.values():
        yield from _step(workflow, step, roles)
    if workflow.reopening is not None:
        if workflow.reopening.to not in workflow.steps:
            known = ", ".join(workflow.steps)
            yield fault("workflow.state-unknown", ("reopening", "to"), state=workflow.reopening.to, known=known)
        for role in workflow.reopening.roles:
            if role not in roles:
                yield fault("workflow.role-unknown", ("reopening", "roles"), role=role, known=", ".join(roles))
    yield from _labels(workflow)


def _names(workflow: Workflow) -> Iterator[Fault]:
    if workflow.start not in workflow.steps:
        yield fault("workflow.state-unknown", ("start",), state=workflow.start, known=", ".join(workflow.steps))
    if not workflow.final:
        yield fault("workflow.no-final", ("final",))
    for state in workflow.final:
        if state in workflow.steps:
            yield fault("workflow.state-twice", ("final", state), state=state)
    known = ", ".join([*workflow.steps, *workflow.final])
    for number, item in enumerate(workflow.transitions):
        if item.source not in workflow.steps:
            yield fault("workflow.state-unknown", ("transitions", number, "from"), state=item.source, known=known)
        if item.target not in workflow.steps and item.target not in workflow.final:
            yield fault("workflow.state-unknown", ("transitions", number, "to"), state=item.target, known=known)
        if any(other.id == item.id and other.source == item.source for other in workflow.transitions[:number]):
            yield fault("workflow.way-twice", ("transitions", number), way=item.id, state=item.source)


def _graph(workflow: Workflow) -> Iterator[Fault]:
    """Yield unreachable states, dead ends and loops without exit.

    Staying in a step and reopening do not count as ways: a case must be able to get everywhere and out without them.
    """
    onward: dict[str, set[str]] = {state: set() for state in (*workflow.steps, *workflow.final)}
    for item in workflow.transitions:
        if item.kind != STAY and item.source in onward and item.target in onward:
            onward[item.source].add(item.target)
    reached = _closure({workflow.start} & set(onward), onward)
    for state in onward:
        if state not in reached:
            yield fault("workflow.unreachable", _place(workflow, state), state=state)
    back: dict[str, set[str]] = {state: set() for state in onward}
    for state, targets in onward.items():
        for target in targets:
            back[target].add(state)
    ends = _closure(set(workflow.final), back)
    for state in workflow.steps:
        if not onward[state] - {state}:
            yield fault("workflow.dead-end", ("steps", state), state=state)
        elif state not in ends:
            yield fault("workflow.no-exit", ("steps", state), state=state)


def _closure(begin: set[str], edges: Mapping[str, set[str]]) -> set[str]:
    found, waiting = set(begin), list(begin)
    while waiting:
        for target in edges.get(waiting.pop(), ()):
            if target not in found:
                found.add(target)
                waiting.append(target)
    return found


def _place(workflow: Workflow, state: str) -> Path:
    return ("steps" if state in workflow.steps else "final", state)


def _transition(workflow: Workflow, number: int) -> Iterator[Fault]:
    item = workflow.transitions[number]
    path: Path = ("transitions", number)
    if item.kind not in (FORWARD, RETURN, STAY):
        yield fault("workflow.kind", (*path, "kind"), kind=item.kind)
    if (item.kind == STAY) != (item.source == item.target):
        yield fault("workflow.stay", path, way=item.id)
    if item.target in workflow.final and not item.outcomes:
        yield fault("workflow.close-without-outcome", path, way=item.id)
    if item.target not in workflow.final and item.outcomes:
        yield fault("workflow.outcome-without-close", path, way=item.id)
    for outcome in item.outcomes:
        if outcome not in workflow.outcomes:
            known = ", ".join(workflow.outcomes)
            yield fault("workflow.outcome-undeclared", (*path, "outcomes"), outcome=outcome, known=known)
    step = workflow.steps.get(item.source)
    for name in item.fields or ():
        if step is not None and step.field(name) is None:
            known = ", ".join(one.id for one in step.form)
            yield fault("workflow.field-unknown", (*path, "fields"), field=name, known=known)
    for role in item.roles:
        if step is not None and role not in step.roles:
            yield fault("workflow.way-role-outside", (*path, "roles"), role=role, step=item.source)


def _step(workflow: Workflow, step: Step, roles: tuple[str, ...]) -> Iterator[Fault]:
    path: Path = ("steps", step.id)
    if not step.roles:
        yield fault("workflow.no-role", path, state=step.id)
    for role in step.roles:
        if role not in roles:
            yield fault("workflow.role-unknown", (*path, "roles"), role=role, known=", ".join(roles))
    if step.limit.amount < 1:
        yield fault("workflow.limit", (*path, "limit"), state=step.id)
    if step.escalation is not None and step.escalation.to not in roles:
        yield fault("workflow.role-unknown", (*path, "escalation", "to"), role=step.escalation.to, known=", ".join(roles))
    earlier: dict[str, Field] = {}
    for number, item in enumerate(step.form):
        yield from _field(item, (*path, "form", number), earlier)
        earlier[item.id] = item


def _field(item: Field, path: Path, earlier: Mapping[str, Field]) -> Iterator[Fault]:
    if item.id in earlier:
        yield fault("workflow.field-twice", path, field=item.id)
    if item.type not in FIELD_TYPES:
        yield fault("workflow.field-type", (*path, "type"), type=item.type, known=", ".join(FIELD_TYPES))
    if (item.type in _WITH_CHOICES) != bool(item.choices):
        yield fault("workflow.field-choices", path, field=item.id)
    if item.type == "number" and not item.unit:
        yield fault("workflow.field-unit", path, field=item.id)
    if item.when is not None:
        other = earlier.get(item.when.field)
        if other is None:
            yield fault("workflow.field-when", (*path, "when"), field=item.id, other=item.when.field)
        else:
            known = ["yes", "no"] if other.type == "yes-no" else [choice.id for choice in other.choices]
            for answer in item.when.answers:
                if answer not in known:
                    listed = ", ".join(known) or "–"
                    yield fault("workflow.field-answer", (*path, "when"), field=item.when.field, answer=answer, known=listed)


def _labels(workflow: Workflow) -> Iterator[Fault]:
    """Yield texts that speak one language only."""
    texts: list[tuple[Path, Mapping[str, str]]] = [(("title",), workflow.title)]
    texts += [(("final", state), label) for state, label in workflow.final.items()]
    texts += [(("outcomes", item.id), item.label) for item in workflow.outcomes.values()]
    texts += [(("pauses", item.id), item.label) for item in workflow.pauses.values()]
    texts += [(("transitions", number, "title"), item.title) for number, item in enumerate(workflow.transitions)]
    for step in workflow.steps.values():
        texts += [(("steps", step.id, "title"), step.title), (("steps", step.id, "task"), step.task)]
        for number, item in enumerate(step.form):
            path: Path = ("steps", step.id, "form", number)
            texts += [(path, item.label), ((*path, "help"), item.help)]
            texts += [((*path, "choices", choice.id), choice.label) for choice in item.choices]
    for where, label in texts:
        for lang in LANGUAGES:
            if not str(label.get(lang) or "").strip():
                yield fault("workflow.language", where, lang=lang, where=".".join(map(str, where)))
