"""Departments' files as streams of text cells with spreadsheet row numbers: CSV, Excel, Parquet."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from python_calamine import CalamineError, CalamineWorkbook

from zhizhi.backends.readers_csv import Survey, open_csv, survey
from zhizhi.engines.quality.cells import LAST_BIT, MARKED_BYTES
from zhizhi.engines.quality.layout import DEEPEST, Header, find_header
from zhizhi.kernel.errors import InputError, Place

ENDINGS = (".csv", ".txt", ".tsv", ".xlsx", ".xls", ".parquet")
_BATCH = 20_000
_MARKED = np.zeros(256, dtype=np.bool_)
_MARKED[list(MARKED_BYTES)] = True


@dataclass(slots=True)
class Source:
    """An opened file: its headers, and its rows as batches of ``_row``, ``_marks`` and text columns ``c0``, ``c1`` and so on.

    ``irregular`` fills while the batches are read: row number and text of records with another number of cells than the header.
    """

    columns: tuple[str, ...]
    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]
    irregular: list[tuple[int, str]] = field(default_factory=list)
    finish: Callable[[], None] = lambda: None


def open_source(path: Path, needed: Sequence[str], sheet: str = "", encoding: str = "", seen: Survey | None = None) -> Source:
    """Open one export.

    Args:
        path: the file.
        needed: headers that the contract names.
        sheet: name of the sheet of a workbook; empty: the first that holds the headers.
        encoding: declared encoding of a CSV file; empty: found out.
        seen: what a survey of the file's bytes found, if it was made already.

    Raises:
        InputError: the file is empty, damaged, half-written, in another encoding, or lacks a column. It is then refused whole.
    """
    ending = path.suffix.lower()
    if path.stat().st_size == 0:
        raise InputError("input.empty", Place(path.name))
    if ending in (".xlsx", ".xls"):
        return _open_excel(path, needed, sheet)
    if ending == ".parquet":
        return _open_parquet(path, needed)
    irregular: list[tuple[int, str]] = []
    columns, batches, finish = open_csv(path, needed, encoding, seen or survey(path), irregular)
    return Source(columns, text_schema(len(columns)), marked(batches, len(columns)), irregular, finish)


def text_schema(width: int) -> pa.Schema:
    """Return the schema of a stream: ``_row``, ``_marks`` and ``width`` columns of text."""
    return pa.schema([("_row", pa.int64()), ("_marks", pa.int64())] + [(f"c{i}", pa.string()) for i in range(width)])


def marked(batches: Iterator[pa.RecordBatch], width: int) -> Iterator[pa.RecordBatch]:
    """Add ``_marks``: bit i is set where column i holds a byte that tidying may have to do with (see ``cells.MARKED_BYTES``)."""
    schema = text_schema(width)
    for batch in batches:
        marks = np.zeros(batch.num_rows, dtype=np.int64)
        for i, column in enumerate(batch.columns[1:]):
            marks[_marked_rows(column)] |= 1 << min(i, LAST_BIT)
        yield pa.record_batch([batch.column(0), pa.array(marks), *batch.columns[1:]], schema=schema)


def _marked_rows(column: pa.Array) -> np.ndarray[Any, np.dtype[np.int64]]:
    offsets_buffer, data_buffer = column.buffers()[1], column.buffers()[2]
    if data_buffer is None or not len(column):
        return np.empty(0, dtype=np.int64)
    offsets = np.frombuffer(offsets_buffer, dtype=np.int32, count=column.offset + len(column) + 1)[column.offset :]
    data = np.frombuffer(data_buffer, dtype=np.uint8)[offsets[0] : offsets[-1]]
    places = np.flatnonzero(_MARKED[data])
    return np.searchsorted(offsets - offsets[0], places, side="right") - 1


def shown(value: object) -> str:
    """Return an Excel cell as the spreadsheet shows it: whole numbers without a point, dates in ISO form."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e18 else repr(value)
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ", "seconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, timedelta | time):
        return str(value)
    return "" if value is None else str(value)


def _open_excel(path: Path, needed: Sequence[str], sheet: str) -> Source:
    place = Place(path.name)
    try:
        book = CalamineWorkbook.from_path(str(path))
        names = book.sheet_names
        if sheet and sheet not in names:
            raise InputError("input.sheet-missing", place, sheet=sheet, seen="、".join(names))
        tables = [(name, book.get_sheet_by_name(name).to_python(skip_empty_area=False)) for name in ([sheet] if sheet else names)]
    except (CalamineError, zipfile.BadZipFile, OSError, ValueError) as error:
        raise InputError("input.damaged", place, kind="Excel") from error
    filled = [(name, rows) for name, rows in tables if any(cell not in ("", None) for row in rows[:DEEPEST] for cell in row)]
    if not filled:
        raise InputError("input.empty", place)
    header, rows = _sheet_with_header(filled, needed, place)
    width = len(header.columns)

    def batches() -> Iterator[pa.RecordBatch]:
        for start in range(header.rows_above, len(rows), _BATCH):
            part = rows[start : start + _BATCH]
            columns = [pa.array([shown(row[i]) if i < len(row) else "" for row in part], pa.string()) for i in range(width)]
            numbers = pa.array(range(start + 1, start + 1 + len(part)), pa.int64())
            yield pa.record_batch([numbers, *columns], names=_names(width))

    return Source(header.columns, text_schema(width), marked(batches(), width))


def _sheet_with_header(
    tables: Sequence[tuple[str, Sequence[Sequence[object]]]], needed: Sequence[str], place: Place
) -> tuple[Header, Sequence[Sequence[object]]]:
    first: InputError | None = None
    for _, rows in tables:
        try:
            top = [[shown(cell) for cell in row] for row in rows[: DEEPEST + 1]]
            return find_header(top, needed, place), rows
        except InputError as error:
            first = first or error
    raise first or InputError("input.empty", place)


def _open_parquet(path: Path, needed: Sequence[str]) -> Source:
    place = Place(path.name)
    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError("input.damaged", place, kind="Parquet") from error
    header = find_header([file.schema_arrow.names], needed, place)
    if file.metadata.num_rows == 0:
        raise InputError("input.empty", place)
    width = len(header.columns)

    def batches() -> Iterator[pa.RecordBatch]:
        row = 2
        try:
            for batch in file.iter_batches(65536):
                numbers = pa.array(range(row, row + batch.num_rows), pa.int64())
                row += batch.num_rows
                yield pa.record_batch([numbers, *(_as_text(column) for column in batch.columns)], names=_names(width))
        except (pa.ArrowException, OSError) as error:
            raise InputError("input.damaged", place, kind="Parquet") from error

    return Source(header.columns, text_schema(width), marked(batches(), width))


def _names(width: int) -> list[str]:
    return ["_row", *(f"c{i}" for i in range(width))]


def _as_text(column: pa.Array) -> pa.Array:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_floating(column.type):
        return pa.array([None if v is None else shown(v) for v in column.to_pylist()], pa.string())
    return pc.cast(column, pa.string())


def file_stem(path: Path) -> str:
    """Return a file's name without ending and without the marks that browsers and people add: ``(1)``, ``副本``."""
    return re.sub(r"\s*(\(\d+\)|（\d+）|- 副本|-副本)$", "", path.stem)
