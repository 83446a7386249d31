"""The journal through the API: events, the ledger's state, receipts."""

from __future__ import annotations

import base64
import binascii
from datetime import date, datetime
from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Field, Query, Router, Schema

from zhizhi.apps import gate
from zhizhi.apps.actors import Permission
from zhizhi.apps.journal import selectors
from zhizhi.apps.journal.selectors import COUNT_LIMIT, EventFilter
from zhizhi.apps.journal.services.receipts import receipt_make
from zhizhi.apps.journal.services.verification import ledger_verify
from zhizhi.apps.paging import Cursor, Limit, Page, Sent, cursor_read, page_of
from zhizhi.apps.wording import lang
from zhizhi.engines.ledger.receipts import RECEIPT_LIMIT
from zhizhi.kernel.errors import InvalidError, LedgerError

router = Router()
Typed = Annotated[str, Query("", max_length=80)]
Id = Annotated[int, Field(ge=1, lt=2**63)]


class EventOut(Schema):
    """One event. Pseudonyms of households are cut short for callers who may not open household files."""

    id: int
    name: str
    at: datetime
    actor: str
    role: str
    via: str
    region: str
    purpose: str
    package: str
    package_version: str
    details: dict[str, Any]
    subjects: list[str]
    leaf: int | None = Field(description="Index in the ledger; null until sealed.")


class WitnessOut(Schema):
    """How it stands with a witness."""

    name: str
    size: int
    behind: int
    cosigned_at: datetime | None
    failing_since: datetime | None
    failure: str


class FindingOut(Schema):
    """One thing that a verification found."""

    code: str
    params: dict[str, str]


class VerificationOut(Schema):
    """One verification of the whole ledger and journal."""

    at: datetime
    actor: str
    size: int
    events: int
    found: int
    findings: list[FindingOut]
    seconds: float


class LedgerOut(Schema):
    """Where the ledger stands; ``late`` is true when an event has waited longer than five minutes to be sealed."""

    origin: str
    vkey: str
    size: int
    root: str
    sealed_at: datetime | None
    waiting: int
    waiting_seconds: float
    late: bool
    witnesses: list[WitnessOut]
    verification: VerificationOut | None
    fault: str


class ReceiptIn(Sent):
    """A receipt to be checked: the bytes of a ``.tlog-proof`` in base64."""

    receipt: str = Field(max_length=RECEIPT_LIMIT * 4 // 3 + 4)


class ProvenOut(Schema):
    """One entry that the receipt proves: what it states and, where the receipt opens it, the whole event."""

    index: int
    stated: dict[str, Any]
    row: dict[str, Any] | None


class CheckedOut(Schema):
    """Whether a receipt holds; if not, ``code`` and ``reason`` say why."""

    holds: bool
    code: str = ""
    reason: str = ""
    subject: str = ""
    origin: str = ""
    size: int = 0
    events: list[ProvenOut] = Field(default_factory=list)
    witnesses: dict[str, int] = Field(default_factory=dict, description="Name of a witness -> POSIX time.")


@router.get("/events", response=Page[EventOut], summary="Events")
@gate.api(Permission.JOURNAL_VIEW)
def events_get(
    request: HttpRequest,
    limit: Limit = 50,
    cursor: Cursor = "",
    name: Typed = "",
    actor: Typed = "",
    subject: Typed = "",
    region: Typed = "",
    since: date | None = None,
    until: date | None = None,
) -> dict[str, Any]:
    """List the events of the caller's regions, newest first. ``count`` is null above 10,000."""
    before = cursor_read(cursor, int)
    asked = {"name": name, "actor": actor, "subject": subject, "region": region, "since": since or "", "until": until or ""}
    wanted = EventFilter.of(asked)
    found, total = selectors.event_list(gate.who(request), wanted, before=before[0] if before else None, limit=limit + 1)
    return page_of(found, limit, lambda event: (event.id,), total if total <= COUNT_LIMIT else None)


@router.get("/events/{int:event}", response=EventOut, summary="An event")
@gate.api(Permission.JOURNAL_VIEW)
def event_get(request: HttpRequest, event: Id) -> Any:
    """Return one event."""
    return selectors.event_get(gate.who(request), event)


@router.get("/ledger", response=LedgerOut, summary="State of the ledger")
@gate.api(Permission.JOURNAL_VIEW)
def ledger_get(request: HttpRequest) -> Any:
    """Return where the ledger stands: size, root, what waits, witnesses, last verification."""
    return selectors.ledger_status(gate.who(request), now=timezone.now())


@router.get("/verifications", response=list[VerificationOut], summary="Verifications")
@gate.api(Permission.JOURNAL_VIEW)
def verifications_get(request: HttpRequest) -> Any:
    """Return the last twenty verifications, newest first."""
    return selectors.verification_list(gate.who(request))


@router.post("/verifications", response={201: VerificationOut}, summary="Verify")
@gate.api(Permission.LEDGER_VERIFY)
def verifications_post(request: HttpRequest) -> Any:
    """Verify the whole ledger and journal now; a million events take some ten seconds."""
    return ledger_verify(gate.who(request), now=timezone.now())


@router.get("/cases/{int:case}/receipt", summary="Receipt of a case", openapi_extra={
    "responses": {200: {"description": "The receipt.", "content": {"text/plain": {"schema": {"type": "string"}}}}}
})  # fmt: skip
@gate.api(Permission.CASE_VIEW)
def receipt_get(request: HttpRequest, case: Id) -> HttpResponse:
    """Return the ``.tlog-proof`` of everything that the ledger holds about a case."""
    data = receipt_make(gate.who(request), subject=f"case:{case}", now=timezone.now())
    return HttpResponse(data, content_type="text/plain; charset=utf-8")


@router.post("/receipts/check", response=CheckedOut, summary="Check a receipt")
@gate.api(Permission.JOURNAL_VIEW)
def receipt_check_post(request: HttpRequest, body: ReceiptIn) -> dict[str, Any]:
    """Say whether a receipt holds."""
    try:
        data = base64.b64decode(body.receipt, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidError("journal.receipt-base64", field="receipt") from error
    try:
        checked = selectors.receipt_check(gate.who(request), data)
    except LedgerError as error:
        return {"holds": False, "code": error.code, "reason": error.text(lang())}
    return {
        "holds": True,
        "subject": checked.subject,
        "origin": checked.checkpoint.origin,
        "size": checked.checkpoint.size,
        "events": checked.events,
        "witnesses": checked.witnesses,
    }
