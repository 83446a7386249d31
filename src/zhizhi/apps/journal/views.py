"""The journal: can anyone have changed the past? State of the ledger, events, receipts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from zhizhi.apps.accounts.selectors.regions import region_names
from zhizhi.apps.actors import Permission
from zhizhi.apps.gate import page, who
from zhizhi.apps.journal import selectors
from zhizhi.apps.journal.forms import ReceiptForm
from zhizhi.apps.journal.jobs import verify_ledger
from zhizhi.apps.journal.schemas import EventView, LedgerStatus, label_of
from zhizhi.apps.journal.selectors import COUNT_LIMIT, EventFilter
from zhizhi.apps.journal.services.exports import events_export
from zhizhi.apps.journal.services.receipts import ledger_archive, receipt_make
from zhizhi.apps.journal.services.verification import ledger_verify
from zhizhi.apps.wording import lang, t
from zhizhi.engines.ledger.event_receipts import Checked
from zhizhi.engines.ledger.receipts import RECEIPT_LIMIT
from zhizhi.kernel.errors import UsageError, ZhizhiError
from zhizhi.kernel.messages import catalogue

Answer = TypeVar("Answer", bound=HttpResponseBase)
ROWS = 50
AT_ONCE = 50_000
"""Ledgers up to this size are verified while the reader waits (about a second)."""
FILTERS = ("name", "actor", "subject", "region", "since", "until")
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
RECEIPT_TYPE = "text/plain; charset=utf-8"


@page(Permission.JOURNAL_VIEW, filters={*FILTERS, "page"})
def events_page(request: HttpRequest) -> HttpResponse:
    """Show where the ledger stands, and the events that the filters ask for."""
    actor = who(request)
    query = {name: request.GET.get(name, "") for name in FILTERS}
    wanted = EventFilter.of(query)
    number = _number(request.GET.get("page", "1"))
    events, total = selectors.event_list(actor, wanted, start=(number - 1) * ROWS, limit=ROWS + 1)
    status = selectors.ledger_status(actor, now=timezone.now())
    context = {
        "status": status,
        "facts": _tiles(status),
        "verification": _verified(status),
        "witnesses": [(witness, _fault(witness.failure, witness.params)) for witness in status.witnesses],
        "fault": _fault(status.fault, status.params),
        "minutes": int(status.waiting_seconds // 60),
        "events": [(event, t(label_of(event.name)), _about(event.subjects)) for event in events[:ROWS]],
        "total": total,
        "many": total > COUNT_LIMIT,
        "limit": COUNT_LIMIT,
        "number": number,
        "more": len(events) > ROWS,
        "first": (number - 1) * ROWS + 1,
        "last": (number - 1) * ROWS + len(events[:ROWS]),
        "query": query,
        "names": sorted((t(label_of(name)), name) for name in selectors.event_names()),
        "chips": _chips(request, query),
        "form": ReceiptForm(),
        "may_verify": actor.may(Permission.LEDGER_VERIFY) and not actor.viewing,
        "may_export": actor.may(Permission.JOURNAL_EXPORT) and not actor.viewing,
    }
    return render(request, "journal/events.html", context)


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 100_000:
        raise UsageError("web.bad-request")
    return int(text)


def _fault(code: str, params: Any) -> str:
    return t(code, **params) if code else ""


def _tiles(status: LedgerStatus) -> dict[str, str]:
    """Kinds of the four figures on top: done, attention or urgent."""
    verified = status.verification
    failing = any(witness.failing_since for witness in status.witnesses)
    return {
        "size": "urgent" if status.fault else "done" if status.size else "neutral",
        "waiting": "urgent" if status.late else "done" if not status.waiting else "neutral",
        "verified": "unknown" if verified is None else "urgent" if verified.found else "done",
        "witnesses": "unknown" if not status.witnesses else "attention" if failing else "done",
    }


def _verified(status: LedgerStatus) -> dict[str, Any] | None:
    seen = status.verification
    if seen is None:
        return None
    findings = [t(str(finding["code"]), **finding["params"]) for finding in seen.findings[:20]]
    return {"seen": seen, "findings": findings, "since": status.size - seen.size}


@dataclass(frozen=True, slots=True)
class Subject:
    """What an event is about, in words; ``whole`` is false for a pseudonym that was cut short."""

    raw: str
    text: str
    whole: bool


def _about(subjects: Sequence[str]) -> list[Subject]:
    """Subjects in words where the kind has one: case:12 is 案件 12."""
    found = []
    for raw in subjects:
        kind, _, key = raw.partition(":")
        code = f"journal.kind-{kind}"
        found.append(Subject(raw, f"{t(code)} {key}" if code in catalogue() else raw, not raw.endswith("…")))
    return found


def _chips(request: HttpRequest, query: dict[str, str]) -> list[dict[str, str]]:
    chips = []
    for name, value in query.items():
        if value:
            left = request.GET.copy()
            del left[name]
            left.pop("page", None)
            shown = t(label_of(value)) if name == "name" else _about([value])[0].text if name == "subject" else value
            chips.append({"label": f"{t(f'journal.filter-{name}')} {shown}", "url": f"?{left.urlencode()}"})
    return chips


@page(Permission.JOURNAL_VIEW)
def event_page(request: HttpRequest, event: int) -> HttpResponse:
    """Show one event and what the ledger holds of it."""
    actor = who(request)
    if event >= 2**63:
        raise Http404
    seen: EventView = selectors.event_get(actor, event)
    try:
        sealed, fault = selectors.event_sealed(actor, event), ""
    except ZhizhiError as error:
        sealed, fault = None, error.text(lang())
    context = {
        "event": seen,
        "label": t(label_of(seen.name)),
        "about": _about(seen.subjects),
        "entry": sealed[0] if sealed else None,
        "sound": sealed[1] if sealed else None,
        "fault": fault,
        "case": next((one.removeprefix("case:") for one in seen.subjects if one.startswith("case:")), ""),
        "may_receipt": actor.may(Permission.CASE_VIEW),
    }
    return render(request, "journal/event.html", context)


@page(Permission.JOURNAL_EXPORT, filters=FILTERS)
@require_POST
def events_export_page(request: HttpRequest) -> HttpResponse:
    """Send the list, as filtered, as a workbook."""
    tongue = lang()
    wanted = EventFilter.of({name: request.GET.get(name, "") for name in FILTERS})
    data = events_export(who(request), wanted=wanted, now=timezone.now(), t=t, names=lambda codes: region_names(codes, tongue))
    return _attached(HttpResponse(data, content_type=XLSX), "events.xlsx")


def _attached(response: Answer, name: str) -> Answer:
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "no-store"
    return response


@page(Permission.LEDGER_VERIFY)
@require_POST
def verify_page(request: HttpRequest) -> HttpResponse:
    """Verify ledger and journal: at once, or as a job where the ledger is large."""
    actor = who(request)
    status = selectors.ledger_status(actor, now=timezone.now())
    if status.size > AT_ONCE:
        verify_ledger.enqueue(actor.post_id)
        messages.info(request, t("journal.verify-queued", n=f"{status.size:,}"))
    else:
        seen = ledger_verify(actor, now=timezone.now())
        if seen.found:
            messages.error(request, t("journal.verify-failed", n=seen.found))
        else:
            messages.success(request, t("journal.verify-done", n=f"{seen.size:,}"))
    return redirect("journal:events")


@page(Permission.JOURNAL_VIEW)
def receipt_page(request: HttpRequest) -> HttpResponse:
    """Ask for a receipt; POST says whether it holds."""
    form = ReceiptForm(request.POST, request.FILES) if request.method == "POST" else ReceiptForm()
    context: dict[str, Any] = {"form": form}
    status = 200
    if request.method == "POST":
        if getattr(request, "upload_refused", None):
            form.errors["file"] = form.error_class([t("journal.receipt-large", limit=RECEIPT_LIMIT // 1_000_000)])
            status = 413
        elif form.is_valid():
            try:
                context |= _shown(selectors.receipt_check(who(request), form.cleaned_data["file"].read(RECEIPT_LIMIT + 1)))
            except ZhizhiError as error:
                context["refused"], status = error.text(lang()), 422
        else:
            status = 422
    return render(request, "journal/receipt.html", context, status=status)


def _shown(checked: Checked) -> dict[str, Any]:
    return {
        "checked": checked,
        "subject": _about([checked.subject])[0],
        "events": [
            (
                event,
                t(label_of(event.stated["name"])),
                datetime.fromisoformat(event.stated["at"]),
                _about(event.row["subjects"]) if event.row else [],
            )
            for event in checked.events
        ],
        "witnesses": [(name, datetime.fromtimestamp(seconds, UTC)) for name, seconds in checked.witnesses.items()],
    }


@page(Permission.CASE_VIEW)
def receipt_file_page(request: HttpRequest, case: int) -> HttpResponse:
    """Send the receipt for a case."""
    if case >= 2**63:
        raise Http404
    data = receipt_make(who(request), subject=f"case:{case}", now=timezone.now())
    return _attached(HttpResponse(data, content_type=RECEIPT_TYPE), f"case-{case}.tlog-proof")


@page(Permission.JOURNAL_VIEW)
def key_page(request: HttpRequest) -> HttpResponse:
    """Send the public key, with which anybody can check a receipt or an export."""
    status = selectors.ledger_status(who(request), now=timezone.now())
    if not status.vkey:
        raise Http404
    return _attached(HttpResponse(f"{status.vkey}\n", content_type=RECEIPT_TYPE), "ledger.vkey")


@page(Permission.JOURNAL_EXPORT)
@require_POST
def ledger_export_page(request: HttpRequest) -> HttpResponseBase:
    """Send the whole ledger as one tar file, a tile at a time."""
    point, pieces = ledger_archive(who(request), now=timezone.now())
    return _attached(StreamingHttpResponse(pieces, content_type="application/x-tar"), f"ledger-{point.size}.tar")
