"""The list of cases: counted, filtered, sorted, kept, exported."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from zhizhi.apps.accounts.selectors.regions import region_children, region_get, region_names
from zhizhi.apps.actors import Actor, Permission
from zhizhi.apps.casework.schemas import SEVERITIES, CaseFilter, filter_from
from zhizhi.apps.casework.selectors.cases import case_list
from zhizhi.apps.casework.selectors.filters import filters_of, status_counts
from zhizhi.apps.casework.selectors.workflows import outcome_titles, state_titles
from zhizhi.apps.casework.services.exports import cases_export as export
from zhizhi.apps.casework.services.filters import filter_keep as keep
from zhizhi.apps.casework.services.filters import filter_remove as remove
from zhizhi.apps.gate import page, who
from zhizhi.apps.wording import lang, t

FILTERS = tuple(CaseFilter.__dataclass_fields__)
COUNTED = ("open", "overdue", "today", "soon", "unassigned", "mine", "paused")
"""Statuses whose number stands on their chip: they are all of open cases, and one index answers for all of them."""
FURTHER = ("escalated", "closed", "all")
ROWS = 50
SORTS = {"due": "due", "opened": "opened", "score": "severity"}


@never_cache
@page(Permission.CASE_VIEW, filters=(*FILTERS, "after"))
def cases(request: HttpRequest) -> HttpResponse:
    """Show the cases that the post sees, as filtered."""
    actor, now = who(request), timezone.now()
    wanted = _wanted(request.GET)
    found = case_list(actor, wanted=wanted, now=now, after=request.GET.get("after", ""), size=ROWS)
    context = {
        "rows": found.rows,
        "total": found.total,
        "after": found.after,
        "further": bool(request.GET.get("after")),
        "statuses": _statuses(actor, request.GET, wanted, now),
        "choices": _choices(actor, wanted),
        "wanted": wanted,
        "chips": _chips(request.GET, wanted),
        "sort": wanted.sort or {"closed": "closed", "all": "opened"}.get(wanted.status, "due"),
        "next_url": _with(request.GET, after=found.after) if found.after else "",
        "first_url": _with(request.GET, after=None),
        "sort_urls": {name: _with(request.GET, sort=name, after=None) for name in ("due", "score", "opened", "closed")},
        "query": _with(request.GET, after=None)[1:],
        "filters": filters_of(actor, "cases"),
        "kept_query": _with(request.GET, after=None)[1:],
        "may_export": actor.may(Permission.FINDING_EXPORT) and not actor.viewing and found.total > 0,
        "filter_page": "cases",
        "severities": SEVERITIES,
    }
    return render(request, "casework/cases.html", context)


@page(Permission.FINDING_EXPORT, filters=FILTERS)
@require_POST
def cases_export(request: HttpRequest) -> HttpResponse:
    """Send the whole list as a workbook."""
    now, tongue = timezone.now(), lang()
    wanted = _wanted(request.GET)
    body = export(who(request), wanted=wanted, now=now, place_names=lambda codes: region_names(codes, tongue))
    response = HttpResponse(body, content_type="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
    response["Content-Disposition"] = f'attachment; filename="cases-{timezone.localtime(now):%Y%m%d-%H%M}.xlsx"'
    return response


@never_cache
@page(Permission.CASE_VIEW)
@require_POST
def filter_keep(request: HttpRequest) -> HttpResponse:
    """Keep the filters of the list under a name."""
    query, name = request.POST.get("query", ""), request.POST.get("name", "")
    _wanted(QueryDict(query))
    keep(who(request), page="cases", name=name, query=query, known=FILTERS, now=timezone.now())
    messages.success(request, t("cases.filter-kept", name=" ".join(name.split())))
    return HttpResponseRedirect(f"{reverse('casework:case-list')}?{query}")


@never_cache
@page(Permission.SELF)
@require_POST
def filter_remove(request: HttpRequest, filter_id: int) -> HttpResponse:
    """Remove a kept filter, of whatever list."""
    name = remove(who(request), filter_id=filter_id, now=timezone.now())
    messages.success(request, t("cases.filter-removed", name=name))
    back = request.POST.get("back", "")
    return HttpResponseRedirect(back if back.startswith("/") and not back.startswith("//") else reverse("casework:case-list"))


def _wanted(query: QueryDict) -> CaseFilter:
    return filter_from({name: str(value) for name, value in query.items() if name not in ("after", "text")})


def _statuses(actor: Actor, query: QueryDict, wanted: CaseFilter, now: datetime) -> list[dict[str, Any]]:
    """Return the chips of statuses. Filters of closed cases do not go with those of open ones and are left behind."""
    chips = []
    plain = replace(wanted, outcome="", closed_from=None, closed_to=None, sort="")
    counted = status_counts(actor, wanted=plain, statuses=COUNTED, now=now)
    for status in (*COUNTED, *FURTHER):
        if status == "mine" and actor.post_id is None:
            continue
        on = wanted.status == status
        gone: dict[str, str | None] = (
            {} if status in ("closed", "all") else dict.fromkeys(("outcome", "closed_from", "closed_to"))
        )
        url = _with(query, **gone, status=status, sort=None, after=None)
        chips.append({"label": t(f"cases.list-{status}"), "n": counted.get(status), "url": url, "on": on})
    return chips


def _choices(actor: Actor, wanted: CaseFilter) -> list[dict[str, Any]]:
    tongue = lang()
    states = [(code, words.get(tongue, code)) for code, words in state_titles().items()]
    outcomes = [(code, words.get(tongue, code)) for code, words in outcome_titles().items()]
    severities = [(str(number), t(f"findings.severity-{name}")) for number, name in sorted(SEVERITIES.items(), reverse=True)]
    listed: list[tuple[str, list[tuple[str, str]], str]] = [
        ("region", _places(actor, wanted.region), wanted.region),
        ("state", states, wanted.state),
        ("severity", severities, str(wanted.severity) if wanted.severity else ""),
    ]
    if wanted.status in ("closed", "all"):
        listed.append(("outcome", outcomes, wanted.outcome))
    return [
        {"name": name, "options": [{"value": value, "label": label, "on": value == chosen} for value, label in options]}
        for name, options, chosen in listed
        if options
    ]


def _places(actor: Actor, region: str) -> list[tuple[str, str]]:
    """Return the chosen region, the way up to the post's own, and what lies right below it."""
    way: list[tuple[str, str]] = []
    place = region_get(region) if region else None
    while place is not None and actor.sees(place.code) and place.code != actor.region:
        way.insert(0, (place.code, place.name(lang())))
        place = region_get(place.parent) if place.parent else None
    below = [(place.code, place.name(lang())) for place in region_children(actor, region or actor.region)]
    return way + [item for item in below if item not in way]


