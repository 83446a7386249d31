"""The two pages that belong to no app: where to begin, and whether the process lives."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from zhizhi.apps.actors import Actor, Permission, Role
from zhizhi.apps.gate import everybody
from zhizhi.web.context import NAVIGATION

FIRST = {
    Role.DATA_STEWARD: "catalogue:datasets",
    Role.AUDITOR: "journal:events",
    Role.ADMINISTRATOR: "accounts:administration",
}
"""First pages of the roles whose work does not begin with the first thing that they may see."""


@everybody("sends people to their first page, or to the login; shows nothing")
def start(request: HttpRequest) -> HttpResponse:
    """Send a person to the first page of her post: the cockpit, a village worker to her doors, others as ``FIRST`` says."""
    actor: Actor | None = getattr(request, "actor", None)
    if actor is None:
        return HttpResponseRedirect(reverse("accounts:login"))
    seen = (name for name, _, _, permission in NAVIGATION if actor.may(permission) and permission is not Permission.POLICY_VIEW)
    first = FIRST.get(actor.role) if actor.role else None
    return HttpResponseRedirect(reverse(first or next(seen, "accounts:profile")))


@everybody("a load balancer asks it; it says only that the process answers")
def alive(request: HttpRequest) -> HttpResponse:
    """Say that the process answers."""
    return HttpResponse("ok", content_type="text/plain")
