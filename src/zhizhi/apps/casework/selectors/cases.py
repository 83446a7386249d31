"""Lists of cases: filtered, counted exactly, paged by key so that the thousandth page costs what the first does."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from django.db.models import Q, QuerySet, Sum

from zhizhi.apps.actors import Actor, Permission, in_scope
from zhizhi.apps.casework.models import Case, Tally
from zhizhi.apps.casework.schemas import MERGE_OUTCOME, TALLY_CLOSED, TALLY_OPENED, CaseFilter, CasePage, CaseRow
from zhizhi.apps.casework.selectors.calendars import calendar_now
from zhizhi.apps.casework.selectors.narrowing import bounds, conditions, cut, found_by
from zhizhi.apps.casework.selectors.workflows import workflow_by_digest
from zhizhi.engines.workflow.calendar import WorkingCalendar
from zhizhi.engines.workflow.definition import Workflow
from zhizhi.kernel.errors import UsageError
from zhizhi.kernel.messages import LANGUAGES, render

PAGE = 50
MOST = 200
FIELDS = (
    "id", "title_zh", "title_en", "household", "region", "state", "severity", "score", "opened_on", "due", "role", "holder_post",
    "holder_name", "outcome", "closed_on", "paused_at", "version", "card", "workflow__digest",
)  # fmt: skip
_SORTS = {"due": ("due", ""), "score": ("score", "-"), "opened": ("opened_on", "-"), "closed": ("closed_on", "-")}
_IN_TALLY = {"status", "region", "sort"}


def case_list(
    actor: Actor, *, wanted: CaseFilter, now: datetime, after: str = "", size: int = PAGE, count: bool = True
) -> CasePage:
    """Return one page of the cases that the actor sees and the filter keeps, and how many there are in all.

    Args:
        actor: needs ``casework.case.view``.
        wanted: the filter.
        now: what *overdue* and *today* are measured by.
        after: the cursor of the page before; empty for the first.
        size: rows a page, at most 200.
        count: False saves counting where the total is known already.

    Raises:
        UsageError: ``casework.cursor``; ``casework.search-open``.
    """
    actor.require(Permission.CASE_VIEW)
    calendar = calendar_now()
    size = max(1, min(size, MOST))
    sort = wanted.sort or {"closed": "closed", "all": "opened"}.get(wanted.status, "due")
    rows = Case.objects.filter(conditions(actor, wanted, now, calendar, in_order=True))
    found = _page(rows, sort, _read_cursor(after, sort), size + 1)
    listed = [row_of(values, now, calendar) for values in found[:size]]
    following = _cursor(sort, found[size - 1]) if len(found) > size else ""
    return CasePage(listed, case_count(actor, wanted=wanted, now=now) if count else -1, following)


def case_count(actor: Actor, *, wanted: CaseFilter, now: datetime) -> int:
    """Return how many cases the filter keeps: exactly those that `case_list` lists."""
    actor.require(Permission.CASE_VIEW)
    calendar = calendar_now()
    narrowed = {
        name for name in CaseFilter.__dataclass_fields__ if getattr(wanted, name) != CaseFilter.__dataclass_fields__[name].default
    }
    here = cut(actor, wanted.region)
    if here is None:
        return 0
    if wanted.status == "closed" and narrowed <= _IN_TALLY | {"outcome", "closed_from", "closed_to"}:
        lines = Tally.objects.filter(in_scope(here), measure=TALLY_CLOSED)
        return _sum(_within(lines, wanted.closed_from, wanted.closed_to, wanted.outcome))
    if wanted.status == "all" and narrowed <= _IN_TALLY | {"opened_from", "opened_to"}:
        return _sum(_within(Tally.objects.filter(in_scope(here), measure=TALLY_OPENED), wanted.opened_from, wanted.opened_to))
    if wanted.policy and wanted.status in ("open", "closed", "all") and narrowed <= _IN_TALLY | {"policy"}:
        return found_by(here, wanted).count()
    return Case.objects.filter(conditions(actor, wanted, now, calendar)).count()


def case_rows(actor: Actor, *, ids: Iterable[int], now: datetime) -> list[CaseRow]:
    """Return the cases with these ids that the actor sees, in the order given."""
    actor.require(Permission.CASE_VIEW)
    calendar, wanted = calendar_now(), list(ids)
    found = {row["id"]: row for row in Case.objects.filter(in_scope(actor), pk__in=wanted).values(*FIELDS)}
    return [row_of(found[pk], now, calendar) for pk in wanted if pk in found]


def cases_each(actor: Actor, *, wanted: CaseFilter, now: datetime) -> Iterator[CaseRow]:
    """Yield every case of a list in the list's order, a page at a time: for exports of exactly what is shown."""
    after, first = "", True
    while first or after:
        page = case_list(actor, wanted=wanted, now=now, after=after, size=MOST, count=False)
        yield from page.rows
        after, first = page.after, False


def cases_of_household(actor: Actor, *, household: str, now: datetime) -> list[CaseRow]:
    """Return all cases of one household that the actor sees, the newest first."""
    actor.require(Permission.CASE_VIEW)
    calendar = calendar_now()
    rows = Case.objects.filter(in_scope(actor), household=household).order_by("-id").values(*FIELDS)
    return [row_of(values, now, calendar) for values in rows]


