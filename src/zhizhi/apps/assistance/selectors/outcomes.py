"""How the findings of policies and warnings turned out once somebody had been there."""

from __future__ import annotations

from datetime import date

from zhizhi.apps.actors import Actor
from zhizhi.apps.assistance.schemas import OutcomeView
from zhizhi.apps.assistance.selectors.packages import package_in_use
from zhizhi.apps.assistance.selectors.triage import triage_in_use
from zhizhi.apps.casework.selectors.counts import outcomes_by_policy
from zhizhi.engines.screening.precision import precision


def finding_outcomes(
    actor: Actor, *, on: date, region: str = "", first: date | None = None, last: date | None = None
) -> dict[str, OutcomeView]:
    """Return, for every policy and warning of the package in use, how its closed cases ended and how often it was right.

    Cases that neither confirm nor deny what was found (moved away, did not want it) count as closed but not for precision.

    Args:
        actor: who asks; only her region counts.
        on: date of the least number of verdicts from which precision is told.
        region: a part of her region.
        first: first day of closing that counts.
        last: last such day.
    """
    here = actor.within(region) if region else actor
    least = triage_in_use().figure("least_decided", on)
    found = {item.policy: item for item in outcomes_by_policy(here, first=first, last=last)}
    views = {}
    for name in package_in_use().policies:
        item = found.get(name)
        confirmed, denied = (item.confirmed, item.denied) if item else (0, 0)
        views[name] = OutcomeView(
            name,
            item.closed if item else 0,
            confirmed,
            denied,
            precision(confirmed, confirmed + denied, least),
            least,
            dict(item.outcomes) if item else {},
        )
    return views
