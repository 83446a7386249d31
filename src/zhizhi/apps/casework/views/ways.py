"""The forms by which a case goes on: one for each way out of its step, with what was typed and what is wrong with it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, cast

from django.http import HttpRequest

from zhizhi.apps.actors import Actor
from zhizhi.apps.casework.forms import Answer, Question, answers_of, questions
from zhizhi.apps.casework.schemas import CaseDetail, FormError, Moved
from zhizhi.apps.casework.services.attachments import attachment_add
from zhizhi.apps.casework.services.steps import case_move
from zhizhi.apps.wording import lang, t
from zhizhi.engines.workflow.definition import RETURN, STAY, Step, Transition, Workflow
from zhizhi.engines.workflow.forms import asked
from zhizhi.kernel.errors import ConflictError, InvalidError, NotFoundError, ZhizhiError

_UPLOAD = "upload-"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing to correct: where it stands on the page, and the sentence."""

    anchor: str
    text: str


@dataclass(frozen=True, slots=True)
class WayForm:
    """One way out of a step as a form. ``first`` is the ordinary way onward; ``bare`` asks nothing and is sent with one tap."""

    id: str
    title: str
    kind: str
    first: bool
    bare: bool
    questions: Sequence[Question]
    outcomes: Sequence[Answer]
    asks_reason: bool
    reason: str
    reason_error: str
    outcome_error: str
    faults: Sequence[Fault]
    version: int
    key: str
    opened: bool
    files: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    @property
    def has_files(self) -> bool:
        """Whether it takes files."""
        return any(question.type == "file" for question in self.questions)

    @property
    def icon(self) -> str:
        """The icon of its button."""
        if self.kind == RETURN:
            return "undo-2"
        if self.kind == STAY:
            return "clock"
        return "circle-check" if self.outcomes else "arrow-right"


@dataclass(frozen=True, slots=True)
class Sent:
    """What was sent for a way, and what came of it: ``moved``, or ``error``."""

    way: str
    answers: Mapping[str, Any]
    reason: str
    outcome: str
    key: str
    state: str
    moved: Moved | None = None
    error: ZhizhiError | None = None


def send(request: HttpRequest, actor: Actor, detail: CaseDetail, now: Any) -> Sent:
    """Take a way's form: store its files, go the way, and return what came of it; what was typed is never lost."""
    post = request.POST
    state = post.get("state", "")
    step = detail.workflow.steps.get(state)
    answers: dict[str, Any] = answers_of(step, post) if step else {}
    sent = Sent(post.get("way", ""), answers, post.get("reason", ""), post.get("outcome", ""), post.get("key", ""), state)
    try:
        if step is not None and state == detail.row.state:
            _store_files(request, actor, detail, step, answers, now)
        version = post.get("version", "")
        moved = case_move(
            actor,
            case_id=detail.row.id,
            version=int(version) if version.isdigit() and len(version) < 10 else -1,
            way_id=sent.way,
            answers=_asked(detail.workflow, state, sent.way, answers),
            reason=sent.reason,
            outcome=sent.outcome,
            key=sent.key or None,
            now=now,
        )
    except NotFoundError as error:
        raise error
    except ZhizhiError as error:
        return Sent(sent.way, answers, sent.reason, sent.outcome, sent.key, state, error=error)
    return Sent(sent.way, answers, sent.reason, sent.outcome, sent.key, state, moved=moved)


def _store_files(request: HttpRequest, actor: Actor, detail: CaseDetail, step: Step, answers: dict[str, Any], now: Any) -> None:
    for item in step.form:
        if item.type != "file":
            continue
        kept = list(answers.get(item.id) or [])
        for upload in request.FILES.getlist(f"{_UPLOAD}{item.id}"):
            number = attachment_add(actor, case_id=detail.row.id, name=upload.name or "", content=cast(BinaryIO, upload), now=now)
            kept.append(str(number))
        if kept:
            answers[item.id] = list(dict.fromkeys(kept))


