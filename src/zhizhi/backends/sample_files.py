"""Write a synthetic region into a folder as departments' exports, plainly marked, the same bytes for the same seed."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
from openpyxl import Workbook

from zhizhi.backends.workbooks import workbook_bytes
from zhizhi.engines.synthesis import LARGEST, LAYOUTS, SMALLEST, Answers, BadRow, Export, Names, clean_tables, exports, region
from zhizhi.kernel.errors import InputError, UsageError

MARKER: Final = "SYNTHETIC"
"""Written last: a folder without it is not a complete sample."""
STARTED: Final = "SYNTHETIC.incomplete"
LARGEST_SEED: Final = 2**63 - 1
STEPS: Final = len(LAYOUTS) + 3
"""How often ``progress`` is called: the drawing, each export, the corrections, the truth."""
LINES: Final = 200_000
NUMBER: Final = re.compile(r"-?\d{1,12}(\.\d+)?")
DATE: Final = re.compile(r"(\d{4})/(\d{2})/(\d{2})")
Progress = Callable[[str], None]

README: Final = """合成数据 / SYNTHETIC DATA

本文件夹中的全部人员、家庭、单位和金额均由程序随机生成，不对应任何真实的人。行政区划代码和名称取自国家统计局公布的区划代码。
Everybody and everything in this folder is made by a random generator; nobody in it exists. Region codes and names are public.

人数 / people: {people}    种子 / seed: {seed}    截止日期 / as of: 2025-09-01

truth/ 里是正确答案，由生成器用干净的事实另行计算：
truth/ holds the right answers, computed apart from the product, from the clean facts:
  truth_bad_rows.csv         坏行：文件、行号（与电子表格显示一致）、规则 / bad rows: file, row as a spreadsheet shows it, rule
  truth_decisions.parquet    有资格和无法判断的户、人；其余均为无资格 / eligible and unknown subjects; all others are not eligible
  truth_findings.csv         应享未享、不应享而享 / missed and leaking
  truth_households.parquet   有意安排的家庭及其应有结果 / planted households and what their facts lead to
坏行都是另加的行，正确的行仍在；全角数字、空格、￥和千分位等写法不算坏行。
A bad row is always a further row, the right one is there too; full width, blanks, ￥ and commas are no fault.
人社_就业工资_更正.csv 更正 人社_就业工资.csv 中同一人同一月的工资。 / It corrects wages of the same person and month.
特困人员家庭的低保差异不列入 truth_findings。 / Dibao of households in special hardship is left out of truth_findings.
数字口径为 scenarios/social-assistance 在 2025-09-01 的全省示例标准（低保标准每人每月 1400 元）。
Figures are the package's illustrative ones on that day, without an overlay (line: 1,400 yuan a month and member).
"""


def write_sample(
    people: int, seed: int, out: Path, *, force: bool = False, progress: Progress = lambda _: None
) -> dict[str, int]:
    """Draw a region and write its exports and truth files into ``out``.

    Args:
        people: registered people.
        seed: the same seed and size give the same bytes.
        out: a new or empty folder, or one that holds an earlier sample.
        force: write into any folder, beside what is there.
        progress: called with the name of what is about to be written.

    Returns:
        Rows by file.

    Raises:
        UsageError: size or seed out of bounds.
        InputError: the folder holds something else.
    """
    if not SMALLEST <= people <= LARGEST:
        raise UsageError("sample.people", people=people, least=SMALLEST, most=LARGEST)
    if not 0 <= seed <= LARGEST_SEED:
        raise UsageError("sample.seed", seed=seed, most=LARGEST_SEED)
    _claim(out, force)
    progress("population")
    drawing, spoiling = np.random.default_rng(seed).spawn(2)
    drawn = region(people, drawing)
    names = Names(drawn.facts)
    clean = clean_tables(drawn, names)
    rows: dict[str, int] = {}
    bad: list[BadRow] = []
    for export in exports(clean, spoiling):
        progress(export.file)
        write_export(export, out / export.file)
        rows[export.file] = export.table.num_rows
        bad += export.bad
    progress("truth")
    _write_truth(Answers(drawn, names), bad, out / "truth")
    (out / "说明_合成数据.txt").write_text(README.format(people=people, seed=seed), encoding="utf-8", newline="\n")
    summary = {"synthetic": True, "people": people, "seed": seed, "as_of": "2025-09-01", "rows": rows, "bad_rows": len(bad)}
    (out / STARTED).write_text(json.dumps(summary, ensure_ascii=False, indent=1) + "\n", encoding="utf-8", newline="\n")
    (out / STARTED).replace(out / MARKER)
    return rows


def _claim(out: Path, force: bool) -> None:
    """Make ``out`` a folder that is begun and not complete."""
    if out.exists() and not out.is_dir():
        raise InputError("sample.not-a-folder", path=out)
    if out.is_dir() and not force and any(out.iterdir()) and not any((out / name).exists() for name in (MARKER, STARTED)):
        raise InputError("sample.folder-in-use", path=out)
    (out / "truth").mkdir(parents=True, exist_ok=True)
    (out / STARTED).touch()
    (out / MARKER).unlink(missing_ok=True)


def write_export(export: Export, path: Path) -> None:
    """Write one export in its layout's form."""
    if export.layout.kind == "csv":
        _write_csv(export, path)
    elif export.layout.kind == "xlsx":
        _write_xlsx(export, path)
    else:
        pq.write_table(export.table, path, compression="zstd")


