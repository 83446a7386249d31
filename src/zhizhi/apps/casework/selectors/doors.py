"""A worker's day: whom to visit, best first."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Case as Choose
from django.db.models import F, IntegerField, Q, Value, When

from zhizhi.apps.actors import Actor, Permission, in_scope
from zhizhi.apps.casework.models import OPEN, Case
from zhizhi.apps.casework.schemas import Doors
from zhizhi.apps.casework.selectors.calendars import calendar_now
from zhizhi.apps.casework.selectors.cases import case_rows
from zhizhi.apps.casework.selectors.narrowing import bounds
from zhizhi.apps.configuration import configuration

MOST = 100


def doors(actor: Actor, *, now: datetime, limit: int | None = None) -> Doors:
    """Return the doors of the day of the post in use.

    Ranked: due today or overdue first, then the more severe, then the greater need, then what is due earlier; at most
    ``limit`` of them (the setting ``doors_per_day``), then put in walking order: village by village, the most pressing village
    first. A door that was tried today (nobody at home) is listed apart. Paused cases are nobody's door.
    """
    actor.require(Permission.DOORS_VIEW)
    calendar = calendar_now()
    today = calendar.day_of(now)
    most = min(MOST, configuration().doors_per_day if limit is None else max(0, limit))
    role = actor.role.value if actor.role else ""
    mine = Case.objects.filter(OPEN & in_scope(actor), holder_post=actor.post_id, role=role, due__isnull=False)
    if actor.post_id is None:
        mine = mine.none()
    pressing = Choose(When(due__lt=bounds(now, calendar)[0], then=Value(0)), default=Value(1), output_field=IntegerField())
    waiting = mine.filter(Q(tried_on__isnull=True) | ~Q(tried_on=today))
    ranked = waiting.annotate(pressing=pressing).order_by("pressing", "-severity", F("score").desc(), "due", "id")
    picked = list(ranked.values_list("id", "region")[:most])
    order = {region: number for number, (_, region) in reversed(list(enumerate(picked)))}
    walked = [pk for pk, region in sorted(picked, key=lambda item: order[item[1]])]
    tried = list(mine.filter(tried_on=today).order_by("id").values_list("id", flat=True)[:MOST])
    return Doors(
        day=today,
        rows=case_rows(actor, ids=walked, now=now),
        tried=case_rows(actor, ids=tried, now=now),
        more=max(0, waiting.count() - len(picked)),
    )
