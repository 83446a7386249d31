"""A workflow as data: states, transitions, roles, forms, time limits. Values only; nothing here runs a step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

Label = Mapping[str, str]

FIELD_TYPES = ("text", "long-text", "choice", "multi-choice", "number", "date", "yes-no", "money", "file")
ROLES = ("village-worker", "town-officer", "county-manager")
DAYS = "working-days"
HOURS = "working-hours"

FORWARD = "forward"
RETURN = "return"
STAY = "stay"


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer that may be picked."""

    id: str
    label: Label


@dataclass(frozen=True, slots=True)
class Condition:
    """A field is asked only where another one has one of these answers."""

    field: str
    answers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Field:
    """One question of a form. ``unit`` is that of a number; ``least`` and ``most`` bound a number, money or a text's length."""

    id: str
    type: str
    label: Label
    help: Label
    required: bool = False
    choices: tuple[Choice, ...] = ()
    unit: str = ""
    least: float | None = None
    most: float | None = None
    when: Condition | None = None


@dataclass(frozen=True, slots=True)
class TimeLimit:
    """How much working time a step may take: so many ``working-days`` or ``working-hours``.

    Days are counted as offices count them: the day on which a step begins is not counted, and the last day ends when
    offices close. Hours run from the minute.
    """

    amount: int
    unit: str = DAYS


@dataclass(frozen=True, slots=True)
class Escalation:
    """Who is brought in when a step is overdue."""

    to: str
    after: TimeLimit | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """An open state of a case: who acts, what is asked, by when. ``roles`` are in order: the first is who usually acts."""

    id: str
    title: Label
    task: Label
    roles: tuple[str, ...]
    form: tuple[Field, ...]
    limit: TimeLimit
    escalation: Escalation | None = None
    hand_over: bool = True

    def field(self, name: str) -> Field | None:
        """Return the field called ``name``."""
        return next((item for item in self.form if item.id == name), None)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a closed case, and whether that proves a finding right (``true``), wrong (``false``) or neither (None)."""

    id: str
    label: Label
    confirms: bool | None = None


@dataclass(frozen=True, slots=True)
class Transition:
    """A way from one state to another.

    Args:
        kind: ``forward``, ``return`` (a reason is asked) or ``stay`` (the step goes on and its clock too).
        outcomes: which outcomes may be given when ``target`` is final; with exactly one, that one is meant.
        fields: the fields of the step's form that are asked on this way; None for all.
        reason: whether a reason must be written.
        roles: who may go this way, if not everybody who may take the step.
    """

    id: str
    source: str
    target: str
    title: Label
    kind: str = FORWARD
    outcomes: tuple[str, ...] = ()
    fields: tuple[str, ...] | None = None
    reason: bool = False
    roles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PauseReason:
    """Why a clock may be stopped, and for how long at most."""

    id: str
    label: Label
    longest: TimeLimit


@dataclass(frozen=True, slots=True)
class Reopening:
    """Within how many calendar days a closed case may be opened again, at which step, by whom."""

    days: int
    to: str
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Workflow:
    """A checked workflow. ``final`` are the states in which a case is closed; ``local`` are the regions' own time limits."""

    id: str
    version: str
    title: Label
    start: str
    steps: Mapping[str, Step]
    final: Mapping[str, Label]
    transitions: tuple[Transition, ...]
    outcomes: Mapping[str, Outcome]
    pauses: Mapping[str, PauseReason] = field(default_factory=dict)
    reopening: Reopening | None = None
    local: Mapping[tuple[str, str], TimeLimit] = field(default_factory=dict)

    def at(self, region: str) -> Workflow:
        """Return the workflow with the time limits of ``region``: the most local that is given wins.

        Args:
            region: a GB/T 2260 code; regions of ``local`` are matched by prefix.
        """
        steps = dict(self.steps)
        for (place, step), limit in sorted(self.local.items(), key=lambda item: len(item[0][0])):
            if region.startswith(place):
                steps[step] = replace(steps[step], limit=limit)
        return replace(self, steps=steps, local={})

    def title_of(self, state: str) -> Label:
        """Return the title of a step or of a final state; of an unknown state, its own name."""
        if state in self.steps:
            return self.steps[state].title
        return self.final.get(state, {"zh": state, "en": state})
