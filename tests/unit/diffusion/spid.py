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


def cities() -> Facts:
    """Policies of 339 Chinese cities by day, with their ends."""
    rows = table("cn_city_covid_policy_adoptions.csv").to_pylist()
    names = [f"{row['province']}/{row['city']}" for row in table("cn_city_geo.csv").to_pylist()]
    listed = [
        {
            "region": f"{row['province']}/{row['city']}",
            "innovation": row["policy"],
            "date": row["date_start"],
            "ended": None if row["still_on_at_sample_end"] else row["last_day_on"],
        }
        for row in rows
    ]
    return read_facts(listed, universe=names, horizon=rows[0]["sample_end"])
