"""The one place that opens DuckDB: always in memory, with bounded memory, threads and a place to spill to."""

from __future__ import annotations

import tempfile
from pathlib import Path

import duckdb


def connect(memory: str = "", threads: int = 0, spill: Path | None = None) -> duckdb.DuckDBPyConnection:
    """Open an in-memory DuckDB.

    Args:
        memory: limit such as ``2GB``; empty: DuckDB's own (80 % of the machine's).
        threads: number of threads; 0: one a core.
        spill: folder for what does not fit in memory; default: the machine's temporary folder.
    """
    connection = duckdb.connect(":memory:")
    connection.execute("SET temp_directory = ?", [str(spill or Path(tempfile.gettempdir()) / "zhizhi-spill")])
    connection.execute("SET enable_progress_bar = false")
    connection.execute("SET TimeZone = 'UTC'")
    if memory:
        connection.execute("SET memory_limit = ?", [memory])
    if threads:
        connection.execute("SET threads = ?", [threads])
    return connection
