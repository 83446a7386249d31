"""What if: the comparison equals screening a package whose figure was really changed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from zhizhi.cli.main import app
from zhizhi.kernel.errors import UsageError

SHIPPED = Path(__file__).resolve().parents[2] / "scenarios" / "social-assistance"


def zhizhi(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("whatif")
    assert zhizhi("sample", "--people", 3_000, "--seed", 5, "--out", home / "exports").exit_code == 0
    assert zhizhi("load", home / "exports", "--lake", home / "lake").exit_code == 0
    return home / "lake"


def eligible(lake: Path, scenario: Path, out: Path) -> set[tuple[str, str]]:
    told = zhizhi("screen", "--lake", lake, "--scenario", scenario, "--on", "2025-09-01", "--out", out)
    assert told.exit_code == 0, told.output
    rows = pq.read_table(out / "decisions.parquet", columns=["subject", "policy", "decision"]).to_pylist()
    return {(row["policy"], row["subject"]) for row in rows if row["decision"] == "eligible"}


def test_gainers_and_losers_are_those_of_a_package_that_was_really_changed(lake: Path, tmp_path: Path) -> None:
    told = zhizhi("whatif", "--lake", lake, "--on", "2025-09-01", "--set", "dibao.line=1600", "--out", tmp_path, "--lang", "en")
    assert told.exit_code == 0, told.output
    assert "1400 → 1600" in told.output
    effects = {effect["policy"]: effect for effect in json.loads((tmp_path / "whatif.json").read_text())["effects"]}

    changed = tmp_path / "changed"
    shutil.copytree(SHIPPED, changed)
    shutil.rmtree(changed / "overlays")
    manifest = (changed / "package.yaml").read_text(encoding="utf-8")
    assert "2025-07-01: 1400" in manifest
    (changed / "package.yaml").write_text(manifest.replace("2025-07-01: 1400", "2025-07-01: 1600"), encoding="utf-8")
    plain = tmp_path / "plain"
    shutil.copytree(SHIPPED, plain)
    shutil.rmtree(plain / "overlays")

    before, after = eligible(lake, plain, tmp_path / "a"), eligible(lake, changed, tmp_path / "b")
    assert before != after
    for policy in ("dibao", "edge", "free-electricity"):
        was, becomes = ({s for p, s in side if p == policy} for side in (before, after))
        assert effects[policy]["gainers"] == len(becomes - was)
        assert effects[policy]["losers"] == len(was - becomes)
        assert tuple(effects[policy]["eligible"]) == (len(was), len(becomes))
    assert sum(row[1] for row in effects["dibao"]["by_county"]) == effects["dibao"]["gainers"]


@pytest.mark.parametrize(
    ("setting", "code"),
    [("dibao.lien=1200", "usage.set-unknown"), ("dibao.line", "usage.set-form"), ("dibao.line=many", "usage.set-value")],
)
def test_a_wrong_setting_says_what_is_wrong(lake: Path, setting: str, code: str) -> None:
    told = zhizhi("whatif", "--lake", lake, "--on", "2025-09-01", "--set", setting)
    assert isinstance(told.exception, UsageError)
    assert told.exception.code == code
    assert told.exception.text("zh")
    if code == "usage.set-unknown":
        assert "dibao_line" in told.exception.text("en") or "dibao.line" in told.exception.text("en")
