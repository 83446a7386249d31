"""Uploads as the people of a department see them, and the preview of each, cut to the reader's grade."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from zhizhi.apps.actors import Actor, Permission
from zhizhi.apps.catalogue.models import Upload
from zhizhi.apps.catalogue.schemas import Cell, Sample, UploadView
from zhizhi.apps.catalogue.selectors.datasets import grade_number
from zhizhi.apps.catalogue.selectors.sources import contracts
from zhizhi.apps.configuration import configuration
from zhizhi.engines.quality.declared import Field
from zhizhi.exchange.contract import Contract
from zhizhi.kernel.errors import NotFoundError

PREVIEW = "preview.json"


def upload_folder(upload: UUID | str) -> Path:
    """Return the folder in which an upload's file and preview lie."""
    return configuration().uploads / str(upload)


def upload_row(actor: Actor, upload: str) -> Upload:
    """Return an upload of the actor's department.

    Raises:
        NotFoundError: ``catalogue.upload-unknown``: there is none, or another department's.
    """
    actor.require(Permission.DATASET_LOAD)
    try:
        found = Upload.objects.filter(pk=UUID(str(upload))).first()
    except ValueError:
        found = None
    if found is None or (actor.department and found.department != actor.department):
        raise NotFoundError("catalogue.upload-unknown")
    return found


def upload_get(actor: Actor, upload: str) -> UploadView:
    """Return one upload of the actor's department."""
    return view_of(upload_row(actor, upload))


def upload_list(actor: Actor, *, dataset: str = "", limit: int = 20) -> list[UploadView]:
    """Return the latest uploads of the actor's department, newest first."""
    actor.require(Permission.DATASET_LOAD)
    rows = Upload.objects.order_by("-received_at")
    if actor.department:
        rows = rows.filter(department=actor.department)
    if dataset:
        rows = rows.filter(dataset=dataset)
    return [view_of(row) for row in rows[:limit]]


def may_load(actor: Actor, contract: Contract) -> bool:
    """Whether a post may upload a dataset: it is its department's own."""
    return actor.may(Permission.DATASET_LOAD) and actor.department in ("", contract.department.id)


def owner_params(contract: Contract) -> dict[str, Any]:
    """Return what a message needs to name the department that answers for a dataset."""
    return {"owner_zh": contract.department.zh, "owner_en": contract.department.en}


def loadable(actor: Actor) -> list[Contract]:
    """Return the contracts of the datasets that a post may upload, by title."""
    return sorted((item for item in contracts().values() if may_load(actor, item)), key=lambda item: item.titles["zh"])


def sample_get(actor: Actor, upload: str) -> Sample | None:
    """Return the first rows of an upload, values above the reader's grade left out; None if there is no preview (any more)."""
    row = upload_row(actor, upload)
    contract = contracts().get(row.dataset)
    file = upload_folder(row.pk) / PREVIEW
    if contract is None or not file.exists():
        return None
    kept: Mapping[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    fields = contract.table.fields
    rows = []
    for line in kept["rows"]:
        cells = [
            Cell("", True) if grade_number(item.grade) > actor.grade else Cell(line.get(item.name) or "", False)
            for item in fields
        ]
        rows.append((int(line["_row"]), tuple(cells)))
    rules = {rule.name: rule.titles for rule in contract.table.rules}
    bad = tuple(
        {
            "row": line["row"],
            "column": line["column"],
            "value": "•••" if _above(contract, str(line["field"]), actor) else line["value"],
            "title": rules.get(line["rule"], {"zh": line["rule"], "en": line["rule"]}),
        }
        for line in kept["bad_rows"]
    )
    return Sample(tuple((item.name, item.titles, item.grade) for item in fields), tuple(rows), bad)


def _read(item: Field, value: str) -> str:
    """Return a value as the file has it: the words of a code."""
    return next((words for words, code in item.codes.items() if str(code) == value), value)


def _above(contract: Contract, field: str, actor: Actor) -> bool:
    return field in contract.fields and grade_number(contract.fields[field].grade) > actor.grade


def view_of(row: Upload) -> UploadView:
    """Return an upload as it is shown."""
    contract = contracts().get(row.dataset or row.chosen)
    return UploadView(
        id=str(row.pk),
        dataset=row.dataset or row.chosen,
        title=contract.titles if contract else {},
        file=row.file,
        size=row.size,
        state=row.state,
        person=row.person,
        received_at=row.received_at,
        changed_at=row.changed_at,
        figures=row.figures,
        failure=row.failure,
        params=row.params,
        load=row.load,
        version=row.version,
    )
