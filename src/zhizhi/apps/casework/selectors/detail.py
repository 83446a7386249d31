"""One case: how it stands, why it is due when it is, all that happened, and what this actor may do now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db.models import Q

from zhizhi.apps.accounts.selectors.posts import PostView, posts_covering
from zhizhi.apps.actors import Actor, Permission, Role, in_scope
from zhizhi.apps.casework.models import Attachment, Case, CaseLink, Entry
from zhizhi.apps.casework.schemas import AttachmentView, CaseDetail, EntryView, LinkView
from zhizhi.apps.casework.selectors.calendars import calendar_now
from zhizhi.apps.casework.selectors.cases import FIELDS, number, row_of
from zhizhi.apps.casework.selectors.workflows import workflow_in
from zhizhi.apps.configuration import Configuration, configuration
from zhizhi.engines.workflow.calendar import WorkingCalendar
from zhizhi.engines.workflow.deadlines import reasons
from zhizhi.engines.workflow.definition import Workflow
from zhizhi.engines.workflow.moves import may_take, ways
from zhizhi.kernel.errors import NotFoundError, UnavailableError
from zhizhi.kernel.messages import render


def case_get(actor: Actor, *, case_id: int, now: datetime, lang: str = "zh") -> CaseDetail:
    """Return one case with everything that its page shows; ``lang`` is that of the deadline's explanation.

    Raises:
        NotFoundError: ``casework.not-found``: there is none, or none in the actor's region.
    """
    actor.require(Permission.CASE_VIEW)
    rows = Case.objects.filter(in_scope(actor), pk=case_id).select_related("workflow").defer("workflow__definition")
    case = rows.first()
    if case is None:
        raise NotFoundError("casework.not-found", number=case_id)
    calendar = calendar_now()
    workflow = workflow_in(case.workflow.digest, case.region)
    values = {name: getattr(case, name) for name in FIELDS if name != "workflow__digest"}
    row = row_of({**values, "workflow__digest": case.workflow.digest}, now, calendar)
    pauses = tuple((datetime.fromisoformat(begin), datetime.fromisoformat(end)) for begin, end in case.pauses)
    return CaseDetail(
        row=row,
        kind=case.kind,
        package=case.workflow.package,
        package_version=case.package_version,
        workflow=workflow,
        findings=case.findings,
        step_started=case.step_started,
        pauses=pauses,
        paused_at=case.paused_at,
        pause_reason=case.pause_reason,
        pause_until=case.pause_until,
        escalated_to=case.escalated_to,
        reopened=case.reopened,
        merged_into=case.merged_into_id,
        deadline=_deadline(case, workflow, calendar, pauses, lang),
        timeline=_timeline(case_id, workflow),
        attachments=_attachments(case_id),
        links=_links(actor, case_id),
        **_may(actor, case, workflow, calendar, now),
    )


def timeline_of(actor: Actor, *, case_id: int) -> list[EntryView]:
    """Return the timeline of a case, the oldest line first.

    Raises:
        NotFoundError: ``casework.not-found``.
    """
    actor.require(Permission.CASE_VIEW)
    found = Case.objects.filter(in_scope(actor), pk=case_id).values_list("workflow__digest", "region").first()
    if found is None:
        raise NotFoundError("casework.not-found", number=case_id)
    return _timeline(case_id, workflow_in(*found))


def attachment_get(actor: Actor, *, attachment_id: int) -> tuple[AttachmentView, int]:
    """Return a file of a case that the actor sees, and the case's id.

    Raises:
        NotFoundError: ``casework.file-unknown``.
    """
    actor.require(Permission.CASE_VIEW)
    row = Attachment.objects.filter(in_scope(actor, "case__region"), pk=attachment_id, removed_at=None).first()
    if row is None:
        raise NotFoundError("casework.file-unknown", number=attachment_id)
    return _attachment(row), row.case_id


def attachment_path(actor: Actor, *, attachment_id: int) -> tuple[AttachmentView, Path]:
    """Return a file of a case that the actor sees, and where its content is stored.

    Raises:
        NotFoundError: ``casework.file-unknown``. UnavailableError: ``casework.file-gone``: the store has lost the content.
    """
    found, _ = attachment_get(actor, attachment_id=attachment_id)
    path = path_of(configuration(), found.digest)
    if not path.is_file():
        raise UnavailableError("casework.file-gone", number=attachment_id)
    return found, path


def posts_for(actor: Actor, *, case_id: int) -> list[PostView]:
    """Return the posts that could take the step of a case: for the list of an assignment or a hand-over.

    Raises:
        NotFoundError: ``casework.not-found``.
    """
    actor.require(Permission.CASE_WORK)
    found = Case.objects.filter(in_scope(actor), pk=case_id).values_list("workflow__digest", "region", "state").first()
    if found is None:
        raise NotFoundError("casework.not-found", number=case_id)
    digest, region, state = found
    step = workflow_in(digest, region).steps.get(state)
    return posts_covering(region, [Role(role) for role in step.roles]) if step else []


def path_of(settings: Configuration, digest: str) -> Path:
    """Return where the content with a digest is stored."""
    return settings.files / digest[:2] / digest


def _deadline(
    case: Any, workflow: Workflow, calendar: WorkingCalendar, pauses: Iterable[tuple[datetime, datetime]], lang: str
) -> list[str]:
    step = workflow.steps.get(case.state)
    if step is None or case.closed_at is not None:
        return []
    if case.paused_at is not None:
        reason = workflow.pauses.get(case.pause_reason)
        until = calendar.local(case.pause_until) if case.pause_until else None
        shown = {
            "reason": reason.label[lang] if reason else case.pause_reason,
            "since": f"{calendar.local(case.paused_at):%Y-%m-%d %H:%M}",
            "until": f"{until:%Y-%m-%d %H:%M}" if until else "–",
        }
        return [render("casework.clock-stands", lang, shown)]
    return reasons(step.limit, case.step_started, calendar, tuple(pauses)).sentences(calendar, lang)


def _may(actor: Actor, case: Any, workflow: Workflow, calendar: WorkingCalendar, now: datetime) -> dict[str, Any]:
    role = actor.role.value if actor.role else ""
    works = actor.may(Permission.CASE_WORK) and not actor.viewing
    taking = works and case.closed_at is None and may_take(workflow, case.state, role)
    holds = case.holder_post is None or case.holder_post == actor.post_id or actor.may(Permission.CASE_ASSIGN)
    step, rule = workflow.steps.get(case.state), workflow.reopening
    running = taking and holds and case.paused_at is None
    inside = bool(rule and case.closed_on and (calendar.day_of(now) - case.closed_on).days <= rule.days)
    return {
        "ways": ways(workflow, case.state, role) if running else (),
        "may_work": running,
        "may_take": taking and case.holder_post is None and actor.post_id is not None,
        "may_hand_over": bool(
            works and step and case.closed_at is None and holds and (step.hand_over or actor.may(Permission.CASE_ASSIGN))
        ),
        "may_pause": running and bool(workflow.pauses),
        "may_resume": taking and holds and case.paused_at is not None,
        "may_reopen": bool(
            actor.may(Permission.CASE_REOPEN)
            and not actor.viewing
            and rule
            and role in rule.roles
            and inside
            and case.merged_into_id is None
        ),
        "may_link": actor.may(Permission.CASE_LINK) and not actor.viewing,
        "may_comment": works,
    }


def _timeline(case_id: int, workflow: Workflow) -> list[EntryView]:
    titles = {(item.source, item.id): item.title for item in workflow.transitions}
    return [
        EntryView(
            id=entry.pk,
            kind=entry.kind,
            at=entry.at,
            actor=entry.actor,
            post_id=entry.post_id,
            role=entry.role,
            state_from=entry.state_from,
            state_to=entry.state_to,
            way=entry.way,
            way_title=titles.get((entry.state_from, entry.way), {}),
            outcome=entry.outcome,
            note=entry.note,
            answers=_answers(workflow, entry.state_from, entry.answers),
            details=entry.details,
        )
        for entry in Entry.objects.filter(case_id=case_id).order_by("id")
    ]


def _answers(workflow: Workflow, state: str, answers: Mapping[str, Any]) -> list[tuple[Any, Any]]:
    step = workflow.steps.get(state)
    return [(field, answers[field.id]) for field in step.form if field.id in answers] if step else []


def _attachments(case_id: int) -> list[AttachmentView]:
    return [_attachment(row) for row in Attachment.objects.filter(case_id=case_id, removed_at=None).order_by("id")]


def _attachment(row: Attachment) -> AttachmentView:
    image = row.media_type.startswith("image/")
    return AttachmentView(row.pk, row.name, row.media_type, row.size, row.at, row.actor, row.digest, image)


def _links(actor: Actor, case_id: int) -> list[LinkView]:
    """Return linked and merged cases that the actor sees; others stay unmentioned."""
    kinds = {
        (row.other_id if row.one_id == case_id else row.one_id): row.kind
        for row in CaseLink.objects.filter(Q(one_id=case_id) | Q(other_id=case_id))
    }
    rows = Case.objects.filter(in_scope(actor)).filter(Q(pk__in=kinds) | Q(merged_into_id=case_id)).order_by("id")
    return [
        LinkView(
            case_id=row.pk,
            number=number(row.pk, row.region, row.opened_on),
            kind=kinds.get(row.pk, "merged"),
            title={"zh": row.title_zh, "en": row.title_en},
            state=row.state,
            closed=row.closed_at is not None,
        )
        for row in rows
    ]
