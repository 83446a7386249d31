"""Borders for the maps of pages: the parts of a region that the caller sees, as GeoJSON."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from zhizhi.apps.accounts.selectors.regions import region_children
from zhizhi.apps.actors import Actor, Permission
from zhizhi.apps.configuration import configuration
from zhizhi.apps.gate import page
from zhizhi.backends.borders import borders_cut
from zhizhi.kernel.errors import NotFoundError


@require_safe
@page(Permission.SELF)
@cache_control(private=True, max_age=86_400)
def borders(request: HttpRequest, code: str) -> HttpResponse:
    """Answer the borders of the regions right below ``code`` that the post sees; for a region without any, its own outline."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    if not actor.sees(code):
        raise NotFoundError("web.not-found")
    settings = configuration()
    own = settings.path("region_geojson") if settings.region_geojson else None
    codes = [place.code for place in region_children(actor, code)] or [code]
    return HttpResponse(borders_cut(codes, own=own, kept_in=settings.home / "borders"), content_type="application/geo+json")
