"""CSV as departments write it: UTF-8 or GB18030, any separator, blank and broken lines; streamed in bounded memory."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv

from zhizhi.engines.quality.layout import DEEPEST, Header, find_header
from zhizhi.kernel.errors import InputError, Place

_CHUNK = 1 << 20
_HEAD = 1 << 17
_BLOCK = 1 << 21
_SEPARATORS = (",", "\t", ";", "|")


@dataclass(frozen=True, slots=True)
class Survey:
    """What one pass over a file's bytes tells: SHA-256, number of quotation marks, last bytes, health of the encoding.

    ``utf8_fault`` is the offset of the first byte that is not UTF-8, or None.
    """

    sha: str
    quotes: int
    tail: bytes
    utf8_fault: int | None
    line_of_fault: int
    size: int

    @property
    def cut(self) -> bool:
        """Whether the only fault of the encoding is a character cut off at the very end."""
        return self.utf8_fault is not None and self.utf8_fault >= self.size - 3


def survey(path: Path) -> Survey:
    """Read the file once, in pieces, and return what its bytes tell."""
    digest, quotes, tail, offset, lines = sha256(), 0, b"", 0, 0
    decoder, fault, fault_line = codecs.getincrementaldecoder("utf-8")(), None, 0
    text = path.suffix.lower() in (".csv", ".txt", ".tsv")
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            tail = (tail + chunk)[-4:]
            if text:
                quotes += chunk.count(b'"')
                if fault is None:
                    pending = len(decoder.getstate()[0])
                    try:
                        decoder.decode(chunk)
                    except UnicodeDecodeError as error:
                        fault = max(offset - pending + error.start, 0)
                        fault_line = lines + chunk[: max(error.start - pending, 0)].count(b"\n") + 1
                    lines += chunk.count(b"\n")
            offset += len(chunk)
    if text and fault is None and decoder.getstate()[0]:
        fault, fault_line = offset - len(decoder.getstate()[0]), lines + 1
    return Survey(digest.hexdigest(), quotes, tail, fault, fault_line, offset)


def open_csv(
    path: Path, needed: Sequence[str], declared: str, seen: Survey, irregular: list[tuple[int, str]]
) -> tuple[tuple[str, ...], Iterator[pa.RecordBatch], Callable[[], None]]:
    """Open a CSV file; return its headers, its batches, and what to call after the last batch (it refuses a half-written end)."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    place = Place(path.name)
    encoding, text = _decoded_head(head, declared, seen, needed, place)
    if encoding.startswith("utf-8") and seen.utf8_fault is not None:
        where = Place(path.name, seen.line_of_fault)
        raise InputError("input.half-written", where) if seen.cut else InputError("input.encoding", where, encoding=encoding)
    separator, rows = _separated(text, needed)
    header = find_header(rows, needed, place)
    stream = _Stream(path, seen, encoding, separator, header)

    def finish() -> None:
        stream.finish()
        irregular.extend(stream.broken)

    return header.columns, stream.batches(), finish


