"""``zhizhi explain`` on a synthetic region: it agrees with the screening, names nobody, and answers in two languages."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from zhizhi.backends.case_files import CaseReader
from zhizhi.backends.lake import Lake
from zhizhi.backends.told import tell
from zhizhi.backends.vault import Vault, key_path
from zhizhi.cli.main import app
from zhizhi.kernel.errors import ZhizhiError
from zhizhi.scenarios.package import read_package

ROOT = Path(__file__).resolve().parents[2]
SCENARIO = ROOT / "scenarios" / "social-assistance"
ON = "2025-09-01"
PSEUDONYM = re.compile(r"[0-9a-f]{24}")


@dataclass
class Region:
    """A screened lake, with one household that misses dibao: its pseudonym, its number in clear, a member's id."""

    lake: Path
    household: str
    number: str
    resident: str


def invoke(*arguments: str | Path, lang: str = "en") -> str:
    done = CliRunner(env={"ZHIZHI_LANG": lang, "COLUMNS": "200"}).invoke(app, [str(a) for a in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def explain(region: Region, *arguments: str, lang: str = "en", on: str = ON) -> str:
    return invoke("explain", "--lake", region.lake, "--scenario", SCENARIO, "--on", on, *arguments, lang=lang)


@pytest.fixture(scope="module")
def region(tmp_path_factory: pytest.TempPathFactory) -> Region:
    place = tmp_path_factory.mktemp("explain")
    invoke("sample", "--people", "3000", "--seed", "7", "--out", place / "exports")
    lake = place / "lake"
    invoke("load", place / "exports", "--lake", lake)
    invoke("screen", "--scenario", SCENARIO, "--lake", lake, "--on", ON)
    opened, vault = Lake.open(lake), Vault.open(key_path(lake))
    reader = CaseReader(opened, read_package(SCENARIO), date.fromisoformat(ON))
    household = reader.first("missed", "dibao")[0]
    person = reader.read(household).people[0].pseudonym
    clear = vault.reveal(opened, [household, person])
    return Region(lake, household, clear[household], clear[person])


def test_the_first_missed_household_is_explained_in_full(region: Region) -> None:
    printed = explain(region, "--first", "missed", "--policy", "dibao")
    assert "Minimum living allowance: eligible" in printed
    assert "Income per member is below the minimum living line" in printed
    assert re.search(r"must be below [\d,]+ CNY/month", printed)
    assert "社会救助暂行办法" in printed
    assert "article 9" in printed
    assert "payable after stacking" in printed
    assert "finding: missed" in printed
    assert "parameter" in printed
    assert "DEFECT" not in printed


def test_chinese_speaks_of_relations_and_ages(region: Region) -> None:
    printed = explain(region, "--household", region.household, lang="zh")
    assert "户主，" in printed
    assert "最低生活保障" in printed
    assert "应享未享" in printed
    assert "不符合" in printed


def test_a_household_is_found_by_its_pseudonym_its_number_and_a_members_id(region: Region) -> None:
    by_pseudonym = explain(region, "--household", region.household)
    assert explain(region, "--household", region.number) == by_pseudonym
    assert explain(region, "--household", region.resident) == by_pseudonym


def test_nobody_is_named(region: Region) -> None:
    printed = explain(region, "--household", region.resident, "--all") + explain(region, "--household", region.resident, "--json")
    assert region.resident not in printed
    assert region.number not in printed
    assert set(PSEUDONYM.findall(printed)) == {region.household}


def test_json_holds_every_condition_with_value_limit_and_gap(region: Region) -> None:
    told = json.loads(explain(region, "--household", region.household, "--policy", "dibao", "--json"))
    (policy,) = told["policies"]
    assert policy["decision"] == "eligible"
    assert policy["agrees"] is True
    income = next(condition for condition in policy["conditions"] if condition["id"] == "income")
    (test,) = income["tests"]
    assert test["operator"] == "<"
    assert test["unit"] == "CNY/month"
    assert test["gap"] < 0
    assert policy["finding"] == "missed"
    assert told["members"][0]["relation"] == "head"


def test_an_unknown_names_what_is_missing_and_who_has_it(region: Region) -> None:
    told = json.loads(explain(region, "--first", "unknown", "--policy", "dibao", "--json"))
    lacks = [lack for condition in told["policies"][0]["conditions"] for lack in condition["missing"]]
    assert lacks
    assert all(lack["owner"] and lack["members"] for lack in lacks)
    assert "missing:" in explain(region, "--first", "unknown", "--policy", "dibao")


def test_without_a_kept_screening_of_the_day_the_household_is_screened_alone(region: Region) -> None:
    alone = explain(region, "--household", region.household, "--policy", "dibao", on="2025-08-31")
    assert "read from the lake" in alone
    assert "DEFECT" not in alone
    with pytest.raises(ZhizhiError) as caught:
        explain(region, "--first", "missed", on="2025-08-31")
    assert caught.value.code == "screening.no-run"


def test_every_explanation_says_what_the_screening_decided(region: Region) -> None:
    package = read_package(SCENARIO)
    reader = CaseReader(Lake.open(region.lake), package, date.fromisoformat(ON))
    reader.keep()
    households = reader.connection.execute("SELECT household FROM household_file ORDER BY household LIMIT 60").fetchall()
    told = [item for (household,) in households for item in tell(reader, package, reader.read(household))]
    assert len(told) > 2000
    wrong = [f"{item.policy.id}: {item.explanation.decision}, stored {item.decided}" for item in told if not item.agrees]
    assert not wrong, f"{len(wrong)}: {wrong[0]}"


def test_a_household_is_the_same_from_the_kept_files_from_memory_and_from_the_lake(region: Region, tmp_path: Path) -> None:
    package, day = read_package(SCENARIO), date.fromisoformat(ON)
    files, memory = (CaseReader(Lake.open(region.lake), package, day) for _ in range(2))
    memory.keep()
    bare = tmp_path / "lake"
    shutil.copytree(region.lake, bare, ignore=shutil.ignore_patterns("screening"))
    alone = CaseReader(Lake.open(bare), package, day)
    one, two, three = (reader.read(region.household) for reader in (files, memory, alone))
    assert one == two
    assert (one.case, one.people, one.decided, one.receipts) == (three.case, three.people, three.decided, three.receipts)


def test_a_decision_that_the_explanation_does_not_bear_out_is_told_loudly(region: Region, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    shutil.copytree(region.lake, lake)
    (bits,) = lake.glob("screening/*/run-*/household_bits.parquet")
    table = pq.read_table(bits)
    place = table.schema.get_field_index("T0")
    pq.write_table(table.set_column(place, "T0", pa.array([0] * len(table), pa.int64())), bits)
    command = [
        "explain",
        "--lake",
        lake,
        "--scenario",
        SCENARIO,
        "--on",
        ON,
        "--household",
        region.household,
        "--policy",
        "dibao",
    ]
    done = CliRunner(env={"ZHIZHI_LANG": "en"}).invoke(app, [str(part) for part in command])
    assert done.exit_code == 1
    assert "DEFECT" in done.output


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--household", "330106009999"), "screening.household-unknown"),
        (("--household", "HOUSEHOLD", "--policy", "dibau"), "usage.policy"),
        (("--household", "HOUSEHOLD", "--person", "19"), "screening.person-unknown"),
        ((), "usage.which-household"),
        (("--first", "lost"), "usage.first-kind"),
    ],
)
def test_what_cannot_be_answered_is_said(region: Region, arguments: tuple[str, ...], code: str) -> None:
    with pytest.raises(ZhizhiError) as caught:
        explain(region, *(region.household if part == "HOUSEHOLD" else part for part in arguments))
    assert caught.value.code == code
