"""Quitting: the Chinese cities' figures, Kaplan and Meier as the case of one cause, simulated competing causes, log-rank."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spid import cities, needs_data

from zhizhi.engines.diffusion.answers import CannotTell, Interval
from zhizhi.engines.diffusion.facts import read_facts
from zhizhi.engines.diffusion.quitting import Incidence, Quitting, QuittingSettings, incidence, quitting
from zhizhi.kernel.errors import InputError

LOOSE = QuittingSettings(fewest=1)


def only(found: Quitting) -> Incidence:
    one = found.groups["(all)"]
    assert isinstance(one, Incidence)
    return one


@needs_data
def test_t16_quits_of_the_chinese_cities_by_policy() -> None:
    facts = cities()
    found = quitting(facts, trigger=[facts.innovations[i] for i in facts.innovation])
    assert isinstance(found, Quitting)
    ended = {name: one.ended["ended"] for name, one in found.groups.items() if isinstance(one, Incidence)}
    assert [ended[name] for name in ("emergency_declaration", "home_isolation", "travel_ban_local")] == [0, 5, 19]
    assert found.p < 1e-6
    ban = found.groups["travel_ban_local"]
    assert isinstance(ban, Incidence)
    late = ban.at(60, "ended")
    assert isinstance(late, Interval)
    assert 0.05 < late.low < late.value < late.high < 0.35
    assert isinstance(ban.at(400, "ended"), CannotTell)


def test_one_cause_is_kaplan_and_meier_with_greenwoods_variance() -> None:
    rng = np.random.default_rng(1)
    time = np.ceil(rng.exponential(10, 60))
    seen = rng.random(60) < 0.7
    one = only(incidence(time, ["end" if s else None for s in seen]))
    alive, green = 1.0, 0.0
    for step, at in enumerate(one.time):
        risk, ends = (time >= at).sum(), ((time == at) & seen).sum()
        alive *= 1 - ends / risk
        assert one.going[step] == pytest.approx(alive)
        assert one.share[step, 0] == pytest.approx(1 - alive)
        if risk == ends:
            continue
        green += ends / (risk * (risk - ends))
        error, share = alive * np.sqrt(green), 1 - alive
        expected = share ** np.exp(1.959964 * error / abs(share * np.log(share)))
        assert one.low[step, 0] == pytest.approx(expected, rel=1e-5)


def test_intervals_cover_the_truth_of_competing_causes() -> None:
    """Constant hazards .03 and .01: by time 20 three quarters of 1 - e^-.8 have ended from the first."""
    rng, hits = np.random.default_rng(2), 0
    truth = 0.75 * (1 - np.exp(-0.8))
    for _ in range(150):
        end, first, watch = rng.exponential(25, 80), rng.random(80) < 0.75, rng.uniform(10, 60, 80)
        cause = [None if w < e else ("a" if f else "b") for e, f, w in zip(end, first, watch, strict=True)]
        found = only(incidence(np.minimum(end, watch), cause)).at(20, "a")
        assert isinstance(found, Interval)
        hits += found.low <= truth <= found.high
    assert 0.90 <= hits / 150 <= 0.995


@settings(max_examples=40, deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.integers(0, 12), st.sampled_from([None, "a", "b"]), st.sampled_from("xy")), min_size=4, max_size=30
    ),
    seed=st.integers(0, 99),
)
def test_shares_add_up_and_order_names_and_units_do_not_matter(rows: list[tuple[int, str | None, str]], seed: int) -> None:
    time, cause, group = np.array([r[0] for r in rows], dtype=float), [r[1] for r in rows], [r[2] for r in rows]
    one = only(incidence(time, cause, settings=LOOSE))
    assert one.share.sum(axis=1) + one.going == pytest.approx(np.ones(len(one.time)))
    assert (np.diff(one.share, axis=0) >= -1e-12).all()
    assert ((one.low <= one.share) & (one.share <= one.high)).all()
    order = np.random.default_rng(seed).permutation(len(rows))
    mixed = only(incidence(time[order] * 7, [cause[i] for i in order], settings=LOOSE))
    assert mixed.share == pytest.approx(one.share)
    assert mixed.low == pytest.approx(one.low)
    here = incidence(time, cause, group, QuittingSettings(fewest=1, ends=1))
    there = incidence(time, cause, ["z" if g == "x" else "w" for g in group], QuittingSettings(fewest=1, ends=1))
    assert there.statistic == pytest.approx(here.statistic, nan_ok=True)


def test_log_rank_is_calibrated_and_sees_a_difference() -> None:
    rng, small = np.random.default_rng(3), 0
    group = ["x"] * 60 + ["y"] * 60
    for _ in range(200):
        small += incidence(rng.exponential(10, 120), ["end"] * 120, group).p < 0.05
    assert small <= 20
    slow = incidence(rng.exponential(np.repeat([5.0, 15.0], 60)), ["end"] * 120, group)
    assert slow.p < 1e-3


def test_never_ending_adoptions_lower_the_incidence() -> None:
    time, cause = np.arange(1.0, 21), ["end"] * 20
    few = only(incidence(time, cause)).at(10, "end")
    many = only(incidence(np.append(time, [25.0] * 40), [*cause, *([None] * 40)])).at(10, "end")
    assert isinstance(few, Interval)
    assert isinstance(many, Interval)
    assert many.value < few.value


def test_what_cannot_be_told_or_read_says_so() -> None:
    assert isinstance(quitting(read_facts({"region": ["a"], "innovation": ["x"], "date": [2001]})), CannotTell)
    found = incidence(np.ones(5), [None] * 5)
    assert isinstance(found.groups["(all)"], CannotTell)
    assert found.comparison_unknown is not None
    none = only(incidence(np.full(20, 9.0), ["end"] + [None] * 19)).at(5, "end")
    assert isinstance(none, Interval)
    assert none.value == 0 < none.high < 0.2
    with pytest.raises(InputError):
        incidence(np.array([1.0, -1]), ["a", None])
    with pytest.raises(InputError):
        incidence(np.array([1.0, 2]), ["a"])
    ended = read_facts({"region": ["a"], "innovation": ["x"], "date": [2001], "ended": [2003]})
    with pytest.raises(InputError):
        quitting(ended, cause=[None])
