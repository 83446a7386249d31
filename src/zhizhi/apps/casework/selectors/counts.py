"""Figures of the desk: each is the exact count of a list, and says of which."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta

from django.db.models import Count, F, Q, Sum
from django.db.models.functions import Left

from zhizhi.apps.accounts.selectors.regions import region_children
from zhizhi.apps.actors import Actor, Permission, in_scope, region_prefix
from zhizhi.apps.casework.models import OPEN, Case, Tally, WorkflowVersion
from zhizhi.apps.casework.schemas import (
    MERGE_OUTCOME,
    TALLY_CLOSED,
    TALLY_OPENED,
    TALLY_POLICY,
    AgeBand,
    Counts,
    DayCount,
    PlaceCount,
    PolicyOutcomes,
)
from zhizhi.apps.casework.selectors.calendars import calendar_now
from zhizhi.apps.casework.selectors.narrowing import bounds
from zhizhi.apps.casework.selectors.workflows import workflow_by_digest

BANDS = ((0, 3), (4, 7), (8, 15), (16, 30), (31, 60), (61, None))
_PERMITTED = (Permission.CASE_VIEW, Permission.COCKPIT_VIEW)


def counts(actor: Actor, *, now: datetime) -> Counts:
    """Return the figures of the cockpit for the actor's region.

    ``closed_before`` and ``opened_before`` are those of the same days of the month before, so that a month half gone is not
    held against a whole one. A reopened case is not among the closed.
    """
    _require(actor)
    calendar = calendar_now()
    tonight, soon = bounds(now, calendar)
    late = Q(due__lt=now)
    row = Case.objects.filter(OPEN & in_scope(actor)).aggregate(
        open=Count("*"),
        overdue=Count("region", filter=late),
        today=Count("region", filter=Q(due__gte=now, due__lt=tonight)),
        soon=Count("region", filter=Q(due__gte=max(now, tonight), due__lt=soon)),
        paused=Count("region", filter=Q(due__isnull=True)),
        unassigned=Count("region", filter=Q(holder_post__isnull=True)),
    )
    today = calendar.day_of(now)
    (first, last), (before, until) = month_of(today), month_before(today)
    lines = Tally.objects.filter(in_scope(actor), measure__in=(TALLY_OPENED, TALLY_CLOSED), day__gte=before, day__lte=last)
    this, that = Q(day__gte=first, day__lte=last), Q(day__lte=until)
    opened_month = opened_before = closed_before = 0
    outcomes: dict[str, int] = {}
    grouped = lines.values("measure", "key").annotate(month=Sum("count", filter=this), before=Sum("count", filter=that))
    for line in grouped:
        if line["measure"] == TALLY_OPENED:
            opened_month, opened_before = line["month"] or 0, line["before"] or 0
        else:
            closed_before += line["before"] or 0
            if line["month"]:
                outcomes[line["key"]] = line["month"]
    return Counts(
        **row,
        opened_month=opened_month,
        opened_before=opened_before,
        closed_month=sum(outcomes.values()),
        closed_before=closed_before,
        outcomes=dict(sorted(outcomes.items(), key=lambda item: -item[1])),
    )


def month_of(day: date) -> tuple[date, date]:
    """Return the first day of ``day``'s month, and ``day``."""
    return day.replace(day=1), day


def month_before(day: date) -> tuple[date, date]:
    """Return the same days of the month before: its first, and the one of the same number (or its last)."""
    end = day.replace(day=1) - timedelta(days=1)
    return end.replace(day=1), end.replace(day=min(day.day, end.day))


