"""Ten departments' exports that others made: loaded, screened and quarantined, they give their three truth files exactly."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from openpyxl import load_workbook

ROOT = Path(__file__).resolve().parents[2]
TOWN = ROOT.parent / "shared" / "data" / "departments"
CONTRACTS = ROOT / "examples" / "three-bridges" / "contracts"
SCENARIO = ROOT / "examples" / "three-bridges" / "scenario"
ON = "2025-09-01"
NUMBER = re.compile(r"\d{17}[\dX]|\d{12}")

pytestmark = pytest.mark.skipif(not TOWN.is_dir(), reason="the three-bridges town's files are not beside this checkout")


def zhizhi(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if k != "ZHIZHI_KEY_FILE"} | {"ZHIZHI_LANG": "en", "COLUMNS": "160"}
    command = [sys.executable, "-m", "zhizhi.cli.main", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=180, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done


def screen(place: Path, out: str, *options: str) -> subprocess.CompletedProcess[str]:
    return zhizhi("screen", "--scenario", SCENARIO, "--lake", place / "lake", "--on", ON, "--out", place / out, *options)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the lake, and what screening (in clear and not) and the quality report wrote."""
    place = tmp_path_factory.mktemp("three-bridges")
    zhizhi("load", TOWN, "--contracts", CONTRACTS, "--lake", place / "lake")
    zhizhi("quality", "--lake", place / "lake", "--out", place / "quality")
    screen(place, "clear", "--reveal")
    screen(place, "masked")
    return place


def truth(name: str) -> list[dict[str, str]]:
    with (TOWN / name).open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_every_decision_amount_and_missing_field_is_the_truth(town: Path) -> None:
    found = {
        (row["subject"], row["kind"], row["policy"]): (row["decision"], row["amount"], row["missing"] or "")
        for row in pq.read_table(town / "clear" / "decisions.parquet").to_pylist()
    }
    expected = {
        (row["subject"], row["kind"], row["policy"]): (
            row["decision"],
            Decimal(row["amount"]) if row["amount"] else None,
            row["missing"],
        )
        for row in truth("truth_decisions.csv")
    }
    assert len(expected) > 10_000
    wrong = {
        key: (expected.get(key), found.get(key)) for key in expected.keys() | found.keys() if expected.get(key) != found.get(key)
    }
    assert not wrong, f"{len(wrong)} differ, such as {sorted(wrong.items())[:3]}"


def test_missed_and_leaking_households_of_dibao_are_the_truth(town: Path) -> None:
    found = {
        (row["subject"], row["finding"])
        for row in pq.read_table(town / "clear" / "findings.parquet").to_pylist()
        if row["policy"] == "dibao" and row["finding"] in ("missed", "leaking")
    }
    assert found == {(row["household"], row["finding"]) for row in truth("truth_dibao_findings.csv")}


def test_bad_rows_are_the_truth(town: Path) -> None:
    with (town / "quality" / "quarantine.csv").open(encoding="utf-8-sig", newline="") as file:
        found = {(row["file"], row["row"], row["rule"]) for row in csv.DictReader(file)}
    assert found == {(row["file"], row["row"], row["rule"]) for row in truth("truth_bad_rows.csv")}


def texts(path: Path) -> Iterator[str]:
    """All text that a person or program could read in an output."""
    if path.suffix == ".parquet":
        for row in pq.read_table(path).to_pylist():
            yield " ".join(str(value) for value in row.values())
    elif path.suffix == ".xlsx":
        for sheet in load_workbook(path, read_only=True):
            for row in sheet.iter_rows(values_only=True):
                yield " ".join(str(value) for value in row)
    else:
        yield path.read_text(encoding="utf-8")


def test_without_reveal_no_output_names_anybody(town: Path) -> None:
    outputs = sorted(path for path in (town / "masked").iterdir() if path.is_file())
    assert {"decisions.parquet", "findings.parquet", "findings.xlsx"} <= {path.name for path in outputs}
    regions = set(pq.read_table(town / "clear" / "findings.parquet", columns=["region"])["region"].to_pylist())
    people = {row["subject"] for row in truth("truth_decisions.csv")} - regions
    told = {path.name for path in outputs for line in texts(path) if people & set(NUMBER.findall(line))}
    assert not told
    assert any(people & set(NUMBER.findall(line)) for line in texts(town / "clear" / "findings.xlsx")), (
        "the search finds what is revealed"
    )


def test_the_same_lake_gives_the_same_bytes(town: Path) -> None:
    screen(town, "again", "--reveal")
    screen(town, "full", "--reveal", "--full")
    for name in ("decisions.parquet", "findings.parquet", "findings.xlsx"):
        once = (town / "clear" / name).read_bytes()
        assert (town / "again" / name).read_bytes() == once, name
        assert (town / "full" / name).read_bytes() == once, name


def test_full_proves_the_increments_of_a_later_day(town: Path) -> None:
    lake = ("--scenario", SCENARIO, "--lake", town / "lake")
    zhizhi("screen", *lake, "--on", "2025-09-02", "--out", town / "next")
    done = zhizhi("screen", *lake, "--on", "2025-09-03", "--out", town / "proof", "--full")
    assert "Proved" in done.stdout
