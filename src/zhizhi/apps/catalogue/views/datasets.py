"""The list of datasets with its search, the page of one dataset, and the export of the catalogue."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from zhizhi.apps import gate
from zhizhi.apps.actors import Actor, Permission
from zhizhi.apps.catalogue.schemas import STATES
from zhizhi.apps.catalogue.selectors.datasets import FIT, SORTS, dataset_counts, dataset_get, dataset_list, owners
from zhizhi.apps.catalogue.selectors.dcat import MEDIA_TYPE, dcat
from zhizhi.apps.catalogue.selectors.quarantine import groups, lines, may_see_rows, todo_counts
from zhizhi.apps.catalogue.selectors.search import search
from zhizhi.apps.catalogue.selectors.sources import contract_of
from zhizhi.apps.catalogue.selectors.uploads import may_load, upload_list
from zhizhi.apps.catalogue.services.sync import catalogue_sync
from zhizhi.apps.configuration import configuration
from zhizhi.apps.journal.schemas import EventView, label_of
from zhizhi.apps.journal.selectors import events_about
from zhizhi.apps.wording import lang, t

FILTERS = ("owner", "state", "grade", "fit")
GRADES = ("L1", "L2", "L3", "L4")


@gate.page(Permission.DATASET_VIEW, filters={*FILTERS, "sort", "q"})
def dataset_list_page(request: HttpRequest) -> HttpResponse:
    """Show all datasets, or what a search finds."""
    actor, now = gate.who(request), timezone.now()
    catalogue_sync(Actor.system("catalogue", str(configuration().region)), now=now)
    text = request.GET.get("q", "").strip()
    asked = {name: request.GET.get(name, "") for name in FILTERS}
    rows = dataset_list(actor, now=now, sort=request.GET.get("sort", ""), **asked)
    counts = dataset_counts(actor, now=now)
    context = {
        "q": text,
        "found": search(actor, text) if text else None,
        "rows": rows,
        "counts": counts,
        "states": [(name, counts[name]) for name in STATES],
        "owners": owners(actor),
        "grades": GRADES,
        "fits": FIT,
        "sorts": SORTS,
        "asked": {**asked, "sort": request.GET.get("sort", "")},
        "chips": _chips(request, actor, asked),
        "todo": todo_counts(actor),
        "may_load": actor.may(Permission.DATASET_LOAD),
        "uploads": upload_list(actor, limit=5) if actor.may(Permission.DATASET_LOAD) else [],
    }
    return render(request, "catalogue/datasets.html", context)


def _chips(request: HttpRequest, actor: Actor, asked: dict[str, str]) -> list[dict[str, str]]:
    chips = []
    for name, value in asked.items():
        if value:
            left = request.GET.copy()
            del left[name]
            words = {"state": f"catalogue.state-{value}", "grade": f"catalogue.grade-{value}", "fit": f"catalogue.{value}"}
            label = t(words[name]) if name in words else next((o.name(lang()) for o in owners(actor) if o.id == value), value)
            chips.append({"label": label, "url": f"?{left.urlencode()}"})
    return chips


@gate.page(Permission.DATASET_VIEW)
def dataset_page(request: HttpRequest, dataset: str) -> HttpResponse:
    """Show everything about one dataset that is no personal data."""
    actor, now = gate.who(request), timezone.now()
    catalogue_sync(Actor.system("catalogue", str(configuration().region)), now=now)
    shown = dataset_get(actor, dataset, now=now)
    contract = contract_of(dataset)
    listed: Any = groups(contract, lines(actor, dataset)) if actor.may(Permission.QUARANTINE_VIEW) else ()
    context = {
        "dataset": shown,
        "row": shown.row,
        "groups": listed,
        "waiting": sum(group.waiting for group in listed),
        "sees_rows": may_see_rows(actor),
        "may_answer": actor.may(Permission.QUARANTINE_ANSWER),
        "may_load": may_load(actor, contract),
        "reads": _reads(actor, dataset),
    }
    return render(request, "catalogue/dataset.html", context)


def _reads(actor: Actor, dataset: str) -> list[tuple[EventView, str]] | None:
    """Return what the journal tells about a dataset, for its stewards and those who may read the journal; None for others."""
    if not (actor.may(Permission.QUARANTINE_VIEW) or actor.may(Permission.JOURNAL_VIEW)):
        return None
    return [(event, t(label_of(event.name))) for event in events_about(actor, f"dataset:{dataset}", limit=30)]


@gate.page(Permission.DATASET_VIEW)
def dcat_page(request: HttpRequest) -> HttpResponse:
    """Return the catalogue as DCAT-AP in JSON-LD: descriptions only."""
    actor = gate.who(request)
    root = request.build_absolute_uri(reverse("start"))
    response = JsonResponse(
        dcat(actor, root=root, now=timezone.now()),
        content_type=MEDIA_TYPE,
        json_dumps_params={"ensure_ascii": False, "indent": 1},
    )
    response["Content-Disposition"] = 'attachment; filename="catalogue.jsonld"'
    return response