def backlog(actor: Actor, *, now: datetime) -> list[AgeBand]:
    """Return the open cases by days since they were opened; each band's dates are those of a list with the same count."""
    _require(actor)
    today = calendar_now().day_of(now)
    ends = [(today - timedelta(days=most) if most is not None else None, today - timedelta(days=least)) for least, most in BANDS]
    wanted = {}
    for number, (first, last) in enumerate(ends):
        inside = Q(opened_on__lte=last) if number else Q()  # a clock set back must not lose the newest cases
        if first is not None:
            inside &= Q(opened_on__gte=first)
        wanted[f"n{number}"] = Count("region", filter=inside)
        wanted[f"late{number}"] = Count("region", filter=inside & Q(due__lt=now))
    row = Case.objects.filter(OPEN & in_scope(actor)).aggregate(**wanted)
    return [
        AgeBand(least, most, row[f"n{number}"], row[f"late{number}"], first, last if number else max(last, today))
        for number, ((least, most), (first, last)) in enumerate(zip(BANDS, ends, strict=True))
    ]


def trend(actor: Actor, *, now: datetime, days: int = 60) -> list[DayCount]:
    """Return cases opened and closed on each of the last ``days`` days, today included, days without any too."""
    _require(actor)
    today = calendar_now().day_of(now)
    first = today - timedelta(days=max(1, min(days, 400)) - 1)
    lines = Tally.objects.filter(in_scope(actor), measure__in=(TALLY_OPENED, TALLY_CLOSED), day__gte=first, day__lte=today)
    found: dict[tuple[str, date], int] = {
        (row["measure"], row["day"]): row["n"] for row in lines.values("measure", "day").annotate(n=Sum("count"))
    }
    span = [first + timedelta(days=number) for number in range((today - first).days + 1)]
    return [DayCount(day, found.get((TALLY_OPENED, day), 0), found.get((TALLY_CLOSED, day), 0)) for day in span]


def by_place(
    actor: Actor, *, region: str, now: datetime, first: date | None = None, last: date | None = None
) -> list[PlaceCount]:
    """Return the figures of each region right below ``region`` that the actor sees, and of ``region`` itself for the rest.

    Args:
        actor: needs the cockpit or the cases.
        region: the region that is looked at.
        now: what *overdue* is measured by.
        first: first day of what is counted as opened and closed; this month's first by default.
        last: last such day; today by default.

    Returns:
        One row a child, in order of codes. Cases that lie in ``region`` but in none of its children are the last row, under
        the code of ``region`` itself; it is left out where there are none.
    """
    _require(actor)
    here = actor.within(region)
    today = calendar_now().day_of(now)
    children = [place.code for place in region_children(actor, region)]
    widths = {len(region_prefix(code)) for code in children} or {len(region_prefix(region))}
    sums: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(("open", "overdue", "opened", "closed"), 0))
    known = {region_prefix(code): code for code in children}

    def place_of(prefixes: Mapping[str, str]) -> str:
        return next((known[prefix] for prefix in prefixes.values() if prefix in known), region)

    cuts = {f"w{width}": Left("region", width) for width in sorted(widths)}
    rows = Case.objects.filter(OPEN & in_scope(here)).annotate(**cuts).values(*cuts)
    for row in rows.annotate(open=Count("*"), overdue=Count("region", filter=Q(due__lt=now))):
        target = sums[place_of({name: row[name] for name in cuts})]
        target["open"] += row["open"]
        target["overdue"] += row["overdue"]
    lines = Tally.objects.filter(
        in_scope(here),
        measure__in=(TALLY_OPENED, TALLY_CLOSED),
        day__gte=first or today.replace(day=1),
        day__lte=last or today,
    )
    for row in lines.annotate(**cuts).values("measure", *cuts).annotate(n=Sum("count")):
        sums[place_of({name: row[name] for name in cuts})][row["measure"]] += row["n"]
    listed = [PlaceCount(code, **sums[code]) for code in children if code != region]
    rest = sums.get(region)
    return [*listed, PlaceCount(region, **rest)] if rest and any(rest.values()) else listed


def by_state(actor: Actor, *, now: datetime) -> dict[str, tuple[int, int]]:
    """Return step -> (open cases, overdue ones)."""
    _require(actor)
    rows = Case.objects.filter(OPEN & in_scope(actor)).values("state")
    return {
        row["state"]: (row["n"], row["late"]) for row in rows.annotate(n=Count("*"), late=Count("region", filter=Q(due__lt=now)))
    }