def _chips(query: QueryDict, wanted: CaseFilter) -> list[dict[str, str]]:
    """Return what is filtered now besides the status, each with the address that takes it away."""
    tongue = lang()
    words: list[tuple[str, str]] = []
    if wanted.region:
        words.append(("region", region_names({wanted.region}, tongue)[wanted.region]))
    if wanted.state:
        words.append(("state", state_titles().get(wanted.state, {}).get(tongue, wanted.state)))
    if wanted.severity:
        words.append(("severity", t(f"findings.severity-{SEVERITIES[wanted.severity]}")))
    if wanted.outcome:
        words.append(("outcome", outcome_titles().get(wanted.outcome, {}).get(tongue, wanted.outcome)))
    if wanted.holder:
        words.append(("holder", t("cases.filter-holder")))
    for name in ("opened_from", "opened_to", "closed_from", "closed_to"):
        value = getattr(wanted, name)
        if value:
            words.append((name, t(f"cases.filter-{name.replace('_', '-')}", day=value.isoformat())))
    words += [(name, str(getattr(wanted, name))) for name in ("policy", "kind", "household", "q") if getattr(wanted, name)]
    return [{"label": label, "url": _with(query, **{name: None}, after=None)} for name, label in words]


def _with(query: QueryDict, **changes: str | None) -> str:
    left = query.copy()
    for name in ("text", *changes):
        left.pop(name, None)
    for name, value in changes.items():
        if value is not None:
            left[name] = value
    return f"?{left.urlencode()}"
