"""One case: what happened, what is next, by when; and its steps taken."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from zhizhi.apps.accounts.selectors.regions import region_path
from zhizhi.apps.actors import Permission
from zhizhi.apps.casework.schemas import LINK_KINDS, CaseDetail, EntryView
from zhizhi.apps.casework.selectors.detail import case_get, posts_for
from zhizhi.apps.casework.views.cards import card_of, causes_of
from zhizhi.apps.casework.views.ways import Sent, forms_of, send, typed_of
from zhizhi.apps.gate import page, who
from zhizhi.apps.wording import lang, t
from zhizhi.kernel.errors import ConflictError, RefusedError

ENTRY_ICONS = {
    "opened": "folder-open", "found": "search-check", "assigned": "user-check", "handed-over": "user-plus", "moved": "check",
    "stayed": "clock", "returned": "undo-2", "closed": "circle-check", "reopened": "rotate-ccw", "paused": "pause",
    "resumed": "play", "escalated": "clock-alert", "linked": "link", "merged": "git-merge", "comment": "message-square",
    "attached": "paperclip", "detached": "trash-2",
}  # fmt: skip


@never_cache
@page(Permission.CASE_VIEW, filters=("way",))
def case(request: HttpRequest, case_id: int) -> HttpResponse:
    """Show a case."""
    now = timezone.now()
    detail = case_get(who(request), case_id=case_id, now=now, lang=lang())
    return case_page(request, detail, now)


@never_cache
@page(Permission.CASE_WORK)
@require_POST
def step(request: HttpRequest, case_id: int) -> HttpResponse:
    """Take a step from the case's page."""
    return _step(request, case_id, visiting=False)


@never_cache
@page(Permission.CASE_WORK, filters=("way",))
def visit(request: HttpRequest, case_id: int) -> HttpResponse:
    """The same case at the door: why, what to ask, and a short form for the step; a form sent takes it."""
    if request.method == "POST":
        return _step(request, case_id, visiting=True)
    now = timezone.now()
    detail = case_get(who(request), case_id=case_id, now=now, lang=lang())
    return visit_page(request, detail)


def _step(request: HttpRequest, case_id: int, *, visiting: bool) -> HttpResponse:
    actor, now = who(request), timezone.now()
    detail = case_get(actor, case_id=case_id, now=now, lang=lang())
    sent = send(request, actor, detail, now)
    if sent.moved is not None:
        return _gone_on(request, detail, sent, visiting)
    assert sent.error is not None
    status = 403 if isinstance(sent.error, RefusedError) else 409 if isinstance(sent.error, ConflictError) else 422
    fresh = case_get(actor, case_id=case_id, now=now, lang=lang())
    if visiting and status == 422:
        return visit_page(request, fresh, sent, status)
    return case_page(request, fresh, now, sent, status)


def _gone_on(request: HttpRequest, before: CaseDetail, sent: Sent, visiting: bool) -> HttpResponse:
    """Say what was done and lead to where the work goes on."""
    after = case_get(who(request), case_id=before.row.id, now=timezone.now(), lang=lang())
    way = next((item for item in before.workflow.transitions if item.id == sent.way and item.source == sent.state), None)
    done = way.title[lang()] if way else ""
    if way is not None and way.kind == "stay":
        messages.success(request, t("cases.done-stayed", number=after.row.number, way=done))
    elif after.row.closed_on:
        messages.success(
            request, t("cases.done-closed", number=after.row.number, outcome=after.row.outcome_title.get(lang(), ""))
        )
    else:
        messages.success(request, t("cases.done", number=after.row.number, way=done, step=after.row.state_title[lang()]))
    if not visiting:
        return HttpResponseRedirect(reverse("casework:case", args=[before.row.id]))
    goes_on = after.may_work and after.row.state != before.row.state and not after.row.closed_on
    return HttpResponseRedirect(reverse("casework:visit", args=[before.row.id]) if goes_on else reverse("casework:doors"))


