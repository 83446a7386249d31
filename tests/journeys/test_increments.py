"""After a load or on another day only the touched households are screened, and that equals screening everybody."""

from __future__ import annotations

import csv
import io
import shutil
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from zhizhi.cli.main import app

PEOPLE = 2_000


def zhizhi(*arguments: object) -> Result:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result


def screen(lake: Path, out: Path, on: str, *more: str) -> str:
    return zhizhi("screen", "--lake", lake, "--on", on, "--out", out, "--lang", "en", *more).output


@pytest.fixture(scope="module")
def region(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("region")
    zhizhi("sample", "--people", PEOPLE, "--seed", 11, "--out", home / "exports", "--lang", "en")
    zhizhi("load", home / "exports", "--lake", home / "lake", "--lang", "en")
    return home


@pytest.fixture
def lake(region: Path, tmp_path: Path) -> Path:
    """A copy of the loaded lake with its key, so that no test sees another's runs."""
    shutil.copytree(region / "lake", tmp_path / "lake")
    shutil.copy(region / "lake.key", tmp_path / "lake.key")
    return tmp_path / "lake"


def rows_of(path: Path) -> list[dict[str, object]]:
    return pq.read_table(path).to_pylist()


def test_increments_equal_a_full_run(region: Path, lake: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert "everybody" in screen(lake, out, "2025-09-01")
    first = {name: (out / name).read_bytes() for name in ("decisions.parquet", "findings.parquet", "findings.xlsx")}

    assert "nothing changed" in screen(lake, tmp_path / "again", "2025-09-01")
    assert (tmp_path / "again" / "decisions.parquet").read_bytes() == first["decisions.parquet"]

    # late wages, people who move, new claims: three departments correct their data
    late = tmp_path / "late"
    late.mkdir()
    wages = list(csv.DictReader(io.StringIO((region / "exports" / "人社_就业工资.csv").read_bytes().decode("utf-8-sig"))))
    for row in wages[:25]:
        row["月工资（元）"] = "300"
    for row in wages[25:35]:
        row["月工资（元）"] = ""
    write_csv(late / "人社_就业工资_202510.csv", wages[:35], "utf-8")
    people = list(csv.DictReader(io.StringIO((region / "exports" / "公安_常住人口.csv").read_bytes().decode("gb18030"))))
    for index in range(0, 60, 6):
        people[index]["户号"] = people[index + 3]["户号"]
    write_csv(late / "公安_常住人口.csv", people, "gb18030")
    claims = pq.read_table(region / "exports" / "医保_费用结算.parquet").slice(0, 40)
    ids = claims.column_names[0]
    fresh = claims.set_column(0, ids, pa.array([f"LATE{n:08d}" for n in range(len(claims))]))
    pq.write_table(fresh, late / "医保_费用结算_补.parquet")
    zhizhi("load", late, "--lake", lake, "--lang", "en")

    assert "only what changed" in screen(lake, tmp_path / "second", "2025-09-01")
    changes = rows_of(tmp_path / "second" / "changes.parquet")
    assert {row["event"] for row in changes} >= {"became_eligible", "became_unknown"}
    before = {(r["subject"], r["policy"]): r["decision"] for r in rows_of(out / "decisions.parquet")}
    after = {(r["subject"], r["policy"]): r["decision"] for r in rows_of(tmp_path / "second" / "decisions.parquet")}
    moved = {key for key in before.keys() & after.keys() if before[key] != after[key]}
    told = {(row["subject"], row["policy"]) for row in changes if row["event"] != "near_miss"}
    # a decision that only went from unknown to not eligible is no event; every event is a difference
    assert told & moved == told - (after.keys() - before.keys()) - (before.keys() - after.keys())

    proved = screen(lake, tmp_path / "third", "2025-09-01", "--full")
    assert "the increments equal the full run" in " ".join(proved.split())
    for name, columns in (("decisions.parquet", "*"), ("findings.parquet", "* EXCLUDE since_last")):
        one, other = (f"SELECT {columns} FROM '{tmp_path / run / name}'" for run in ("second", "third"))
        same = duckdb.connect().execute(f"SELECT count(*) FROM (({one}) EXCEPT ALL ({other}))").fetchall()
        assert same == [(0,)]


@pytest.mark.parametrize("day", ["2025-10-15", "2025-08-20"])
def test_another_day_touches_only_whom_the_calendar_crosses(lake: Path, tmp_path: Path, day: str) -> None:
    screen(lake, tmp_path / "first", "2025-09-01")
    told = screen(lake, tmp_path / "out", day, "--full")
    assert "the increments equal the full run" in " ".join(told.split())


@pytest.mark.parametrize("seconds", [0.8, 2.5])
def test_a_killed_screening_leaves_the_last_result_and_the_next_completes(lake: Path, tmp_path: Path, seconds: float) -> None:
    screen(lake, tmp_path / "first", "2025-09-01")
    options = ["--lake", str(lake), "--on", "2025-09-02", "--out", str(tmp_path / "x")]
    command = [sys.executable, "-m", "zhizhi.cli.main", "screen", *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(seconds)
    process.kill()
    process.wait()
    assert not list((tmp_path / "x").glob("*.parquet")) or pq.read_table(tmp_path / "x" / "decisions.parquet").num_rows
    screen(lake, tmp_path / "again", "2025-09-01")
    assert (tmp_path / "again" / "decisions.parquet").read_bytes() == (tmp_path / "first" / "decisions.parquet").read_bytes()
    assert "equal the full run" in " ".join(screen(lake, tmp_path / "next", "2025-09-02", "--full").split())


def write_csv(path: Path, rows: list[dict[str, str]], encoding: str) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    path.write_bytes(text.getvalue().encode(encoding))
