"""The outside data of the golden tests; a test is skipped, and says so, where it is not there."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv
import pytest

from zhizhi.engines.diffusion.facts import Facts, read_facts

DATA = Path(__file__).parents[4] / "shared" / "data" / "diffusion"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the outside adoption data (../shared/data/diffusion) is not here")


def table(name: str) -> pa.Table:
    return pacsv.read_csv(DATA / name)


def spid() -> Facts:
    """State Policy Innovation and Diffusion database v1.0."""
    return read_facts(table("spid_v1.0_policies.csv").rename_columns(["region", "innovation", "date"]))
