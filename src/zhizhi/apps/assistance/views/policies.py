"""The policy library, one policy, a try of other figures, and drafts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from zhizhi.apps.accounts.selectors.regions import Place, region_list, region_names
from zhizhi.apps.actors import Actor, Permission
from zhizhi.apps.assistance.jobs import work_out_whatif
from zhizhi.apps.assistance.selectors.packages import package_in_use, screening_date
from zhizhi.apps.assistance.selectors.policies import KINDS, PolicyPage, policy_get, policy_list, policy_places
from zhizhi.apps.assistance.selectors.whatifs import Tried, draft_get, whatif_get, whatif_list
from zhizhi.apps.assistance.services.policies import draft_overlay, draft_save, whatif_ask
from zhizhi.apps.charts import Chart, Series
from zhizhi.apps.gate import page, who
from zhizhi.apps.wording import lang, t
from zhizhi.engines.rules.types import Type, Unit
from zhizhi.engines.rules.wording import unit_text
from zhizhi.kernel.errors import InvalidError, UsageError, ZhizhiError
from zhizhi.kernel.messages import render as sentence

FILTERS = ("kind", "department", "group", "q")


@page(Permission.POLICY_VIEW, filters=set(FILTERS))
def policies(request: HttpRequest) -> HttpResponse:
    """List the policies or the warnings' rules of the package in use."""
    chosen = {name: request.GET.get(name, "") for name in FILTERS}
    kind = chosen["kind"] or "policy"
    rows = policy_list(
        who(request), now=timezone.now(), kind=kind, department=chosen["department"], group=chosen["group"], text=chosen["q"]
    )
    package = package_in_use()
    context = {
        "rows": rows,
        "kind": kind,
        "kinds": KINDS,
        "package": package,
        "departments": sorted(package.departments.items()),
        "groups": package.classes.items(),
        "chosen": chosen,
        "chips": _chips(request, package, chosen),
    }
    return render(request, "assistance/policies.html", context)


def _chips(request: HttpRequest, package: Any, chosen: Mapping[str, str]) -> list[dict[str, str]]:
    words = {
        "department": package.departments.get(chosen["department"], {}).get(lang(), ""),
        "group": package.classes.get(chosen["group"], {}).get(lang(), ""),
        "q": chosen["q"],
    }
    chips = []
    for name, label in words.items():
        if label:
            left = request.GET.copy()
            left.pop(name, None)
            chips.append({"label": label, "url": f"?{left.urlencode()}"})
    return chips


@page(Permission.POLICY_VIEW)
def policy(request: HttpRequest, policy_id: str) -> HttpResponse:
    """Show one policy: what it says, its figures and law, its tests, and a form to try other figures."""
    return _policy_page(request, policy_id)


def _policy_page(
    request: HttpRequest, policy_id: str, error: ZhizhiError | None = None, typed: Mapping[str, str] | None = None
) -> HttpResponse:
    actor = who(request)
    shown = policy_get(actor, policy_id, now=timezone.now())
    may_try = actor.may(Permission.POLICY_TRY)
    context = {
        "shown": shown,
        "failing": [line for line in shown.tests if line.problems],
        "basis": [_basis(basis) for basis in shown.policy.basis],
        "unit": _unit(str(shown.policy.amount.unit)) if shown.policy.amount else "",
        "whom": _whom(actor, shown),
        "tries": whatif_list(actor, policy=policy_id, most=8) if may_try else [],
        "inputs": _inputs(shown, typed or {}) if may_try else [],
        "places": [{"code": place.code, "name_zh": place.zh, "name_en": place.en or place.zh} for place in _places(actor)]
        if may_try
        else [],
        "where": (typed or {}).get("region", ""),
        "may_try": may_try,
        "error": error.text(lang()) if error else "",
    }
    return render(request, "assistance/policy.html", context, status=422 if error else 200)


def _whom(actor: Actor, shown: PolicyPage) -> dict[str, Any]:
    """Return the chart of who is eligible now by place, and the totals; empty where nothing was screened."""
    places = policy_places(actor, shown.row.id)
    if not places:
        return {}
    names = region_names({place.region for place in places}, lang())
    total = sum(place.eligible for place in places)
    here = region_names({actor.region}, lang())[actor.region]
    title = t("policies.whom-title", place=here, n=f"{total:,}", policy=shown.row.title[lang()])
    series = [Series(t("policies.eligible"), [place.eligible for place in places])]
    if places[0].receiving is not None:
        for name in ("receiving", "missed", "leaking"):
            series.append(Series(t(f"policies.{name}"), [getattr(place, name) for place in places]))
    query = f"?policy={shown.row.id}&region="
    may = actor.may(Permission.FINDING_VIEW)
    chart = Chart(
        key="whom",
        kind="bars",
        title=title,
        heading=t("policies.place"),
        categories=[names[place.region] for place in places],
        series=tuple(series),
        source=t("policies.chart-source", package=shown.package, version=shown.version),
        as_of=screening_date(timezone.now()).isoformat(),
        hrefs=[f"{reverse('assistance:findings')}{query}{place.region}" for place in places] if may else [],
    )
    return {"chart": chart, "payable": sum(place.payable or 0 for place in places), "total": total}


