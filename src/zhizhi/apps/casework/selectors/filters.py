"""A person's kept filters, and the counts that stand on the chips of statuses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.db.models import Count

from zhizhi.apps.actors import Actor, Permission
from zhizhi.apps.casework.models import Case, SavedFilter
from zhizhi.apps.casework.schemas import CaseFilter
from zhizhi.apps.casework.selectors.calendars import calendar_now
from zhizhi.apps.casework.selectors.narrowing import conditions, status


@dataclass(frozen=True, slots=True)
class FilterView:
    """A kept filter: its name and query string."""

    id: int
    name: str
    query: str


def filters_of(actor: Actor, page: str) -> list[FilterView]:
    """Return the filters that the person keeps for a page, by name."""
    if actor.user_id is None:
        return []
    rows = SavedFilter.objects.filter(user_id=actor.user_id, page=page).order_by("name")
    return [FilterView(row.pk, row.name, row.query) for row in rows]


def status_counts(actor: Actor, *, wanted: CaseFilter, statuses: Sequence[str], now: datetime) -> dict[str, int]:
    """Return how many cases each status would list with the other filters as they are, in one reading of the open cases.

    ``statuses`` are of open cases; each count is that of `case_count` with that status.
    """
    actor.require(Permission.CASE_VIEW)
    calendar = calendar_now()
    rows = Case.objects.filter(conditions(actor, replace(wanted, status="open"), now, calendar))
    # counted by a column that stands in the index, so that no row of the table itself is read
    counts = {name: Count("region", filter=status(actor, name, now, calendar)) for name in statuses}
    found: dict[str, int] = rows.aggregate(**counts)
    return found
