"""A list of cases taken away as a workbook: exactly what is shown, and that it was taken is an event."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.timezone import localtime
from openpyxl import Workbook

from zhizhi.apps.actors import Actor, Permission
from zhizhi.apps.casework.schemas import SEVERITIES, CaseFilter, CaseRow
from zhizhi.apps.casework.selectors.cases import case_count, cases_each
from zhizhi.apps.configuration import configuration
from zhizhi.apps.journal.schemas import declare
from zhizhi.apps.journal.services import record
from zhizhi.apps.wording import lang, t
from zhizhi.backends.workbooks import text_cell, workbook_bytes
from zhizhi.kernel.errors import UsageError

EXPORTED = declare("casework.case.exported")
MOST = 100_000
_COLUMNS = ("number", "title", "place", "state", "status", "severity", "due", "holder", "opened", "closed", "outcome")


def cases_export(
    actor: Actor, *, wanted: CaseFilter, now: datetime, place_names: Callable[[set[str]], Mapping[str, str]]
) -> bytes:
    """Return an ``.xlsx`` of the cases that a filter keeps, in the list's order, and write that it was taken away.

    Raises:
        RefusedError: the post may not export. UsageError: ``cases.too-many``.
    """
    actor.require(Permission.FINDING_EXPORT)
    number = case_count(actor, wanted=wanted, now=now)
    if number > MOST:
        raise UsageError("cases.too-many", n=f"{number:,}", most=f"{MOST:,}")
    book, tongue = Workbook(write_only=True), lang()
    sheet = book.create_sheet(t("cases.title"))
    lines = [t("cases.export-head", n=f"{number:,}", at=f"{localtime(now):%Y-%m-%d %H:%M}")]
    if configuration().demo:
        lines.insert(0, t("findings.synthetic"))
    for line in lines:
        sheet.append([text_cell(sheet, line, bold=True)])
    sheet.freeze_panes = f"A{len(lines) + 2}"
    sheet.append([text_cell(sheet, t(f"cases.column-{name}"), bold=True) for name in _COLUMNS])
    names: dict[str, str] = {}
    for row in cases_each(actor, wanted=wanted, now=now):
        if row.region not in names:
            names |= place_names({row.region})
        sheet.append([text_cell(sheet, value) if isinstance(value, str) else value for value in _values(row, names, tongue)])
    body = workbook_bytes(book)
    narrowed = {
        name: str(getattr(wanted, name)) for name in CaseFilter.__dataclass_fields__ if name != "q" and getattr(wanted, name)
    }
    with transaction.atomic():
        record(actor, EXPORTED, now=now, region=wanted.region or actor.region, details={"rows": number, "filters": narrowed})
    return body


def _values(row: CaseRow, names: Mapping[str, str], tongue: str) -> list[Any]:
    return [
        row.number,
        row.title.get(tongue, ""),
        names.get(row.region, row.region),
        row.state_title.get(tongue, ""),
        t(f"cases.status-{row.status}"),
        t(f"findings.severity-{SEVERITIES.get(row.severity, 'low')}"),
        f"{localtime(row.due):%Y-%m-%d}" if row.due else "",
        row.holder_name,
        row.opened_on.isoformat(),
        row.closed_on.isoformat() if row.closed_on else "",
        row.outcome_title.get(tongue, "") if row.outcome else "",
    ]
