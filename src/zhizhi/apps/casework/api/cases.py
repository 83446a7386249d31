"""One case and lists of cases."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, BinaryIO, cast

from django.http import FileResponse, HttpRequest
from django.utils import timezone
from ninja import File, Query, Router, Status
from ninja.files import UploadedFile

from zhizhi.apps.actors import Actor
from zhizhi.apps.actors import Permission as P
from zhizhi.apps.casework.api.shapes import (
    LARGEST,
    CaseDetailOut,
    CasePageOut,
    ChangeIn,
    CommentIn,
    DraftIn,
    FilterIn,
    IdOut,
    LinkIn,
    MergeIn,
    MovedOut,
    MoveIn,
    PauseIn,
    PostOut,
    ReasonIn,
    ToPostIn,
)
from zhizhi.apps.casework.schemas import CaseDraft, Moved, filter_from
from zhizhi.apps.casework.selectors.cases import case_list
from zhizhi.apps.casework.selectors.detail import attachment_path, case_get, posts_for
from zhizhi.apps.casework.services.attachments import attachment_add, attachment_remove
from zhizhi.apps.casework.services.cases import case_open
from zhizhi.apps.casework.services.comments import comment_add
from zhizhi.apps.casework.services.holders import case_assign, case_hand_over, case_take
from zhizhi.apps.casework.services.links import case_link, case_merge
from zhizhi.apps.casework.services.steps import case_move, case_pause, case_reopen, case_resume
from zhizhi.apps.gate import api
from zhizhi.apps.wording import lang
from zhizhi.kernel.errors import NotFoundError

router = Router()


class Request(HttpRequest):
    """A request that has passed the gate."""

    actor: Actor


@router.get("/cases", response=CasePageOut, summary="List cases; unknown filters are errors")
@api(P.CASE_VIEW)
def cases(request: Request, wanted: Query[FilterIn]) -> Any:
    """Return a page of cases. Filters: status, state, region, severity, policy, outcome, kind, holder, dates, q, sort."""
    given = {name: str(value) for name, value in request.GET.items() if name not in ("limit", "cursor")}
    found = filter_from(given)
    page = case_list(request.actor, wanted=found, now=timezone.now(), after=wanted.cursor, size=wanted.limit)
    return {"items": [_plain(row) for row in page.rows], "total": page.total, "cursor": page.after}


@router.post("/cases", response={201: IdOut}, summary="Open a case")
@api(P.CASE_OPEN)
def open_case(request: Request, body: DraftIn) -> Any:
    """Open a case; with a key, opening twice opens once."""
    return Status(201, {"id": case_open(request.actor, draft=CaseDraft(**body.dict()), now=timezone.now())})


@router.get("/cases/{case_id}", response=CaseDetailOut, summary="Read a case")
@api(P.CASE_VIEW)
def read_case(request: Request, case_id: int) -> Any:
    """Return one case with its timeline and what the caller may do now."""
    found = case_get(request.actor, case_id=_id(case_id), now=timezone.now(), lang=lang())
    names = ("kind", "package", "package_version", "findings", "deadline", "paused_at", "pause_reason", "pause_until")
    more = {name: getattr(found, name) for name in (*names, "escalated_to", "reopened", "merged_into", "attachments", "links")}
    step = found.workflow.steps.get(found.row.state)
    return {
        **_plain(found.row),
        **more,
        "timeline": [
            {**_plain(entry), "answers": {field.id: value for field, value in entry.answers}} for entry in found.timeline
        ],
        "ways": [
            {
                **_plain(way),
                "fields": [
                    {**_plain(field), "choices": [choice.id for choice in field.choices]}
                    for field in (step.form if step else ())
                    if way.fields is None or field.id in way.fields
                ],
            }
            for way in found.ways
        ],
    }


@router.post("/cases/{case_id}/moves", response=MovedOut, summary="Take a step")
@api(P.CASE_WORK)
def move(request: Request, case_id: int, body: MoveIn) -> Moved:
    """Go a way out of the case's step."""
    return case_move(
        request.actor,
        case_id=_id(case_id),
        version=body.version,
        way_id=body.way,
        answers=body.answers,
        reason=body.reason,
        outcome=body.outcome,
        key=body.key,
        now=timezone.now(),
    )


@router.post("/cases/{case_id}/assign", response=MovedOut, summary="Assign a case to a post")
@api(P.CASE_ASSIGN)
def assign(request: Request, case_id: int, body: ToPostIn) -> Moved:
    """Give the case to a post."""
    given = {"version": body.version, "post_id": body.post, "note": body.note, "key": body.key}
    return case_assign(request.actor, case_id=_id(case_id), now=timezone.now(), **given)  # type: ignore[arg-type]


@router.post("/cases/{case_id}/hand-over", response=MovedOut, summary="Hand a case over")
@api(P.CASE_WORK)
def hand_over(request: Request, case_id: int, body: ToPostIn) -> Moved:
    """Hand one's case over to another post."""
    given = {"version": body.version, "post_id": body.post, "note": body.note, "key": body.key}
    return case_hand_over(request.actor, case_id=_id(case_id), now=timezone.now(), **given)  # type: ignore[arg-type]


