"""How one cell is read, as SQL expressions in DuckDB's dialect; ``scalar`` says the same in plain Python."""

from __future__ import annotations

from collections.abc import Iterable

from zhizhi.engines.quality.declared import Field
from zhizhi.kernel.identifiers import RESIDENT_CHECKS, USCC_ALPHABET, USCC_WEIGHTS

#: Full-width forms U+FF01..U+FF5E and the ideographic space, and what they become.
WIDE = "".join(chr(code) for code in range(0xFF01, 0xFF5F)) + "\u3000"
NARROW = "".join(chr(code) for code in range(0x21, 0x7F)) + " "
#: Blanks cut off at both ends of a cell.
BLANKS = " \t\r\n\v\f\u00a0\u2007\u202f\ufeff\u200b\u3000"
YES = ("是", "有", "真", "Y", "YES", "TRUE", "T", "1", "√")
NO = ("否", "无", "没有", "假", "N", "NO", "FALSE", "F", "0", "×")

#: Bytes of UTF-8 that begin or are a blank or a full-width sign: a cell without any of them needs no tidying.
MARKED_BYTES = (*range(0x00, 0x21), 0x7F, 0xC2, 0xE2, 0xE3, 0xEF)
#: Columns beyond this one share its bit of ``_marks``.
LAST_BIT = 62

_PLAIN_ID = "[0-9]{17}[0-9X]"
_TIME = r"[ T]*[0-9]{1,2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?(Z|[+-][0-9]{2}:?[0-9]{2})?$"
_DATE = r"([0-9]{4}) *[-/.年] *([0-9]{1,2})(?: *[-/.月] *([0-9]{1,2}) *日?| *月)?"
_MONEY = r"[+-]?([0-9]{1,3}(,[0-9]{3})+|[0-9]+)(\.[0-9]+)?(万|亿)?"


def text(value: str) -> str:
    """Return ``value`` as an SQL string literal."""
    return "'" + value.replace("'", "''") + "'"


def name(identifier: str) -> str:
    """Return ``identifier`` as a quoted SQL name."""
    return '"' + identifier.replace('"', '""') + '"'


def listed(values: Iterable[str]) -> str:
    """Return a comma-separated list of SQL string literals."""
    return ", ".join(text(value) for value in values)


def tidy(raw: str, bit: int, missing: tuple[str, ...] = ()) -> str:
    """Return SQL for the cell ``raw`` with half-width signs, without blanks at its ends, NULL when nothing is left.

    Args:
        raw: the column as read.
        bit: bit of ``_marks`` that the reader sets where the cell holds a byte of a blank or of a full-width sign; where it is
            not set the cell is taken as it is, which spares nine cells of ten the search.
        missing: values that mean nothing was filled in.
    """
    narrow = (
        f"CASE WHEN regexp_matches({raw}, '[！-～\u3000]') THEN translate({raw}, {text(WIDE)}, {text(NARROW)}) ELSE {raw} END"
    )
    cut = f"nullif(CASE WHEN _marks & {1 << bit} = 0 THEN {raw} ELSE trim({narrow}, {text(BLANKS)}) END, '')"
    return f"CASE WHEN {cut} IN ({listed(missing)}) THEN NULL ELSE {cut} END" if missing else cut


def identifier(cell: str) -> str:
    """Return SQL for an identifier: capitals, no blanks inside, without a spreadsheet's text marks (``'…`` and ``="…"``)."""
    marks = f"regexp_replace(upper({cell}), '\\s|\u00a0|\u200b|^''|^=\"|\"$', '', 'g')"
    return f"CASE WHEN regexp_full_match({cell}, '{_PLAIN_ID}') THEN {cell} ELSE nullif({marks}, '') END"


def halves(cell: str) -> tuple[str, str]:
    """Return SQL for the first 9 and the next 8 digits of the id ``cell`` as INTEGER; NULL if they are no digits."""
    return f"try_cast(substr({cell}, 1, 9) AS INTEGER)", f"try_cast(substr({cell}, 10, 8) AS INTEGER)"


