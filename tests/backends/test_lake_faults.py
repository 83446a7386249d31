"""A lake with a hole in it says so in a sentence, whichever library meets the hole first."""

from __future__ import annotations

import errno
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from zhizhi.backends.duckdb import connect
from zhizhi.backends.faults import lake_fault


def test_a_file_that_is_gone_is_named(tmp_path: Path) -> None:
    write_deltalake(str(tmp_path / "t"), pa.table({"n": [1, 2]}))
    (file,) = (tmp_path / "t").glob("*.parquet")
    file.unlink()
    for read in (
        lambda: connect().execute(f"SELECT * FROM read_parquet(['{file}'])").fetchall(),
        lambda: DeltaTable(str(tmp_path / "t")).to_pyarrow_table(),
    ):
        with pytest.raises(Exception, match="parquet") as raised:
            read()
        known = lake_fault(raised.value)
        assert known is not None, repr(raised.value)
        assert known.code == "lake.file-gone"
        assert file.name in known.text("zh")


def test_a_full_disk_is_told_apart_from_a_fault_of_the_program() -> None:
    full = lake_fault(OSError(errno.ENOSPC, "No space left on device"))
    assert full is not None
    assert full.code == "lake.disk-full"
    assert lake_fault(OSError(errno.EACCES, "Permission denied")) is None
    assert lake_fault(ValueError("x.parquet not found")) is None
    with pytest.raises(Exception, match="nothing_here") as raised:
        connect().execute("SELECT nothing_here FROM (SELECT 1)")
    assert lake_fault(raised.value) is None
