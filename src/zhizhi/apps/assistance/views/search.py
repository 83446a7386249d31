"""The search in the header: cases, households, policies, data; and a household by the number on somebody's card."""

from __future__ import annotations

import re
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from zhizhi.apps.actors import Actor, Permission
from zhizhi.apps.assistance.selectors.household import household_find, household_region
from zhizhi.apps.assistance.selectors.packages import package_in_use, screening_date
from zhizhi.apps.casework.schemas import CaseFilter
from zhizhi.apps.casework.selectors.cases import case_list, case_rows
from zhizhi.apps.casework.selectors.narrowing import number_of
from zhizhi.apps.catalogue.selectors.search import search as data_search
from zhizhi.apps.gate import page, who
from zhizhi.apps.wording import lang, t
from zhizhi.kernel.errors import LakeError, NotFoundError, PackageError, UnavailableError, UsageError

_PSEUDONYM = re.compile(r"[0-9a-f]{24}")
_CASE = re.compile(r"\d{6}-\d{4}-\d{7}|#\d{1,12}")
_PERSON = re.compile(r"\d{15}|\d{17}[\dXx]")
MOST = 10


@never_cache
@page(Permission.SELF, filters=("q",))
def search(request: HttpRequest) -> HttpResponse:
    """Find what the words mean within the post's sight; a number that means one thing leads straight to it."""
    actor, text = who(request), request.GET.get("q", "").replace("\x00", "").strip()[:100]
    context: dict[str, Any] = {"q": text, "may_find": actor.may(Permission.HOUSEHOLD_VIEW)}
    if _PERSON.fullmatch(text.replace(" ", "")):
        messages.warning(request, t("search.not-here"))
        return HttpResponseRedirect(reverse("assistance:search"))  # away from the address that holds the number
    target = _straight(actor, text)
    if target:
        return HttpResponseRedirect(target)
    if text:
        context |= {"cases": _cases(actor, text), "policies": _policies(text), "data": _data(actor, text)}
        context["nothing"] = not any(context[name] for name in ("cases", "policies", "data"))
    return render(request, "assistance/search.html", context)


@never_cache
@page(Permission.HOUSEHOLD_VIEW)
@require_POST
def find_household(request: HttpRequest) -> HttpResponse:
    """Find a household by its number or by a member's resident id: sent in a form, so that no log and no address holds it."""
    actor, number = who(request), request.POST.get("number", "").strip()
    try:
        found = household_find(actor, number, on=screening_date(timezone.now()))
    except (NotFoundError, LakeError) as error:
        context = {"q": "", "may_find": True, "told": error.text(lang())}
        return render(request, "assistance/search.html", context, status=404 if isinstance(error, NotFoundError) else 503)
    return HttpResponseRedirect(f"{reverse('assistance:household', args=[found])}?purpose=visit")


def _straight(actor: Actor, text: str) -> str:
    """Return the address that a case number or a household code means to this post, or nothing."""
    if _CASE.fullmatch(text) and actor.may(Permission.CASE_VIEW):
        number = number_of(text.replace("#", ""))
        if number and case_rows(actor, ids=[number], now=timezone.now()):
            return reverse("casework:case", args=[number])
    if _PSEUDONYM.fullmatch(text) and actor.may(Permission.HOUSEHOLD_VIEW):
        try:
            household_region(actor, text, on=screening_date(timezone.now()))
        except (NotFoundError, LakeError):
            return ""
        return reverse("assistance:household", args=[text])
    return ""


def _cases(actor: Actor, text: str) -> list[Any]:
    if not actor.may(Permission.CASE_VIEW):
        return []
    try:
        return list(case_list(actor, wanted=CaseFilter(q=text), now=timezone.now(), size=MOST, count=False).rows)
    except (UsageError, UnavailableError):
        return []  # words that are no search, or no calendar yet: the list of cases says which


def _policies(text: str) -> list[Any]:
    try:
        policies = package_in_use().policies.values()
    except PackageError:
        return []
    sought = text.casefold()
    return [item for item in policies if any(sought in str(title).casefold() for title in (item.id, *item.title.values()))][:MOST]


def _data(actor: Actor, text: str) -> list[Any]:
    return data_search(actor, text, limit=MOST) if actor.may(Permission.DATASET_VIEW) else []
