"""Put many rows into a table of the relational database at once: COPY on PostgreSQL, one prepared statement on SQLite.

Takes the web framework's connection as it is, and no framework: rows stand or fall with the transaction that the caller is in.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from typing import Any


def next_ids(connection: Any, table: str, count: int) -> list[int]:
    """Return ``count`` fresh ids of ``table``, in order. On SQLite they hold while the caller's transaction writes."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)", [table, count])
            return sorted(number for (number,) in cursor.fetchall())
        cursor.execute("SELECT COALESCE((SELECT seq FROM sqlite_sequence WHERE name = %s), 0)", [table])
        last = cursor.fetchone()[0]
    return list(range(last + 1, last + 1 + count))


def insert_rows(connection: Any, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Insert rows, each with a value for every column: text, numbers, booleans, dates, aware datetimes, JSON as dict or list.

    Errors are those of the connection: a broken constraint is its ``IntegrityError``.
    """
    if connection.vendor == "postgresql":
        _copy(connection, table, columns, rows)
        return
    convert: dict[type, Callable[[Any], Any]] = {
        datetime: connection.ops.adapt_datetimefield_value,
        date: connection.ops.adapt_datefield_value,
        dict: _json,
        list: _json,
    }
    names, holes = ", ".join(f'"{name}"' for name in columns), ", ".join(["%s"] * len(columns))
    with connection.cursor() as cursor:
        cursor.executemany(
            f'INSERT INTO "{table}" ({names}) VALUES ({holes})',
            [[convert[type(value)](value) if type(value) in convert else value for value in row] for row in rows],
        )


def _copy(connection: Any, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    names = ", ".join(f'"{name}"' for name in columns)
    text = f'COPY "{table}" ({names}) FROM STDIN'
    with connection.wrap_database_errors, connection.cursor() as cursor, cursor.copy(text) as copy:
        for row in rows:
            copy.write_row([_json(value) if type(value) in (dict, list) else value for value in row])


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