def _places(actor: Actor) -> list[Place]:
    """Return the counties that a post can try a change in: overlays change figures down to a county."""
    return [place for place in region_list(actor, "county") if actor.sees(place.code)]


def _inputs(shown: PolicyPage, typed: Mapping[str, str]) -> list[dict[str, Any]]:
    inputs = []
    for figure in shown.figures:
        if figure.numeric:
            value = float(figure.plain)
            step = 10 ** (len(str(int(abs(value)))) - 2) if abs(value) >= 10 else 0.01 if value != int(value) else 1
            inputs.append(
                {
                    "figure": figure,
                    "value": typed.get(figure.key, figure.plain),
                    "low": 0,
                    "high": round(max(value * 2, step * 10), 4),
                    "step": step,
                }
            )
    return inputs


def _basis(basis: Mapping[str, Any]) -> dict[str, Any]:
    return {key: basis.get(key, "") for key in ("law", "issued", "article", "status", "source")}


def _unit(unit: str) -> str:
    return unit_text(Type("number", Unit.parse(unit)), lang())


@page(Permission.POLICY_TRY)
@require_POST
def try_figures(request: HttpRequest, policy_id: str) -> HttpResponse:
    """Take other figures from the policy's page and queue their what-if; what is not changed is left out."""
    shown = policy_get(who(request), policy_id, now=timezone.now())
    typed = {figure.key: request.POST.get(figure.key, "").strip() for figure in shown.figures if figure.numeric}
    where = request.POST.get("region", "").strip()
    plain = {figure.key: figure.plain for figure in shown.figures}
    settings = [
        f"{key}{f'@{where}' if where else ''}={value}" for key, value in typed.items() if value and not _same(value, plain[key])
    ]
    try:
        if not settings:
            raise InvalidError("policies.nothing-changed")
        tried, new = whatif_ask(who(request), policy=policy_id, settings=settings, now=timezone.now())
    except (InvalidError, UsageError) as error:
        return _policy_page(request, policy_id, error, typed | {"region": where})
    if new:
        work_out_whatif.enqueue(whatif=tried)
    return HttpResponseRedirect(reverse("assistance:whatif", args=[tried]))


def _same(one: str, other: str) -> bool:
    try:
        return float(one) == float(other)
    except ValueError:
        return one == other


@page(Permission.POLICY_TRY)
def whatif(request: HttpRequest, whatif_id: int) -> HttpResponse:
    """Show a try: that it is being worked out, why it failed, or who gains, who loses and at what cost."""
    return _whatif_page(request, whatif_id)


def _whatif_page(request: HttpRequest, whatif_id: int, error: ZhizhiError | None = None) -> HttpResponse:
    tried = whatif_get(who(request), whatif_id)
    package = package_in_use(tried.package)
    context: dict[str, Any] = {
        "tried": tried,
        "package": package,
        "title": package.policies[tried.policy].title,
        "error": error and error.text(lang()),
    }
    if tried.outcome:
        context |= _outcome(tried, package)
    if tried.error:
        context["why"] = sentence(tried.error["code"], lang(), tried.error["params"])
    context["may_draft"] = who(request).may(Permission.POLICY_DRAFT) and tried.state == "done" and tried.draft is None
    context["typed"] = {name: request.POST.get(name, "") for name in ("title", "note", "starts_on")}
    template = (
        "assistance/whatif_state.html" if request.headers.get("HX-Request") and not tried.outcome else "assistance/whatif.html"
    )
    response = render(request, template, context, status=422 if error else 200)
    if request.headers.get("HX-Request") and (tried.outcome or tried.error):
        response["HX-Refresh"] = "true"
    return response


def _outcome(tried: Tried, package: Any) -> dict[str, Any]:
    assert tried.outcome is not None
    effects = [_effect(effect, package) for effect in tried.outcome["effects"]]
    felt = sorted((effect for effect in effects if effect["felt"]), key=lambda effect: effect["policy"] != tried.policy)
    first = next((effect for effect in effects if effect["policy"] == tried.policy), felt[0] if felt else None)
    return {
        "changes": [_change(change, package) for change in tried.outcome["changes"]],
        "felt": felt,
        "unmoved": len(effects) - len(felt),
        "first": first,
        "charts": _charts(tried, first) if first and first["felt"] else [],
    }


