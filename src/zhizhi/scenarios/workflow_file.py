"""``workflows/<id>.yaml``: a workflow read, checked, and given the regions' own time limits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from zhizhi.engines.rules.resolution import significant
from zhizhi.engines.workflow.checker import check
from zhizhi.engines.workflow.definition import (
    ROLES,
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
from zhizhi.kernel.errors import PackageError
from zhizhi.scenarios.document import Document, read_document, schema_faults


def read_workflows(folder: Path, overlays: Sequence[Document]) -> dict[str, Workflow]:
    """Read every workflow of a package with the time limits of its overlays.

    Raises:
        PackageError: the first of `workflow_faults`, or ``workflow.overlay-unknown``.
    """
    found: dict[str, Workflow] = {}
    for path in sorted((folder / "workflows").glob("*.yaml")):
        document = read_document(path, folder)
        for fault in workflow_faults(document):
            raise fault
        workflow = read_workflow(document, _local(document.data["workflow"], overlays))
        found[workflow.id] = workflow
    for overlay in overlays:
        for name, changes in (overlay.data.get("workflows") or {}).items():
            if name not in found:
                place = overlay.place("workflows", name)
                raise PackageError("workflow.overlay-unknown", place, workflow=name, known=", ".join(found) or "–")
            for step in changes["steps"]:
                if step not in found[name].steps:
                    place = overlay.place("workflows", name, "steps", step)
                    raise PackageError("workflow.state-unknown", place, state=step, known=", ".join(found[name].steps))
    return found


def workflow_faults(document: Document) -> Iterator[PackageError]:
    """Yield all that is wrong with one workflow file: its structure first; if that is sound, its states and forms."""
    faults = list(schema_faults(document, "workflow"))
    yield from faults
    if faults:
        return
    name, stem = document.data["workflow"], Path(document.name).stem
    if name != stem:
        yield PackageError("workflow.file-name", document.place("workflow"), id=name, file=stem)
    for fault in check(read_workflow(document), ROLES):
        yield PackageError(fault.code, document.place(*fault.path), **fault.params)


def read_workflow(document: Document, local: Mapping[tuple[str, str], TimeLimit] | None = None) -> Workflow:
    """Return a document, already held to its schema, as a workflow."""
    data = document.data
    reopening = data.get("reopening")
    return Workflow(
        id=data["workflow"],
        version=str(data["version"]),
        title=data["title"],
        start=data["start"],
        steps={name: _step(name, spec) for name, spec in data["steps"].items()},
        final=data["final"],
        transitions=tuple(_transition(spec) for spec in data["transitions"]),
        outcomes={name: Outcome(name, _label(spec), spec.get("confirms")) for name, spec in data["outcomes"].items()},
        pauses={
            name: PauseReason(name, _label(spec), _limit(spec["longest"])) for name, spec in (data.get("pauses") or {}).items()
        },
        reopening=Reopening(int(reopening["days"]), reopening["to"], tuple(reopening["roles"])) if reopening else None,
        local=local or {},
    )


def _local(name: str, overlays: Sequence[Document]) -> dict[tuple[str, str], TimeLimit]:
    return {
        (significant(overlay.data["region"]), step): _limit(spec["limit"])
        for overlay in overlays
        for step, spec in ((overlay.data.get("workflows") or {}).get(name) or {"steps": {}})["steps"].items()
    }


def _label(spec: Mapping[str, Any]) -> dict[str, str]:
    return {"zh": spec["zh"], "en": spec["en"]}


def _limit(spec: Mapping[str, Any]) -> TimeLimit:
    unit, amount = next(iter(spec.items()))
    return TimeLimit(int(amount), unit)


def _step(name: str, spec: Mapping[str, Any]) -> Step:
    escalation = spec.get("escalation")
    after = escalation.get("after") if escalation else None
    return Step(
        id=name,
        title=spec["title"],
        task=spec["task"],
        roles=tuple(spec["roles"]),
        form=tuple(_field(item) for item in spec["form"]),
        limit=_limit(spec["limit"]),
        escalation=Escalation(escalation["to"], _limit(after) if after else None) if escalation else None,
        hand_over=spec.get("hand_over", True),
    )


def _field(spec: Mapping[str, Any]) -> Field:
    when = None
    if "when" in spec:
        other, answers = next(iter(spec["when"].items()))
        when = Condition(other, tuple(answers) if isinstance(answers, list) else (str(answers),))
    return Field(
        id=spec["id"],
        type=spec["type"],
        label=_label(spec),
        help=spec["help"],
        required=spec.get("required", False),
        choices=tuple(Choice(item["id"], _label(item)) for item in spec.get("choices") or ()),
        unit=spec.get("unit", ""),
        least=float(spec["least"]) if "least" in spec else None,
        most=float(spec["most"]) if "most" in spec else None,
        when=when,
    )


def _transition(spec: Mapping[str, Any]) -> Transition:
    fields = spec.get("fields")
    return Transition(
        id=spec["id"],
        source=spec["from"],
        target=spec["to"],
        title=_label(spec),
        kind=spec.get("kind", "forward"),
        outcomes=tuple(spec.get("outcomes") or ()),
        fields=None if fields is None else tuple(fields),
        reason=spec.get("reason", False),
        roles=tuple(spec.get("roles") or ()),
    )
