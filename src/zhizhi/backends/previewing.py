"""What a file would do to the lake, found out without writing: good and bad rows, rules, the change against what is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa

from zhizhi.backends.lake import Lake
from zhizhi.engines.quality import cells
from zhizhi.engines.quality.checks import value_name
from zhizhi.engines.quality.statements import ALIVE, Plan, good_rows
from zhizhi.exchange.contract import Contract
from zhizhi.kernel.identifiers import masked

FIRST = 8
"""Rows of a file that a preview shows."""


@dataclass(frozen=True, slots=True)
class Change:
    """Rows of the dataset now and after, and how many would come, go, be altered or stay.

    ``keyed`` says whether rows were told apart by the primary key; without one an altered row counts as one gone and one come.
    """

    before: int
    after: int
    come: int
    gone: int
    altered: int
    same: int
    keyed: bool


@dataclass(frozen=True, slots=True)
class Preview:
    """What a load would do. ``rules`` are lines as in the table of results; ``bad_rows`` as in quarantine, values masked.

    ``rows`` are the first good rows, field -> value: identifiers and what is stored encrypted are masked already, the other
    values are as they are and the caller cuts them to the reader's grade. ``unchanged``: the lake already holds this file.
    """

    dataset: str
    file: str
    load: str
    read: int
    good: int
    bad: int
    change: Change
    rules: tuple[Mapping[str, Any], ...]
    bad_rows: tuple[Mapping[str, Any], ...]
    rows: tuple[Mapping[str, Any], ...]
    unnamed: tuple[str, ...]
    unchanged: bool = False


def first_rows(connection: duckdb.DuckDBPyConnection, plan: Plan) -> list[dict[str, Any]]:
    """Return the first good rows of a staged file as text, with identifiers and encrypted fields masked."""
    listed = ", ".join(f"CAST({value_name(item.name)} AS VARCHAR) AS {cells.name(item.name)}" for item in plan.table.fields)
    found = connection.sql(f"SELECT _row, {listed} FROM staged WHERE {ALIVE} ORDER BY _row LIMIT {FIRST}").to_arrow_table()
    rows = found.to_pylist()
    for row in rows:
        for item in plan.table.fields:
            value = row[item.name]
            if value and (item.identifier or item.protect == "encrypt"):
                row[item.name] = masked("number" if item.identifier or value.isdigit() else "name", value)
    return list(rows)


def change(
    connection: duckdb.DuckDBPyConnection, plan: Plan, lake: Lake, contract: Contract, load: str, good: int, unchanged: bool
) -> Change:
    """Return how the good rows of a staged file would change the dataset; not at all if the lake holds them already.

    Rows are compared by the fields that the present version and the contract both have.
    """
    files = lake.files(contract.dataset) if contract.dataset in lake.datasets() else []
    if not files:
        return Change(0, good, good, 0, 0, 0, bool(contract.keys))
    held = {field.name for field in lake.delta(contract.dataset).schema().fields}
    names = [item.name for item in contract.table.fields if item.name in held]
    keys = list(contract.keys)
    keyed = bool(keys) and set(keys) <= set(names) and contract.mode != "append"
    content = ", ".join(f"CAST({cells.name(name)} AS VARCHAR)" for name in names)
    present = f"SELECT {content} FROM read_parquet([{cells.listed(files)}])"
    columns = ", ".join(cells.name(name) for name in names)
    shown = {True: f"{', '.join(cells.name(key) for key in keys)}, hash({content}) AS h", False: f"hash({content}) AS h"}[keyed]
    new = f"SELECT {shown} FROM ({good_rows(plan, load, 0, _LAST)})"
    old = f"SELECT {shown} FROM ({present}) AS t({columns})"
    before = _count(connection, old)
    if unchanged:
        return Change(before, before, 0, 0, 0, before, keyed)
    if contract.mode == "append":
        return Change(before, before + good, good, 0, 0, before, False)
    come, gone, altered, same = _keyed(connection, old, new, keys) if keyed else _unkeyed(connection, old, new)
    if contract.mode == "upsert":
        return Change(before, before + come, come, 0, altered, same + gone, keyed)
    return Change(before, good, come, gone, altered, same, keyed)


_LAST = 2**62


def _count(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    return int(connection.sql(f"SELECT count(*) FROM ({query})").fetchall()[0][0])


def _keyed(connection: duckdb.DuckDBPyConnection, old: str, new: str, keys: Sequence[str]) -> tuple[int, int, int, int]:
    on = " AND ".join(
        f"CAST(o.{cells.name(key)} AS VARCHAR) IS NOT DISTINCT FROM CAST(n.{cells.name(key)} AS VARCHAR)" for key in keys
    )
    row = connection.sql(
        "SELECT count(*) FILTER (o.h IS NULL), count(*) FILTER (n.h IS NULL), count(*) FILTER (o.h <> n.h), "
        f"count(*) FILTER (o.h = n.h) FROM ({old}) AS o FULL JOIN ({new}) AS n ON {on}"
    ).fetchall()[0]
    return (int(row[0]), int(row[1]), int(row[2]), int(row[3]))


def _unkeyed(connection: duckdb.DuckDBPyConnection, old: str, new: str) -> tuple[int, int, int, int]:
    row = connection.sql(
        "SELECT sum(greatest(n - o, 0)), sum(greatest(o - n, 0)), sum(least(o, n)) FROM ("
        f"SELECT h, sum(o) AS o, sum(n) AS n FROM (SELECT h, 1 AS o, 0 AS n FROM ({old}) UNION ALL "
        f"SELECT h, 0 AS o, 1 AS n FROM ({new})) GROUP BY h)"
    ).fetchall()[0]
    come, gone, same = (int(value or 0) for value in row)
    return come, gone, 0, same


def masked_lines(lines: pa.Table, most: int) -> tuple[dict[str, Any], ...]:
    """Return the first quarantine lines without their cipher texts."""
    kept = [name for name in lines.schema.names if name not in ("cipher", "raw")]
    return tuple(lines.select(kept).slice(0, most).to_pylist())
