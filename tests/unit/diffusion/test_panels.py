"""Risk-set panels against a plain loop, and what must not change them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spid import needs_data, spid

from zhizhi.engines.diffusion.answers import CannotTell
from zhizhi.engines.diffusion.facts import Facts, read_facts
from zhizhi.engines.diffusion.panels import Entry, Panel, PanelSettings, neighbours, risk_panel
from zhizhi.kernel.errors import InputError

REGIONS = ["a", "b", "c", "d", "e"]
adoptions = st.dictionaries(
    st.tuples(st.sampled_from(REGIONS), st.sampled_from(["x", "y", "z"])), st.integers(2000, 2008), min_size=1, max_size=12
)


def facts_of(times: dict[tuple[str, str], int], shift: int = 0) -> Facts:
    rows = [{"region": r, "innovation": i, "date": t + shift} for (r, i), t in times.items()]
    return read_facts(rows, universe=REGIONS, horizon=2009 + shift, start=2000 + shift)


def by_hand(times: dict[tuple[str, str], int], weights: np.ndarray, entry: Entry, lag: int, width: int) -> set[tuple[Any, ...]]:
    rows = set()
    for thing in sorted({i for _, i in times}):
        first = min((t - 2000) // width for (_, i), t in times.items() if i == thing)
        begin = {"after first adoption": first + 1, "first adoption": first, "start": 0}[entry]
        for place, region in enumerate(REGIONS):
            mine = (times[region, thing] - 2000) // width if (region, thing) in times else None
            for period in range(begin, 9 // width + 1):
                if mine is not None and period > mine:
                    break
                old = {r: i for (r, i), t in times.items() if i == thing and (t - 2000) // width <= period - lag}
                stock = sum(r == region and (t - 2000) // width <= period - lag for (r, _), t in times.items())
                weight = sum(weights[REGIONS.index(r), place] for r in old if r != region)
                rows.add((region, thing, period, mine == period, len(old), stock, round(weight, 9)))
    return rows


def as_rows(panel: Panel) -> set[tuple[Any, ...]]:
    names = ("region", "innovation", "period", "event", "earlier", "stock", "peers")
    return {tuple(round(row[n], 9) if n == "peers" else row[n] for n in names) for row in panel.to_frame().to_pylist()}


@settings(max_examples=20, deadline=None)
@given(
    times=adoptions,
    entry=st.sampled_from(["after first adoption", "first adoption", "start"]),
    lag=st.integers(1, 3),
    width=st.integers(1, 3),
    seed=st.integers(0, 9),
)
def test_the_panel_is_what_a_plain_loop_gives(
    times: dict[tuple[str, str], int], entry: Entry, lag: int, width: int, seed: int
) -> None:
    weights = np.random.default_rng(seed).random((5, 5))
    panel = risk_panel(facts_of(times), {"peers": weights}, PanelSettings(width=width, lag=lag, entry=entry))
    expected = by_hand(times, weights, entry, lag, width)
    if isinstance(panel, CannotTell):
        assert not expected
    else:
        assert as_rows(panel) == expected
        assert len(panel) == len(expected)


@settings(max_examples=30, deadline=None)
@given(times=adoptions, shift=st.integers(-50, 50), data=st.data())
def test_dates_may_shift_rows_may_shuffle_and_names_may_change(
    times: dict[tuple[str, str], int], shift: int, data: st.DataObject
) -> None:
    weights = neighbours(REGIONS, [("a", "b"), ("c", "d")])
    one = risk_panel(facts_of(times), {"peers": weights})
    order = data.draw(st.permutations(list(times)))
    same = risk_panel(facts_of({key: times[key] for key in order}, shift), {"peers": weights})
    new = dict(zip(REGIONS, data.draw(st.permutations(REGIONS)), strict=True))
    renamed_weights = neighbours(REGIONS, [(new["a"], new["b"]), (new["c"], new["d"])])
    renamed = risk_panel(facts_of({(new[r], i): t for (r, i), t in times.items()}), {"peers": renamed_weights})
    if isinstance(one, CannotTell) or isinstance(same, CannotTell) or isinstance(renamed, CannotTell):
        assert {type(one), type(same), type(renamed)} == {CannotTell}
        return
    assert as_rows(one) == as_rows(same)
    assert {(new[row[0]], *row[1:]) for row in as_rows(one)} == as_rows(renamed)


def test_adoptions_before_the_watch_count_as_earlier_but_have_no_row() -> None:
    facts = read_facts({"region": ["a", "b"], "innovation": ["x"] * 2, "date": [1990, 2003]}, universe=["a", "b"], start=2001)
    panel = risk_panel(facts)
    assert isinstance(panel, Panel)
    assert panel.period.tolist() == [0, 1, 2]
    assert panel.counts["earlier"].tolist() == [1, 1, 1]
    assert panel.computed.missing["adoptions before the entry"] == 1


def test_all_on_the_last_day_cannot_tell() -> None:
    found = risk_panel(read_facts({"region": ["a", "b"], "innovation": ["x"] * 2, "date": [2001, 2001]}))
    assert isinstance(found, CannotTell)
    assert found.code == "diffusion.no-risk"


def test_tables_of_peers_must_fit() -> None:
    facts = facts_of({("a", "x"): 2001})
    with pytest.raises(InputError, match="5"):
        risk_panel(facts, {"peers": np.ones((3, 3))})
    with pytest.raises(InputError):
        risk_panel(facts, {"earlier": np.ones((5, 5))})
    with pytest.raises(InputError):
        risk_panel(facts, settings=PanelSettings(lag=0))
    with pytest.raises(InputError):
        neighbours(REGIONS, [("a", "nowhere")])


@needs_data
def test_spid_since_1960_gives_the_rows_of_the_studies() -> None:
    facts = spid()
    recent = facts.only(name for name, first in zip(facts.innovations, facts.first, strict=True) if first >= 1960)
    panel = risk_panel(recent, settings=PanelSettings(until="last adoption"))
    assert isinstance(panel, Panel)
    assert len(panel) == 306_520
