"""One household, one file: read on purpose, and every reading leaves its trace."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from zhizhi.apps.accounts.selectors.regions import region_path
from zhizhi.apps.actors import Actor, Permission
from zhizhi.apps.assistance.forms import AidForm, RevealForm
from zhizhi.apps.assistance.schemas import AID_KINDS, AidList
from zhizhi.apps.assistance.selectors.aid import aid_list
from zhizhi.apps.assistance.selectors.household import HouseholdFile, household_file, yuan
from zhizhi.apps.assistance.selectors.needs import need_of
from zhizhi.apps.assistance.selectors.packages import screening_date
from zhizhi.apps.assistance.services.aid import aid_record
from zhizhi.apps.assistance.services.households import household_read
from zhizhi.apps.assistance.services.identity import household_reveal
from zhizhi.apps.casework.selectors.cases import cases_of_household
from zhizhi.apps.casework.selectors.detail import timeline_of
from zhizhi.apps.gate import page, who
from zhizhi.apps.journal.schemas import is_read, label_of
from zhizhi.apps.journal.selectors import events_about, reads_of
from zhizhi.apps.wording import lang, t
from zhizhi.backends.register import Identity
from zhizhi.kernel.errors import InvalidError, NotFoundError

FILTERS = ("purpose", "policy", "case")
READERS = 20


@never_cache
@page(Permission.HOUSEHOLD_VIEW, filters=FILTERS)
def household(request: HttpRequest, pseudonym: str) -> HttpResponse:
    """Show a household's file; with a form sent, also who they are in clear."""
    now = timezone.now()
    if request.method != "POST":
        return household_page(request, pseudonym, now, RevealForm())
    form = RevealForm(request.POST)
    if form.is_valid():
        actor, on = who(request), screening_date(now)
        try:
            revealed = household_reveal(actor, household=pseudonym, on=on, now=now, **form.cleaned_data)
        except InvalidError as error:
            form.add_error(str(error.params.get("field", "reason")), error.text(lang()))
        else:
            return household_page(request, pseudonym, now, RevealForm(), revealed)
    return household_page(request, pseudonym, now, form, status=422)


def household_page(
    request: HttpRequest,
    pseudonym: str,
    now: datetime,
    form: RevealForm,
    revealed: list[Identity] | None = None,
    status: int = 200,
    aid_form: AidForm | None = None,
) -> HttpResponse:
    """Draw the file; that it is read is written before anything is shown."""
    actor, case = who(request), _case(request)
    purpose = request.GET.get("purpose") or ("case" if case else "check")
    before = reads_of(actor, pseudonym, limit=READERS)
    household_read(actor, household=pseudonym, purpose=purpose, case_id=case, now=now)
    file = household_file(actor, pseudonym, on=screening_date(now), lang=lang(), policy=request.GET.get("policy", ""))
    places = [place for place in region_path(file.region) if place.level in ("county", "town", "village")]
    context: dict[str, Any] = {
        "file": file,
        "name": _name(file),
        "path": [place.name(lang()) for place in places],
        "wanted": request.GET.get("policy", ""),
        "case_id": case,
        "case_text": str(case or ""),
        "form": form,
        "clear": revealed,
        "aid_form": aid_form or AidForm(initial={"key": uuid.uuid4().hex}, auto_id="aid_%s"),
        "may_record": actor.may(Permission.AID_RECORD) and not actor.viewing,
        "may_reveal": file.names and not actor.viewing,
        **_aid(aid_list(actor, household=pseudonym, on=file.on)),
        "needs": need_of(findings={row.policy for row in file.entitlements if row.finding}, answers=_answers(actor, case)),
        "cases": cases_of_household(actor, household=pseudonym, now=now) if actor.may(Permission.CASE_VIEW) else [],
        "events": [
            {"event": event, "what": t(label_of(event.name)), "by": event.actor if event.role else t("cases.by-system")}
            for event in events_about(actor, f"household:{pseudonym}", limit=READERS * 3)
            if not is_read(event.name)
        ][:READERS],
        "readers": [{"event": event, "what": t(label_of(event.name)), "why": _why(event.purpose)} for event in before],
    }
    return render(request, "assistance/household.html", context, status=status)


