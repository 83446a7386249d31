"""All routes: each app brings its pages (``urls.py``) and its API (``api.py``)."""

from __future__ import annotations

from importlib import import_module

from django.conf.urls.i18n import i18n_patterns
from django.urls import URLPattern, URLResolver, include, path

from zhizhi.web.api import api
from zhizhi.web.borders import borders
from zhizhi.web.views import alive, start

APPS = ("accounts", "journal", "jobs", "catalogue", "casework", "assistance")


def _pages() -> list[URLPattern | URLResolver]:
    """Return the pages of every app under its prefix; an app whose pages cannot be loaded stops the start."""
    modules = [f"zhizhi.apps.{name}.urls" for name in APPS]
    return [path(import_module(module).prefix, include(module)) for module in modules]


urlpatterns = [
    path("", start, name="start"),
    path("alive", alive, name="alive"),
    path("borders/<str:code>.geojson", borders, name="borders"),
    path("api/v1/", api.urls),
    *i18n_patterns(*_pages(), prefix_default_language=True),
]

handler400 = "zhizhi.web.errors.bad_request"
handler403 = "zhizhi.web.errors.refused"
handler404 = "zhizhi.web.errors.not_found"
handler500 = "zhizhi.web.errors.server_fault"
