"""From an empty folder to findings: the sample is drawn, loaded and screened by commands, and held against its truth."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from typer.testing import CliRunner, Result

from zhizhi.cli.main import app

CONTRACTS = Path(__file__).parents[2] / "scenarios" / "social-assistance" / "contracts"
SCENARIO = CONTRACTS.parent


def zhizhi(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("journey")
    drawn = zhizhi("sample", "--people", 5_000, "--seed", 3, "--out", folder / "sample", "--lang", "en")
    assert drawn.exit_code == 0, drawn.output
    loaded = zhizhi("load", folder / "sample", "--contracts", CONTRACTS, "--lake", folder / "lake", "--lang", "en")
    assert loaded.exit_code == 0, loaded.output
    return folder


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_quarantine_is_exactly_the_bad_rows(home: Path) -> None:
    kept = DeltaTable(str(home / "lake" / "quarantine")).to_pyarrow_table().to_pylist()
    expected = {(row["file"], int(row["row"]), row["rule"]) for row in rows(home / "sample" / "truth" / "truth_bad_rows.csv")}
    assert {(row["file"], row["row"], row["rule"]) for row in kept} == expected


def test_no_good_row_is_lost_and_corrections_replace_rows(home: Path) -> None:
    written = json.loads((home / "sample" / "SYNTHETIC").read_text(encoding="utf-8"))["rows"]
    bad = rows(home / "sample" / "truth" / "truth_bad_rows.csv")
    by_dataset = {
        "公安_常住人口.csv": "population",
        "医保_费用结算.parquet": "medical_claims",
        "残联_持证残疾人.xlsx": "disability",
    }
    for file, dataset in {**by_dataset, "人社_就业工资.csv": "wages"}.items():
        wrong = sum(1 for row in bad if row["file"] == file)
        assert DeltaTable(str(home / "lake" / "datasets" / dataset)).to_pyarrow_table().num_rows == written[file] - wrong, dataset


def test_screening_finds_what_truth_says(home: Path) -> None:
    asked = ("--scenario", SCENARIO, "--lake", home / "lake", "--on", "2025-09-01", "--out", home / "out")
    run = zhizhi("screen", *asked, "--reveal", "--lang", "en")
    assert run.exit_code == 0, run.output
    truth = pq.read_table(home / "sample" / "truth" / "truth_decisions.parquet").to_pylist()
    policies = {row["policy"] for row in truth}
    decided = [row for row in pq.read_table(home / "out" / "decisions.parquet").to_pylist() if row["policy"] in policies]
    found = {(row["policy"], row["subject"], row["decision"]) for row in decided if row["decision"] != "not eligible"}
    assert found == {(row["policy"], row["subject"], row["decision"]) for row in truth}
    due = [row for row in truth if row["policy"] == "dibao" and row["decision"] == "eligible"]
    paid = [row for row in decided if row["policy"] == "dibao" and row["decision"] == "eligible"]
    assert {row["subject"]: row["amount"] for row in paid} == {row["subject"]: row["amount"] for row in due}


def test_a_size_out_of_bounds_is_one_sentence_and_not_a_traceback(tmp_path: Path) -> None:
    refused = zhizhi("sample", "--people", 10, "--out", tmp_path / "out", "--lang", "zh")
    assert refused.exit_code == 1
    assert "--people" in refused.output
    assert "Traceback" not in refused.output