@router.post("/cases/{case_id}/take", response=MovedOut, summary="Take a case that nobody holds")
@api(P.CASE_WORK)
def take(request: Request, case_id: int, body: ChangeIn) -> Moved:
    """Take a case."""
    return case_take(request.actor, case_id=_id(case_id), version=body.version, key=body.key, now=timezone.now())


@router.post("/cases/{case_id}/pause", response=MovedOut, summary="Stop the clock")
@api(P.CASE_WORK)
def pause(request: Request, case_id: int, body: PauseIn) -> Moved:
    """Stop the clock for a declared reason."""
    given = {"version": body.version, "reason_id": body.reason, "note": body.note, "key": body.key}
    return case_pause(request.actor, case_id=_id(case_id), now=timezone.now(), **given)  # type: ignore[arg-type]


@router.post("/cases/{case_id}/resume", response=MovedOut, summary="Let the clock run on")
@api(P.CASE_WORK)
def resume(request: Request, case_id: int, body: ChangeIn) -> Moved:
    """Let the clock run on."""
    return case_resume(request.actor, case_id=_id(case_id), version=body.version, key=body.key, now=timezone.now())


@router.post("/cases/{case_id}/reopen", response=MovedOut, summary="Open a closed case again")
@api(P.CASE_REOPEN)
def reopen(request: Request, case_id: int, body: ReasonIn) -> Moved:
    """Open a closed case again within its window."""
    given = {"version": body.version, "reason": body.reason, "key": body.key}
    return case_reopen(request.actor, case_id=_id(case_id), now=timezone.now(), **given)  # type: ignore[arg-type]


@router.post("/cases/{case_id}/merge", response=MovedOut, summary="Merge a case into another")
@api(P.CASE_LINK)
def merge(request: Request, case_id: int, body: MergeIn) -> Moved:
    """Close a case because another is the same matter."""
    given = {"version": body.version, "into_id": body.into, "reason": body.reason, "key": body.key}
    return case_merge(request.actor, case_id=_id(case_id), now=timezone.now(), **given)  # type: ignore[arg-type]


@router.post("/cases/{case_id}/links", response={204: None}, summary="Link two cases")
@api(P.CASE_LINK)
def link(request: Request, case_id: int, body: LinkIn) -> Any:
    """Link two cases."""
    case_link(request.actor, case_id=_id(case_id), other_id=body.other, kind=body.kind, now=timezone.now())
    return Status(204, None)


@router.post("/cases/{case_id}/comments", response={201: IdOut}, summary="Comment on a case")
@api(P.CASE_WORK)
def comment(request: Request, case_id: int, body: CommentIn) -> Any:
    """Add a comment."""
    return Status(201, {"id": comment_add(request.actor, case_id=_id(case_id), text=body.text, key=body.key, now=timezone.now())})


@router.get("/cases/{case_id}/posts", response=list[PostOut], summary="Posts that could take the case")
@api(P.CASE_WORK)
def posts(request: Request, case_id: int) -> Any:
    """Return the posts that the step may be given to."""
    return [_plain(post) for post in posts_for(request.actor, case_id=_id(case_id))]


@router.post("/cases/{case_id}/attachments", response={201: IdOut}, summary="Attach a file")
@api(P.CASE_WORK)
def attach(request: Request, case_id: int, file: UploadedFile = File(...)) -> Any:  # type: ignore[type-arg]  # noqa: B008
    """Store a picture or PDF with the case."""
    made = attachment_add(
        request.actor, case_id=_id(case_id), name=file.name or "", content=cast(BinaryIO, file.file), now=timezone.now()
    )
    return Status(201, {"id": made})


@router.get("/attachments/{attachment_id}", summary="Fetch a file", response={200: None})
@api(P.CASE_VIEW)
def fetch(request: Request, attachment_id: int) -> Any:
    """Return the content of a file."""
    found, path = attachment_path(request.actor, attachment_id=_id(attachment_id))
    return FileResponse(path.open("rb"), content_type=found.media_type, filename=found.name, as_attachment=True)


@router.delete("/attachments/{attachment_id}", response={204: None}, summary="Remove a file")
@api(P.CASE_WORK)
def detach(request: Request, attachment_id: int) -> Any:
    """Take a file off its case."""
    attachment_remove(request.actor, attachment_id=_id(attachment_id), now=timezone.now())
    return Status(204, None)


def _id(number: int) -> int:
    """Return an id that the database can be asked for; one that it cannot hold is of nothing."""
    if not 0 < number <= LARGEST:
        raise NotFoundError("casework.not-found", number=number)
    return number


def _plain(value: Any) -> dict[str, Any]:
    """Return the fields of a view by name."""
    return {item.name: getattr(value, item.name) for item in fields(value)}
