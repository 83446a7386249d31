"""The catalogue through the API: datasets, quarantine and answers, uploads, search, DCAT-AP."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils import timezone
from ninja import Field, File, Form, Query, Router, Schema, UploadedFile

from zhizhi.apps import gate
from zhizhi.apps.actors import Permission
from zhizhi.apps.catalogue.schemas import AnswerView, FieldRow, QuarantineRow, UploadView
from zhizhi.apps.catalogue.selectors.answers import answer_list
from zhizhi.apps.catalogue.selectors.datasets import dataset_get, dataset_list
from zhizhi.apps.catalogue.selectors.dcat import MEDIA_TYPE, dcat
from zhizhi.apps.catalogue.selectors.quarantine import quarantine_get
from zhizhi.apps.catalogue.selectors.search import search
from zhizhi.apps.catalogue.selectors.uploads import upload_get, upload_list
from zhizhi.apps.catalogue.services.answers import answer_give, answer_withdraw
from zhizhi.apps.catalogue.services.reading import quarantine_read
from zhizhi.apps.catalogue.services.uploads import upload_again, upload_cancel, upload_confirm, upload_receive
from zhizhi.apps.paging import Cursor, Limit, Page, Sent, cursor_read, page_of
from zhizhi.kernel.errors import InvalidError, UnavailableError, UsageError

router = Router()

State = Literal["missing", "overdue", "idle", "faulty", "good"]
RowState = Literal["open", "back", "waiting", "standing", "closed", "todo"]
Verdict = Literal["fixed", "right"]
Word = Annotated[str, Query("", max_length=120)]


class Both(Schema):
    """A text in both languages."""

    zh: str = ""
    en: str = ""


class DatasetOut(Schema):
    """One dataset as it stands: owner, grade, freshness against promise, rows and rules."""

    id: str
    title: Both
    purpose: Both
    owner: str
    owner_name: Both
    grade: str
    update: str
    mode: str
    state: State
    fit: bool = Field(description="Whether policies may rely on it.")
    loaded_at: datetime | None
    due: datetime | None
    rows: int | None
    bad: int
    version: int | None
    passed: int
    failed: int
    idle: int = Field(description="Rules that were not run.")


class ReaderOut(Schema):
    """Something that reads a field: policy, warning, variable, register, enrolment or link."""

    kind: str
    id: str
    title: Both


class FieldOut(Schema):
    """One field and what reads it."""

    name: str
    header: str
    title: Both
    type: str
    unit: str
    grade: str
    owner: str
    required: bool
    key: bool
    identifier: str
    protect: str
    readers: list[ReaderOut]


class RuleOut(Schema):
    """One rule and what came of it; ``not run`` is not passed."""

    name: str
    title: Both
    check: str
    severity: str
    status: Literal["passed", "failed", "not run"]
    rows: int
    against: str
    outdated: bool


class LoadOut(Schema):
    """One load."""

    load: str
    file: str
    mode: str
    read: int
    good: int
    bad: int
    version: int
    at: datetime
    current: bool


class DatasetDetailOut(DatasetOut):
    """Everything about one dataset that is no personal data."""

    file: str
    contract_version: str
    fields: list[FieldOut]
    rules: list[RuleOut]
    loads: list[LoadOut]


class RowOut(Schema):
    """One bad row; the value is cut to the caller's grade, numbers and names of people are masked for everybody."""

    digest: str
    file: str
    row: int
    column: str
    value: str
    hidden: bool
    rule: str
    title: Both
    check: str
    owner: str
    state: str
    answer: int | None


class AnswerOut(Schema):
    """An owner's answer and what became of its rows."""

    id: int
    rule: str
    verdict: Verdict
    reason: str
    whole_rule: bool
    rows: int
    person: str
    answered_at: datetime
    settled_at: datetime | None
    settled_by: str
    state: str
    waiting: int
    back: int
    closed: int
    standing: int


class AnswerIn(Sent):
    """An answer for rows of one rule; without ``rows`` it is for all that wait."""

    rule: str = Field(min_length=1, max_length=120)
    verdict: Verdict
    reason: str = Field("", max_length=500)
    rows: list[Annotated[str, Field(pattern="^[0-9a-f]{32}$")]] = Field(default_factory=list, max_length=1000)