def _write_csv(export: Export, path: Path) -> None:
    """Write UTF-8 by pyarrow, a slice at a time, and encode each slice as the layout asks."""
    options = pacsv.WriteOptions(include_header=False, quoting_style="needed")
    encoding = export.layout.encoding
    with path.open("wb") as file:
        file.write((",".join(export.table.column_names) + "\n").encode(encoding))
        for start in range(0, export.table.num_rows, LINES):
            sink = io.BytesIO()
            pacsv.write_csv(export.table.slice(start, LINES), sink, options)
            text = sink.getvalue()
            file.write(text.decode("utf-8").encode(encoding) if encoding == "gb18030" else text)


def _write_xlsx(export: Export, path: Path) -> None:
    """Write a title row, the headers, the records and, where the layout has one, a total row; with fixed time stamps."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet("Sheet1")
    sheet.append([export.layout.title])
    sheet.append(export.table.column_names)
    columns = [column.to_pylist() for column in export.table.columns]
    texts = {
        index
        for index, column in enumerate(export.layout.columns)
        if column.field in ("resident_id", "head_id", "certificate_no", "uscc")
    }
    for record in zip(*columns, strict=True):
        sheet.append([value if index in texts else _cell(value) for index, value in enumerate(record)])
    if export.layout.totals:
        sheet.append(_totals(export))
    path.write_bytes(workbook_bytes(book))


def _cell(text: str | None) -> str | int | float | date | None:
    if text is None:
        return None
    if NUMBER.fullmatch(text):
        return float(text) if "." in text else int(text)
    found = DATE.fullmatch(text)
    return date(*(int(part) for part in found.groups())) if found else text


def _totals(export: Export) -> list[str | float]:
    row: list[str | float] = ["合计"]
    for column in export.layout.columns[1:]:
        values = [_cell(text) for text in export.table[column.header].to_pylist()]
        summed = sum(value for value in values if isinstance(value, int | float))
        row.append(summed if column.field in export.layout.totals else "")
    return row


def _write_truth(answers: Answers, bad: list[BadRow], folder: Path) -> None:
    with (folder / "truth_bad_rows.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("file", "row", "rule"))
        writer.writerows((one.file, one.row, one.rule) for one in bad)
    pq.write_table(answers.decisions(), folder / "truth_decisions.parquet", compression="zstd")
    pq.write_table(answers.households(), folder / "truth_households.parquet", compression="zstd")
    findings: pa.Table = answers.findings()
    with (folder / "truth_findings.csv").open("wb") as sink:
        pacsv.write_csv(findings, sink, pacsv.WriteOptions(quoting_style="needed"))
