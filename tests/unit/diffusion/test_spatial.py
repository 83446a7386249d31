"""Moran's I by a plain loop, its calibration, and the map of provinces."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spid import cities, needs_data

from zhizhi.engines.diffusion.facts import Facts, read_facts
from zhizhi.engines.diffusion.panels import neighbours
from zhizhi.engines.diffusion.spatial import CODES, PROVINCES, SpatialSettings, morans_i, province_weights
from zhizhi.kernel.errors import InputError

NAMES = [f"r{i:02}" for i in range(25)]
GRID = [(NAMES[5 * r + c], NAMES[5 * r + c + 1]) for r in range(5) for c in range(4)]
GRID += [(NAMES[5 * r + c], NAMES[5 * r + c + 5]) for r in range(4) for c in range(5)]
FEW = SpatialSettings(draws=199)


def facts_of(times: np.ndarray, names: list[str] | None = None) -> Facts:
    rows = {"region": names or NAMES, "innovation": ["x"] * 25, "date": [int(t) for t in times]}
    return read_facts(rows, universe=NAMES)


def test_a_wave_across_a_grid_is_seen_and_the_value_is_the_plain_loops() -> None:
    times = np.array([2000 + r + c for r in range(5) for c in range(5)])
    weights = neighbours(NAMES, GRID)
    found = morans_i(facts_of(times), weights, np.random.default_rng(1), FEW)
    z = times - times.mean()
    total = sum(weights[i, j] * z[i] * z[j] for i in range(25) for j in range(25))
    assert found.value[0] == pytest.approx(25 / weights.sum() * total / (z @ z))
    assert found.value[0] > 0.7
    assert found.p[0] == 1 / 200
    assert found.draws[0].mean() == pytest.approx(found.expected[0], abs=0.05)


def test_chance_is_told_as_chance() -> None:
    rng, small = np.random.default_rng(2), 0
    weights = neighbours(NAMES, GRID)
    for _ in range(200):
        small += morans_i(facts_of(rng.integers(2000, 2020, 25)), weights, rng, SpatialSettings(draws=99)).p[0] <= 0.05
    assert small <= 20


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 500), shift=st.integers(-99, 99))
def test_names_and_shifted_dates_do_not_matter(seed: int, shift: int) -> None:
    rng = np.random.default_rng(seed)
    times = rng.integers(2000, 2020, 25)
    new = [NAMES[i] for i in rng.permutation(25)]
    name = dict(zip(NAMES, new, strict=True))
    one = morans_i(facts_of(times), neighbours(NAMES, GRID), rng, FEW)
    other = morans_i(facts_of(times + shift, new), neighbours(NAMES, [(name[a], name[b]) for a, b in GRID]), rng, FEW)
    assert other.value == pytest.approx(one.value)


def test_the_provinces_are_31_and_their_map_is_whole() -> None:
    weights = province_weights(list(CODES))
    assert len(CODES) == 31
    assert len(set(map(frozenset, PROVINCES))) == len(PROVINCES)
    assert (weights == weights.T).all()
    degree = dict(zip(CODES, weights.sum(axis=0).astype(int), strict=True))
    assert (degree["陕西"], degree["内蒙古"], degree["浙江"], degree["北京"], degree["海南"], degree["黑龙江"]) == (
        8,
        8,
        5,
        2,
        1,
        2,
    )
    reached = np.linalg.matrix_power(weights + np.eye(31), 30) > 0
    assert reached.all()
    assert province_weights(["海南", "广东"], across_water=False).sum() == 0
    with pytest.raises(InputError):
        province_weights(["浙江省"])


def test_too_few_neighbours_and_one_day_are_left_out_with_their_reason() -> None:
    weights = neighbours(NAMES, GRID)
    same = morans_i(facts_of(np.full(25, 2000)), weights, np.random.default_rng(0))
    assert same.left["x"].code == "diffusion.no-order"
    few = read_facts({"region": NAMES[:3], "innovation": ["x"] * 3, "date": [2000, 2001, 2002]}, universe=NAMES)
    left = morans_i(few, weights, np.random.default_rng(0)).left["x"]
    assert (left.code, left.enough) == ("diffusion.few-neighbours", 8)
    with pytest.raises(InputError):
        morans_i(few, np.ones((2, 2)), np.random.default_rng(0))


@needs_data
def test_travel_bans_of_cities_of_one_province_came_together() -> None:
    facts = cities().only(["travel_ban_local"])
    province = np.array([name.split("/")[0] for name in facts.regions])
    found = morans_i(facts, (province[:, None] == province).astype(float), np.random.default_rng(1), FEW)
    assert found.value[0] > 0.2
    assert found.p[0] == 1 / 200