class Made(Schema):
    """Ids of what was made."""

    ids: list[int]


class UploadOut(Schema):
    """One upload: where it stands and, once checked, what it would change. Counts only."""

    id: str
    dataset: str
    file: str
    size: int
    state: str
    person: str
    received_at: datetime
    changed_at: datetime
    figures: dict[str, Any]
    failure: str
    params: dict[str, str]
    load: str
    version: int | None


class FoundOut(Schema):
    """One hit of a search."""

    dataset: str
    kind: Literal["dataset", "field", "rule"]
    name: str
    title: Both
    dataset_title: Both


def _both(names: Any) -> Both:
    return Both(zh=names.get("zh", ""), en=names.get("en", ""))


def _field(field: FieldRow) -> dict[str, Any]:
    readers = [ReaderOut(kind=reader.kind, id=reader.id, title=_both(reader.title)) for reader in field.readers]
    plain = {name: getattr(field, name) for name in FieldOut.model_fields if name not in ("title", "readers")}
    return {**plain, "title": _both(field.title), "readers": readers}


@router.get("/datasets", response=list[DatasetOut], summary="Datasets")
@gate.api(Permission.DATASET_VIEW)
def datasets_get(request: HttpRequest, owner: Word = "", state: State | None = None, fit: bool | None = None) -> list[Any]:
    """Return all datasets, those that need attention first."""
    wanted = "" if fit is None else ("fit" if fit else "unfit")
    return dataset_list(gate.who(request), now=timezone.now(), owner=owner, state=state or "", fit=wanted)


@router.get("/datasets/{slug:dataset}", response=DatasetDetailOut, summary="One dataset")
@gate.api(Permission.DATASET_VIEW)
def dataset_one_get(request: HttpRequest, dataset: str) -> dict[str, Any]:
    """Return one dataset with its fields, rules and loads."""
    seen = dataset_get(gate.who(request), dataset, now=timezone.now())
    row = {name: getattr(seen.row, name) for name in DatasetOut.model_fields}
    return {
        **row,
        "file": seen.file,
        "contract_version": seen.contract_version,
        "fields": [_field(field) for field in seen.fields],
        "rules": seen.rules,
        "loads": seen.loads,
    }


@router.get("/search", response=list[FoundOut], summary="Find datasets, fields and rules")
@gate.api(Permission.DATASET_VIEW)
def search_get(request: HttpRequest, q: Annotated[str, Query(..., max_length=100)]) -> list[Any]:
    """Return what bears all words; two Chinese characters are enough."""
    return search(gate.who(request), q)


@router.get("/dcat", summary="The catalogue as DCAT-AP (JSON-LD)")
@gate.api(Permission.DATASET_VIEW)
def dcat_get(request: HttpRequest) -> HttpResponse:
    """Return the catalogue's descriptions; no row of data."""
    root = request.build_absolute_uri(reverse("start"))
    document = dcat(gate.who(request), root=root, now=timezone.now())
    return JsonResponse(document, content_type=MEDIA_TYPE, json_dumps_params={"ensure_ascii": False})


@router.get("/datasets/{slug:dataset}/quarantine", response=Page[RowOut], summary="Bad rows of a dataset")
@gate.api(Permission.QUARANTINE_VIEW)
def quarantine_rows_get(
    request: HttpRequest, dataset: str, limit: Limit = 50, cursor: Cursor = "", rule: Word = "", state: RowState | None = None
) -> dict[str, Any]:
    """Return bad rows of the caller's department (of all, for posts without one); looking is an event."""
    actor = gate.who(request)
    after = cursor_read(cursor, int)
    start = int(after[0]) if after else 0
    if not 0 <= start < 10**9:
        raise UsageError("web.cursor-unknown")
    seen = quarantine_get(actor, dataset, rule=rule, state=state or "", start=start, limit=limit + 1)
    if seen.rows:
        quarantine_read(actor, dataset=dataset, rows=min(len(seen.rows), limit), now=timezone.now())
    numbered = [(start + place + 1, _row(row)) for place, row in enumerate(seen.rows)]
    page = page_of(numbered, limit, lambda item: (item[0],), seen.total)
    return {**page, "items": [row for _, row in page["items"]]}


