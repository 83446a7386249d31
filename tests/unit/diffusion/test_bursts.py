"""Bursts: planted ones are found, seasons and chance are not taken for bursts, and the online rate is what it says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zhizhi.engines.diffusion.answers import CannotTell
from zhizhi.engines.diffusion.bursts import Alarms, Bursts, BurstSettings, alarms, bursts
from zhizhi.kernel.errors import InputError

SEASON = 1 + 0.8 * np.sin(np.arange(12) / 12 * 2 * np.pi)


def counts(rng: np.random.Generator, periods: int, rate: float = 5.0, dispersion: float = 0.15) -> np.ndarray:
    """Return negative binomial counts with a season."""
    mean = rate * np.resize(SEASON, periods)
    return rng.poisson(mean * rng.gamma(1 / dispersion, dispersion, periods)).astype(float)


def found_in(series: np.ndarray) -> Bursts:
    found = bursts(series)
    assert isinstance(found, Bursts)
    return found


def test_planted_bursts_are_found_where_they_are() -> None:
    rng, hits = np.random.default_rng(1), 0
    for _ in range(20):
        series = counts(rng, 84)
        series[50:58] = rng.poisson(5 * 5 * np.resize(SEASON, 84)[50:58] * rng.gamma(20, 1 / 20, 8))
        found = found_in(series)
        spans = zip(found.begin[found.outbreak], found.end[found.outbreak], strict=True)
        hits += any(abs(begin - 50) <= 3 and abs(end - 58) <= 3 for begin, end in spans)
    assert hits >= 16


def test_season_and_chance_are_not_taken_for_outbreaks() -> None:
    rng = np.random.default_rng(2)
    false = [found_in(counts(rng, 84)).outbreak.any() for _ in range(40)]
    assert np.mean(false) <= 0.05


def test_the_season_is_seen_again() -> None:
    found = found_in(counts(np.random.default_rng(3), 120, rate=30))
    assert np.corrcoef(found.season[:12], SEASON)[0, 1] > 0.9
    assert found.season[:12].mean() == pytest.approx(1)
    assert found.season_unknown is None


def test_too_short_for_a_season_is_told() -> None:
    found = found_in(counts(np.random.default_rng(4), 20))
    assert found.season_unknown is not None
    assert found.season_unknown.enough == 36


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000))
def test_segments_cover_all_once_and_a_longer_year_changes_nothing_of_the_counts(seed: int) -> None:
    rng = np.random.default_rng(seed)
    series = rng.poisson(rng.uniform(0.5, 6), 30).astype(float)
    series[0] += 1
    found = found_in(series)
    assert found.begin[0] == 0
    assert found.end[-1] == 30
    assert (found.begin[1:] == found.end[:-1]).all()
    assert (found.end - found.begin >= 3).all()
    assert (found.rate * np.add.reduceat(found.season, found.begin)).sum() == pytest.approx(series.sum())
    assert (found.low <= found.ratio).all()
    backwards = bursts(series[::-1], BurstSettings(season=1))
    forwards = bursts(series, BurstSettings(season=1))
    assert isinstance(backwards, Bursts)
    assert isinstance(forwards, Bursts)
    assert forwards.dispersion == pytest.approx(backwards.dispersion)
    assert len(forwards.begin) == len(backwards.begin)


def test_the_online_version_keeps_its_stated_false_alarm_rate() -> None:
    rng, plain = np.random.default_rng(5), BurstSettings(season=1, draws=400)
    false = []
    for _ in range(100):
        series = rng.poisson(5 * rng.gamma(1 / 0.1, 0.1, 60))
        found = alarms(series, rng, plain)
        assert isinstance(found, Alarms)
        assert found.false_alarms <= 0.05
        false.append(len(found.alarms) > 0)
    assert np.mean(false) <= 0.05 + 2.6 * np.sqrt(0.05 * 0.95 / 100)


def test_the_online_version_wakes_within_months_of_a_burst() -> None:
    rng = np.random.default_rng(6)
    series = np.concatenate([rng.poisson(3, 40), rng.poisson(12, 6)])
    found = alarms(series, rng, BurstSettings(season=1))
    assert isinstance(found, Alarms)
    assert 40 <= found.alarms[0] <= 43
    assert np.isnan(found.sums[:36]).all()
    same = alarms(series[:43], np.random.default_rng(6), BurstSettings(season=1))
    later = alarms(series, np.random.default_rng(6), BurstSettings(season=1))
    assert isinstance(same, Alarms)
    assert isinstance(later, Alarms)
    assert np.array_equal(same.sums, later.sums[:43], equal_nan=True)  # what comes later does not change what was known


def test_what_cannot_be_told_or_read_says_so() -> None:
    short = bursts(np.ones(5))
    assert isinstance(short, CannotTell)
    assert (short.code, short.enough) == ("diffusion.few-counts", 12)
    assert isinstance(bursts(np.zeros(40)), CannotTell)
    assert isinstance(alarms(np.ones(36), np.random.default_rng(0)), CannotTell)
    with pytest.raises(InputError):
        bursts(np.array([1.0, 2.5] * 10))
    with pytest.raises(InputError):
        bursts(np.array([1.0, -2] * 10))
