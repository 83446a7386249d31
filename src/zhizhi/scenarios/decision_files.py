"""A decision table kept in an Excel workbook, as an office keeps it: header of inputs, then rows, the output last."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

from python_calamine import CalamineError, CalamineWorkbook

from zhizhi.kernel.errors import Place, PolicyError

MAX_BYTES = 8_000_000


def read_table(table: Mapping[str, Any], at: Place, folder: Path) -> dict[str, Any]:
    """Read the workbook that ``table`` names.

    The first row that is not blank is the header: an expression above each input column, anything above the output
    column, which is the last. Rows below it that are blank are passed over, as are columns without a header.

    Args:
        table: ``file`` (relative to the package), optional ``sheet``, and what else a table says (``hit``, ``default``).
        at: where the table is named.
        folder: the package's folder; a file outside it is refused.

    Returns:
        The mapping with ``inputs``, ``rows`` and ``places`` (of each cell: file, sheet and cell, row and column).

    Raises:
        PolicyError: ``rules.table-file`` (missing, outside the package, too large or no workbook),
            ``rules.table-sheet`` (no such sheet) or ``rules.table-blank`` (no header, inputs or rows).
    """
    name = str(table["file"])
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()) or not path.is_file() or path.stat().st_size > MAX_BYTES:
        raise PolicyError("rules.table-file", at, file=name)
    try:
        workbook = CalamineWorkbook.from_path(path)
        sheets = list(workbook.sheet_names)
        sheet = str(table.get("sheet") or sheets[0])
        if sheet not in sheets:
            raise PolicyError("rules.table-sheet", at, file=name, sheet=sheet, known=", ".join(sheets))
        cells = workbook.get_sheet_by_name(sheet).to_python(skip_empty_area=False)
    except (CalamineError, IndexError, OSError):
        raise PolicyError("rules.table-file", at, file=name) from None
    filled = [(number, row) for number, row in enumerate(cells, start=1) if any(not _blank(cell) for cell in row)]
    columns = [index for index, cell in enumerate(filled[0][1]) if not _blank(cell)] if filled else []
    if len(columns) < 2 or len(filled) < 2:
        raise PolicyError("rules.table-blank", at, file=name, sheet=sheet)
    inputs = [str(filled[0][1][column]).strip() for column in columns[:-1]]
    rows = [[_plain(row[column]) for column in columns] for _, row in filled[1:]]
    places = {
        (index - 1, position): Place(f"{name}[{sheet}!{column_name(column)}{number}]")
        for index, (number, _) in enumerate(filled)
        for position, column in enumerate(columns)
    }
    rest = {key: value for key, value in table.items() if key not in ("file", "sheet")}
    return {**rest, "inputs": inputs, "rows": rows, "places": places}


def column_name(index: int) -> str:
    """Return a column's letters from its 0-based index.

    Example:
        >>> column_name(0), column_name(27)
        ('A', 'AB')
    """
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def _blank(cell: Any) -> bool:
    return cell is None or (isinstance(cell, str) and not cell.strip())


def _plain(cell: Any) -> Any:
    """Return a cell as a table holds it: an Excel number is the decimal that the sheet shows, not its binary neighbour."""
    if isinstance(cell, bool) or cell is None:
        return cell
    if isinstance(cell, (int, float)):
        return Fraction(repr(cell))
    if isinstance(cell, datetime):
        return cell.date()
    return cell if isinstance(cell, date) else str(cell)
