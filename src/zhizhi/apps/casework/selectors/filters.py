"""A person's kept filters."""

from __future__ import annotations

from dataclasses import dataclass

from zhizhi.apps.actors import Actor
from zhizhi.apps.casework.models import SavedFilter


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
