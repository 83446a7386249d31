"""Outbreaks: the Chinese cities' figures, variety, and the five marks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from spid import cities, needs_data

from zhizhi.engines.diffusion.answers import CannotTell, Interval
from zhizhi.engines.diffusion.bursts import bursts
from zhizhi.engines.diffusion.facts import Facts, read_facts
from zhizhi.engines.diffusion.outbreaks import Variety, effective_number, marks, spreads, variety, wilson
from zhizhi.kernel.errors import InputError


@needs_data
def test_t16_bursts_of_the_chinese_cities() -> None:
    facts = cities()
    found = {row["innovation"]: row for row in spreads(facts).to_frame().to_pylist()}
    assert len(facts.regions) == 339
    for name, days, share, quits in (
        ("emergency_declaration", 1, 0.50, 0),
        ("home_isolation", 7, 0.23, 5),
        ("travel_ban_local", 16, 0.22, 19),
    ):
        row = found[name]
        assert (row["t10_t90"], round(row["peak_share"], 2), row["quits"]) == (days, share, quits)
    wave = variety(facts, int(facts.time.min()), int(facts.horizon) + 1)
    assert isinstance(wave, Variety)
    assert wave.kinds == 4


def wave(counts: list[int], shift: int = 0) -> Facts:
    rows = [
        {"region": f"r{r}", "innovation": f"i{i}", "date": 2000 + shift + r % 3}
        for i, many in enumerate(counts)
        for r in range(many)
    ]
    return read_facts(rows)


def test_one_policy_racing_is_told_from_many_at_once() -> None:
    race, many = variety(wave([50, 1]), 2000, 2003), variety(wave([12] * 20), 2000, 2003)
    assert isinstance(race, Variety)
    assert isinstance(many, Variety)
    assert (race.kind, many.kind) == ("race", "many")
    assert race.effective.value < 1.2
    open_ = variety(wave([5, 4, 3, 2, 2]), 2000, 2003)
    assert isinstance(open_, Variety)
    assert isinstance(open_.kind, CannotTell)
    assert open_.to_frame().to_pylist()[0]["kind"] is None
    few = variety(wave([3]), 2000, 2003)
    assert isinstance(few, CannotTell)
    assert few.enough == 10


@given(counts=st.lists(st.integers(1, 30), min_size=1, max_size=8), seed=st.integers(0, 99))
def test_variety_is_between_one_and_the_kinds_and_knows_no_order(counts: list[int], seed: int) -> None:
    found = effective_number(np.array(counts))
    mixed = effective_number(np.random.default_rng(seed).permutation(counts))
    assert mixed.value == pytest.approx(found.value)
    assert 1 - 1e-9 <= found.value <= len(counts) * np.exp((len(counts) - 1) / (2 * sum(counts))) + 1e-9


@given(shift=st.integers(-100, 100))
def test_shifted_dates_give_the_same_spread(shift: int) -> None:
    one, other = spreads(wave([8, 5])), spreads(wave([8, 5], shift))
    assert (one.t10_t90 == other.t10_t90).all()
    assert (one.peak + shift == other.peak).all()
    assert one.quits.tolist() == [-1, -1]  # ends were not recorded: not none


def test_the_interval_of_variety_covers_the_truth() -> None:
    rng, share, hits = np.random.default_rng(1), np.array([0.4, 0.3, 0.2, 0.1]), 0
    truth = np.exp(-(share * np.log(share)).sum())
    for _ in range(200):
        found = effective_number(rng.multinomial(80, share))
        hits += found.low <= truth <= found.high
    assert hits >= 176


def test_five_marks_are_kept_apart_and_say_what_is_not_known() -> None:
    series = bursts(np.array([2, 1, 3, 2, 2, 1, 3, 2, 2, 3, 1, 2] * 2 + [19, 22, 18, 20, 17, 21]))
    found = marks(
        series,
        levels=["county", "city", "province", "town"] * 5,
        domains=["public service"] * 19 + [None],
        together=[True] * 12 + [False] * 4 + [None] * 4,
    )
    assert isinstance(found.quantity, Interval)
    assert found.quantity.low > 3
    assert isinstance(found.levels, Interval)
    assert found.levels.value == pytest.approx(4, abs=0.4)
    assert isinstance(found.domains, Interval)
    assert found.domains.value == 1
    assert found.together == wilson(12, 16)
    assert isinstance(found.influence, CannotTell)
    assert found.computed.missing == {"levels": 0, "domains": 1, "together": 4}
    assert found.to_frame().to_pylist()[-1]["unknown"] == "diffusion.no-use"
    with pytest.raises(InputError):
        marks(series, levels=["city"], domains=[], together=[])
