"""A region whose datasets and fields go by other names maps them in its overlay, and gets the same decisions."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from zhizhi.cli.main import app

ROOT = Path(__file__).resolve().parents[2]
EXPORTS = ROOT.parent / "shared" / "data" / "departments"
TOWN = ROOT / "examples" / "three-bridges"
OVERLAY = """\
region: "330106"
title: {zh: 西湖区, en: Xihu district}
datasets:
  wages: {dataset: rs_gz, fields: {wage: gz}}
  medical_claims: {dataset: yb_js, fields: {settled_on: js_day, self_paid: own_part}}
"""


def zhizhi(*arguments: object) -> None:
    told = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert told.exit_code == 0, told.output


def renamed(folder: Path) -> None:
    """Give two contracts of the town other names for their dataset and fields; files and headers stay."""
    for name, changes in {
        "wages": {"id: wages": "id: rs_gz", "- name: wages": "- name: rs_gz", "- name: wage\n": "- name: gz\n", "[wage]": "[gz]"},
        "medical_claims": {
            "id: medical_claims": "id: yb_js",
            "- name: medical_claims": "- name: yb_js",
            "settled_on": "js_day",
            "self_paid": "own_part",
        },
    }.items():
        path = folder / f"{name}.odcs.yaml"
        text = path.read_text(encoding="utf-8")
        for old, new in changes.items():
            text = text.replace(old, new)
        (folder / f"{'rs_gz' if name == 'wages' else 'yb_js'}.odcs.yaml").write_text(text, encoding="utf-8")
        path.unlink()


@pytest.mark.skipif(not EXPORTS.is_dir(), reason="the exports of the made-up town are not beside the project")
def test_other_names_of_datasets_and_fields_change_no_decision(tmp_path: Path) -> None:
    shutil.copytree(TOWN / "contracts", tmp_path / "contracts")
    renamed(tmp_path / "contracts")
    shutil.copytree(TOWN / "scenario", tmp_path / "scenario")
    (tmp_path / "scenario" / "overlays" / "330106").mkdir(parents=True)
    (tmp_path / "scenario" / "overlays" / "330106" / "overlay.yaml").write_text(OVERLAY, encoding="utf-8")
    decisions = []
    for contracts, scenario, place in (
        (TOWN / "contracts", TOWN / "scenario", tmp_path / "a"),
        (tmp_path / "contracts", tmp_path / "scenario", tmp_path / "b"),
    ):
        zhizhi("load", EXPORTS, "--contracts", contracts, "--lake", place / "lake", "--key", tmp_path / "key")
        zhizhi(
            "screen",
            "--scenario",
            scenario,
            "--lake",
            place / "lake",
            "--on",
            "2025-09-01",
            "--out",
            place / "out",
            "--key",
            tmp_path / "key",
        )
        rows = pq.read_table(place / "out" / "decisions.parquet").to_pylist()
        decisions.append({(row["subject"], row["policy"]): (row["decision"], row["amount"], row["missing"]) for row in rows})
    assert decisions[0] == decisions[1]
    assert sum(verdict == "unknown" for verdict, _, _ in decisions[1].values()) > 20
