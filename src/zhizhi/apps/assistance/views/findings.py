"""The findings explorer: who was found, and can I trust it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from zhizhi.apps.accounts.selectors.regions import region_get, region_names
from zhizhi.apps.accounts.selectors.teams import posts_in_role
from zhizhi.apps.actors import Actor, Permission, Role
from zhizhi.apps.assistance.schemas import REASONS
from zhizhi.apps.assistance.selectors.found import FILTERS, finding_list, found_sight, wanted_from
from zhizhi.apps.assistance.selectors.lake import found_reader
from zhizhi.apps.assistance.selectors.packages import package_in_use, screening_date
from zhizhi.apps.assistance.services.by_hand import cases_open_for
from zhizhi.apps.assistance.services.dismissals import findings_dismiss
from zhizhi.apps.assistance.services.findings import finding_export
from zhizhi.apps.casework.selectors.filters import filters_of
from zhizhi.apps.casework.services.filters import filter_keep
from zhizhi.apps.gate import page, who
from zhizhi.apps.wording import lang, t
from zhizhi.backends.found import SEVERITIES, Counts, Wanted, prefix_of
from zhizhi.kernel.errors import ConflictError, InvalidError, NotFoundError, UsageError

ROWS = 50
KINDS = ("missed", "leaking", "near miss", "unknown", "warning")
SORTS = ("finding", "policy", "region", "payable", "receives", "severity")


@page(Permission.FINDING_VIEW, filters=FILTERS)
def findings(request: HttpRequest) -> HttpResponse:
    """Show the findings within the post's sight, with counts beside every filter."""
    return findings_page(request)


def findings_page(request: HttpRequest, status: int = 200, **more: Any) -> HttpResponse:
    """Draw the list for the query of the request; ``more`` goes into the context (a form that was refused)."""
    actor, query = who(request), request.GET
    wanted, order = wanted_from(query)
    listed = finding_list(actor, wanted=wanted, order=order, on=screening_date(timezone.now()))
    if listed is None:
        return render(request, "assistance/findings.html", {"screened": False, **more}, status=status)
    rows, counts = listed
    reader = found_reader()
    shown: Any = Paginator(cast(Any, rows), ROWS).get_page(query.get("page"))
    context = {
        "screened": True,
        "page": shown,
        "rows": shown.object_list,
        "counts": counts,
        "kinds": _kinds(query, wanted, counts),
        "choices": _choices(actor, wanted, counts),
        "wanted": wanted,
        "chips": _chips(query, wanted),
        "sorts": {name: _sort(query, order, name) for name in SORTS},
        "order": query.get("sort", ""),
        "record": reader.record if reader else {},
        "package": package_in_use(),
        "names": any(row.head for row in shown.object_list),
        "may_open": actor.may(Permission.HOUSEHOLD_VIEW),
        "may_act": actor.may(Permission.FINDING_DISMISS) and not actor.viewing,
        "may_export": actor.may(Permission.FINDING_EXPORT) and not actor.viewing,
        "query": _without(query, "page", "text"),
        "filters": filters_of(actor, "findings"),
        "workers": posts_in_role(actor, Role.VILLAGE_WORKER) if actor.may(Permission.CASE_ASSIGN) else [],
        "reasons": REASONS,
    }
    return render(request, "assistance/findings.html", {**context, **more}, status=status)


