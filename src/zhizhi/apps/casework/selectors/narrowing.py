"""A list's filter as conditions of a query: the same for the rows, for their count and for the tiles that lead to them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time, timedelta

from django.db import connection
from django.db.models import Q, QuerySet, Value
from django.db.models.functions import Concat
from django.db.models.lookups import GreaterThanOrEqual, LessThan

from zhizhi.apps.actors import Actor, in_scope, region_prefix
from zhizhi.apps.casework.models import CLOSED, OPEN, CaseFinding
from zhizhi.apps.casework.schemas import CaseFilter
from zhizhi.engines.workflow.calendar import WorkingCalendar
from zhizhi.engines.workflow.definition import ROLES
from zhizhi.kernel.errors import UsageError

SOON_DAYS = 3
COUNTY_DIGITS = 6
NOTHING = Q(pk__in=[])


def bounds(now: datetime, calendar: WorkingCalendar) -> tuple[datetime, datetime]:
    """Return when the region's calendar day ends, and when *soon* does."""
    midnight = datetime.combine(calendar.day_of(now) + timedelta(days=1), time())
    return calendar.instant(midnight), calendar.instant(midnight + timedelta(days=SOON_DAYS))


def cut(actor: Actor, region: str) -> Actor | None:
    """Return the actor cut to a region of the filter; None where the two have nothing in common."""
    if not region:
        return actor
    if actor.sees(region):
        return replace(actor, region=region)
    above = region_prefix(region)
    return actor if above and actor.region.startswith(above) else None


def number_of(text: str) -> int | None:
    """Return the id that a case number ends with: ``330106-2026-0000123`` and ``123`` are both 123."""
    last = text.rsplit("-", 1)[-1]
    return int(last) if last.isascii() and last.isdigit() and len(last) <= 18 else None


def conditions(actor: Actor, wanted: CaseFilter, now: datetime, calendar: WorkingCalendar, *, in_order: bool = False) -> Q:
    """Return the conditions of a filter within the actor's scope; ``in_order`` if the rows are to be read in the list's order."""
    here = cut(actor, wanted.region)
    if here is None:
        return NOTHING
    found = (_scope_in_order(here) if in_order else in_scope(here)) & status(actor, wanted.status, now, calendar)
    for name in ("state", "outcome", "kind", "household", "severity"):
        value = getattr(wanted, name)
        if value:
            found &= Q(**{name: value})
    if wanted.holder:
        found &= Q(holder_post=wanted.holder)
    for name, lookup in (("opened", "opened_on"), ("closed", "closed_on")):
        first, last = getattr(wanted, f"{name}_from"), getattr(wanted, f"{name}_to")
        if first:
            found &= Q(**{f"{lookup}__gte": first})
        if last:
            found &= Q(**{f"{lookup}__lte": last})
    if wanted.policy:
        found &= Q(pk__in=found_by(here, wanted).values("case"))
    return found & text(wanted) if wanted.q else found


def _scope_in_order(actor: Actor) -> Q:
    """Return the scope as a condition that leaves SQLite the index of the list's order.

    SQLite knows nothing of how many rows a range of codes holds: for a county or a city it would read all of them by region and
    sort them for the first fifty. A column in an expression is hidden from its planner. PostgreSQL counts, and needs no help.
    """
    prefix = region_prefix(actor.region)
    if connection.vendor != "sqlite" or not 0 < len(prefix) <= COUNTY_DIGITS:
        return in_scope(actor)
    hidden = Concat("region", Value(""))
    return Q(GreaterThanOrEqual(hidden, prefix)) & Q(LessThan(hidden, str(int(prefix) + 1)))


def found_by(actor: Actor, wanted: CaseFilter) -> QuerySet[CaseFinding]:
    """Return the findings of the filter's policy in the actor's region, of open or of closed cases as the status asks."""
    rows = CaseFinding.objects.filter(in_scope(actor), policy=wanted.policy)
    return rows if wanted.status == "all" else rows.filter(is_open=wanted.status != "closed")


def status(actor: Actor, name: str, now: datetime, calendar: WorkingCalendar) -> Q:
    """Return the conditions of one status. An open case without a deadline is one whose clock stands."""
    tonight, soon = bounds(now, calendar)
    match name:
        case "open":
            return OPEN
        case "overdue":
            return OPEN & Q(due__lt=now)
        case "today":
            return OPEN & Q(due__gte=now, due__lt=tonight)
        case "soon":
            return OPEN & Q(due__gte=max(now, tonight), due__lt=soon)
        case "paused":
            return OPEN & Q(due__isnull=True)
        case "unassigned":
            return OPEN & Q(holder_post__isnull=True)
        case "mine":
            return OPEN & (Q(holder_post=actor.post_id) if actor.post_id is not None else NOTHING)
        case "escalated":
            mine = Q(escalated_to=actor.role.value) if actor.role and actor.role.value in ROLES else Q()
            return OPEN & Q(escalated_at__isnull=False) & mine
        case "closed":
            return CLOSED
        case _:
            return Q()


def text(wanted: CaseFilter) -> Q:
    """Return what is searched for: a case number, a household's pseudonym, or words of the title of an open case.

    Words in Chinese are looked for in the Chinese title, words without a Chinese character in the English one.

    Raises:
        UsageError: ``casework.search-open``: titles are searched among open cases only.
    """
    words = wanted.q
    number = number_of(words)
    if number is not None:
        return Q(pk=number)
    if len(words) == 24 and all(sign in "0123456789abcdef" for sign in words):
        return Q(household=words)
    if wanted.status in ("closed", "all"):
        raise UsageError("casework.search-open")
    return Q(title_en__icontains=words) if words.isascii() else Q(title_zh__contains=words)
