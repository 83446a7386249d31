"""What a warning would find at other thresholds: asked for by a person, worked out by a job. Nothing is put in force here."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from fractions import Fraction
from hashlib import sha256

from django.db import transaction

from zhizhi.apps.actors import Actor, Permission, region_prefix
from zhizhi.apps.assistance.models import Curve
from zhizhi.apps.assistance.selectors.packages import package_in_use, screening_date
from zhizhi.apps.assistance.selectors.warnings import STUCK, thresholds, warning_of
from zhizhi.apps.configuration import configuration
from zhizhi.apps.journal.schemas import declare
from zhizhi.apps.journal.services import record
from zhizhi.backends.lake import Lake
from zhizhi.backends.whatif import curve
from zhizhi.engines.rules.resolution import figure_on
from zhizhi.kernel.errors import ConflictError, InvalidError, ZhizhiError

CURVE_ASKED = declare("assistance.curve.asked")
STEPS = (Fraction(1, 2), Fraction(7, 10), Fraction(17, 20), Fraction(1), Fraction(23, 20), Fraction(13, 10), Fraction(3, 2))
"""Shares of the figure in force at which the warning is tried."""
WHOLE = ("days", "years", "people", "homes")
"""Units of which there are no parts."""


def curve_ask(actor: Actor, *, warning: str, figure: str, now: datetime) -> tuple[int, bool]:
    """Ask what a warning would find in the actor's region at other values of one of its figures.

    Args:
        actor: needs ``POLICY_TRY``.
        warning: its id.
        figure: a figure of its own.
        now: the moment.

    Returns:
        The id, and whether it has to be worked out (then a job has to be queued).

    Raises:
        NotFoundError: ``warnings.unknown``. InvalidError: ``warnings.figure-unknown``: it has no such threshold.
    """
    actor.require(Permission.POLICY_TRY)
    found = warning_of(warning)
    if figure not in {item.name for item in thresholds(warning)}:
        raise InvalidError("warnings.figure-unknown", field="figure", figure=figure[:60])
    package, on = package_in_use(), screening_date(now)
    parameter = found.params[figure]
    current = figure_on(parameter, on)
    if not isinstance(current, Fraction):
        raise InvalidError("warnings.figure-unknown", field="figure", figure=figure[:60])
    whole = str(parameter.type.unit) in WHOLE or (current.denominator == 1 and current >= 1_000)
    values = sorted({_rounded(current * step, whole) for step in STEPS} | {current})
    lake = Lake.open(configuration().lake_path)
    asked = [package.digest, on.isoformat(), actor.region, warning, figure, sorted(lake.versions().items())]
    key = sha256(json.dumps(asked).encode()).hexdigest()
    with transaction.atomic():
        row, new = Curve.objects.get_or_create(
            key=key,
            defaults={
                "package": package.id,
                "package_digest": package.digest,
                "policy": warning,
                "figure": figure,
                "region": actor.region,
                "on": on,
                "current": float(current),
                "values": [str(value) for value in values],
                "asked_at": now,
                "changed_at": now,
                "user_id": actor.user_id,
            },
        )
        stuck = row.state in ("waiting", "running") and row.changed_at < now - STUCK
        if not new and (row.state == "failed" or stuck):
            Curve.objects.filter(pk=row.pk).update(state="waiting", error=None, changed_at=now)
            new = True
        if new:
            record(
                actor,
                CURVE_ASKED,
                now=now,
                subjects=[f"policy:{warning}"],
                region=actor.region,
                package=package.id,
                package_version=package.version,
                details={"figure": figure, "curve": row.pk},
            )
    return int(row.pk), new


def _rounded(value: Fraction, whole: bool) -> Fraction:
    return Fraction(round(value)) if whole else Fraction(round(value * 100), 100)


def curve_work_out(*, curve_id: int, now: datetime) -> str:
    """Work out one curve; called by the job. Done twice it says the same, so that a killed worker costs only time."""
    asked = Curve.objects.get(pk=curve_id)
    if asked.state == "done":
        return "done"
    Curve.objects.filter(pk=curve_id).update(state="running", changed_at=now)
    try:
        package = package_in_use(asked.package)
        if package.digest != asked.package_digest:
            raise ConflictError("policies.package-changed")
        values = [Fraction(value) for value in asked.values]
        lake = Lake.open(configuration().lake_path)
        points = curve(lake, package, asked.on, asked.policy, asked.figure, values, within=region_prefix(asked.region))
    except ZhizhiError as error:
        told = {"code": error.code, "params": {name: str(value) for name, value in error.params.items()}}
        Curve.objects.filter(pk=curve_id).update(state="failed", error=told, changed_at=now)
        return "failed"
    Curve.objects.filter(pk=curve_id).update(state="done", points=[asdict(point) for point in points], changed_at=now)
    return "done"