def _row(row: QuarantineRow) -> dict[str, Any]:
    plain = {name: getattr(row, name) for name in RowOut.model_fields if name not in ("title", "answer")}
    return {**plain, "title": _both(row.title), "answer": row.answer.id if row.answer else None}


@router.get("/datasets/{slug:dataset}/answers", response=list[AnswerOut], summary="Answers about a dataset's bad rows")
@gate.api(Permission.QUARANTINE_VIEW)
def answers_get(request: HttpRequest, dataset: str) -> list[AnswerView]:
    """Return the latest answers of the caller's department."""
    return answer_list(gate.who(request), dataset)


@router.post("/datasets/{slug:dataset}/answers", response={201: Made}, summary="Answer for bad rows")
@gate.api(Permission.QUARANTINE_ANSWER)
def answer_post(request: HttpRequest, dataset: str, body: AnswerIn) -> Made:
    """Say that rows are mended (the next file closes them) or right as they are (with a reason)."""
    made = answer_give(
        gate.who(request),
        dataset=dataset,
        rule=body.rule,
        verdict=body.verdict,
        reason=body.reason,
        rows=body.rows,
        now=timezone.now(),
    )
    return Made(ids=made)


@router.post("/answers/{int:answer}/withdraw", response=Made, summary="Take an answer back")
@gate.api(Permission.QUARANTINE_ANSWER)
def answer_withdraw_post(request: HttpRequest, answer: int) -> Made:
    """Take an answer back; its rows wait for one again."""
    answer_withdraw(gate.who(request), answer=answer, now=timezone.now())
    return Made(ids=[answer])


@router.get("/uploads", response=list[UploadOut], summary="Latest uploads of one's department")
@gate.api(Permission.DATASET_LOAD)
def uploads_get(request: HttpRequest, dataset: Word = "") -> list[UploadView]:
    """Return the latest uploads, newest first."""
    return upload_list(gate.who(request), dataset=dataset)


@router.post("/uploads", response={202: UploadOut}, summary="Upload a data file")
@gate.api(Permission.DATASET_LOAD)
def upload_post(request: HttpRequest, file: File[UploadedFile | None] = None, dataset: Form[str] = "") -> UploadView:
    """Take a file and have it checked; nothing is written before it is confirmed."""
    refused = getattr(request, "upload_refused", None)
    if refused == "web.disk-full":
        raise UnavailableError("web.disk-full")
    if refused:
        raise InvalidError("web.too-large")
    if file is None:
        raise InvalidError("catalogue.file-missing", field="file")
    source = Path(file.temporary_file_path())  # type: ignore[attr-defined]
    return upload_receive(gate.who(request), source=source, file=str(file.name), dataset=dataset[:80], now=timezone.now())


@router.get("/uploads/{slug:upload}", response=UploadOut, summary="One upload")
@gate.api(Permission.DATASET_LOAD)
def upload_one_get(request: HttpRequest, upload: str) -> UploadView:
    """Return where an upload stands."""
    return upload_get(gate.who(request), str(upload))


@router.post("/uploads/{slug:upload}/confirm", response={202: UploadOut}, summary="Confirm a preview")
@gate.api(Permission.DATASET_LOAD)
def upload_confirm_post(request: HttpRequest, upload: str) -> UploadView:
    """Have a checked file loaded; asked twice, it is done once."""
    return upload_confirm(gate.who(request), upload=str(upload), now=timezone.now())


@router.post("/uploads/{slug:upload}/cancel", response=UploadOut, summary="Cancel an upload")
@gate.api(Permission.DATASET_LOAD)
def upload_cancel_post(request: HttpRequest, upload: str) -> UploadView:
    """Drop an upload and its file."""
    return upload_cancel(gate.who(request), upload=str(upload), now=timezone.now())


@router.post("/uploads/{slug:upload}/again", response={202: UploadOut}, summary="Start an upload's work again")
@gate.api(Permission.DATASET_LOAD)
def upload_again_post(request: HttpRequest, upload: str) -> UploadView:
    """Start the work on an upload again that stands still."""
    return upload_again(gate.who(request), upload=str(upload), now=timezone.now())
