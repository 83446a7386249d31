"""What a test in sentences leaves out, and what it says is blank."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from zhizhi.scenarios.package import Package, read_package
from zhizhi.scenarios.testing import SentenceTest, by_hand, read_tests

SHIPPED = Path(__file__).resolve().parents[3] / "scenarios" / "social-assistance"


def sentences(policy: str) -> tuple[Package, dict[str, SentenceTest]]:
    package = read_package(SHIPPED)
    faults: list[Exception] = []
    found = {test.name: test for test in read_tests(package, faults.append) if test.policy.id == policy}
    assert not faults
    return package, found


def test_a_variable_that_is_not_given_is_as_if_there_were_no_row() -> None:
    _, tests = sentences("dibao")
    test = tests["with one wage missing and the rest below the line nobody can say"]
    head, spouse = test.case.members
    assert (head["wage"], head["pension"], head["employment"]) == (Fraction(800), Fraction(0), "none")
    assert "diagnosed_on" not in head, "no row of a diagnosis leaves its date unknown"
    assert spouse["wage"] is None, "null is a blank cell, whatever no row would mean"


def test_the_person_of_a_policy_is_the_first_of_the_members() -> None:
    _, tests = sentences("student-grant")
    case = tests["a student of a vocational school in a dibao household"].case
    assert case.person == 0
    assert [member["relation"] for member in case.members] == ["child", "head"]


def test_a_region_has_its_own_figures() -> None:
    package, tests = sentences("dibao")
    county = tests["the county's line of 2026 goes before the city's"]
    assert county.case.region == "330122"
    assert by_hand(county, package).amount_fen == 2000
