"""A workflow as plain JSON values and back: an open case keeps the workflow it began with, whatever the package says later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from zhizhi.engines.workflow.definition import (
    Choice,
    Condition,
    Escalation,
    Field,
    Outcome,
    PauseReason,
    Reopening,
    Step,
    TimeLimit,
    Transition,
    Workflow,
)


def to_plain(workflow: Workflow) -> dict[str, Any]:
    """Return a workflow as JSON values; `from_plain` gives the equal workflow back."""
    data = asdict(workflow)
    data["local"] = [[region, step, asdict(limit)] for (region, step), limit in workflow.local.items()]
    return data


def from_plain(data: Mapping[str, Any]) -> Workflow:
    """Return the workflow that `to_plain` wrote."""
    reopening = data["reopening"]
    return Workflow(
        id=data["id"],
        version=data["version"],
        title=data["title"],
        start=data["start"],
        steps={name: _step(spec) for name, spec in data["steps"].items()},
        final=data["final"],
        transitions=tuple(_transition(spec) for spec in data["transitions"]),
        outcomes={name: Outcome(**spec) for name, spec in data["outcomes"].items()},
        pauses={
            name: PauseReason(spec["id"], spec["label"], TimeLimit(**spec["longest"])) for name, spec in data["pauses"].items()
        },
        reopening=Reopening(reopening["days"], reopening["to"], tuple(reopening["roles"])) if reopening else None,
        local={(region, step): TimeLimit(**limit) for region, step, limit in data["local"]},
    )


def _step(spec: Mapping[str, Any]) -> Step:
    escalation = spec["escalation"]
    after = escalation["after"] if escalation else None
    return Step(
        id=spec["id"],
        title=spec["title"],
        task=spec["task"],
        roles=tuple(spec["roles"]),
        form=tuple(_field(item) for item in spec["form"]),
        limit=TimeLimit(**spec["limit"]),
        escalation=Escalation(escalation["to"], TimeLimit(**after) if after else None) if escalation else None,
        hand_over=spec["hand_over"],
    )


def _field(spec: Mapping[str, Any]) -> Field:
    when = spec["when"]
    return Field(
        **{
            **spec,
            "choices": tuple(Choice(**item) for item in spec["choices"]),
            "when": Condition(when["field"], tuple(when["answers"])) if when else None,
        }
    )


def _transition(spec: Mapping[str, Any]) -> Transition:
    fields = spec["fields"]
    return Transition(
        **{
            **spec,
            "outcomes": tuple(spec["outcomes"]),
            "fields": None if fields is None else tuple(fields),
            "roles": tuple(spec["roles"]),
        }
    )
