"""What the data engine and the table store complain of when the ground gives way, in the words of the house."""

from __future__ import annotations

import errno
import re

import duckdb
from deltalake.exceptions import DeltaError

from zhizhi.kernel.errors import LakeError

_FILE = re.compile(r"[^/\\\"'\s]+\.parquet")
_GONE = ("No files found", "No such file", "not found", "does not exist", "Could not open")


def lake_fault(error: Exception) -> LakeError | None:
    """Return the error of the house for a full disk or a file that is gone under the lake; None for anything else."""
    told = str(error)
    if isinstance(error, OSError) and not isinstance(error, duckdb.Error):
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return LakeError("lake.disk-full")
        return _gone(told) if isinstance(error, FileNotFoundError) and _FILE.search(told) else None
    if not isinstance(error, (duckdb.Error, DeltaError)):
        return None
    if "No space left on device" in told:
        return LakeError("lake.disk-full")
    return _gone(told) if any(words in told for words in _GONE) and _FILE.search(told) else None


def _gone(told: str) -> LakeError:
    found = _FILE.search(told)
    return LakeError("lake.file-gone", file=found[0] if found else "?")
