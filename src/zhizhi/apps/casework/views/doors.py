"""My doors today: whom do I visit, why, what do I bring."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache

from zhizhi.apps.accounts.selectors.regions import region_path
from zhizhi.apps.actors import Actor, Permission
from zhizhi.apps.casework.schemas import CaseRow
from zhizhi.apps.casework.selectors.detail import case_get
from zhizhi.apps.casework.selectors.doors import doors as doors_of
from zhizhi.apps.casework.views.cards import card_of
from zhizhi.apps.casework.views.ways import forms_of
from zhizhi.apps.gate import page, who
from zhizhi.apps.wording import lang


@never_cache
@page(Permission.DOORS_VIEW)
def doors(request: HttpRequest) -> HttpResponse:
    """Show the doors of the day in walking order."""
    actor, now = who(request), timezone.now()
    today = doors_of(actor, now=now)
    context = {
        "day": today.day,
        "doors": [_door(actor, row, now) for row in today.rows],
        "tried": [_door(actor, row, now) for row in today.tried],
        "more": today.more,
        "many": len(today.rows),
    }
    return render(request, "casework/doors.html", context)


def _door(actor: Actor, row: CaseRow, now: Any) -> dict[str, Any]:
    """Return one card: who, where, why, what to ask, what could be had, and the ways that take one tap."""
    detail = case_get(actor, case_id=row.id, now=now, lang=lang())
    forms = forms_of(detail)
    places = region_path(row.region)
    card = card_of(row)
    path = [place.name(lang()) for place in places if place.level in ("county", "town", "village")]
    whole = "".join(place.zh for place in places) + card.address
    return {
        "row": row,
        "card": card,
        "path": path,
        "step": detail.workflow.steps.get(row.state),
        "map": f"geo:0,0?q={quote(whole)}",
        "taps": [form for form in forms if form.bare],
        "others": [form for form in forms if not form.bare and not form.first],
        "may_work": detail.may_work,
        "state": row.state,
    }
