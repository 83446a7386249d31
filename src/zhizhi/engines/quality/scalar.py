"""How one cell is read, in plain Python: the independent statement that the SQL of ``cells`` is held to by property tests."""

from __future__ import annotations

import re
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

from zhizhi.engines.quality.cells import BLANKS, NARROW, WIDE
from zhizhi.kernel.identifiers import resident_id_upgrade

_NARROWED = str.maketrans(WIDE, NARROW)
_DAY = re.compile(r"(\d{4}) *[-/.年] *(\d{1,2})(?: *[-/.月] *(\d{1,2}) *日?| *月)?", re.ASCII)
_CLOCK = re.compile(r"[ T]*\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?$", re.ASCII)
_MONEY = re.compile(r"([+-]?)(\d{1,3}(?:,\d{3})+|\d+)(\.\d+)?(万|亿)?", re.ASCII)
_SIGNS = re.compile("￥|¥|\\$|CNY|RMB|人民币|元|圆| ")
_LARGEST = Decimal(10) ** 18
_FIRST_SERIAL = date(1899, 12, 30)


def read_text(cell: str) -> str | None:
    """Return the cell with half-width signs and without blanks at its ends; None when nothing is left.

    >>> read_text(" １２３Ｘ\u3000")
    '123X'
    """
    return cell.translate(_NARROWED).strip(BLANKS) or None


def read_identifier(cell: str, upgrade: bool = False) -> str | None:
    """Return an identifier in capitals, without blanks or a spreadsheet's text marks; 15 digits made 18 if ``upgrade``."""
    text = read_text(cell)
    if text is None:
        return None
    bare = re.sub('[ \t\n\r\v\f\u00a0\u200b]|^\'|^="|"$', "", text.upper()) or None
    return resident_id_upgrade(bare) if bare and upgrade else bare


def read_date(cell: str) -> date | None:
    """Return the date in any of the forms that departments write; a month is its first day; None if it is no date.

    >>> read_date("2025年8月27日"), read_date("202508"), read_date("2025-02-30")
    (datetime.date(2025, 8, 27), datetime.date(2025, 8, 1), None)
    """
    text = read_text(cell)
    if text is None:
        return None
    bare = _CLOCK.sub("", text) if ":" in text else text
    if re.fullmatch(r"[2-6]\d{4}(\.\d+)?", text, re.ASCII):
        return _FIRST_SERIAL + timedelta(days=int(Decimal(text)))
    if re.fullmatch(r"\d{8}", bare, re.ASCII):
        parts = (bare[:4], bare[4:6], bare[6:])
    elif re.fullmatch(r"\d{6}", text, re.ASCII):
        parts = (text[:4], text[4:], "1")
    elif match := _DAY.fullmatch(bare):
        parts = (match[1], match[2], match[3] or "1")
    else:
        return None
    try:
        return date(int(parts[0]), int(parts[1]), int(parts[2]))
    except ValueError:
        return None


def read_number(cell: str, scale: int = 2, factor: int = 1) -> Decimal | None:
    """Return the number of a cell times ``factor``, rounded half away from zero; None if it is no number or has over 18 digits.

    >>> read_number("￥1,200.00"), read_number("(300)"), read_number("9.9", factor=10000), read_number("1,2")
    (Decimal('1200.00'), Decimal('-300.00'), Decimal('99000.00'), None)
    """
    text = read_text(cell)
    if text is None:
        return None
    bare = _SIGNS.sub("", text)
    bare = re.sub(r"^\((.*)\)$", r"-\1", bare)
    match = _MONEY.fullmatch(bare)
    if match is None:
        return None
    times = {"万": 10_000, "亿": 100_000_000}.get(match[4] or "", factor)
    value = Decimal(f"{match[1]}{match[2].replace(',', '')}{match[3] or ''}") * times
    rounded = value.quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP)
    return rounded if abs(rounded) < _LARGEST.scaleb(-scale) else None
