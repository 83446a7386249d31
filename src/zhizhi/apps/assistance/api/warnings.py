"""Warnings through the API: precision with its interval, cases a week, time to visit, and curves of other thresholds."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

from django.http import HttpRequest
from django.utils import timezone
from ninja import Field, Router, Schema

from zhizhi.apps import gate
from zhizhi.apps.actors import Permission
from zhizhi.apps.assistance.jobs import work_out_curve
from zhizhi.apps.assistance.selectors.warnings import CurveView, WarningRow, warning_get, warning_list
from zhizhi.apps.assistance.services.thresholds import curve_ask
from zhizhi.apps.paging import Sent

router = Router()


class WarningOut(Schema):
    """One warning; share and interval are null where too few cases ended with a verdict to say anything."""

    id: str
    title: dict[str, str]
    department: dict[str, str]
    severity: str
    cooldown_days: int
    in_force: bool
    standing: int | None
    new: int | None
    closed: int
    confirmed: int
    decided: int
    share: float | None
    low: float | None
    high: float | None
    least: int = Field(description="Verdicts below which nothing is said.")
    missing: int = Field(description="Verdicts that are still needed.")
    per_week: float
    half_visited_hours: float | None
    outcomes: dict[str, int]


class PointOut(Schema):
    """What one value of a threshold would find."""

    value: float
    subjects: int
    households: int
    unknown: int


class CurveOut(Schema):
    """A curve, or how far it has got."""

    id: int
    figure: str
    state: Literal["waiting", "running", "done", "failed"]
    on: date
    current: float
    points: list[PointOut]
    asked_at: datetime


class WarningDetailOut(WarningOut):
    """One warning with its thresholds and curves."""

    thresholds: list[str]
    weeks: dict[str, int]
    curves: list[CurveOut]


class CurveIn(Sent):
    """Which threshold is to be tried."""

    figure: str = Field(min_length=1, max_length=64)


class Asked(Schema):
    """A curve that was asked for; ``new`` is false if it had been asked before."""

    id: int
    new: bool


@router.get("/warnings", response=list[WarningOut], summary="Warnings and their precision")
@gate.api(Permission.WARNING_VIEW)
def warnings_get(request: HttpRequest, sort: Literal["standing", "precision", "cases"] = "standing") -> list[dict[str, Any]]:
    """Return the warnings of the package in use as they did in the caller's region."""
    return [_row(row) for row in warning_list(gate.who(request), now=timezone.now(), sort=sort)]


@router.get("/warnings/{slug:warning_id}", response=WarningDetailOut, summary="One warning")
@gate.api(Permission.WARNING_VIEW)
def warning_one_get(request: HttpRequest, warning_id: str) -> dict[str, Any]:
    """Return one warning with its thresholds and curves."""
    shown = warning_get(gate.who(request), warning_id, now=timezone.now())
    return {
        **_row(shown.row),
        "thresholds": [item.name for item in shown.thresholds],
        "weeks": {monday.isoformat(): count for monday, count in shown.row.weeks},
        "curves": [_curve(item) for item in shown.curves],
    }


@router.post("/warnings/{slug:warning_id}/curves", response={202: Asked}, summary="Try other values of a threshold")
@gate.api(Permission.POLICY_TRY)
def warning_curve_post(request: HttpRequest, warning_id: str, body: CurveIn) -> Asked:
    """Have a curve worked out; the same one is worked out once."""
    curve, new = curve_ask(gate.who(request), warning=warning_id, figure=body.figure, now=timezone.now())
    if new:
        work_out_curve.enqueue(curve_id=curve)
    return Asked(id=curve, new=new)


def _row(row: WarningRow) -> dict[str, Any]:
    found = row.outcome.precision
    return {
        "id": row.id,
        "title": dict(row.title),
        "department": dict(row.department),
        "severity": row.severity,
        "cooldown_days": row.cooldown_days,
        "in_force": row.in_force,
        "standing": row.standing,
        "new": row.new,
        "closed": row.outcome.closed,
        "confirmed": row.outcome.confirmed,
        "decided": found.decided,
        "share": found.share,
        "low": found.low,
        "high": found.high,
        "least": row.outcome.least,
        "missing": row.missing,
        "per_week": row.per_week,
        "half_visited_hours": row.waits.half.total_seconds() / 3600 if row.waits.half else None,
        "outcomes": dict(row.outcome.outcomes),
    }


def _curve(item: CurveView) -> dict[str, Any]:
    return {name: getattr(item, name) for name in CurveOut.model_fields}
