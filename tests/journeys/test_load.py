"""``zhizhi load`` and ``zhizhi quality`` as a person types them; the three-bridges town's bad rows, exactly."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOWN = ROOT.parent / "shared" / "data" / "departments"
CONTRACTS = ROOT / "examples" / "three-bridges" / "contracts"

needs_town = pytest.mark.skipif(not TOWN.is_dir(), reason="the three-bridges town's files are not beside this checkout")


def zhizhi(*arguments: str | Path, lang: str = "en") -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if k != "ZHIZHI_KEY_FILE"} | {"ZHIZHI_LANG": lang, "COLUMNS": "160"}
    command = [sys.executable, "-m", "zhizhi.cli.main", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=False)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("three-bridges")
    done = zhizhi("load", TOWN, "--contracts", CONTRACTS, "--lake", folder / "lake")
    assert done.returncode == 0, done.stderr
    return folder


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@needs_town
def test_quarantine_of_three_bridges_is_its_truth(loaded: Path) -> None:
    done = zhizhi("quality", "--lake", loaded / "lake", "--out", loaded / "out")
    assert done.returncode == 0, done.stderr
    found = rows(loaded / "out" / "quarantine.csv")
    assert list(found[0]) == ["file", "row", "column", "value", "rule", "owner", "also"]
    told = [(row["file"], int(row["row"]), row["rule"]) for row in found]
    assert sorted(told) == sorted((row["file"], int(row["row"]), row["rule"]) for row in rows(TOWN / "truth_bad_rows.csv"))


@needs_town
def test_values_are_masked_unless_revealed_with_the_key(loaded: Path) -> None:
    zhizhi("quality", "--lake", loaded / "lake", "--out", loaded / "masked")
    zhizhi("quality", "--lake", loaded / "lake", "--out", loaded / "clear", "--reveal")
    masked, clear = rows(loaded / "masked" / "quarantine.csv"), rows(loaded / "clear" / "quarantine.csv")
    last = [row for row in clear if row["rule"] == "unknown person"][-1]
    assert last["value"] == "330102196606060844"
    assert "330102196606060844" not in (loaded / "masked" / "quarantine.csv").read_text(encoding="utf-8")
    assert "330102196606060844" not in (loaded / "masked" / "quality.html").read_text(encoding="utf-8")
    assert [row["row"] for row in masked] == [row["row"] for row in clear]
    shutil.move(loaded / "lake.key", loaded / "away.key")
    refused = zhizhi("quality", "--lake", loaded / "lake", "--reveal")
    shutil.move(loaded / "away.key", loaded / "lake.key")
    assert refused.returncode == 1
    assert "key" in refused.stderr


@needs_town
def test_report_and_to_do_list_in_both_languages(loaded: Path) -> None:
    zh = zhizhi("quality", "--lake", loaded / "lake", "--out", loaded / "zh", lang="zh")
    en = zhizhi("quality", "--lake", loaded / "lake", "--out", loaded / "en")
    assert "数据质量" in zh.stdout
    assert "各部门待办" in zh.stdout
    assert "To do, by owner" in en.stdout
    html = (loaded / "zh" / "quality.html").read_text(encoding="utf-8")
    assert 'lang="zh-Hans"' in html
    assert "http" not in html.replace("http-equiv", ""), "the page needs nothing from elsewhere"
    todo = (loaded / "en" / "todo.csv").read_text(encoding="utf-8").splitlines()
    assert len(todo) == 9, "a heading and a line for each owner, dataset and rule"


@needs_town
def test_same_folder_again_changes_nothing(loaded: Path) -> None:
    logs = sorted(str(path) for path in (loaded / "lake" / "datasets").rglob("*.json"))
    done = zhizhi("load", TOWN, "--contracts", CONTRACTS, "--lake", loaded / "lake")
    assert done.returncode == 0
    assert done.stdout.count("unchanged") == 10
    assert sorted(str(path) for path in (loaded / "lake" / "datasets").rglob("*.json")) == logs


@needs_town
def test_refused_file_gives_status_1_says_what_to_do_and_stops_no_other(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    shutil.copytree(TOWN, folder)
    path = folder / "人社_养老金发放.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("月养老金", "养老金额"), encoding="utf-8")
    (folder / "别的东西.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    done = zhizhi("load", folder, "--contracts", CONTRACTS, "--lake", tmp_path / "lake", lang="zh")
    assert done.returncode == 1
    assert "养老金额" in done.stderr
    assert "月养老金" in done.stderr
    assert "别的东西.csv" in done.stderr
    datasets = sorted(entry.name for entry in (tmp_path / "lake" / "datasets").iterdir())
    assert len(datasets) == 9
    assert "pensions" not in datasets


@needs_town
def test_faults_of_every_named_kind_are_found_in_any_file(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    shutil.copytree(TOWN, folder)
    expected = {(row["file"], int(row["row"]), row["rule"]) for row in rows(TOWN / "truth_bad_rows.csv")}

    def spoil(name: str, encoding: str, *lines: tuple[str, str]) -> None:
        path = folder / name
        text = path.read_text(encoding=encoding)
        number = len(text.splitlines())
        path.write_text(
            text + "".join(line + "\n" for line, _ in lines), encoding="gb18030" if encoding == "utf-8" else "utf-8-sig"
        )
        expected.update((name, number + i, rule) for i, (_, rule) in enumerate(lines, 1))

    known, other = "330106197511089054", "330110196812210727"
    spoil(
        "人社_就业工资.csv",
        "utf-8",
        ("330106197511089053,在职,5200,202508", "resident id checksum"),
        (f" {known.translate(str.maketrans('0123456789', '０１２３４５６７８９'))},在职,5200,2025年8月", "duplicate row"),
        (f"{known},在职,-1,202508", "negative amount"),
        (f"{known},在职,1,202513", "impossible date"),
        ("合计,,6900000,", "total row, not data"),
    )
    spoil("公安_机动车.csv", "gb18030", ("330102196606060844,9.9", "unknown person"), (f"{other},-3.5", "negative amount"))
    spoil("教育_在校学生.csv", "utf-8", ("330106198502310014,小学", "impossible birth date"))
    spoil("卫健_重大疾病确诊.csv", "utf-8", (f"{known},恶性肿瘤,2025年2月30日", "impossible date"))
    spoil("住建_房屋登记.csv", "gb18030", (f"{known},1", "duplicate row"))
    assert zhizhi("load", folder, "--contracts", CONTRACTS, "--lake", tmp_path / "lake").returncode == 0
    assert zhizhi("quality", "--lake", tmp_path / "lake", "--out", tmp_path / "out").returncode == 0
    found = {(row["file"], int(row["row"]), row["rule"]) for row in rows(tmp_path / "out" / "quarantine.csv")}
    assert (found - expected, expected - found) == (set(), set())


@needs_town
def test_no_resident_id_stands_in_the_lake_in_clear(loaded: Path) -> None:
    wanted = [b"330106197511089054", b"33010619990313292X", b"330102196606060844"]
    for path in (loaded / "lake").rglob("*"):
        if path.is_file() and path.suffix != ".parquet":
            assert not [value for value in wanted if value in path.read_bytes()], path
    mark = json.loads((loaded / "lake" / "lake.json").read_text(encoding="utf-8"))
    assert set(mark) == {"format", "key"}


def test_folder_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    done = zhizhi("load", tmp_path / "nowhere", "--contracts", CONTRACTS, "--lake", tmp_path / "lake")
    assert done.returncode == 1
    assert "nowhere" in done.stderr
    assert "Traceback" not in done.stderr
