"""Windows of time that end on the as-of date."""

from __future__ import annotations

from datetime import date, timedelta

from zhizhi.engines.rules.syntax import Window


def window_start(window: Window, on: date) -> date:
    """Return the date after which (exclusive) a row falls into ``window`` ending on ``on``."""
    if window.unit == "year-to-date":
        return date(on.year, 1, 1) - timedelta(days=1)
    if window.unit == "days":
        return on - timedelta(days=window.count)
    months = on.year * 12 + on.month - 1 - window.count * (12 if window.unit == "years" else 1)
    year, month = divmod(months, 12)
    last = (date(year + (month + 1) // 12, (month + 1) % 12 + 1, 1) - timedelta(days=1)).day
    return date(year, month + 1, min(on.day, last))