@never_cache
@page(Permission.AID_RECORD, filters=("case",))
@require_POST
def record_aid(request: HttpRequest, pseudonym: str) -> HttpResponse:
    """Write down one piece of aid that the household had."""
    now, form = timezone.now(), AidForm(request.POST, auto_id="aid_%s")
    if form.is_valid():
        given = form.cleaned_data
        try:
            aid_record(
                who(request),
                household=pseudonym,
                kind=given["kind"],
                title=given["title"],
                value_fen=form.value_fen,
                quantity=given["quantity"],
                given_on=given["given_on"],
                source=given["source"],
                case_id=_case(request),
                key=given["key"] or None,
                now=now,
            )
        except InvalidError as error:
            named = {"value_fen": "value"}.get(str(error.params.get("field")), str(error.params.get("field")))
            form.add_error(named if named in form.fields else None, error.text(lang()))
        else:
            messages.success(request, t("household.aid-recorded"))
            return HttpResponseRedirect(reverse("assistance:household", args=[pseudonym]))
    return household_page(request, pseudonym, now, RevealForm(), status=422, aid_form=form)


@never_cache
@page(Permission.HOUSEHOLD_VIEW, filters=FILTERS)
def beside(request: HttpRequest, pseudonym: str) -> HttpResponse:
    """Show the short form of a file beside a case: members, and what the policies say. Reading it is written like the whole."""
    actor, case, now = who(request), _case(request), timezone.now()
    household_read(actor, household=pseudonym, purpose=request.GET.get("purpose") or "case", case_id=case, now=now)
    file = household_file(actor, pseudonym, on=screening_date(now), lang=lang())
    return render(request, "assistance/household_beside.html", {"file": file, "case_id": case})


def _answers(actor: Actor, case: int | None) -> dict[str, Any]:
    """Return what was answered at the door in the case for which the file is read: it says more of needs than records do."""
    if case is None or not actor.may(Permission.CASE_VIEW):
        return {}
    try:
        lines = timeline_of(actor, case_id=case)
    except NotFoundError:
        return {}
    return {field.id: value for line in lines for field, value in line.answers}


def _case(request: HttpRequest) -> int | None:
    given = request.GET.get("case", "")
    return int(given) if given.isdigit() and len(given) < 18 else None


def _why(purpose: str) -> str:
    """Return a purpose in words: the code's label, and what a person wrote after it."""
    code, _, written = purpose.partition(": ")
    label = t(f"assistance.purpose-{code}") if code else ""
    return f"{label}{t('household.colon')}{written}" if written else label


def _aid(aid: AidList) -> dict[str, Any]:
    """Return the aid of the year as tiles and as rows with amounts in words."""
    units = {"money": t("household.aid-yuan"), "goods": t("household.aid-yuan"), "service": t("household.aid-times")}
    icons = {"money": "banknote", "goods": "gift", "service": "hand-helping"}
    tiles = [
        {
            "label": t(f"household.aid-{kind}"),
            "icon": icons[kind],
            "figure": f"{aid.totals.get(kind, 0):,}" if kind == "service" else yuan(aid.totals.get(kind, 0)),
            "unit": units[kind],
        }
        for kind in AID_KINDS
    ]
    rows = []
    for row in aid.rows:
        value = "" if row.value_fen is None else f"{yuan(row.value_fen)} {t('household.aid-yuan')}"
        shown = t("household.aid-monthly", amount=value) if row.monthly and value else value
        year = "" if row.this_year_fen is None else f"{yuan(row.this_year_fen)} {t('household.aid-yuan')}"
        rows.append({"aid": row, "value": " · ".join(part for part in (shown, row.quantity) if part), "year": year})
    return {"aid": aid, "aid_tiles": tiles, "aid_rows": rows}


def _name(file: HouseholdFile) -> str:
    head = next((member for member in file.members if member.relation == "head"), file.members[0] if file.members else None)
    if head is not None and head.name:
        return t("household.of", name=head.name)
    return t("household.of-code", id=file.household[:8])
