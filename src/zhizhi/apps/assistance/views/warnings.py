"""Warnings and whether they earn their place: precision with its interval, cases a week, time to visit, other thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from zhizhi.apps.actors import Actor, Permission
from zhizhi.apps.assistance.jobs import work_out_curve
from zhizhi.apps.assistance.selectors.warnings import (
    SORTS,
    CurveView,
    Threshold,
    WarningPage,
    WarningRow,
    warning_get,
    warning_list,
)
from zhizhi.apps.assistance.services.thresholds import curve_ask
from zhizhi.apps.casework.selectors.workflows import outcome_titles
from zhizhi.apps.charts import Chart, Series
from zhizhi.apps.gate import page, who
from zhizhi.apps.wording import lang, t
from zhizhi.kernel.messages import render as sentence


@page(Permission.WARNING_VIEW, filters={"sort"})
def warnings(request: HttpRequest) -> HttpResponse:
    """List the warnings with how often they were right and how much work they make."""
    actor = who(request)
    rows = warning_list(actor, now=timezone.now(), sort=request.GET.get("sort", ""))
    told = [row for row in rows if row.outcome.precision.told]
    context = {
        "rows": [(row, _days(row.waits.half.total_seconds()) if row.waits.half else "") for row in rows],
        "sorts": SORTS,
        "sort": request.GET.get("sort", "") or SORTS[0],
        "told": len(told),
        "chart": _precisions(told) if len(told) > 1 else None,
        "least": rows[0].outcome.least if rows else 0,
        "screened": any(row.standing is not None for row in rows),
    }
    return render(request, "assistance/warnings.html", context)


def _precisions(told: Sequence[WarningRow]) -> Chart:
    """Draw the precision of the warnings of which it can be told, best first, each with its interval."""
    rows = sorted(told, key=lambda row: -(row.outcome.precision.share or 0.0))
    found = [row.outcome.precision for row in rows]
    worst = rows[-1]
    return Chart(
        key="precision",
        kind="bars",
        title=t("warnings.chart-title", title=worst.title[lang()], share=_percent(worst.outcome.precision.share)),
        note=t("warnings.chart-note"),
        heading=t("warnings.warning"),
        categories=[row.title[lang()] for row in rows],
        series=(
            Series(
                t("warnings.precision"),
                [_points(item.share) for item in found],
                unit="%",
                low=[_points(item.low) for item in found],
                high=[_points(item.high) for item in found],
            ),
        ),
        source=t("warnings.source-cases"),
        hrefs=[reverse("assistance:warning", args=[row.id]) for row in rows],
    )


def _points(share: float | None) -> float | None:
    return None if share is None else round(share * 100, 1)


def _percent(share: float | None) -> str:
    return "—" if share is None else f"{share * 100:.0f}%"


@page(Permission.WARNING_VIEW)
def warning(request: HttpRequest, warning_id: str) -> HttpResponse:
    """Show one warning: its precision, outcomes, work, thresholds and rest."""
    actor = who(request)
    shown = warning_get(actor, warning_id, now=timezone.now())
    row = shown.row
    context = {
        "shown": shown,
        "row": row,
        "outcomes": _outcomes(row),
        "weeks": _weeks(row),
        "curves": [(_threshold(shown, item), item, _curve(shown, item), _failure(item)) for item in shown.curves],
        "waiting": any(item.state in ("waiting", "running") and not item.stuck for item in shown.curves),
        "may_try": actor.may(Permission.POLICY_TRY) and bool(shown.thresholds),
        "findings_url": _findings(actor, shown),
        "neither": row.outcome.closed - row.outcome.confirmed - row.outcome.denied,
        "half": _days(row.waits.half.total_seconds()) if row.waits.half else "",
        "nine_tenths": _days(row.waits.nine_tenths.total_seconds()) if row.waits.nine_tenths else "",
    }
    return render(request, "assistance/warning.html", context)


def _findings(actor: Actor, shown: WarningPage) -> str:
    """Return the address of the list that the standing figure counts, for posts that see all of it."""
    if not actor.may(Permission.FINDING_VIEW) or actor.department not in ("", shown.department_id):
        return ""
    return f"{reverse('assistance:findings')}?{urlencode({'finding': 'warning', 'policy': shown.row.id})}"


def _days(seconds: float) -> str:
    days = seconds / 86_400
    return t("warnings.hours", n=f"{seconds / 3600:.0f}") if days < 1 else t("warnings.days", n=f"{days:.1f}")


def _outcomes(row: WarningRow) -> Chart | None:
    """Draw how the closed cases ended; None where none was closed."""
    if not row.outcome.closed:
        return None
    titles = outcome_titles()
    listed = sorted(row.outcome.outcomes.items(), key=lambda item: -item[1])
    first, count = listed[0]
    name = titles.get(first, {}).get(lang()) or first
    return Chart(
        key="outcomes",
        kind="bars",
        title=t("warnings.outcomes-title", name=name, n=count, of=row.outcome.closed),
        heading=t("warnings.outcome"),
        categories=[titles.get(code, {}).get(lang()) or code for code, _ in listed],
        series=(Series(t("warnings.closed-cases"), [number for _, number in listed]),),
        source=t("warnings.source-cases"),
    )


def _weeks(row: WarningRow) -> Chart:
    total = sum(number for _, number in row.weeks)
    return Chart(
        key="weeks",
        kind="columns",
        title=t("warnings.weeks-title", n=f"{row.per_week:.1f}", weeks=row.span) if total else t("warnings.weeks-none"),
        heading=t("warnings.week"),
        categories=[monday.isoformat() for monday, _ in row.weeks],
        series=(Series(t("warnings.cases"), [number for _, number in row.weeks]),),
        source=t("warnings.source-cases"),
        picture="s",
    )


def _threshold(shown: WarningPage, item: CurveView) -> Threshold | None:
    return next((one for one in shown.thresholds if one.name == item.figure), None)


def _curve(shown: WarningPage, item: CurveView) -> Chart | None:
    """Draw what each value of a threshold would find; the one in force is said in the note."""
    threshold = _threshold(shown, item)
    if not item.points or threshold is None:
        return None
    values = [float(point["value"]) for point in item.points]
    households = [int(point["households"]) for point in item.points]
    now = next((n for value, n in zip(values, households, strict=True) if value == item.current), None)
    low, high = min(households), max(households)
    return Chart(
        key=f"curve-{item.figure}",
        kind="line",
        title=t("warnings.curve-title", low=f"{low:,}", high=f"{high:,}", first=_number(values[0]), last=_number(values[-1])),
        note=t("warnings.curve-note", value=_number(item.current), n="—" if now is None else f"{now:,}"),
        heading=threshold.title[lang()],
        categories=[_number(value) for value in values],
        series=(
            Series(t("warnings.households"), households),
            Series(t("warnings.undecided"), [int(point["unknown"]) for point in item.points], tone="unknown"),
        ),
        source=t("warnings.source-lake"),
        as_of=item.on.isoformat(),
    )


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.2f}".rstrip("0")


def _failure(item: CurveView) -> str:
    return sentence(item.error["code"], lang(), item.error["params"]) if item.error else ""


@page(Permission.POLICY_TRY)
@require_POST
def ask_curve(request: HttpRequest, warning_id: str) -> HttpResponse:
    """Have the curve of one threshold worked out."""
    curve, new = curve_ask(who(request), warning=warning_id, figure=request.POST.get("figure", ""), now=timezone.now())
    if new:
        work_out_curve.enqueue(curve_id=curve)
    return redirect(f"{reverse('assistance:warning', args=[warning_id])}#thresholds")
