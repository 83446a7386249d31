"""What every change of one case has in common: found within scope, not stale, saved with its line and its event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, connection

from zhizhi.apps.actors import Actor, Permission
from zhizhi.apps.casework.models import Calendar, Case, CaseFinding, Entry, WorkflowVersion
from zhizhi.apps.casework.schemas import Moved
from zhizhi.apps.casework.selectors.calendars import calendar_of
from zhizhi.apps.casework.selectors.workflows import workflow_in
from zhizhi.apps.journal.services import record
from zhizhi.backends.rows import insert_row, update_and_insert
from zhizhi.engines.workflow.calendar import WorkingCalendar
from zhizhi.engines.workflow.deadlines import due
from zhizhi.engines.workflow.definition import Step, Workflow
from zhizhi.kernel.errors import ConflictError, InvalidError, NotFoundError, RefusedError

_CASE, _ENTRY = Case._meta.db_table, Entry._meta.db_table
_FIND = f"""
    SELECT c.*, w.digest AS digest, w.package AS package,
           (SELECT k.digest FROM {Calendar._meta.db_table} k WHERE k.id = 1) AS calendar
    FROM {_CASE} c JOIN {WorkflowVersion._meta.db_table} w ON w.id = c.workflow_id WHERE c.id = %s
"""
"""Written out because every request of a worker goes through it: building the same query anew costs more than running it."""

NOTE = 4000
KEY = 64


@dataclass(slots=True)
class Work:
    """A case in the hands of a service: the row, its workflow and the calendar in force."""

    case: Case
    workflow: Workflow
    calendar: WorkingCalendar

    @property
    def step(self) -> Step:
        """The step in which the case stands.

        Raises:
            ConflictError: ``casework.closed``: it stands in none any more.
        """
        found = self.workflow.steps.get(self.case.state)
        if found is None or self.case.closed_at is not None:
            raise ConflictError("casework.closed", number=self.case.pk)
        return found

    def due_of(self, step: Step, started: datetime, pauses: list[list[str]]) -> datetime:
        """Return when ``step`` is due if it began at ``started`` and stood still during ``pauses``."""
        return due(step.limit, started, self.calendar, read_pauses(pauses))


def find(actor: Actor, case_id: int) -> Work:
    """Return a case within the actor's scope.

    Raises:
        NotFoundError: ``casework.not-found``: there is none, or it lies outside her region, which must look the same.
    """
    case: Any = next(iter(Case.objects.raw(_FIND, [case_id])), None)
    if case is None or not actor.sees(case.region):
        raise NotFoundError("casework.not-found", number=case_id)
    return Work(case, workflow_in(case.digest, case.region), calendar_of(case.calendar))


def sent_before(work: Work, version: int, key: str | None) -> Moved | None:
    """Hold the version that a form showed against the case; return what the same form led to if it was sent before.

    Raises:
        ConflictError: ``casework.stale-…``, which names who did what when. Nothing is overwritten.
        InvalidError: ``casework.key``: the key is too long.
    """
    case = work.case
    if key is not None and not 0 < len(key) <= KEY:
        raise InvalidError("casework.key", field="key", most=KEY)
    if case.version == version:
        return None
    if key and Entry.objects.filter(case_id=case.pk, key=key).exists():
        return Moved(case.pk, case.version, case.state, case.due, again=True)
    first = Entry.objects.filter(case_id=case.pk, version__gt=version).order_by("id").first()
    if first is None:
        raise ConflictError("casework.stale", number=case.pk)
    local = work.calendar.local(first.at)
    raise ConflictError(f"casework.stale-{first.kind}", number=case.pk, who=first.actor, when=f"{local:%Y-%m-%d %H:%M}")


def require_hand(actor: Actor, work: Work) -> None:
    """Refuse whoever does not hold the case, unless nobody does or she may assign cases.

    Raises:
        RefusedError: ``casework.held``.
    """
    holder = work.case.holder_post
    if holder is not None and holder != actor.post_id and not actor.may(Permission.CASE_ASSIGN):
        raise RefusedError("casework.held", who=work.case.holder_name)


def save(
    actor: Actor,
    work: Work,
    *,
    kind: str,
    event: str,
    now: datetime,
    changes: Mapping[str, Any],
    entry: Mapping[str, Any] | None = None,
    details: Mapping[str, Any] | None = None,
    purpose: str = "",
) -> Moved:
    """Write changes under the next version, with a line of the timeline and an event; nothing if somebody else was first.

    Must be called inside a transaction, after `sent_before`.
    """
    case = work.case
    version = case.version + 1
    row = {**changes, "version": version, "changed_at": now}
    state, key = str(changes.get("state", case.state)), (entry or {}).get("key")
    line = {"case_id": case.pk, "kind": kind, "state_from": case.state, "state_to": state, "version": version, **(entry or {})}
    try:
        where = {"id": case.pk, "version": case.version}
        written = update_and_insert(connection, _CASE, row, where, _ENTRY, entry_row(actor, now, **line))
    except IntegrityError as error:
        raise ConflictError("casework.sent-twice", number=case.pk) from error
    if not written:
        fresh = Work(Case.objects.get(pk=case.pk), work.workflow, work.calendar)
        again = sent_before(fresh, case.version, key)
        if again is None:
            raise ConflictError("casework.stale", number=case.pk)
        return again
    told = {"from": case.state, "to": state, "version": version, **(details or {})}
    tell(actor, case, event, now, told, purpose)
    return Moved(case.pk, version, state, changes.get("due", case.due))


def add_entry(actor: Actor, case: Case, kind: str, now: datetime, **entry: Any) -> int:
    """Add a line to the timeline and return its id.

    Raises:
        ConflictError: ``casework.sent-twice``: a line with this key is there already.
    """
    try:
        return insert_row(connection, _ENTRY, entry_row(actor, now, case_id=case.pk, kind=kind, state_from=case.state, **entry))
    except IntegrityError as error:
        raise ConflictError("casework.sent-twice", number=case.pk) from error


def entry_row(actor: Actor, now: datetime, **given: Any) -> dict[str, Any]:
    """Return the columns of one line of a timeline."""
    return {
        "case_id": 0,
        "kind": "",
        "at": now,
        "user_id": actor.user_id,
        "post_id": actor.post_id,
        "actor": actor.name,
        "role": actor.role.value if actor.role else "",
        "state_from": "",
        "state_to": "",
        "way": "",
        "outcome": "",
        "note": "",
        "answers": {},
        "details": {},
        "version": 0,
        "key": None,
        **given,
    }


def tell(actor: Actor, case: Case, event: str, now: datetime, details: Mapping[str, Any], purpose: str = "") -> None:
    """Record an event about a case and its household."""
    record(
        actor,
        event,
        now=now,
        subjects=[f"case:{case.pk}", f"household:{case.household}"],
        region=case.region,
        details=dict(details),
        package=getattr(case, "package", ""),
        package_version=case.package_version,
        purpose=purpose,
    )


def findings_mark(case_id: int, *, is_open: bool) -> list[str]:
    """Mark a case's findings as those of an open or a closed case; return their policies."""
    rows = CaseFinding.objects.filter(case_id=case_id)
    rows.update(is_open=is_open)
    return list(rows.order_by("policy").values_list("policy", flat=True))


def read_pauses(pauses: list[list[str]]) -> list[tuple[datetime, datetime]]:
    """Return pauses as they are kept in JSON as pairs of instants."""
    return [(datetime.fromisoformat(begin), datetime.fromisoformat(end)) for begin, end in pauses]


def reason_of(text: str, *, required: bool, field: str = "reason") -> str:
    """Return a reason or note, trimmed.

    Raises:
        InvalidError: ``casework.reason`` (none where one is needed) or ``casework.reason-long``.
    """
    found = text.strip()
    if required and len(found) < 2:
        raise InvalidError("casework.reason", field=field)
    if len(found) > NOTE:
        raise InvalidError("casework.reason-long", field=field, count=len(found), most=NOTE)
    if "\x00" in found:
        raise InvalidError("casework.reason-control", field=field)
    return found
