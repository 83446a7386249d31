"""Excel files that are the same bytes for the same content."""

from __future__ import annotations

import io
import re
import zipfile
from datetime import datetime
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font

FIXED_DAY = (2000, 1, 1, 0, 0, 0)


def workbook_bytes(book: Workbook) -> bytes:
    """Return a finished workbook with the time of writing replaced by a fixed one, in the archive and in its properties."""
    buffer, sink = io.BytesIO(), io.BytesIO()
    book.save(buffer)
    stamp = datetime(*FIXED_DAY).strftime("%Y-%m-%dT%H:%M:%SZ").encode()
    with zipfile.ZipFile(buffer) as source, zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as target:
        for entry in source.infolist():
            data = source.read(entry)
            if entry.filename == "docProps/core.xml":
                data = re.sub(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", stamp, data)
            target.writestr(zipfile.ZipInfo(entry.filename, FIXED_DAY), data, zipfile.ZIP_DEFLATED)
    return sink.getvalue()


def text_cell(sheet: Any, value: str, *, bold: bool = False) -> Any:
    """Return a cell of text for a write-only sheet. A text that begins like a formula stays text, also after it was edited."""
    cell = WriteOnlyCell(sheet, value=value)
    cell.data_type = "s"
    if value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        cell.quotePrefix = True
    if bold:
        cell.font = Font(bold=True)
    return cell
