"""Other towns of the shape of three-bridges, drawn from a seed: every decision, finding and bad row is the right one."""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from made_town import Town
from zhizhi.cli.main import app

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "three-bridges"


def zhizhi(*arguments: object) -> None:
    told = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert told.exit_code == 0, told.output


@pytest.mark.parametrize("seed", [1, 2])
def test_a_town_that_nobody_has_seen_comes_out_right(seed: int, tmp_path: Path) -> None:
    (tmp_path / "exports").mkdir()
    town = Town(seed, tmp_path / "exports")
    town.make()
    lake, out = tmp_path / "lake", tmp_path / "out"
    zhizhi("load", tmp_path / "exports", "--contracts", EXAMPLE / "contracts", "--lake", lake)
    zhizhi("quality", "--lake", lake, "--out", out, "--reveal")
    zhizhi("screen", "--scenario", EXAMPLE / "scenario", "--lake", lake, "--on", "2025-09-01", "--out", out, "--reveal")

    with (out / "quarantine.csv").open(encoding="utf-8", newline="") as file:
        bad = sorted((row["file"], int(row["row"]), row["rule"]) for row in csv.DictReader(file))
    assert bad == sorted(town.bad)

    decided = {
        (row["subject"], row["policy"]): (row["decision"], row["amount"], row["missing"] or "")
        for row in pq.read_table(out / "decisions.parquet").to_pylist()
    }
    assert decided == town.decisions
    verdicts = {word for word, _, _ in town.decisions.values()}
    assert verdicts == {"eligible", "not eligible", "unknown"}
    assert any(amount is not None and amount > Decimal(1000) for _, amount, _ in town.decisions.values())

    found = {
        (row["subject"], row["finding"])
        for row in pq.read_table(out / "findings.parquet").to_pylist()
        if row["policy"] == "dibao" and row["finding"] in ("missed", "leaking")
    }
    assert found == town.findings