class _Stream:
    """The reading of one CSV file: rows so far, records with a wrong number of cells, and the last row's text."""

    def __init__(self, path: Path, seen: Survey, encoding: str, separator: str, header: Header) -> None:
        self.path, self.seen, self.encoding, self.separator = path, seen, encoding, separator
        self.above, self.width = header.rows_above, max(len(header.columns), 1)
        self.broken: list[tuple[int, str]] = []
        self.valid = 0
        self.last = ""

    def _skip(self, row: arrow_csv.InvalidRow) -> str:
        self.broken.append((row.number, row.text))
        return "skip"

    def _reader(self) -> arrow_csv.CSVStreamingReader:
        names = [f"c{i}" for i in range(self.width)]
        read = arrow_csv.ReadOptions(
            use_threads=False,  # else records that are skipped come without their number
            block_size=_BLOCK,
            column_names=names,
            skip_rows_after_names=self.above,
            encoding="utf8" if self.encoding.startswith("utf-8") else self.encoding,
        )
        parse = arrow_csv.ParseOptions(
            delimiter=self.separator,
            ignore_empty_lines=False,  # a blank line counts in the spreadsheet's numbering
            newlines_in_values=self.seen.quotes > 0,
            invalid_row_handler=self._skip,
        )
        convert = arrow_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False)
        return arrow_csv.open_csv(str(self.path), read_options=read, parse_options=parse, convert_options=convert)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield ``_row`` and the columns; raise what refuses the file."""
        try:
            for batch in self._reader():
                if batch.num_rows:
                    yield self._numbered(batch)
        except UnicodeDecodeError as error:
            where = Place(self.path.name, self.total + 1)
            if error.reason == "incomplete multibyte sequence":
                raise InputError("input.half-written", where) from error
            raise InputError("input.encoding", where, encoding=self.encoding) from error
        except pa.ArrowInvalid as error:
            if "Empty CSV" in str(error):
                raise InputError("input.empty", Place(self.path.name)) from error
            raise InputError("input.half-written", Place(self.path.name, self.total + 1)) from error

    @property
    def total(self) -> int:
        """Records so far, the header's rows and broken ones counted."""
        return self.above + self.valid + len(self.broken)

    def finish(self) -> None:
        """Refuse a file whose end is cut off, or that has no rows."""
        ends = self.seen.tail.endswith((b"\n", b"\r"))
        ends_broken = bool(self.broken) and self.broken[-1][0] == self.total
        if self.seen.quotes % 2 and ('"' in self.broken[-1][1] if ends_broken else "\n" in self.last):
            raise InputError("input.quote-open", Place(self.path.name, self.total))
        if not ends and ends_broken:
            raise InputError("input.half-written", Place(self.path.name, self.total))
        if self.valid == 0 and not self.broken:
            raise InputError("input.empty", Place(self.path.name))

    def _numbered(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Put spreadsheet row numbers on a batch: records that were skipped as broken count too."""
        nth = np.arange(self.valid, self.valid + batch.num_rows, dtype=np.int64)
        numbers = nth + self.above + 1
        if self.broken:
            # Before the k-th broken record, which has number b, stand b - above - 1 - k valid ones.
            before = np.array([number - self.above - 1 - k for k, (number, _) in enumerate(self.broken)], dtype=np.int64)
            numbers += np.searchsorted(before, nth, side="right")
        self.valid += batch.num_rows
        self.last = " ".join(str(column[-1].as_py()) for column in batch.columns)
        return pa.record_batch([pa.array(numbers), *batch.columns], names=["_row", *batch.schema.names])


def _decoded_head(head: bytes, declared: str, seen: Survey, needed: Sequence[str], place: Place) -> tuple[str, str]:
    if head.startswith(codecs.BOM_UTF8):
        tried = ["utf-8-sig"]
    elif head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        tried = ["utf-16"]
    elif declared:
        tried = [declared]
    else:
        tried = ["utf-8", "gb18030"] if seen.utf8_fault is None or seen.utf8_fault > 0 else ["gb18030"]
    first = ""
    for encoding in tried:
        try:
            text = codecs.getincrementaldecoder(encoding)().decode(head)
        except UnicodeDecodeError:
            continue
        first = first or encoding
        late = encoding == "utf-8" and seen.utf8_fault is not None
        if late and not any(name in text for name in needed):
            continue
        return encoding, text
    if first:
        return first, codecs.getincrementaldecoder(first)().decode(head)
    raise InputError("input.encoding", Place(place.file, seen.line_of_fault or None), encoding=" / ".join(tried))


def _separated(text: str, needed: Sequence[str]) -> tuple[str, list[list[str]]]:
    """Return the separator under which most of the needed headers appear, and the first rows read with it."""
    best: tuple[int, str, list[list[str]]] = (-1, ",", [])
    for separator in _SEPARATORS:
        rows: list[list[str]] = []
        try:
            for row in csv.reader(io.StringIO(text), delimiter=separator):
                rows.append(row)
                if len(rows) > DEEPEST:
                    break
        except csv.Error:
            rows = rows or [text.splitlines()[:1]]
        hits = max((len(set(needed) & {cell.strip("\ufeff \t") for cell in row}) for row in rows), default=0)
        if hits > best[0]:
            best = (hits, separator, rows)
    return best[1], best[2]