def resident_check(first: str, last: str) -> str:
    """Return SQL for the check character of an id whose digits are in ``first`` and ``last`` (see ``halves``)."""
    # The weights are powers of two, 2^(17-i) mod 11; with q_j = n // 10^j the sum of n's digits times powers of two is
    # 2 q_0 - 8 (2 q_1 + 4 q_2 + ...), which needs one division a digit. In two halves, so that 32 bits hold it.
    total = f"({_doubled(first, 9)}) * 256 + ({_doubled(last, 8)})"
    return f"substr('{RESIDENT_CHECKS}', ({total}) % 11 + 1, 1)"


def _doubled(number: str, digits: int) -> str:
    terms = " + ".join(f"{number} // {10**j} * {2**j}" for j in range(1, digits))
    return f"2 * {number} - 8 * ({terms})"


def resident_birth(cell: str) -> str:
    """Return SQL for the date of birth in the 18-character id ``cell``; NULL if no such day exists."""
    return _day(f"substr({cell}, 7, 4)", f"substr({cell}, 11, 2)", f"substr({cell}, 13, 2)")


def upgraded(cell: str) -> str:
    """Return SQL that makes a 15-digit id into one of 18, and leaves any other value."""
    digits = f"(substr({cell}, 1, 6) || '19' || substr({cell}, 7))"
    whole = f"{digits} || {resident_check(*halves(digits))}"
    return f"CASE WHEN regexp_full_match({cell}, '[1-9][0-9]{{14}}') THEN {whole} ELSE {cell} END"


def uscc_check(cell: str) -> str:
    """Return SQL for the check character of the 18-character credit code ``cell``."""
    total = " + ".join(
        f"(strpos('{USCC_ALPHABET}', substr({cell}, {i + 1}, 1)) - 1) * {weight}" for i, weight in enumerate(USCC_WEIGHTS)
    )
    return f"substr('{USCC_ALPHABET}', CAST((31 - ({total}) % 31) % 31 AS INTEGER) + 1, 1)"


def shape(item: Field, cell: str) -> str:
    """Return SQL that is true where ``cell`` has the form of the field's format."""
    form = f"[{USCC_ALPHABET}]{{18}}" if item.format == "uscc" else "[1-9][0-9]{16}[0-9X]"
    return f"regexp_full_match({cell}, '{form}')"


def _day(year: str, month: str, day: str) -> str:
    return f"CASE WHEN {year} <> '0000' THEN try_cast({year} || '-' || {month} || '-' || {day} AS DATE) END"


def day(cell: str) -> str:
    """Return SQL that reads ``cell`` as a date in any of the forms that departments write; NULL if it is none."""
    bare = f"CASE WHEN contains({cell}, ':') THEN regexp_replace({cell}, '{_TIME}', '') ELSE {cell} END"
    match = f"regexp_extract({bare}, '^{_DATE}$', ['y', 'm', 'd'])"
    loose = _day(f"{match}.y", f"{match}.m", f"CASE WHEN {match}.d = '' THEN '01' ELSE {match}.d END")
    month = _day(f"substr({cell}, 1, 4)", f"substr({cell}, 5, 2)", text("01"))
    iso = f"strlen({cell}) = 10 AND {cell} >= '0001' AND regexp_full_match({cell}, '[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}')"
    eight = _day(f"substr({cell}, 1, 4)", f"substr({cell}, 5, 2)", f"substr({cell}, 7, 2)")
    serial = f"DATE '1899-12-30' + CAST(floor(CAST({cell} AS DOUBLE)) AS INTEGER)"
    return (
        f"CASE WHEN {iso} THEN try_cast({cell} AS DATE)"
        f" WHEN strlen({cell}) = 8 AND regexp_full_match({cell}, '[0-9]{{8}}') THEN {eight}"
        f" WHEN contains({cell}, ':') AND regexp_full_match({bare}, '[0-9]{{8}}') THEN {eight}"
        f" WHEN strlen({cell}) = 6 AND regexp_full_match({cell}, '[0-9]{{6}}') THEN {month}"
        f" WHEN regexp_full_match({cell}, '[2-6][0-9]{{4}}(\\.[0-9]+)?') THEN {serial}"
        f" WHEN regexp_full_match({bare}, '{_DATE}') THEN {loose} END"
    )


