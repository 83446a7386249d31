"""Amounts are worked out in decimals of 34 digits, as FEEL's numbers are; comparisons stay exact."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from zhizhi.backends.package_tests import by_plan
from zhizhi.scenarios.package import read_package
from zhizhi.scenarios.testing import by_hand, read_tests

DIBAO = Path(__file__).resolve().parents[3] / "examples" / "three-bridges" / "scenario"


@pytest.fixture
def town(tmp_path: Path):
    """A package of the town's dibao policy, with tests of three members of whom one has an income."""

    def make(*incomes: int):
        (tmp_path / "policies").mkdir()
        for name in ("package.yaml", "needs.yaml"):
            (tmp_path / name).write_text((DIBAO / name).read_text(encoding="utf-8"), encoding="utf-8")
        lines = (DIBAO / "policies" / "dibao.yaml").read_text(encoding="utf-8").splitlines()
        tests = "".join(
            f"  - name: an income of {income} in all\n    on: 2025-09-01\n"
            f"    given: {{members: [{{wage: {income}}}, {{}}, {{}}]}}\n    expect: {{decision: eligible}}\n"
            for income in incomes
        )
        (tmp_path / "policies" / "dibao.yaml").write_text("\n".join(lines) + "\ntests:\n" + tests, encoding="utf-8")
        package = read_package(tmp_path)
        faults: list[Exception] = []
        return package, read_tests(package, faults.append), faults

    return make


def test_a_third_that_does_not_come_out_even_is_rounded_up_as_the_reference_has_it(town) -> None:
    package, tests, faults = town(340, 640, 2830)
    assert not faults
    assert [test.on for test in tests] == [date(2025, 9, 1)] * 3
    expected = [308100, 278000, 59100]
    assert [by_hand(test, package).amount_fen for test in tests] == expected
    assert [verdict.amount_fen for verdict in by_plan(tests, package)] == expected
