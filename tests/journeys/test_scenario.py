"""``zhizhi scenario``: a sound package is told sound, a broken one every fault at once, and its tests run twice."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from zhizhi.cli.main import app

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "scenarios" / "social-assistance"
TOWN = ROOT / "examples" / "three-bridges"


def scenario(*arguments: str | Path, lang: str = "en") -> Result:
    runner = CliRunner(env={"ZHIZHI_LANG": lang, "COLUMNS": "200"})
    return runner.invoke(app, ["scenario", *(str(argument) for argument in arguments)], catch_exceptions=False)


@pytest.fixture
def town(tmp_path: Path) -> Path:
    """A copy of the three-bridges package, to be broken, with its contracts beside it."""
    shutil.copytree(TOWN, tmp_path / "town")
    return tmp_path / "town" / "scenario"


def edit(path: Path, *changes: tuple[str, str]) -> None:
    text = path.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")


def append(path: Path, text: str) -> None:
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")


def test_the_shipped_package_is_sound_and_counted() -> None:
    done = scenario("check", SHIPPED)
    assert done.exit_code == 0, done.output
    for words in ("Policies", "Warnings", "Departments", "verified", "illustrative", "dibao ≠ tekun", "330100, 330122"):
        assert words in done.output
    assert "every field that is needed stands in a contract" in done.output


def test_every_fault_is_told_at_once_with_its_place(town: Path) -> None:
    edit(town / "policies" / "dibao.yaml", ("pc < param.line", "pc < param.lin"), ("sum(members.homes)", "sum(members.home)"))
    edit(town / "policies" / "old-age.yaml", ("department:", "departmint:"))
    edit(town / "policies" / "edge.yaml", ("department: civil-affairs", "department: civil-affair"))
    done = scenario("check", town)
    assert done.exit_code == 1
    assert "Did you mean “param.line”" in done.output
    assert "Did you mean “members.homes”" in done.output
    assert "“departmint” in policies/old-age.yaml is not known. The nearest is: department" in done.output
    assert "“civil-affair” is not declared" in done.output
    assert "policies/dibao.yaml:14:27" in done.output
    assert "Faults: 5." in done.output  # old-age lacks its department, too
    assert "错误" in scenario("check", town, lang="zh").output


def test_needs_are_held_against_the_contracts(town: Path) -> None:
    edit(town / "needs.yaml", ("sum(pensions.pension)", "sum(pensions.pensoin)"), ("max(vehicles.price)", "max(cars.price)"))
    done = scenario("check", town)
    assert done.exit_code == 1
    assert "“pensions.pensoin”, which the dataset's contract does not have. The nearest is “pension”" in done.output
    assert "“cars”, for which there is no contract" in done.output


def test_the_shipped_tests_pass_in_both_evaluators() -> None:
    done = scenario("test", SHIPPED)
    assert done.exit_code == 0, done.output[-2000:]
    assert "a couple with 1,200 yuan a month in all is topped up to the line" in done.output
    assert " 0 wrong" in done.output
    assert "✗" not in done.output


TESTS = """
tests:
  - name: two people with 1,400 between them are topped up
    on: 2025-09-01
    given: {members: [{wage: 1000}, {pension: 400}]}
    expect: {decision: eligible, amount: 880, failed: [], missing: []}
  - name: a wage that nobody knows leaves it open
    on: 2025-09-01
    given: {members: [{wage: null}, {pension: 400}]}
    expect: {decision: unknown, missing: [wage]}
  - name: one yuan above the line of that day is too much
    on: 2025-06-30
    given: {members: [{wage: 1061}]}
    expect: {decision: not eligible, failed: [income]}