def outcomes_by_policy(actor: Actor, *, first: date | None = None, last: date | None = None) -> list[PolicyOutcomes]:
    """Return how the closed cases of each policy and warning ended, the most frequent first.

    ``first`` and ``last`` are days; whole months are counted, from that of ``first`` to that of ``last``. Merged cases count for
    the case that they were merged into. Whether an outcome confirms or denies what was found is said
    by the workflow; outcomes that say neither are counted in ``closed`` alone.
    """
    _require(actor)
    lines = Tally.objects.filter(in_scope(actor), measure=TALLY_POLICY)
    if first:
        lines = lines.filter(day__gte=first.replace(day=1))
    if last:
        lines = lines.filter(day__lte=last)
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for row in lines.values("policy", "key").annotate(n=Sum("count")):
        if row["n"] and row["key"] != MERGE_OUTCOME:
            found[row["policy"]][row["key"]] = row["n"]
    says = _confirms()
    listed = [
        PolicyOutcomes(
            policy=policy,
            closed=sum(outcomes.values()),
            confirmed=sum(n for outcome, n in outcomes.items() if says.get(outcome) is True),
            denied=sum(n for outcome, n in outcomes.items() if says.get(outcome) is False),
            outcomes=outcomes,
        )
        for policy, outcomes in found.items()
    ]
    return sorted(listed, key=lambda item: (-item.closed, item.policy))


def loads(posts: Sequence[int]) -> dict[int, int]:
    """Return post -> open cases that it holds, for whoever spreads new ones; posts without any have 0."""
    rows = Case.objects.filter(OPEN, holder_post__in=list(posts)).values("holder_post").annotate(n=Count("*"))
    found = dict.fromkeys(posts, 0)
    for row in rows:
        if row["holder_post"] is not None:
            found[row["holder_post"]] = row["n"]
    return found


def opened_per_week(actor: Actor, *, policy: str, now: datetime, weeks: int = 12) -> list[tuple[date, int]]:
    """Return (Monday, cases of a policy or warning opened in that week) of the last ``weeks`` weeks, the oldest first."""
    _require(actor)
    today = calendar_now().day_of(now)
    monday = today - timedelta(days=today.weekday())
    first = monday - timedelta(weeks=max(1, min(weeks, 104)) - 1)
    rows = Case.objects.filter(in_scope(actor), opened_on__gte=first, found__policy=policy).values("opened_on")
    found: dict[date, int] = defaultdict(int)
    for row in rows.annotate(n=Count("*")):
        found[row["opened_on"] - timedelta(days=row["opened_on"].weekday())] += row["n"]
    span = ((monday - first).days // 7) + 1
    return [(first + timedelta(weeks=number), found.get(first + timedelta(weeks=number), 0)) for number in range(span)]


def reconcile(actor: Actor) -> dict[str, tuple[int, int]]:
    """Return (tally, counted) of opened and closed cases: what the numbers say and what the cases say. They must be equal."""
    _require(actor)
    sums = {
        row["measure"]: row["n"]
        for row in Tally.objects.filter(in_scope(actor)).exclude(measure=TALLY_POLICY).values("measure").annotate(n=Sum("count"))
    }
    cases = Case.objects.filter(in_scope(actor)).aggregate(opened=Count("*"), closed=Count(F("closed_on")))
    return {name: (sums.get(name, 0), cases[name]) for name in (TALLY_OPENED, TALLY_CLOSED)}


def _confirms() -> dict[str, bool | None]:
    found: dict[str, bool | None] = {}
    for digest in WorkflowVersion.objects.order_by("installed_at", "id").values_list("digest", flat=True):
        found |= {name: item.confirms for name, item in workflow_by_digest(digest).outcomes.items()}
    return found


def _require(actor: Actor) -> None:
    """Let in whoever may see cases or the cockpit."""
    if not any(actor.may(permission) for permission in _PERMITTED):
        actor.require(Permission.CASE_VIEW)
