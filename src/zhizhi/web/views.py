"""The two pages that belong to no app: where to begin, and whether the process lives."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from zhizhi.apps.actors import Actor, Permission
from zhizhi.apps.gate import everybody
from zhizhi.web.context import NAVIGATION


@everybody("sends people to their first page, or to the login; shows nothing")
def start(request: HttpRequest) -> HttpResponse:
    """Send a person to the first page of her post: the cockpit, or for a village worker her doors."""
    actor: Actor | None = getattr(request, "actor", None)
    if actor is None:
        return HttpResponseRedirect(reverse("accounts:login"))
    first = next(
        (name for name, _, _, permission in NAVIGATION if actor.may(permission) and permission is not Permission.POLICY_VIEW),
        "accounts:profile",
    )
    return HttpResponseRedirect(reverse(first))


@everybody("a load balancer asks it; it says only that the process answers")
def alive(request: HttpRequest) -> HttpResponse:
    """Say that the process answers."""
    return HttpResponse("ok", content_type="text/plain")
