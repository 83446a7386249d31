"""What people do with the list of findings as a whole: take it away as a workbook."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from typing import Any

from django.db import transaction
from openpyxl import Workbook

from zhizhi.apps.actors import Actor, Permission
from zhizhi.apps.assistance.selectors.found import FindingRow, finding_rows, found_sight
from zhizhi.apps.assistance.selectors.lake import found_reader, lake_in_use
from zhizhi.apps.configuration import configuration
from zhizhi.apps.journal.schemas import declare
from zhizhi.apps.journal.services import record
from zhizhi.apps.wording import lang, t
from zhizhi.backends.found import FoundReader, Sight, Wanted
from zhizhi.backends.workbooks import text_cell, workbook_bytes
from zhizhi.kernel.errors import NotFoundError, UsageError

EXPORTED = declare("assistance.finding.exported")
MOST = 100_000
"""Rows of one workbook: more is a job for an analyst with the table itself."""
_BATCH = 2_000
_COLUMNS = (
    "finding", "policy", "department", "household", "people", "place", "subject", "payable", "receives", "missing", "owner",
    "severity", "since", "pseudonym",
)  # fmt: skip
_SHOWN = ("finding", "policy", "department", "severity", "kind", "since_last")


def finding_export(
    actor: Actor, *, wanted: Wanted, order: str, on: date, now: datetime, place_names: Callable[[set[str]], Mapping[str, str]]
) -> bytes:
    """Return an ``.xlsx`` of exactly the list with these filters and in this order, and write that it was taken away.

    Args:
        actor: who takes it; the list is cut to what the post sees.
        wanted: the filters.
        order: the order.
        on: the as-of date, for ages.
        now: when.
        place_names: region codes -> names in the language of the request.

    Raises:
        RefusedError: the post may not export. NotFoundError: nothing was screened. UsageError: ``findings.too-many``.
    """
    actor.require(Permission.FINDING_EXPORT)
    actor.require(Permission.FINDING_VIEW)
    reader = found_reader()
    if reader is None:
        raise NotFoundError("findings.none-screened")
    sight = found_sight(actor)
    number = reader.count(sight, wanted)
    if number > MOST:
        raise UsageError("findings.too-many", n=f"{number:,}", most=f"{MOST:,}")
    body = _workbook(_rows(actor, reader, sight, wanted, order, on), place_names, reader, number)
    with transaction.atomic():
        record(
            actor,
            EXPORTED,
            now=now,
            subjects=[f"run:{reader.path.name}"],
            region=wanted.region or actor.region,
            details={"rows": number, "filters": {name: list(getattr(wanted, name)) for name in _SHOWN if getattr(wanted, name)}},
            package=reader.package.id,
            package_version=str(reader.record.get("package_version", "")),
        )
    return body


def _rows(actor: Actor, reader: FoundReader, sight: Sight, wanted: Wanted, order: str, on: date) -> Iterator[FindingRow]:
    batch = []
    for item in reader.every(sight, wanted, order):
        batch.append(item)
        if len(batch) == _BATCH:
            yield from finding_rows(actor, batch, on=on)
            batch = []
    yield from finding_rows(actor, batch, on=on)


def _workbook(
    rows: Iterator[FindingRow], place_names: Callable[[set[str]], Mapping[str, str]], reader: FoundReader, number: int
) -> bytes:
    book, tongue = Workbook(write_only=True), lang()
    sheet = book.create_sheet(t("findings.title"))
    lines = [t("findings.export-head", n=f"{number:,}", day=reader.record.get("on", ""))]
    if configuration().demo or lake_in_use().synthetic:
        lines.insert(0, t("findings.synthetic"))
    for line in lines:
        sheet.append([text_cell(sheet, line, bold=True)])
    sheet.freeze_panes = f"A{len(lines) + 2}"
    sheet.append([text_cell(sheet, t(f"findings.column-{name}"), bold=True) for name in _COLUMNS])
    names: dict[str, str] = {}
    for row in rows:
        found = row.found
        if found.region not in names:
            names |= place_names({found.region})
        head = row.head
        shown: list[Any] = [
            t(f"findings.kind-{row.code}"),
            row.policy.get(tongue, ""),
            row.department.get(tongue, ""),
            head_words(row),
            head.members if head else None,
            names.get(found.region, found.region),
            t(f"findings.subject-{found.kind}"),
            found.payable,
            found.receives,
            t("findings.and").join(field.title.get(tongue, "") for field in row.missing),
            t("findings.and").join(dict.fromkeys(field.owner.get(tongue, "") for field in row.missing)),
            t(f"findings.severity-{found.severity}") if found.severity else "",
            t("findings.since-new") if found.since_last else "",
            found.household,
        ]
        sheet.append([text_cell(sheet, value) if isinstance(value, str) else value for value in shown])
    return workbook_bytes(book)


def head_words(row: FindingRow) -> str:
    """Return the head of a row's household as she is shown: masked name and age."""
    if row.head is None:
        return ""
    return row.head.name if row.head.age is None else t("findings.aged", name=row.head.name, age=row.head.age)
