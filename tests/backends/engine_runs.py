"""One adapter an engine, so that one test body runs on every engine; what an engine cannot do is declared on its adapter.

A run loads the same base tables, makes the tables of a plan from the text it gives for the engine's dialect, and reads
them back. Nothing is registered in an engine that its users would not have.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import duckdb
import psycopg
import pyarrow as pa
import pytest

from zhizhi.backends.duckdb import connect
from zhizhi.engines.screening.plan import Plan

try:
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession
except ImportError:
    SparkSession = None

POSTGRES = os.environ.get("ZHIZHI_TEST_POSTGRES", "")
TYPES = {"int64": "BIGINT", "boolean": "BOOLEAN", "string": "VARCHAR"}
Rows = list[tuple[Any, ...]]


@dataclass(frozen=True)
class Table:
    """A base table: its columns as (name, Ibis type) and its rows in that order."""

    name: str
    columns: tuple[tuple[str, str], ...]
    rows: Rows


class Engine(Protocol):
    """What a test asks of an engine.

    ``faults`` are the errors it raises where a number does not fit; ``gaps`` are the differences it is known for.
    """

    dialect: str
    faults: tuple[type[Exception], ...]
    gaps: Mapping[str, str]

    def load(self, table: Table) -> None: ...
    def make(self, name: str, select: str) -> None: ...
    def fetch(self, sql: str) -> Rows: ...
    def close(self) -> None: ...


def run_plan(engine: Engine, tables: Sequence[Table], plan: Plan) -> None:
    """Load ``tables`` and make every table of ``plan`` on ``engine``."""
    for table in tables:
        engine.load(table)
    for name, select in made(engine.dialect, plan):
        engine.make(name, select)


def made(dialect: str, plan: Plan) -> list[tuple[str, str]]:
    """Return (name, SELECT) of the tables to make."""
    if dialect == "pyspark":
        # Spark would write a step into the next, and an amount's text multiplies: there each step is kept
        return [(step.name, step.sql(dialect)) for step in plan.steps]
    return plan.tables(dialect, plan.steps)


def create(table: Table, types: Mapping[str, str]) -> str:
    columns = ", ".join(f'"{name}" {types[kind]}' for name, kind in table.columns)
    return f"CREATE TEMPORARY TABLE {table.name} ({columns})"


class DuckDb:
    """The engine that screening runs on."""

    dialect = "duckdb"
    faults = (duckdb.Error,)
    gaps: Mapping[str, str] = {}

    def __init__(self) -> None:
        self.connection = connect(threads=1)

    def load(self, table: Table) -> None:
        self.connection.execute(create(table, TYPES))
        kinds = {"int64": pa.int64(), "boolean": pa.bool_(), "string": pa.string()}
        columns = zip(*table.rows, strict=True) if table.rows else [()] * len(table.columns)
        arrays = [pa.array(values, kinds[kind]) for values, (_, kind) in zip(columns, table.columns, strict=True)]
        self.connection.register("given", pa.table(arrays, names=[name for name, _ in table.columns]))
        self.connection.execute(f"INSERT INTO {table.name} SELECT * FROM given")

    def make(self, name: str, select: str) -> None:
        self.connection.execute(f"CREATE TEMPORARY TABLE {name} AS {select}")

    def fetch(self, sql: str) -> Rows:
        return self.connection.execute(sql).fetchall()

    def close(self) -> None:
        self.connection.close()


class Sqlite:
    """The standard library's SQLite: a second opinion in every run, not an engine for a region's data."""

    dialect = "sqlite"
    faults = (sqlite3.Error,)
    gaps: Mapping[str, str] = {"overflow": "SQLite goes on in floating point where a product leaves 64 bits"}

    def __init__(self) -> None:
        self.connection = sqlite3.connect(":memory:")

    def load(self, table: Table) -> None:
        self.connection.execute(create(table, {"int64": "INTEGER", "boolean": "BOOLEAN", "string": "TEXT"}))
        marks = ", ".join("?" * len(table.columns))
        self.connection.executemany(f"INSERT INTO {table.name} VALUES ({marks})", table.rows)

    def make(self, name: str, select: str) -> None:
        self.connection.execute(f"CREATE TEMPORARY TABLE {name} AS {select}")

    def fetch(self, sql: str) -> Rows:
        return self.connection.execute(sql).fetchall()

    def close(self) -> None:
        self.connection.close()


class Postgres:
    """PostgreSQL where ``ZHIZHI_TEST_POSTGRES`` names a server; everything is temporary."""

    dialect = "postgres"
    faults = (psycopg.Error,)
    gaps: Mapping[str, str] = {}

    def __init__(self) -> None:
        if not POSTGRES:
            pytest.skip("ZHIZHI_TEST_POSTGRES names no PostgreSQL server")
        self.connection = psycopg.connect(POSTGRES, autocommit=True)

    def load(self, table: Table) -> None:
        self.connection.execute(create(table, TYPES).encode())
        with self.connection.cursor() as cursor, cursor.copy(f"COPY {table.name} FROM STDIN".encode()) as copy:
            for row in table.rows:
                copy.write_row(row)

    def make(self, name: str, select: str) -> None:
        self.connection.execute(f"CREATE TEMPORARY TABLE {name} AS {select}".encode())

    def fetch(self, sql: str) -> Rows:
        return self.connection.execute(sql.encode()).fetchall()

    def close(self) -> None:
        self.connection.close()


class Spark:
    """Spark 4 in ANSI mode (its default), in this process, where the ``spark`` extra and Java 17 are installed."""

    dialect = "pyspark"
    gaps: Mapping[str, str] = {}

    def __init__(self) -> None:
        if SparkSession is None:
            pytest.skip("the spark extra is not installed")
        self.faults = (PySparkException,)
        settings = {
            "spark.ui.enabled": "false",
            "spark.sql.shuffle.partitions": "1",
            "spark.sql.ansi.enabled": "true",
            "spark.driver.host": "127.0.0.1",
            "spark.sql.codegen.wholeStage": "false",
        }
        builder = SparkSession.builder.master("local[1]").appName("zhizhi tests")
        for name, value in settings.items():
            builder = builder.config(name, value)
        self.session = builder.getOrCreate()
        self.session.sparkContext.setLogLevel("OFF")
        self.made: list[str] = []

    def _name(self, frame: Any, name: str) -> None:
        frame.localCheckpoint(eager=True).createOrReplaceTempView(name)
        self.made.append(name)

    def load(self, table: Table) -> None:
        types = {"int64": "BIGINT", "boolean": "BOOLEAN", "string": "STRING"}
        schema = ", ".join(f"`{name}` {types[kind]}" for name, kind in table.columns)
        self._name(self.session.createDataFrame(table.rows, schema), table.name)

    def make(self, name: str, select: str) -> None:
        self._name(self.session.sql(select), name)

    def fetch(self, sql: str) -> Rows:
        return [tuple(row) for row in self.session.sql(sql.replace('"', "`")).collect()]

    def close(self) -> None:
        for name in self.made:
            self.session.catalog.dropTempView(name)


ENGINES: Mapping[str, Any] = {"duckdb": DuckDb, "sqlite": Sqlite, "postgres": Postgres}
