"""Words on a case."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from zhizhi.apps.actors import Actor, Permission
from zhizhi.apps.casework.models import Entry
from zhizhi.apps.casework.schemas import COMMENTED
from zhizhi.apps.casework.services.change import add_entry, find, reason_of, tell


def comment_add(actor: Actor, *, case_id: int, text: str, now: datetime, key: str | None = None) -> int:
    """Add a comment and return the id of its line. It makes nobody's form stale. Sent twice with one key, it counts once.

    Raises:
        InvalidError: empty or too long.
    """
    actor.require(Permission.CASE_WORK)
    note = reason_of(text, required=True, field="text")
    with transaction.atomic():
        work = find(actor, case_id)
        if key:
            again = Entry.objects.filter(case_id=case_id, key=key).values_list("pk", flat=True).first()
            if again is not None:
                return again
        entry = add_entry(actor, work.case, "comment", now, state_to=work.case.state, note=note, key=key)
        tell(actor, work.case, COMMENTED, now, {"entry": entry})
    return entry