def number(cell: str, scale: int, factor: int = 1) -> str:
    """Return SQL that reads ``cell`` as DECIMAL(18, ``scale``), times ``factor``; NULL if it is no number or too large."""
    signs = f"regexp_replace({cell}, '￥|¥|\\$|CNY|RMB|人民币|元|圆| ', '', 'g')"
    clean = f"regexp_replace({signs}, '^\\((.*)\\)$', '-\\1')"
    digits = f"CAST(regexp_replace({clean}, '[,万亿]', '', 'g') AS VARCHAR)"
    times = f"CASE WHEN ends_with({clean}, '万') THEN 10000 WHEN ends_with({clean}, '亿') THEN 100000000 ELSE {factor} END"
    slow = f"try_cast(try_cast({digits} AS DECIMAL(27, 8)) * CAST({times} AS DECIMAL(9, 0)) AS DECIMAL(18, {scale}))"
    plain = f"regexp_full_match({cell}, '[+-]?[0-9]+(\\.[0-9]+)?')"
    fast = f"try_cast({cell} AS DECIMAL(18, {scale}))"
    if factor != 1:
        fast = f"try_cast(try_cast({cell} AS DECIMAL(27, 8)) * CAST({factor} AS DECIMAL(9, 0)) AS DECIMAL(18, {scale}))"
    return f"CASE WHEN {plain} THEN {fast} WHEN regexp_full_match({clean}, '{_MONEY}') THEN {slow} END"


def integer(cell: str, factor: int = 1) -> str:
    """Return SQL that reads ``cell`` as BIGINT; NULL if it is no whole number."""
    exact = number(cell, 4, factor)
    plain = f"regexp_full_match({cell}, '[+-]?[0-9]+')"
    fast = f"try_cast({cell} AS BIGINT) * {factor}" if factor != 1 else f"try_cast({cell} AS BIGINT)"
    return f"CASE WHEN {plain} THEN {fast} WHEN ({exact}) = trunc({exact}) THEN CAST({exact} AS BIGINT) END"


def boolean(item: Field, cell: str) -> str:
    """Return SQL that reads ``cell`` as yes or no."""
    upper = f"upper({cell})"
    yes, no = [*YES, *item.yes], [*NO, *item.no]
    return f"CASE WHEN {upper} IN ({listed(yes)}) THEN TRUE WHEN {upper} IN ({listed(no)}) THEN FALSE END"


def code(item: Field, cell: str) -> str:
    """Return SQL that reads ``cell`` through the code list; NULL (or ``otherwise``) for a value that is not in it."""
    plain = str.maketrans(WIDE, NARROW)
    known = {read.translate(plain).strip(BLANKS): value for read, value in item.codes.items()}
    known = {str(value): value for value in item.codes.values()} | known

    def quote(value: str | int) -> str:
        return str(int(value)) if item.type == "integer" else text(str(value))

    arms = " ".join(f"WHEN {text(read)} THEN {quote(value)}" for read, value in known.items())
    rest = "" if item.otherwise is None else f" ELSE {quote(item.otherwise)}"
    value = f"CASE {cell} {arms}{rest} END"
    guarded = f"CASE WHEN {cell} IS NOT NULL THEN {value} END"
    return f"CAST({guarded} AS {'BIGINT' if item.type == 'integer' else 'VARCHAR'})"


def typed(item: Field, cell: str) -> str:
    """Return SQL for the field's value from its tidied text ``cell``; NULL where it cannot be read."""
    if item.codes:
        return code(item, cell)
    if item.type == "date":
        return day(cell)
    if item.type == "number":
        return number(cell, item.scale, item.factor)
    if item.type == "integer":
        return integer(cell, item.factor)
    if item.type == "boolean":
        return boolean(item, cell)
    return cell
