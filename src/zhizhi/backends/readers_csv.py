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

from zhizhi.engines.quality.layout import DEEPEST, find_header
from zhizhi.kernel.errors import InputError, Place

_CHUNK = 1 << 20
_HEAD = 1 << 17
_BLOCK = 1 << 22
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
    place = Place(path.name)
    with path.open("rb") as file:
        head = file.read(_HEAD)
    encoding, text = _decoded_head(head, declared, seen, needed, place)
    if encoding.startswith("utf-8") and seen.utf8_fault is not None:
        where = Place(path.name, seen.line_of_fault)
        raise InputError("input.half-written", where) if seen.cut else InputError("input.encoding", where, encoding=encoding)
    separator, rows = _separated(text, needed, len(head) == _HEAD)
    header = find_header(rows, needed, place)
    width = max(len(header.columns), 1)
    broken: list[tuple[int, str]] = []

    def handle(row: arrow_csv.InvalidRow) -> str:
        broken.append((row.number, row.text))
        return "skip"

    names = [f"c{i}" for i in range(width)]
    state = _State()

    def batches() -> Iterator[pa.RecordBatch]:
        try:
            reader = arrow_csv.open_csv(
                str(path),
                read_options=arrow_csv.ReadOptions(
                    use_threads=False,
                    block_size=_BLOCK,
                    column_names=names,
                    skip_rows_after_names=header.rows_above,
                    encoding="utf8" if encoding.startswith("utf-8") else encoding,
                ),
                parse_options=arrow_csv.ParseOptions(
                    delimiter=separator, ignore_empty_lines=False, newlines_in_values=seen.quotes > 0, invalid_row_handler=handle
                ),
                convert_options=arrow_csv.ConvertOptions(
                    column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
                ),
            )
            for batch in reader:
                if batch.num_rows:
                    yield _numbered(batch, header.rows_above, broken, state)
        except UnicodeDecodeError as error:
            cut = error.reason == "incomplete multibyte sequence"
            where = Place(path.name, header.rows_above + state.valid + 1)
            raise (
                InputError("input.half-written", where) if cut else InputError("input.encoding", where, encoding=encoding)
            ) from error
        except pa.ArrowInvalid as error:
            if "Empty CSV" in str(error):
                raise InputError("input.empty", place) from error
            raise InputError("input.half-written", Place(path.name, header.rows_above + state.valid + len(broken) + 1)) from error

    def finish() -> None:
        ends = seen.tail.endswith((b"\n", b"\r"))
        last_broken = broken[-1][0] if broken else 0
        total = header.rows_above + state.valid + len(broken)
        ends_broken = bool(broken) and last_broken == total
        if seen.quotes % 2 and ('"' in broken[-1][1] if ends_broken else "\n" in state.last):
            raise InputError("input.quote-open", Place(path.name, total))
        if not ends and ends_broken:
            raise InputError("input.half-written", Place(path.name, total))
        if state.valid == 0 and not broken:
            raise InputError("input.empty", place)
        irregular.extend((number, line) for number, line in broken)

    return header.columns, batches(), finish


class _State:
    """What the reading so far has seen: valid rows, and the text of the last one's cells."""

    def __init__(self) -> None:
        self.valid = 0
        self.last = ""


def _numbered(batch: pa.RecordBatch, above: int, broken: list[tuple[int, str]], state: _State) -> pa.RecordBatch:
    """Put spreadsheet row numbers on a batch: records that were skipped as broken count too."""
    first = state.valid
    numbers = np.arange(first, first + batch.num_rows, dtype=np.int64) + above + 1
    if broken:
        # The k-th broken record stands at number b; valid records up to there are b - above - 1 - k of them.
        before = np.array([number - above - 1 - k for k, (number, _) in enumerate(broken)], dtype=np.int64)
        numbers += np.searchsorted(before, np.arange(first, first + batch.num_rows), side="right")
    state.valid += batch.num_rows
    state.last = " ".join(str(column[-1].as_py()) for column in batch.columns)
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


def _separated(text: str, needed: Sequence[str], cut: bool) -> tuple[str, list[list[str]]]:
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
