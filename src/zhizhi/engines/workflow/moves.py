"""Which ways lead on from a state, and for whom."""

from __future__ import annotations

from zhizhi.engines.workflow.definition import Transition, Workflow
from zhizhi.kernel.errors import InvalidError, RefusedError


def ways(workflow: Workflow, state: str, role: str | None = None) -> tuple[Transition, ...]:
    """Return the transitions that leave ``state``, in the order of the file; with a ``role``, those that it may go."""
    return tuple(way for way in workflow.transitions if way.source == state and (role is None or _open_to(workflow, way, role)))


def may_take(workflow: Workflow, state: str, role: str) -> bool:
    """Return whether a post with ``role`` may act in ``state``. In a final state nobody does."""
    step = workflow.steps.get(state)
    return step is not None and role in step.roles


def way(workflow: Workflow, state: str, name: str, role: str) -> Transition:
    """Return the transition ``name`` out of ``state`` for ``role``.

    Raises:
        InvalidError: ``workflow.way-unknown``. RefusedError: ``workflow.way-role``.
    """
    found = next((item for item in ways(workflow, state) if item.id == name), None)
    if found is None:
        known = ", ".join(item.id for item in ways(workflow, state)) or "–"
        raise InvalidError("workflow.way-unknown", way=name, state=state, known=known)
    if not _open_to(workflow, found, role):
        raise RefusedError("workflow.way-role", way=name, state=state, role=role)
    return found


def outcome_of(workflow: Workflow, chosen: Transition, given: str) -> str:
    """Return the outcome with which ``chosen`` closes a case; an empty text where it does not close one.

    Raises:
        InvalidError: ``workflow.outcome-missing`` or ``workflow.outcome-unknown``.
    """
    if chosen.target not in workflow.final:
        if given:
            raise InvalidError("workflow.outcome-unknown", outcome=given, known="–")
        return ""
    if not given and len(chosen.outcomes) == 1:
        return chosen.outcomes[0]
    if not given:
        raise InvalidError("workflow.outcome-missing", known=", ".join(chosen.outcomes))
    if given not in chosen.outcomes:
        raise InvalidError("workflow.outcome-unknown", outcome=given, known=", ".join(chosen.outcomes))
    return given


def _open_to(workflow: Workflow, item: Transition, role: str) -> bool:
    return may_take(workflow, item.source, role) and (not item.roles or role in item.roles)