def _effect(effect: dict[str, Any], package: Any) -> dict[str, Any]:
    before, after = effect["cost"]
    cost = None if before is None or after is None else after - before
    return effect | {
        "title": package.policies[effect["policy"]].title,
        "difference": cost,
        "unit_text": _unit(effect["unit"]) if effect["unit"] else "",
        "felt": bool(effect["gainers"] or effect["losers"] or effect["unsettled"] or cost),
    }


def _change(change: dict[str, Any], package: Any) -> dict[str, Any]:
    parameter = package.figures[change["owner"], change["name"]]
    title = parameter.sources.get("", {}).get(lang(), change["name"])
    return change | {"title": title, "unit_text": unit_text(parameter.type, lang())}


def _charts(tried: Tried, effect: Mapping[str, Any]) -> list[Chart]:
    """Return gainers and losers by place, age and sex, losers below nought."""
    charts = []
    title = str(effect["title"][lang()])
    if effect["by_county"]:
        rows = [row for row in effect["by_county"] if row[1] or row[2] or row[3]]
        rows.sort(key=lambda row: (-(row[1] + row[2]), str(row[0])))
        names = region_names({str(row[0] or "") for row in rows}, lang())
        charts.append(
            _gain_lose(
                "county",
                t("policies.chart-place", policy=title),
                t("policies.place"),
                [names[str(r[0] or "")] or "?" for r in rows],
                rows,
                tried,
            )
        )
    for key in ("age", "sex"):
        rows = effect[f"by_{key}"]
        if rows and any(row[1] or row[2] for row in rows):
            names_ = [t(f"policies.{row[0]}") if key == "sex" and row[0] in ("male", "female") else str(row[0]) for row in rows]
            charts.append(_gain_lose(key, t(f"policies.chart-{key}", policy=title), t(f"policies.{key}"), names_, rows, tried))
    return charts


def _gain_lose(key: str, title: str, heading: str, names: Sequence[str], rows: Sequence[Sequence[Any]], tried: Tried) -> Chart:
    return Chart(
        key=key,
        kind="columns",
        title=title,
        heading=heading,
        categories=names,
        series=(
            Series(t("policies.gainers"), [row[1] for row in rows], tone="done"),
            Series(t("policies.losers"), [-row[2] for row in rows], tone="urgent"),
        ),
        stacked=True,
        source=t("policies.chart-source", package=tried.package, version=tried.package_version),
        as_of=tried.on.isoformat(),
        picture="s" if key != "county" else "",
    )


@page(Permission.POLICY_DRAFT)
@require_POST
def save_draft(request: HttpRequest, whatif_id: int) -> HttpResponse:
    """Keep a try as a draft."""
    try:
        starts = _date(request.POST.get("starts_on", ""))
        draft = draft_save(
            who(request),
            whatif=whatif_id,
            title=request.POST.get("title", ""),
            note=request.POST.get("note", ""),
            starts_on=starts,
            now=timezone.now(),
        )
    except InvalidError as error:
        return _whatif_page(request, whatif_id, error)
    messages.success(request, t("policies.draft-saved"))
    return HttpResponseRedirect(reverse("assistance:policy-draft", args=[draft]))


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text.strip())
    except ValueError as error:
        raise InvalidError("policies.date", field="starts_on", seen=text) from error


@page(Permission.POLICY_TRY)
def draft(request: HttpRequest, draft_id: int) -> HttpResponse:
    """Show a draft: its change, its tests under the new figures, its shadow run, and the file that puts it in force."""
    found = draft_get(who(request), draft_id)
    package = package_in_use(found.tried.package)
    context = {"draft": found, "package": package, "title": package.policies[found.tried.policy].title} | _outcome(
        found.tried, package
    )
    return render(request, "assistance/draft.html", context)


@page(Permission.POLICY_TRY)
def draft_file(request: HttpRequest, draft_id: int) -> HttpResponse:
    """Hand out a draft as an overlay file of the package."""
    found = draft_get(who(request), draft_id)
    text = draft_overlay(
        {
            "title": found.title,
            "starts_on": found.starts_on,
            "settings": found.tried.settings,
            "on": found.tried.on,
            "region": found.tried.region,
        },
        package_in_use(found.tried.package),
    )
    response = HttpResponse(text, content_type="application/yaml; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="overlay-draft-{found.id}.yaml"'
    return response
