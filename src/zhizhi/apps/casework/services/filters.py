"""Filters of lists that a person keeps under a name."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from urllib.parse import parse_qsl, urlencode

from django.db import transaction

from zhizhi.apps.actors import Actor, Permission
from zhizhi.apps.casework.models import SavedFilter
from zhizhi.apps.journal.schemas import declare
from zhizhi.apps.journal.services import record
from zhizhi.kernel.errors import InvalidError, NotFoundError, RefusedError

KEPT = declare("casework.filter.kept")
REMOVED = declare("casework.filter.removed")
PAGES = ("cases", "findings")
MOST = 30
LONGEST = 60


def filter_keep(actor: Actor, *, page: str, name: str, query: str, known: Iterable[str], now: datetime) -> int:
    """Keep a list's filters under a name, in place of those of the same name, and return the id.

    Args:
        actor: whose it is.
        page: ``cases`` or ``findings``.
        name: what the person calls it.
        query: the query string of the list; paging and what is not ``known`` are dropped.
        known: names of the list's filters.
        now: when.

    Raises:
        InvalidError: no name, nothing filtered, or more than ``MOST`` kept.
    """
    actor.require(Permission.SELF)
    if actor.user_id is None or page not in PAGES:
        raise RefusedError("accounts.no-post")
    title = " ".join(name.split())[:LONGEST]
    if not title or not title.isprintable():
        raise InvalidError("cases.filter-name", field="name")
    wanted = set(known) - {"page", "after"}
    kept = urlencode([(key, value) for key, value in parse_qsl(query) if key in wanted and value])
    if not kept or len(kept) > 600 or "%00" in kept:
        raise InvalidError("cases.filter-empty", field="name")
    with transaction.atomic():
        mine = SavedFilter.objects.filter(user_id=actor.user_id, page=page)
        if mine.exclude(name=title).count() >= MOST:
            raise InvalidError("cases.filter-many", field="name", most=MOST)
        row, _ = SavedFilter.objects.update_or_create(
            user_id=actor.user_id, page=page, name=title, defaults={"query": kept, "at": now}
        )
        record(actor, KEPT, now=now, subjects=[f"filter:{row.pk}"], details={"page": page})
    return row.pk


def filter_remove(actor: Actor, *, filter_id: int, now: datetime) -> str:
    """Remove one's own kept filter and return its name.

    Raises:
        NotFoundError: ``cases.filter-unknown``: there is none, or it is another person's.
    """
    actor.require(Permission.SELF)
    with transaction.atomic():
        row = SavedFilter.objects.filter(pk=filter_id, user_id=actor.user_id or 0).first()
        if row is None:
            raise NotFoundError("cases.filter-unknown")
        name, page = row.name, row.page
        row.delete()
        record(actor, REMOVED, now=now, subjects=[f"filter:{filter_id}"], details={"page": page})
    return name