@page(Permission.FINDING_EXPORT, filters=FILTERS)
@require_POST
def findings_export(request: HttpRequest) -> HttpResponse:
    """Send the whole list, as filtered and sorted, as a workbook; that it was taken is an event."""
    now = timezone.now()
    wanted, order = wanted_from(request.GET)
    tongue = lang()
    body = finding_export(
        who(request),
        wanted=wanted,
        order=order,
        on=screening_date(now),
        now=now,
        place_names=lambda codes: region_names(codes, tongue),
    )
    response = HttpResponse(body, content_type="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
    response["Content-Disposition"] = f'attachment; filename="findings-{timezone.localtime(now):%Y%m%d-%H%M}.xlsx"'
    return response


@never_cache
@page(Permission.FINDING_DISMISS, filters=FILTERS)
@require_POST
def findings_act(request: HttpRequest) -> HttpResponse:
    """Open cases for the chosen findings, or dismiss them with a reason. Nothing is ever granted here."""
    actor, now, post = who(request), timezone.now(), request.POST
    keys = [_key(value) for value in post.getlist("chosen")]
    try:
        if not keys:
            raise InvalidError("findings.nothing-chosen", field="chosen")
        if post.get("action") == "open":
            said = _open(actor, keys, post, now)
        elif post.get("action") == "dismiss":
            number = findings_dismiss(actor, keys=keys, reason=post.get("reason", ""), note=post.get("note", ""), now=now)
            said = t("findings.dismissed", n=number)
        else:
            raise UsageError("findings.action-unknown", action=post.get("action", "")[:20])
    except (InvalidError, NotFoundError, ConflictError, UsageError) as error:
        status = {ConflictError: 409, NotFoundError: 404, UsageError: 400}.get(type(error), 422)
        more = {"act_error": error.text(lang()), "act": post, "chosen": post.getlist("chosen")}
        return findings_page(request, status, **more)
    messages.success(request, said)
    return HttpResponseRedirect(f"{reverse('assistance:findings')}?{_without(request.GET, 'text')}")


def _open(actor: Actor, keys: list[tuple[str, str, str]], post: QueryDict, now: datetime) -> str:
    reader = found_reader()
    chosen = reader.some(found_sight(actor), keys) if reader else []
    if len({(item.subject, item.policy, item.finding) for item in chosen}) < len(set(keys)):
        raise ConflictError("findings.gone", n=len(set(keys)) - len(chosen))
    holder = post.get("post", "")
    ids = cases_open_for(
        actor,
        households=[item.household for item in chosen],
        now=now,
        reason=post.get("why", ""),
        post_id=int(holder) if holder.isdigit() and len(holder) < 18 else None,
    )
    return t("findings.opened", n=len(ids)) if ids else t("findings.opened-none")


def _key(value: str) -> tuple[str, str, str]:
    """Return subject, policy and kind of a chosen row."""
    subject, _, rest = value.partition(".")
    policy, _, code = rest.rpartition(".")
    return subject, policy, code.replace("near-miss", "near miss")


@never_cache
@page(Permission.FINDING_VIEW)
@require_POST
def findings_filter_keep(request: HttpRequest) -> HttpResponse:
    """Keep the filters of the list under a name."""
    query, name = request.POST.get("query", ""), request.POST.get("name", "")
    filter_keep(who(request), page="findings", name=name, query=query, known=FILTERS, now=timezone.now())
    messages.success(request, t("cases.filter-kept", name=" ".join(name.split())))
    return HttpResponseRedirect(f"{reverse('assistance:findings')}?{query}")


# what the list is narrowed by ---------------------------------------------------------------------------------------


def _kinds(query: QueryDict, wanted: Wanted, counts: Counts) -> list[dict[str, Any]]:
    """Return the chips of kinds, each with its count; choosing one twice takes it away."""
    chips = [
        {
            "label": t("findings.kind-all"),
            "n": sum(counts.finding.values()),
            "url": _with(query, finding=None, since=None),
            "on": not wanted.finding and not wanted.since_last,
        }
    ]
    for kind in KINDS:
        code, on = kind.replace(" ", "-"), kind in wanted.finding
        chips.append(
            {
                "label": t(f"findings.kind-{code}"),
                "n": counts.finding.get(kind, 0),
                "url": _with(query, finding=None if on else code),
                "on": on,
            }
        )
    new = bool(wanted.since_last)
    chips.append(
        {
            "label": t("findings.kind-new"),
            "n": counts.since_last.get("new", 0),
            "url": _with(query, since=None if new else "new"),
            "on": new,
        }
    )
    return chips


def _choices(actor: Actor, wanted: Wanted, counts: Counts) -> list[dict[str, Any]]:
    """Return the drop-downs: only what the sight has, each value with what it would give."""
    package, tongue = package_in_use(), lang()
    policies = {
        name: package.policies[name].title.get(tongue, name)
        for name in {*counts.policy, *wanted.policy}
        if name in package.policies
    }
    departments = {name: package.departments.get(name, {}).get(tongue, name) for name in {*counts.department, *wanted.department}}
    severities = {name: t(f"findings.severity-{name}") for name in SEVERITIES}
    kinds = {name: t(f"findings.subject-{name}") for name in ("household", "person")}
    places = region_names({*counts.regions, *_path(actor, wanted.region)}, tongue)
    listed = [
        ("policy", wanted.policy, policies, counts.policy),
        ("department", wanted.department, departments, counts.department),
        ("severity", wanted.severity, severities, counts.severity),
        ("kind", wanted.kind, kinds, counts.kind),
    ]
    found: list[dict[str, Any]] = [
        {"name": "region", "options": _places(wanted, places, counts, _path(actor, wanted.region))},
    ]
    for name, chosen, words, numbers in listed:
        options = [
            {"value": value, "label": t("findings.option", name=word, n=f"{numbers.get(value, 0):,}"), "on": value in chosen}
            for value, word in sorted(words.items(), key=lambda item: (-numbers.get(item[0], 0), item[1]))
            if numbers.get(value) or value in chosen
        ]
        if options:
            found.append({"name": name, "options": options})
    return found


def _path(actor: Actor, region: str) -> list[str]:
    """Return the regions from right below the post's own down to ``region``: the way back up."""
    way: list[str] = []
    place = region_get(region) if region else None
    while place is not None and actor.sees(place.code) and prefix_of(place.code) != prefix_of(actor.region):
        way.insert(0, place.code)
        place = region_get(place.parent) if place.parent else None
    return way if not region or way else [region]


def _places(wanted: Wanted, names: Mapping[str, str], counts: Counts, way: list[str]) -> list[dict[str, Any]]:
    options = [{"value": code, "label": names.get(code, code), "on": code == wanted.region} for code in way]
    options += [
        {"value": code, "label": t("findings.option", name=names.get(code, code), n=f"{number:,}"), "on": code == wanted.region}
        for code, number in counts.regions.items()
        if code not in way
    ]
    return options


def _chips(query: QueryDict, wanted: Wanted) -> list[dict[str, str]]:
    """Return what is filtered now besides the kinds, each with the address that takes it away."""
    package, tongue = package_in_use(), lang()
    listed: list[tuple[str, str, str]] = []
    if wanted.region:
        listed.append(("region", wanted.region, region_names({wanted.region}, tongue)[wanted.region]))
    for name in wanted.policy:
        listed.append(("policy", name, package.policies[name].title.get(tongue, name) if name in package.policies else name))
    listed += [("department", name, package.departments.get(name, {}).get(tongue, name)) for name in wanted.department]
    listed += [("severity", name, t(f"findings.severity-{name}")) for name in wanted.severity]
    listed += [("kind", name, t(f"findings.subject-{name}")) for name in wanted.kind]
    if wanted.text:
        listed.append(("q", wanted.text, wanted.text))
    return [{"label": label, "url": _with(query, **{name: None})} for name, _, label in listed]


def _sort(query: QueryDict, order: str, name: str) -> dict[str, str]:
    """Return a sortable column's address, its state for screen readers and its arrow."""
    here = order.removeprefix("-") == name
    down = order.startswith("-")
    first = f"-{name}" if name in ("payable", "receives") else name
    other = (name if down else f"-{name}") if here else first
    return {
        "url": _with(query, sort=other),
        "state": ("descending" if down else "ascending") if here else "none",
        "icon": ("arrow-down" if down else "arrow-up") if here else "",
    }


def _with(query: QueryDict, **changes: str | None) -> str:
    left = query.copy()
    for name in ("page", "text", *changes):
        left.pop(name, None)
    for name, value in changes.items():
        if value is not None:
            left[name] = value
    return f"?{left.urlencode()}"


def _without(query: QueryDict, *names: str) -> str:
    left = query.copy()
    for name in names:
        left.pop(name, None)
    return left.urlencode()
