"""Rows of the relational database where speed counts: many at once (COPY on PostgreSQL), or one without an object for it.

Takes the web framework's connection as it is, and no framework: rows stand or fall with the transaction that the caller is in.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Any

FEW = 10
"""So many rows go in one statement as they are."""


def next_ids(connection: Any, table: str, count: int) -> list[int]:
    """Return ``count`` fresh ids of ``table``, in order. On SQLite they hold while the caller's transaction writes."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)", [table, count])
            return sorted(number for (number,) in cursor.fetchall())
        cursor.execute("SELECT COALESCE((SELECT seq FROM sqlite_sequence WHERE name = %s), 0)", [table])
        last = cursor.fetchone()[0]
    return list(range(last + 1, last + 1 + count))


def insert_row(connection: Any, table: str, values: Mapping[str, Any]) -> int:
    """Insert one row and return its id; values as for `insert_rows`."""
    postgres = connection.vendor == "postgresql"
    with connection.cursor() as cursor:
        cursor.execute(_insert_text(table, tuple(values), postgres), _plain(connection, values.values()))
        return int(cursor.fetchone()[0] if postgres else cursor.lastrowid)


def update_row(connection: Any, table: str, values: Mapping[str, Any], where: Mapping[str, Any]) -> bool:
    """Change the row that ``where`` names by equal columns; return whether there was one."""
    with connection.cursor() as cursor:
        text = _update_text(table, tuple(values), tuple(where))
        cursor.execute(text, _plain(connection, [*values.values(), *where.values()]))
        return bool(cursor.rowcount)


def insert_with_parts(
    connection: Any, table: str, values: Mapping[str, Any], parts: str, columns: tuple[str, str], listed: Sequence[str]
) -> int:
    """Insert one row and, into the table ``parts``, a row of (its id, text) for each text; return the id.

    Args:
        connection: the web framework's connection.
        table: of the row.
        values: of the row.
        parts: the other table.
        columns: its column for the id and its column for the text.
        listed: the texts.
    """
    if connection.vendor != "postgresql" or not listed:
        made = insert_row(connection, table, values)
        if listed:
            insert_rows(connection, parts, columns, [(made, text) for text in listed])
        return made
    with connection.cursor() as cursor:
        text = _parts_text(table, tuple(values), parts, columns)
        cursor.execute(text, [*_plain(connection, values.values()), list(listed)])
        return int(cursor.fetchone()[0])


def update_and_insert(
    connection: Any, table: str, values: Mapping[str, Any], where: Mapping[str, Any], other: str, row: Mapping[str, Any]
) -> bool:
    """Change the row that ``where`` names and, only if there was one, insert ``row`` into ``other``; return whether there was."""
    if connection.vendor != "postgresql":
        if not update_row(connection, table, values, where):
            return False
        insert_row(connection, other, row)
        return True
    with connection.cursor() as cursor:
        text = _both_text(table, tuple(values), tuple(where), other, tuple(row))
        cursor.execute(text, _plain(connection, [*values.values(), *where.values(), *row.values()]))
        return bool(cursor.rowcount)


def insert_rows(connection: Any, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Insert rows, each with a value for every column: text, numbers, booleans, dates, aware datetimes, JSON as dict or list.

    Errors are those of the connection: a broken constraint is its ``IntegrityError``.
    """
    if isinstance(rows, list) and len(rows) <= FEW:
        with connection.cursor() as cursor:
            text = _insert_text(table, tuple(columns), False, len(rows))
            cursor.execute(text, [value for row in rows for value in _plain(connection, row)])
        return
    if connection.vendor == "postgresql":
        _copy(connection, table, columns, rows)
        return
    with connection.cursor() as cursor:
        cursor.executemany(_insert_text(table, tuple(columns), False), [_plain(connection, row) for row in rows])


@lru_cache(maxsize=256)
def _insert_text(table: str, columns: tuple[str, ...], returning: bool, rows: int = 1) -> str:
    names, holes = ", ".join(f'"{name}"' for name in columns), ", ".join(["%s"] * len(columns))
    listed = ", ".join([f"({holes})"] * rows)
    return f'INSERT INTO "{table}" ({names}) VALUES {listed}' + (' RETURNING "id"' if returning else "")


@lru_cache(maxsize=256)
def _update_text(table: str, columns: tuple[str, ...], where: tuple[str, ...]) -> str:
    sets, held = ", ".join(f'"{name}" = %s' for name in columns), " AND ".join(f'"{name}" = %s' for name in where)
    return f'UPDATE "{table}" SET {sets} WHERE {held}'


@lru_cache(maxsize=64)
def _parts_text(table: str, columns: tuple[str, ...], parts: str, names: tuple[str, str]) -> str:
    made = _insert_text(table, columns, True)
    one, text = names
    return (
        f'WITH made AS ({made}) INSERT INTO "{parts}" ("{one}", "{text}")'
        f' SELECT made.id, listed.part FROM made, unnest(%s::text[]) AS listed(part) RETURNING "{one}"'
    )


@lru_cache(maxsize=256)
def _both_text(table: str, columns: tuple[str, ...], where: tuple[str, ...], other: str, row: tuple[str, ...]) -> str:
    changed = _update_text(table, columns, where)
    names, holes = ", ".join(f'"{name}"' for name in row), ", ".join(["%s"] * len(row))
    return f'WITH changed AS ({changed} RETURNING 1) INSERT INTO "{other}" ({names}) SELECT {holes} FROM changed'


def _plain(connection: Any, values: Iterable[Any]) -> list[Any]:
    """Return values as the driver of the connection takes them."""
    if connection.vendor == "postgresql":
        return [_json(value) if type(value) in (dict, list) else value for value in values]
    convert: dict[type, Callable[[Any], Any]] = {
        datetime: connection.ops.adapt_datetimefield_value,
        date: connection.ops.adapt_datefield_value,
        dict: _json,
        list: _json,
    }
    return [convert[type(value)](value) if type(value) in convert else value for value in values]


def _copy(connection: Any, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    names = ", ".join(f'"{name}"' for name in columns)
    text = f'COPY "{table}" ({names}) FROM STDIN'
    with connection.wrap_database_errors, connection.cursor() as cursor, cursor.copy(text) as copy:
        for row in rows:
            copy.write_row(_plain(connection, row))


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
