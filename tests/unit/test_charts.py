"""Charts are tables: rows, classes of a map, and what does not fit together."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhizhi.apps.charts import FEWEST, MOST, Chart, Series, class_borders, class_of


def chart(kind: str = "bars", **changes: object) -> Chart:
    given_ = {"categories": ["a", "b"], "series": (Series("cases", [3, None]),)} | changes
    return Chart(key="k", kind=kind, title="t", heading="h", **given_)  # type: ignore[arg-type]


@given(st.lists(st.floats(-1e6, 1e6).map(lambda value: round(value, 3)), min_size=1, max_size=30))
def test_classes_hold_every_value_and_stay_readable(values: list[float]) -> None:
    borders = class_borders(values)
    assert borders[0] <= min(values)
    assert borders[-1] > max(values)
    widths = {round(high - low, 6) for low, high in pairwise(borders)}
    assert len(widths) == 1
    assert len(borders) - 1 <= MOST
    if max(values) - min(values) > 1e-3 * max(1.0, abs(max(values))):
        assert len(borders) - 1 >= FEWEST


@pytest.mark.parametrize(("values", "first"), [([0, 0], 0.0), ([3, 40], 0.0), ([900, 1000], 900.0), ([-3, 4], -3.0)])
def test_classes_begin_at_nought_only_when_values_come_near_it(values: list[int], first: float) -> None:
    assert class_borders(values)[0] == first


def test_a_value_on_a_border_belongs_to_the_class_above() -> None:
    bands = chart("map", series=(Series("x", [0, 10]),), codes=["1", "2"]).bands
    second = bands[1]
    assert class_of(second.low, bands) == 2
    assert class_of(None, bands) == 0


def test_rows_carry_code_link_interval_and_class() -> None:
    made = chart(
        "map", series=(Series("x", [1, None], low=[0.5, None], high=[2, None]),), codes=["330106", "330102"], hrefs=["/a", "/b"]
    )
    known, unknown = made.rows
    assert (known.code, known.href, known.cells[0].low, known.cells[0].high) == ("330106", "/a", 0.5, 2)
    assert known.cells[0].tone > 0
    assert unknown.cells[0].value is None
    assert unknown.cells[0].tone == 0


def test_other_kinds_have_no_classes() -> None:
    assert chart("line").bands == ()


@pytest.mark.parametrize("changes", [{"series": (Series("x", [1]),)}, {"hrefs": ["/a"]}, {"codes": ["1", "2", "3"]}])
def test_a_chart_whose_parts_do_not_fit_is_a_fault(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="chart k"):
        chart(**changes)
