"""What the tutorial shows and `make demo` runs, on a small region."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder that the demo made, and what it printed."""
    place = tmp_path_factory.mktemp("demo") / "made"
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = os.environ | {"PATH": path, "PEOPLE": "4000", "DEMO": str(place), "ZHIZHI_LANG": "en"}
    done = subprocess.run(["bash", "docs/tutorial/demo.sh"], cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return place, done.stdout


def test_the_demo_ends_with_one_household_explained(demo: tuple[Path, str]) -> None:
    _, printed = demo
    assert "synthetic" in printed.lower()
    assert "zhizhi explain" in printed
    assert printed.split("zhizhi explain", 1)[1].count("\n") > 5


def test_the_demo_leaves_findings_and_a_quality_report(demo: tuple[Path, str]) -> None:
    place, _ = demo
    assert {p.suffix for p in (place / "findings").rglob("*") if p.is_file()} >= {".parquet", ".xlsx"}
    assert (place / "quality" / "quarantine.csv").is_file()


def test_no_resident_id_is_left_in_the_lake_in_clear(demo: tuple[Path, str]) -> None:
    place, _ = demo
    assert [p for p in (place / "lake").rglob("*.key")] == []
    assert (place / "lake.key").is_file()
    assert (place / "lake.key").stat().st_mode & 0o077 == 0
