"""The order of visits: total, stable, and never lower for more need."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhizhi.engines.screening.placing import Worker, place
from zhizhi.engines.screening.precision import precision, wilson
from zhizhi.engines.screening.ranking import GRAVEST, Need, Weights, rank_key, score

MEASURES, SIGNS = ("income", "spending"), ("child", "elder", "alone")
points = st.integers(0, 100)


@st.composite
def weights(draw: st.DrawFn) -> Weights:
    high, medium, low = sorted((draw(points) for _ in GRAVEST), reverse=True)
    return Weights(
        {"high": high, "medium": medium, "low": low},
        draw(points),
        draw(points),
        draw(points),
        {name: draw(points) for name in SIGNS},
        draw(points),
    )


needs = st.builds(
    Need,
    severities=st.lists(st.sampled_from(GRAVEST), min_size=1, max_size=8).map(tuple),
    depth=st.fixed_dictionaries({name: st.none() | st.integers(-300, 400) for name in MEASURES}),
    vulnerable=st.fixed_dictionaries({name: st.none() | st.booleans() for name in SIGNS}),
)
homes = st.dictionaries(st.text("0123456789abcdef", min_size=4, max_size=4), needs, max_size=30)


@given(weights(), homes, st.randoms())
def test_the_order_is_total_and_does_not_depend_on_the_order_of_the_input(
    w: Weights, found: dict[str, Need], random: object
) -> None:
    keys = {home: rank_key(score(need, w), home) for home, need in found.items()}
    assert len(set(keys.values())) == len(keys)
    shuffled = list(keys)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert sorted(shuffled, key=keys.__getitem__) == sorted(keys, key=keys.__getitem__)


@given(weights(), needs, st.sampled_from(GRAVEST))
def test_a_further_reason_never_lowers_the_score(w: Weights, need: Need, severity: str) -> None:
    more = replace(need, severities=(*need.severities, severity))
    assert score(more, w).total >= score(need, w).total


@given(weights(), needs, st.data())
def test_a_graver_reason_never_lowers_the_score(w: Weights, need: Need, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(need.severities) - 1))
    place_ = GRAVEST.index(need.severities[index])
    graver = list(need.severities)
    graver[index] = GRAVEST[max(0, place_ - 1)]
    assert score(replace(need, severities=tuple(graver)), w).total >= score(need, w).total


@given(weights(), needs, st.sampled_from(MEASURES), st.integers(0, 100))
def test_a_deeper_need_never_lowers_the_score(w: Weights, need: Need, measure: str, deeper: int) -> None:
    more = replace(need, depth={**need.depth, measure: (need.depth[measure] or 0) + deeper})
    assert score(more, w).total >= score(need, w).total


@given(weights(), needs, st.sampled_from(SIGNS))
def test_a_further_sign_never_lowers_the_score_and_what_is_unknown_gives_nothing(w: Weights, need: Need, sign: str) -> None:
    unknown, holds = (replace(need, vulnerable={**need.vulnerable, sign: value}) for value in (None, True))
    assert score(holds, w).total >= score(unknown, w).total
    assert score(unknown, w).total == score(replace(need, vulnerable={**need.vulnerable, sign: False}), w).total
    assert sign in score(unknown, w).unknown


@given(weights(), needs)
def test_no_part_exceeds_its_limit(w: Weights, need: Need) -> None:
    found = score(need, w)
    assert found.severity == max(w.severity[name] for name in need.severities) * 10
    assert 0 <= found.further <= w.further_most * 10
    assert 0 <= found.depth <= w.depth_most * 10
    assert 0 <= found.vulnerable <= w.vulnerable_most * 10


def test_without_a_reason_there_is_no_score() -> None:
    with pytest.raises(ValueError, match="reason"):
        score(Need((), {}, {}), Weights({"high": 3, "medium": 2, "low": 1}, 1, 1, 1, {}, 1))


# who goes ----------------------------------------------------------------------------------------------------------

regions = st.sampled_from(["330106", "330106002", "330106109", "330102001", "330200", "330000", ""])
workers = st.lists(st.builds(Worker, st.integers(1, 40), regions, st.integers(0, 12), st.integers(0, 6)), max_size=8).map(
    lambda listed: list({worker.post: worker for worker in listed}.values())
)


@given(st.lists(regions.filter(bool), max_size=60), workers, st.integers(0, 6), st.integers(0, 12))
def test_everybody_is_given_waits_or_has_nobody_and_no_budget_is_broken(
    homes_: list[str], there: list[Worker], per_day: int, most: int
) -> None:
    placed = place(homes_, there, per_day, most)
    indexes = [index for index, _ in placed.given] + list(placed.waiting) + list(placed.nobody)
    assert sorted(indexes) == list(range(len(homes_)))
    for worker in there:
        got = [index for index, post in placed.given if post == worker.post]
        assert len(got) <= max(0, min(per_day - worker.given, most - worker.held))
        prefix = {"330200": "3302", "330000": "33"}.get(worker.region, worker.region)
        assert all(prefix and homes_[index].startswith(prefix) for index in got)
    assert place(homes_, list(reversed(there)), per_day, most) == placed


def test_the_smallest_place_first_then_the_lightest_load() -> None:
    there = [Worker(1, "330106"), Worker(2, "330106109", held=2), Worker(3, "330106109")]
    placed = place(["330106109"] * 4 + ["330106002", "330102001"], there, per_day=2, most_held=5)
    assert placed.given == ((0, 3), (1, 3), (2, 2), (3, 2), (4, 1))
    assert (placed.waiting, placed.nobody) == ((), (5,))


# precision ---------------------------------------------------------------------------------------------------------


@given(st.integers(0, 200), st.integers(0, 200))
def test_an_interval_holds_the_share_and_narrows_with_more(confirmed: int, denied: int) -> None:
    n = confirmed + denied
    low, high = wilson(confirmed, n)
    assert 0 <= low <= high <= 1
    if n:
        assert low <= confirmed / n <= high
        wide = high - low
        low10, high10 = wilson(confirmed * 10, n * 10)
        assert high10 - low10 < wide


def test_the_interval_agrees_with_the_published_example() -> None:
    # Newcombe 1998, Statistics in Medicine 17:857-872, table I, method 3: 81/263 and 15/148
    assert [round(end, 4) for end in wilson(81, 263)] == [0.2553, 0.3662]
    assert [round(end, 4) for end in wilson(15, 148)] == [0.0624, 0.1605]


def test_few_cases_tell_nothing() -> None:
    assert not precision(19, 19, 20).told
    assert precision(19, 20, 20).told
    assert not precision(0, 0, 0).told
    with pytest.raises(ValueError, match="3 of 2"):
        wilson(3, 2)
