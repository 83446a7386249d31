"""What can be done with a case beside its steps: take, give, pause, reopen, link, merge, comment, attach."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, BinaryIO, cast

from django.contrib import messages
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from zhizhi.apps.actors import Actor, Permission
from zhizhi.apps.casework.selectors.detail import attachment_get, attachment_path, case_get
from zhizhi.apps.casework.selectors.narrowing import number_of
from zhizhi.apps.casework.services.attachments import attachment_add, attachment_remove
from zhizhi.apps.casework.services.comments import comment_add
from zhizhi.apps.casework.services.holders import case_assign, case_hand_over, case_take
from zhizhi.apps.casework.services.links import case_link, case_merge
from zhizhi.apps.casework.services.steps import case_pause, case_reopen, case_resume
from zhizhi.apps.casework.views.cases import case_page
from zhizhi.apps.gate import page, who
from zhizhi.apps.wording import lang, t
from zhizhi.kernel.errors import ConflictError, InvalidError, RefusedError, UsageError, ZhizhiError

Do = Callable[[Actor, datetime], Any]


def _done(request: HttpRequest, case_id: int, said: str, do: Do) -> HttpResponse:
    """Do something to a case and return to its page; what cannot be done is told there, with what was typed kept."""
    actor, now = who(request), timezone.now()
    try:
        do(actor, now)
    except (InvalidError, ConflictError, RefusedError, UsageError) as error:
        detail = case_get(actor, case_id=case_id, now=now, lang=lang())
        return case_page(
            request, detail, now, status=_status(error), told=error.text(lang()), doing=said, kept=request.POST.dict()
        )
    messages.success(request, t(f"cases.done-{said}"))
    return HttpResponseRedirect(reverse("casework:case", args=[case_id]))


def _status(error: ZhizhiError) -> int:
    return 409 if isinstance(error, ConflictError) else 403 if isinstance(error, RefusedError) else 422


def _version(request: HttpRequest) -> int:
    given = request.POST.get("version", "")
    return int(given) if given.isdigit() and len(given) < 10 else -1


def _number(request: HttpRequest, name: str) -> int:
    """Return the case that a number names, as people write it or as an id; 0 for none."""
    text = request.POST.get(name, "").strip()
    if text.isdigit() and len(text) < 18:
        return int(text)
    return number_of(text) or 0


def _key(request: HttpRequest) -> str | None:
    return request.POST.get("key") or None


@never_cache
@page(Permission.CASE_WORK)
@require_POST
def take(request: HttpRequest, case_id: int) -> HttpResponse:
    """Take a case that nobody holds."""
    return _done(
        request,
        case_id,
        "take",
        lambda actor, now: case_take(actor, case_id=case_id, version=_version(request), key=_key(request), now=now),
    )


@never_cache
@page(Permission.CASE_WORK)
@require_POST
def give(request: HttpRequest, case_id: int) -> HttpResponse:
    """Hand a case over, or assign it."""
    chosen = request.POST.get("post", "")
    post = int(chosen) if chosen.isdigit() and len(chosen) < 18 else 0
    note = request.POST.get("note", "")

    def do(actor: Actor, now: datetime) -> None:
        given: dict[str, Any] = {"case_id": case_id, "version": _version(request), "key": _key(request), "now": now}
        if actor.may(Permission.CASE_ASSIGN):
            case_assign(actor, post_id=post, note=note, **given)
        else:
            case_hand_over(actor, post_id=post, note=note, **given)

    return _done(request, case_id, "give", do)


@never_cache
@page(Permission.CASE_WORK)
@require_POST
def pause(request: HttpRequest, case_id: int) -> HttpResponse:
    """Stop the clock for a declared reason."""
    return _done(
        request,
        case_id,
        "pause",
        lambda actor, now: case_pause(
            actor,
            case_id=case_id,
            version=_version(request),
            reason_id=request.POST.get("pause", ""),
            note=request.POST.get("note", ""),
            key=_key(request),
            now=now,
        ),
    )


@never_cache
@page(Permission.CASE_WORK)
@require_POST
def resume(request: HttpRequest, case_id: int) -> HttpResponse:
    """Let the clock run on."""
    return _done(
        request,
        case_id,
        "resume",
        lambda actor, now: case_resume(actor, case_id=case_id, version=_version(request), key=_key(request), now=now),
    )


@never_cache
@page(Permission.CASE_REOPEN)
@require_POST
def reopen(request: HttpRequest, case_id: int) -> HttpResponse:
    """Open a closed case again."""
    return _done(
        request,
        case_id,
        "reopen",
        lambda actor, now: case_reopen(
            actor,
            case_id=case_id,
            version=_version(request),
            reason=request.POST.get("reason", ""),
            key=_key(request),
            now=now,
        ),
    )


@never_cache
@page(Permission.CASE_LINK)
@require_POST
def link(request: HttpRequest, case_id: int) -> HttpResponse:
    """Link a case to another."""
    return _done(
        request,
        case_id,
        "link",
        lambda actor, now: case_link(
            actor, case_id=case_id, other_id=_number(request, "other"), kind=request.POST.get("kind", ""), now=now
        ),
    )


@never_cache
@page(Permission.CASE_LINK)
@require_POST
def merge(request: HttpRequest, case_id: int) -> HttpResponse:
    """Close a case as the same matter as another."""
    return _done(
        request,
        case_id,
        "merge",
        lambda actor, now: case_merge(
            actor,
            case_id=case_id,
            version=_version(request),
            into_id=_number(request, "into"),
            reason=request.POST.get("reason", ""),
            key=_key(request),
            now=now,
        ),
    )


@never_cache
@page(Permission.CASE_WORK)
@require_POST
def comment(request: HttpRequest, case_id: int) -> HttpResponse:
    """Add a comment."""
    return _done(
        request,
        case_id,
        "comment",
        lambda actor, now: comment_add(actor, case_id=case_id, text=request.POST.get("text", ""), key=_key(request), now=now),
    )


@never_cache
@page(Permission.CASE_WORK)
@require_POST
def attach(request: HttpRequest, case_id: int) -> HttpResponse:
    """Add files to a case."""

    def do(actor: Actor, now: datetime) -> None:
        uploads = request.FILES.getlist("file")
        if not uploads:
            raise InvalidError("cases.file-missing", field="file")
        for upload in uploads:
            attachment_add(actor, case_id=case_id, name=upload.name or "", content=cast(BinaryIO, upload), now=now)

    return _done(request, case_id, "attach", do)


@never_cache
@page(Permission.CASE_VIEW)
def attachment(request: HttpRequest, attachment_id: int) -> HttpResponseBase:
    """Send a file of a case: pictures are shown, everything else is downloaded."""
    found, path = attachment_path(who(request), attachment_id=attachment_id)
    response = FileResponse(path.open("rb"), as_attachment=not found.is_image, filename=found.name, content_type=found.media_type)
    response["X-Content-Type-Options"] = "nosniff"
    return response


@never_cache
@page(Permission.CASE_WORK)
@require_POST
def detach(request: HttpRequest, attachment_id: int) -> HttpResponse:
    """Take a file off its case."""
    _, case_id = attachment_get(who(request), attachment_id=attachment_id)
    return _done(request, case_id, "detach", lambda actor, now: attachment_remove(actor, attachment_id=attachment_id, now=now))
