"""What all lists and bodies of the API share: pages of items, cursors, and bodies that take no unknown field."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Generic, TypeVar

from ninja import Query, Schema
from pydantic import ConfigDict

from zhizhi.kernel.errors import UsageError

Item = TypeVar("Item")
Row = TypeVar("Row")

MOST = 200
Limit = Annotated[int, Query(50, ge=1, le=MOST, description="How many items at most.")]
"""Annotation of the parameter ``limit`` of every list."""
Cursor = Annotated[str, Query("", max_length=400, description="`next` of the page before; empty for the first page.")]
"""Annotation of the parameter ``cursor`` of every list."""


class Sent(Schema):
    """Base of every body that is sent: a field that is not known is an error, not a wish that goes unheard."""

    model_config = ConfigDict(extra="forbid")


class Page(Schema, Generic[Item]):
    """A page of a list. ``next`` is the cursor of the following page, or null; ``count`` is exact, or null where not counted."""

    items: list[Item]
    next: str | None = None
    count: int | None = None


def cursor_write(*key: str | int) -> str:
    """Return the cursor that stands behind the row with this sort key."""
    return base64.urlsafe_b64encode(json.dumps(key, separators=(",", ":")).encode()).decode().rstrip("=")


def cursor_read(cursor: str, *kinds: type) -> tuple[Any, ...] | None:
    """Return the sort key of a cursor, or None for the first page.

    Args:
        cursor: what the caller sent.
        kinds: type of each part of the key, ``str`` or ``int``.

    Raises:
        UsageError: ``web.cursor-unknown``: this list did not give out that cursor.
    """
    if not cursor:
        return None
    try:
        key = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError) as error:
        raise UsageError("web.cursor-unknown") from error
    fits = isinstance(key, list) and len(key) == len(kinds)
    if not fits or any(type(part) is not kind for part, kind in zip(key, kinds, strict=True)):
        raise UsageError("web.cursor-unknown")
    if any((type(part) is int and abs(part) >= 2**63) or (type(part) is str and "\0" in part) for part in key):
        raise UsageError("web.cursor-unknown")
    return tuple(key)


def page_of(
    rows: Sequence[Row], limit: int, key: Callable[[Row], tuple[str | int, ...]], count: int | None = None
) -> dict[str, Any]:
    """Return the page of up to ``limit + 1`` rows that were read: the one too many says that there is a next page."""
    shown = rows[:limit]
    return {"items": shown, "next": cursor_write(*key(shown[-1])) if len(rows) > limit and shown else None, "count": count}