def _asked(workflow: Workflow, state: str, way_id: str, answers: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answers to what a way asks: the page may send more, as its forms share their names."""
    step = workflow.steps.get(state)
    chosen = next((item for item in workflow.transitions if item.source == state and item.id == way_id), None)
    if step is None or chosen is None:
        return {}
    names = {item.id for item in asked(step, chosen)}
    return {name: value for name, value in answers.items() if name in names}


def forms_of(detail: CaseDetail, sent: Sent | None = None, opened: str = "") -> list[WayForm]:
    """Return a form for each way that the actor may go now: the ordinary way first, opened unless another one is asked for."""
    step = detail.workflow.steps.get(detail.row.state)
    if step is None:
        return []
    known = {item.id for item in detail.ways}
    again = sent is not None and sent.state == detail.row.state and sent.way in known
    wanted = sent.way if sent is not None and again else opened if opened in known else ""
    first = next((item.id for item in detail.ways if item.kind not in (STAY, RETURN)), "")
    forms = [_form(detail, step, item, first, sent if again else None, wanted or first) for item in detail.ways]
    return sorted(forms, key=lambda form: not form.first)


def _form(detail: CaseDetail, step: Step, item: Transition, first: str, sent: Sent | None, opened: str) -> WayForm:
    mine = sent if sent is not None and sent.way == item.id else None
    tongue = lang()
    fields = asked(step, item)
    error = mine.error if mine else None
    lacks = error.lacks if isinstance(error, FormError) else ()
    named = str(error.params.get("field", "")) if isinstance(error, InvalidError) else ""
    asks_reason = item.reason or item.kind == RETURN
    reason_error = error.text(tongue) if error and not lacks and named in ("reason", "note") else ""
    code = error.code if error else ""
    outcome_error = error.text(tongue) if error and code in ("workflow.outcome-missing", "workflow.outcome-unknown") else ""
    asked_now = questions(fields, tongue, mine.answers if mine else {}, lacks)
    faults = [Fault(f"{item.id}-{lack.field.id}", lack.text(tongue)) for lack in lacks]
    if reason_error:
        faults.append(Fault(f"{item.id}-reason", reason_error))
    if outcome_error:
        faults.append(Fault(f"{item.id}-outcome", outcome_error))
    if error is not None and not faults:
        faults.append(Fault(f"way-{item.id}", error.text(tongue)))
    outcomes = [
        Answer(code, detail.workflow.outcomes[code].label[tongue], bool(mine and mine.outcome == code)) for code in item.outcomes
    ]
    shown = outcomes if len(outcomes) > 1 else []
    files = {str(one.id): one for one in detail.attachments}
    kept = {
        name: [files[str(one)] for one in value if str(one) in files]
        for name, value in (mine.answers if mine else {}).items()
        if isinstance(value, list)
    }
    return WayForm(
        id=item.id,
        title=item.title[tongue],
        kind=item.kind,
        first=item.id == first,
        bare=item.kind == STAY and not asks_reason and not any(one.required for one in fields),
        questions=asked_now,
        outcomes=shown,
        asks_reason=asks_reason,
        reason=mine.reason if mine else "",
        reason_error=reason_error,
        outcome_error=outcome_error,
        faults=faults,
        version=detail.row.version,
        key=mine.key if mine and error is not None and not isinstance(error, ConflictError) else uuid.uuid4().hex,
        opened=item.id == opened,
        files=kept,
    )


def typed_of(detail: CaseDetail, sent: Sent) -> list[tuple[str, str]]:
    """Return what was typed for a step that has gone by, as label and text: shown so that nobody types it twice."""
    step = detail.workflow.steps.get(sent.state)
    tongue = lang()
    found: list[tuple[str, str]] = []
    for question in questions(step.form, tongue, sent.answers) if step else ():
        picked = [answer.label for answer in question.answers if answer.picked]
        if question.type == "yes-no" and question.value:
            picked = [t(f"cases.{question.value}")]
        text = t("findings.and").join(picked) or (question.value if not question.answers else "")
        if text and question.type != "file":
            found.append((question.label, text))
    if sent.reason:
        found.append((t("cases.reason"), sent.reason))
    return found