def case_page(
    request: HttpRequest, detail: CaseDetail, now: datetime, sent: Sent | None = None, status: int = 200, **more: Any
) -> HttpResponse:
    """Draw a case's page; with ``sent`` what could not be taken, beside what has changed."""
    actor = who(request)
    stale = sent is not None and isinstance(sent.error, ConflictError)
    forms = forms_of(detail, sent, request.GET.get("way", ""))
    said = sent.error.text(lang()) if sent is not None and sent.error is not None else ""
    entries = [entry for entry in detail.timeline if not _is_dull(entry)]
    context = {
        "case": detail,
        "row": detail.row,
        "card": card_of(detail.row),
        "path": _path(detail.row.region),
        "found": causes_of(detail.findings),
        "steps": _steps(detail),
        "step": detail.workflow.steps.get(detail.row.state),
        "forms": forms,
        "told": said if said and not stale and not any(form.faults for form in forms) else "",
        "sent": sent,
        "stale": stale,
        "error": said,
        "changed": [_line(entry, detail) for entry in entries if entry.at >= detail.step_started][-5:] if stale else [],
        "typed": typed_of(detail, sent) if sent is not None and stale else [],
        "timeline": [_line(entry, detail) for entry in reversed(entries)],
        "posts": posts_for(actor, case_id=detail.row.id) if detail.may_hand_over else [],
        "assigns": actor.may(Permission.CASE_ASSIGN),
        "pauses": list(detail.workflow.pauses.values()),
        "link_kinds": LINK_KINDS,
        "household_url": _url("assistance:household", detail.row.household) if actor.may(Permission.HOUSEHOLD_VIEW) else "",
        "beside_url": _url("assistance:household-beside", detail.row.household) if actor.may(Permission.HOUSEHOLD_VIEW) else "",
        "receipt_url": _url("journal:receipt-file", detail.row.id),
        "now": now,
        "key": f"{detail.row.version}-{int(now.timestamp() * 1000)}",
    }
    return render(request, "casework/case.html", {**context, **more}, status=status)


def visit_page(request: HttpRequest, detail: CaseDetail, sent: Sent | None = None, status: int = 200) -> HttpResponse:
    """Draw the page for the door."""
    wanted = request.GET.get("way", "") or (sent.way if sent is not None else "")
    forms = forms_of(detail, sent, wanted)
    opened = next((form for form in forms if form.opened), None)
    context = {
        "case": detail,
        "row": detail.row,
        "card": card_of(detail.row),
        "path": _path(detail.row.region),
        "steps": _steps(detail),
        "step": detail.workflow.steps.get(detail.row.state),
        "place": next((number for number, one in enumerate(_steps(detail), start=1) if one["state"] == "now"), 0),
        "form": opened,
        "others": [form for form in forms if form is not opened],
        "household_url": _url("assistance:household", detail.row.household),
    }
    return render(request, "casework/visit.html", context, status=status)


def _path(region: str) -> list[str]:
    return [place.name(lang()) for place in region_path(region) if place.level in ("county", "town", "village")]


def _url(name: str, *args: Any) -> str:
    try:
        return reverse(name, args=args)
    except NoReverseMatch:
        return ""


def _is_dull(entry: EntryView) -> bool:
    """Whether a line only repeats another: a file that came with a step is told there."""
    return entry.kind == "attached" and bool(entry.details.get("with_step"))


def _steps(detail: CaseDetail) -> list[dict[str, Any]]:
    """Return the workflow's steps in order, each past, now or to come, with the day on which it was last left."""
    names = list(detail.workflow.steps)
    here = names.index(detail.row.state) if detail.row.state in names else len(names)
    left = {entry.state_from: entry.at for entry in detail.timeline if entry.kind in ("moved", "closed")}
    return [
        {
            "title": detail.workflow.steps[name].title,
            "state": "past" if number < here and name in left else "now" if number == here else "next",
            "at": left.get(name) if number < here else None,
        }
        for number, name in enumerate(names)
    ]


def _line(entry: EntryView, detail: CaseDetail) -> dict[str, Any]:
    """Return a line of the timeline in words."""
    tongue = lang()
    way = entry.way_title.get(tongue, "") if entry.way_title else ""
    outcome = detail.workflow.outcomes.get(entry.outcome)
    return {
        "entry": entry,
        "by": entry.actor if entry.role or entry.post_id else t("cases.by-system"),
        "icon": ENTRY_ICONS.get(entry.kind, "circle-dashed"),
        "what": t(f"cases.entry-{entry.kind}"),
        "way": way,
        "outcome": outcome.label[tongue] if outcome else "",
        "more": _more(entry, detail, tongue),
        "answers": [(question.label[tongue], _answer(question, value, tongue)) for question, value in entry.answers],
        "tone": "done"
        if entry.kind in ("moved", "closed", "opened")
        else "attention"
        if entry.kind in ("escalated", "returned")
        else "",
    }


def _more(entry: EntryView, detail: CaseDetail, tongue: str) -> str:
    details = entry.details
    if entry.kind in ("assigned", "handed-over") and details.get("name"):
        return t("cases.to-whom", name=details["name"])
    if entry.kind == "paused":
        reason = detail.workflow.pauses.get(str(details.get("reason", "")))
        return str(reason.label[tongue]) if reason else ""
    if entry.kind in ("attached", "detached"):
        return str(details.get("name", ""))
    return ""


def _answer(question: Any, value: Any, tongue: str) -> str:
    """Return an answer in words."""
    if question.type == "file":
        return t("cases.files", n=len(value))
    labels = {choice.id: choice.label[tongue] for choice in question.choices}
    if isinstance(value, list):
        return t("findings.and").join(labels.get(str(one), str(one)) for one in value)
    if isinstance(value, bool):
        return t("cases.yes" if value else "cases.no")
    return str(labels.get(str(value), f"{value} {question.unit}".strip()))
