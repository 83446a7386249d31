"""How long households wait until somebody is at the door."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median

from django.db.models import Min, Q

from zhizhi.apps.actors import Actor, Permission, in_scope
from zhizhi.apps.casework.models import Case

MOST = 5_000
VISITED = ("moved", "stayed", "closed")
"""Lines of the timeline that say that somebody was there, or tried."""


@dataclass(frozen=True, slots=True)
class Waits:
    """Over ``visited`` cases: the time from opening to the first visit, the half that went fastest and the slowest tenth.

    ``open`` cases were not visited yet; the figures say nothing of them. None where nobody was visited.
    """

    visited: int
    open: int
    half: timedelta | None
    nine_tenths: timedelta | None


def time_to_visit(actor: Actor, *, policy: str = "", first: date | None = None) -> Waits:
    """Return how long it took from opening a case to the first visit, of the newest cases of a policy or warning.

    Args:
        actor: whose region.
        policy: the policy or warning that found the household; empty: all.
        first: first day of opening that counts.
    """
    if not (actor.may(Permission.CASE_VIEW) or actor.may(Permission.COCKPIT_VIEW)):
        actor.require(Permission.WARNING_VIEW)
    rows = Case.objects.filter(in_scope(actor))
    if policy:
        rows = rows.filter(found__policy=policy)
    if first:
        rows = rows.filter(opened_on__gte=first)
    seen = rows.annotate(visited=Min("entries__at", filter=Q(entries__kind__in=VISITED)))
    times = seen.order_by("-id").values_list("opened_at", "visited")[:MOST]
    waited = sorted(visited - opened for opened, visited in times if visited is not None)
    left = rows.filter(closed_at__isnull=True).annotate(visited=Min("entries__at", filter=Q(entries__kind__in=VISITED)))
    open_ = left.filter(visited__isnull=True).count()
    if not waited:
        return Waits(0, open_, None, None)
    half = timedelta(seconds=median(item.total_seconds() for item in waited))
    return Waits(len(waited), open_, half, waited[min(len(waited) - 1, len(waited) * 9 // 10)])
