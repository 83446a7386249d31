"""Excel files that are the same bytes for the same content."""

from __future__ import annotations

import io
import re
import zipfile
from datetime import datetime

from openpyxl import Workbook

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
