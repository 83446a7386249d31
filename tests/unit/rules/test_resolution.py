"""Figures by date and region: the most local layer in force wins."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import pytest
from language import FIGURES, PARAMS, VOCABULARY, case, checked

from zhizhi.engines.rules import ir
from zhizhi.engines.rules.evaluator import evaluate
from zhizhi.engines.rules.resolution import figure_layer, figure_on, resolve, significant
from zhizhi.kernel.errors import PolicyError

LINE = PARAMS["line"]


@pytest.mark.parametrize(
    ("day", "region", "expected"),
    [
        ("2024-07-01", "", 1000),
        ("2025-06-30", "", 1000),
        ("2025-07-01", "", 1200),
        ("2025-07-01", "330106", 1400),
        ("2025-06-30", "330106", 1000),
        ("2025-12-31", "330122001", 1400),
        ("2026-01-01", "330122001", 1500),
        ("2026-01-01", "330106", 1400),
        ("2026-01-01", "340100", 1200),
    ],
)
def test_a_figure_is_that_of_the_day_and_the_region(day: str, region: str, expected: int) -> None:
    on = date.fromisoformat(day)
    assert figure_on(LINE, on, region) == expected
    node = resolve(checked("param.line"), FIGURES, on)
    assert evaluate(node, case(region=region), on, VOCABULARY).value == expected


def test_the_layer_that_gave_a_figure_can_be_named() -> None:
    assert figure_layer(LINE, date(2026, 2, 1), "330122") == ("330122", "2026-01-01", Fraction(1500))
    assert figure_layer(LINE, date(2026, 2, 1), "330106") == ("330100", "2025-07-01", Fraction(1400))
    assert figure_layer(LINE, date(2026, 2, 1)) == ("", "2025-07-01", Fraction(1200))


def test_before_the_first_figure_there_is_none() -> None:
    with pytest.raises(PolicyError) as caught:
        figure_on(LINE, date(2024, 6, 30))
    assert caught.value.code == "rules.no-figure"
    assert "2024-07-01" in caught.value.text("en")
    assert "2024-06-30" in caught.value.text("zh")


def test_a_figure_that_no_region_changes_becomes_a_constant() -> None:
    assert isinstance(resolve(checked("param.line"), FIGURES, date(2024, 8, 1)), ir.Const)
    assert isinstance(resolve(checked("param.line"), FIGURES, date(2025, 8, 1)), ir.RegionParam)


@pytest.mark.parametrize(
    ("code", "expected"), [("330000", "33"), ("330100", "3301"), ("330106", "330106"), ("330106001", "330106001"), ("33", "33")]
)
def test_a_region_code_without_its_trailing_zeros_covers_what_is_below(code: str, expected: str) -> None:
    assert significant(code) == expected
