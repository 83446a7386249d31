"""What the tutorial shows and `make demo` runs, on a small region."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).resolve().parents[2]
# A region code, a date of birth, three digits and a check character; a disability certificate adds two.
RESIDENT_ID = r"^[1-8][0-9]{5}(19|20)[0-9]{2}(0[1-9]|1[0-2])[0-3][0-9][0-9]{3}[0-9Xx]([0-9]{2})?$"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder that the demo made, and what it printed."""
    place = tmp_path_factory.mktemp("demo") / "made"
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = os.environ | {"PATH": path, "PEOPLE": "4000", "DEMO": str(place), "ZHIZHI_LANG": "en", "SERVE": "0"}
    done = subprocess.run(["bash", "docs/tutorial/demo.sh"], cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return place, done.stdout


def test_the_demo_ends_with_one_household_explained(demo: tuple[Path, str]) -> None:
    _, printed = demo
    assert "synthetic" in printed.lower()
    assert "zhizhi explain" in printed
    assert printed.split("zhizhi explain", 1)[1].count("\n") > 5


def test_the_demo_ends_in_a_desk_that_every_role_can_enter(demo: tuple[Path, str]) -> None:
    _, printed = demo
    for login in ("worker", "officer", "manager", "analyst", "steward", "auditor", "reform", "admin"):
        assert re.search(rf"^{login} +/zh-hans/\S+ +\S", printed, re.MULTILINE), printed[-2000:]
    assert "The desk answers" in printed


def test_the_demo_leaves_findings_and_a_quality_report(demo: tuple[Path, str]) -> None:
    place, _ = demo
    assert {p.suffix for p in (place / "findings").rglob("*") if p.is_file()} >= {".parquet", ".xlsx"}
    assert (place / "quality" / "quarantine.csv").is_file()


def test_no_resident_id_is_left_in_the_lake_in_clear(demo: tuple[Path, str]) -> None:
    place, _ = demo
    tables = sorted((place / "lake").rglob("*.parquet"))
    assert tables
    clear = []
    for path in tables:
        table = pq.read_table(path)
        for name in table.column_names:
            column = table[name]
            if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
                found = pc.match_substring_regex(column, RESIDENT_ID)
                if pc.any(found).as_py():
                    clear.append(f"{path.relative_to(place)} {name}")
    assert not clear, "\n".join(clear)


def test_the_key_lies_beside_the_lake_for_its_owner_only(demo: tuple[Path, str]) -> None:
    place, _ = demo
    assert list((place / "lake").rglob("*.key")) == []
    assert (place / "lake.key").stat().st_mode & 0o077 == 0
