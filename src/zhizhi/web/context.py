"""What the frame of every page needs: product, region, navigation of the post in use."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from zhizhi.apps.accounts.selectors.regions import region_get
from zhizhi.apps.actors import Actor, Permission
from zhizhi.apps.configuration import configuration
from zhizhi.apps.wording import lang

NAVIGATION: tuple[tuple[str, str, str, Permission], ...] = (
    ("assistance:cockpit", "web.nav-cockpit", "gauge", Permission.COCKPIT_VIEW),
    ("casework:doors", "web.nav-doors", "door-open", Permission.DOORS_VIEW),
    ("casework:case-list", "web.nav-cases", "folder-open", Permission.CASE_VIEW),
    ("assistance:findings", "web.nav-findings", "search-check", Permission.FINDING_VIEW),
    ("assistance:policies", "web.nav-policies", "scale", Permission.POLICY_VIEW),
    ("assistance:warnings", "web.nav-warnings", "bell", Permission.WARNING_VIEW),
    ("catalogue:datasets", "web.nav-datasets", "database", Permission.DATASET_VIEW),
    ("journal:events", "web.nav-journal", "book-lock", Permission.JOURNAL_VIEW),
    ("accounts:administration", "web.nav-administration", "settings", Permission.ACCOUNTS_MANAGE),
)
"""Name of the url, label, icon, permission. A post sees at most seven of them."""


def frame(request: HttpRequest) -> dict[str, Any]:
    """Return the context of the frame."""
    settings = configuration()
    actor: Actor | None = getattr(request, "actor", None)
    region = region_get(settings.region) if actor else None
    here = getattr(getattr(request, "resolver_match", None), "view_name", "")
    return {
        "product": {"demo": settings.demo, "as_of": settings.as_of, "region": region.name(lang()) if region else ""},
        "actor": actor,
        "posts": getattr(request, "posts", []),
        "language": lang(),
        "navigation": [
            {
                "url": reverse(name),
                "label": label,
                "icon": icon,
                "current": _same(here, name),
            }
            for name, label, icon, permission in NAVIGATION
            if actor and actor.may(permission)
        ],
    }


_FAMILY = {
    "case": "case-list",
    "household": "findings",
    "policy": "policies",
    "whatif": "policies",
    "warning": "warnings",
    "dataset": "datasets",
    "quarantine": "datasets",
    "upload": "datasets",
    "preview": "datasets",
    "receipt": "events",
    **dict.fromkeys(("people", "person", "post", "roles", "settings", "tokens", "token", "view"), "administration"),
}


def _same(here: str, name: str) -> bool:
    app, _, page = here.partition(":")
    return name.startswith(f"{app}:") and (
        name.endswith(f":{page}") or name.endswith(f":{_FAMILY.get(page.split('-')[0], page)}")
    )