def last_cases(actor: Actor, *, households: Sequence[str], kind: str = "assistance") -> dict[str, dict[str, Any]]:
    """Return household -> its newest case (``id``, ``open``, ``outcome``, ``closed_on``, ``opened_on``, ``policies``).

    For whoever decides whether a finding is new: cooldown, dismissal, merging.
    """
    actor.require(Permission.CASE_VIEW)
    found: dict[str, dict[str, Any]] = {}
    for start in range(0, len(households), 500):
        part = households[start : start + 500]
        rows = Case.objects.filter(in_scope(actor), household__in=part, kind=kind).order_by("id")
        for row in rows.values("id", "household", "closed_on", "opened_on", "outcome", "findings"):
            found[row["household"]] = {
                "id": row["id"],
                "open": row["closed_on"] is None,
                "outcome": row["outcome"],
                "closed_on": row["closed_on"],
                "opened_on": row["opened_on"],
                "policies": [item["policy"] for item in row["findings"]],
            }
    return found


def number(pk: int, region: str, opened_on: date) -> str:
    """Return a case's number as people write it: county, year, running number."""
    return f"{region[:6]}-{opened_on.year}-{pk:07d}"


def outcome_title(workflow: Workflow, outcome: str) -> Mapping[str, str]:
    """Return what an outcome is called; of an open case, nothing."""
    if outcome == MERGE_OUTCOME:
        return {lang: render("casework.outcome-merged", lang, {}) for lang in LANGUAGES}
    found = workflow.outcomes.get(outcome)
    return found.label if found else {}


def row_status(values: Mapping[str, Any], now: datetime, calendar: WorkingCalendar) -> str:
    """Return the one word for how a case stands: closed, paused, overdue, today, soon, running."""
    if values["closed_on"] is not None:
        return "closed"
    if values["paused_at"] is not None or values["due"] is None:
        return "paused"
    tonight, soon = bounds(now, calendar)
    for name, limit in (("overdue", now), ("today", tonight), ("soon", soon)):
        if values["due"] < limit:
            return name
    return "running"


def row_of(values: Mapping[str, Any], now: datetime, calendar: WorkingCalendar) -> CaseRow:
    """Return the row of a list from the values of ``FIELDS``."""
    workflow = workflow_by_digest(values["workflow__digest"])
    return CaseRow(
        id=values["id"],
        number=number(values["id"], values["region"], values["opened_on"]),
        title={"zh": values["title_zh"], "en": values["title_en"]},
        household=values["household"],
        region=values["region"],
        state=values["state"],
        state_title=workflow.title_of(values["state"]),
        status=row_status(values, now, calendar),
        severity=values["severity"],
        score=values["score"],
        opened_on=values["opened_on"],
        due=values["due"],
        role=values["role"],
        holder_post=values["holder_post"],
        holder_name=values["holder_name"],
        outcome=values["outcome"],
        outcome_title=outcome_title(workflow, values["outcome"]),
        closed_on=values["closed_on"],
        version=values["version"],
        card=values["card"],
    )


def _page(rows: QuerySet[Case], sort: str, cursor: tuple[Any, int] | None, size: int) -> list[dict[str, Any]]:
    """Return up to ``size`` rows after the cursor. Where the sorted value may be missing, those rows come last."""
    name, sign = _SORTS[sort]
    larger = "lt" if sign else "gt"
    order = (f"{sign}{name}", f"{sign}id")
    found: list[dict[str, Any]] = []
    if cursor is None or cursor[0] is not None:
        valued = rows.filter(**{f"{name}__isnull": False})
        if cursor is not None:
            value, pk = cursor
            bound = "lte" if sign else "gte"  # a plain bound first: both databases start the index there
            valued = valued.filter(**{f"{name}__{bound}": value})
            valued = valued.filter(Q(**{f"{name}__{larger}": value}) | Q(**{name: value, f"id__{larger}": pk}))
        found = list(valued.order_by(*order).values(*FIELDS)[:size])
    if name in ("due", "closed_on") and len(found) < size:
        missing = rows.filter(**{f"{name}__isnull": True})
        if cursor is not None and cursor[0] is None:
            missing = missing.filter(**{f"id__{larger}": cursor[1]})
        found += missing.order_by(f"{sign}id").values(*FIELDS)[: size - len(found)]
    return found


def _cursor(sort: str, values: Mapping[str, Any]) -> str:
    value = values[_SORTS[sort][0]]
    plain = value.isoformat() if isinstance(value, date) else value
    return base64.urlsafe_b64encode(json.dumps([sort, plain, values["id"]]).encode()).decode().rstrip("=")


def _read_cursor(text: str, sort: str) -> tuple[Any, int] | None:
    if not text:
        return None
    try:
        kept, value, pk = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        if kept != sort or not isinstance(pk, int):
            raise ValueError
        if value is not None and sort == "due":
            value = datetime.fromisoformat(value)
        elif value is not None and sort in ("opened", "closed"):
            value = date.fromisoformat(value)
        elif value is not None:
            value = float(value)
    except (ValueError, TypeError, UnicodeDecodeError):
        raise UsageError("casework.cursor") from None
    return value, pk


def _within(lines: QuerySet[Tally], first: date | None, last: date | None, key: str = "") -> QuerySet[Tally]:
    if first:
        lines = lines.filter(day__gte=first)
    if last:
        lines = lines.filter(day__lte=last)
    return lines.filter(key=key) if key else lines


def _sum(lines: QuerySet[Tally]) -> int:
    return lines.aggregate(n=Sum("count"))["n"] or 0