"""


def test_a_test_that_does_not_hold_is_told_with_what_was_found(town: Path) -> None:
    append(town / "policies" / "dibao.yaml", TESTS)
    assert scenario("test", town, "--policy", "dibao").exit_code == 0
    edit(town / "policies" / "dibao.yaml", ("amount: 880", "amount: 881"), ("missing: [wage]", "missing: [pension]"))
    done = scenario("test", town, "--policy", "dibao")
    assert done.exit_code == 1
    assert "the amount should be 881.00, is 880.00" in done.output
    assert "the missing data should be pension, is wage" in done.output
    assert "compiled SQL" in done.output
    assert "independent evaluator" in done.output
    assert "3 tests, 2 wrong" in done.output


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("{wage: 1000}", "{wages: 1000}", "“wages”, which is not known. The nearest is “wage”"),
        ("{wage: 1000}", "{wage: a lot}", "“wage” the value “a lot”, which is no number"),
        ("{wage: 1000}", "{wage: 1000.005}", "scale 2"),
        ("{wage: 1000}", "{claims: 3}", "“claims” as a list of rows"),
        ("{wage: 1000}", "{claims: [{paid: 3}]}", "“paid”, which is not known. The nearest is “self_paid”"),
        ("given: {members: [{wage: 1061}]}", "given: {members: []}", "has no members"),
        ("given: {members: [{wage: 1061}]}", "given: {person: {wage: 1061}}", "the policy is about a household"),
        ("failed: [income]", "failed: [incomes]", "condition “incomes” to fail, which the policy does not have"),
        ("on: 2025-06-30", "on: 2025-06-31", "“2025-06-31”, which is no date"),
    ],
)
def test_a_test_that_cannot_be_read_is_told_with_its_place(town: Path, old: str, new: str, told: str) -> None:
    append(town / "policies" / "dibao.yaml", TESTS)
    edit(town / "policies" / "dibao.yaml", (old, new))
    done = scenario("check", town)
    assert done.exit_code == 1
    assert told in done.output
    assert "policies/dibao.yaml:" in done.output


def _rule(town: Path) -> None:
    edit(town / "policies" / "dibao.yaml", ("pc < param.line", "pc <= param.line"))


def _figure(town: Path) -> None:
    edit(town / "policies" / "dibao.yaml", ("2025-07-01: 1140", "2025-07-01: 1200"))


def _need(town: Path) -> None:
    edit(town / "needs.yaml", ("from: max(vehicles.price), absent: 0", "from: max(vehicles.price), absent: unknown"))


def _wording(town: Path) -> None:
    edit(town / "policies" / "dibao.yaml", ("No expensive car", "No dear car"))


def _policy(town: Path) -> None:
    (town / "policies" / "edge.yaml").unlink()


def _tests(town: Path) -> None:
    append(town / "policies" / "dibao.yaml", TESTS)


@pytest.mark.parametrize(
    ("change", "part", "told"),
    [
        (_rule, "Rules", "dibao · condition · income · if: pc < param.line → pc <= param.line"),
        (_figure, "Parameters", "dibao · parameter · line · values · 2025-07-01: 1140 → 1200"),
        (_need, "Needs", "needs · variables · car_price · absent: 0 → unknown"),
        (_wording, "Wording", "No expensive car → No dear car"),
        (_policy, "Policies added or removed", "gone: edge"),
        (_tests, "Tests", "new: dibao · tests"),
    ],
)
def test_a_change_is_told_by_its_part(town: Path, change: Callable[[Path], None], part: str, told: str) -> None:
    change(town)
    done = scenario("diff", TOWN / "scenario", town)
    assert done.exit_code == 0
    assert done.output.startswith(part)
    assert told in done.output


def test_the_same_package_shows_no_difference(town: Path) -> None:
    append(town / "policies" / "dibao.yaml", "# a remark\n")
    assert scenario("diff", TOWN / "scenario", town).output.strip() == "No difference."


def test_check_tells_a_gap_in_a_decision_table_and_does_not_refuse_it(tmp_path: Path) -> None:
    folder = tmp_path / "three-bridges"
    shutil.copytree(Path(__file__).resolve().parents[2] / "examples" / "three-bridges" / "scenario", folder)
    policy = folder / "policies" / "old-age.yaml"
    policy.write_text(policy.read_text(encoding="utf-8").replace("[90..100)", "[91..100)"), encoding="utf-8")
    told = CliRunner().invoke(app, ["scenario", "check", str(folder), "--lang", "en"])
    assert told.exit_code == 0
    assert "old-age.yaml" in told.output
    assert "90" in told.output
    assert "91" in told.output
