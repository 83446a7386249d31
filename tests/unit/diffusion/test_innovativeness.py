"""Innovativeness and honest ranks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spid import needs_data, spid

from zhizhi.engines.diffusion.answers import CannotTell
from zhizhi.engines.diffusion.facts import read_facts
from zhizhi.engines.diffusion.innovativeness import Walker, adoption_rates, walker
from zhizhi.engines.diffusion.panels import Panel, risk_panel
from zhizhi.engines.scoring.ranks import CannotRank, Ranks, RankSettings, index_class, index_classes, rank_bands
from zhizhi.kernel.errors import InputError


def ranked(*args: object, **kwargs: object) -> Ranks:
    found = rank_bands(*args, **kwargs)  # type: ignore[arg-type]
    assert isinstance(found, Ranks)
    return found


@needs_data
def test_bands_of_the_places_of_the_states() -> None:
    scores = walker(spid())
    assert isinstance(scores, Walker)
    assert len(scores.innovations) == 682
    found = ranked(scores.parts, scores.regions, np.random.default_rng(1))
    rows = found.to_frame().to_pylist()
    assert (rows[0]["name"], rows[0]["low"]) == ("California", 1)
    assert rows[0]["high"] <= 2
    assert np.median(found.high - found.low) == pytest.approx(15, abs=1.5)
    assert (rows[24]["low"], rows[24]["high"]) == pytest.approx((14, 35), abs=4)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), shift=st.integers(-100, 100))
def test_scores_know_no_names_no_order_and_no_shift(seed: int, shift: int) -> None:
    rng = np.random.default_rng(seed)
    names = [f"r{i}" for i in range(6)]
    rows = [(r, f"i{i}", int(rng.integers(2000, 2010))) for i in range(4) for r in names if rng.random() < 0.7] or [
        ("r0", "i0", 2000)
    ]
    new = dict(zip(names, rng.permutation(names), strict=True))
    one = walker(read_facts([{"region": r, "innovation": i, "date": t} for r, i, t in rows], universe=names))
    mixed = [{"region": new[r], "innovation": i, "date": t + shift} for r, i, t in rows][::-1]
    other = walker(read_facts(mixed, universe=names))
    if isinstance(one, CannotTell) or isinstance(other, CannotTell):
        assert type(one) is type(other)
        return
    moved = dict(zip(other.regions, other.score, strict=True))
    assert [moved[new[name]] for name in one.regions] == pytest.approx(one.score.tolist())
    assert ((one.parts >= 0) & (one.parts <= 1)).all()


def test_rates_count_what_was_at_risk() -> None:
    rows = {"region": ["a", "b", "a"], "innovation": ["x", "x", "y"], "date": [2000, 2002, 2001]}
    panel = risk_panel(read_facts(rows, universe=["a", "b", "c"], horizon=2004))
    assert isinstance(panel, Panel)
    found = adoption_rates(panel, [0, 3, 5])
    assert found.events.tolist() == [[0, 0], [1, 0], [0, 0]]
    assert found.at_risk.tolist() == [[0, 0], [3, 2], [3, 4]]
    assert np.isnan(found.rate[0, 0])
    assert (found.low[0, 0], found.high[0, 0]) == (0, 1)
    assert found.rate[1, 0] == pytest.approx(1 / 3)
    with pytest.raises(InputError):
        adoption_rates(panel, [3, 3])


def test_bands_hold_the_place_and_equal_ones_cannot_be_told_apart() -> None:
    rng = np.random.default_rng(2)
    noise = ranked(rng.random((40, 12)), [str(i) for i in range(12)], rng)
    assert ((noise.low <= noise.place) & (noise.place <= noise.high)).all()
    assert np.median(noise.high - noise.low) >= 5
    assert noise.wins + noise.wins.T == pytest.approx(np.ones((12, 12)))
    same = ranked(np.tile(rng.random((20, 1)), (1, 3)), ["a", "b", "c"], rng)
    assert same.place.tolist() == [2, 2, 2]
    assert (same.wins == 0.5).all()
    assert not same.surely_before("a", "b")


def test_bands_cover_the_true_place() -> None:
    rng, truth, hits = np.random.default_rng(3), np.linspace(1, 0, 8), 0
    for _ in range(40):
        found = ranked(truth + rng.normal(0, 1.5, (40, 8)), list("abcdefgh"), rng, RankSettings(draws=200))
        hits += int(((found.low <= np.arange(1, 9)) & (np.arange(1, 9) <= found.high)).sum())
    assert hits / 320 >= 0.9


def test_classes_of_the_index() -> None:
    assert [index_class(score) for score in (70, 69.9, 65, 60, 50, 0)] == [
        "leading", "quality", "quality", "featured", "developing", "catching-up",
    ]  # fmt: skip
    assert index_classes(49, 61) == ("featured", "developing", "catching-up")
    with pytest.raises(InputError):
        index_class(float("nan"))


def test_what_cannot_be_ranked_says_so() -> None:
    rng = np.random.default_rng(0)
    few = rank_bands(np.ones((3, 2)), ["a", "b"], rng)
    assert isinstance(few, CannotRank)
    assert (few.code, few.enough, few.unit) == ("diffusion.few-parts", 10, "parts")
    assert isinstance(rank_bands(np.ones((30, 1)), ["a"], rng), CannotRank)
    with pytest.raises(InputError):
        rank_bands(np.full((30, 2), np.nan), ["a", "b"], rng)
    with pytest.raises(InputError):
        rank_bands(np.ones((30, 2)), ["a", "a"], rng)
    assert isinstance(walker(read_facts({"region": ["a"], "innovation": ["x"], "date": [2001]})), CannotTell)
