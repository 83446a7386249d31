"""NetInf against the published figures and the R reference, and what must not change it."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spid import DATA, needs_data, spid, table

from zhizhi.engines.diffusion.answers import CannotTell
from zhizhi.engines.diffusion.facts import Facts, read_facts
from zhizhi.engines.diffusion.networks import InferredNetwork, NetInfSettings, netinf


def infer(facts: Facts, **given_settings: object) -> InferredNetwork:
    found = netinf(facts, NetInfSettings(**given_settings))  # type: ignore[arg-type]
    assert isinstance(found, InferredNetwork)
    return found


@needs_data
def test_t1_counts_of_spid() -> None:
    facts = spid()
    lengths = np.isfinite(facts.times).sum(axis=0)
    assert (len(facts), len(facts.regions), len(facts.innovations)) == (17_835, 50, 728)
    assert (facts.time.min(), facts.time.max()) == (1691, 2017)
    assert [lengths.min(), *np.quantile(lengths, [0.25, 0.5, 0.75]), lengths.max()] == [1, 11, 23, 40, 50]
    assert lengths.mean() == pytest.approx(24.49863, abs=5e-6)
    assert infer(facts, rate=0.5, edges=1).possible == 2_450


@needs_data
@pytest.mark.parametrize("reference", [True, False])
def test_t3_the_first_hundred_edges_and_gains_are_those_of_r(reference: bool) -> None:
    found = infer(spid(), rate=0.5, edges=100, reference=reference)
    with (DATA / "reference_netinf_R_spid_rate0.5_first100.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert found.edges() == [(row["origin_node"], row["destination_node"]) for row in rows]
    assert found.gain == pytest.approx([float(row["improvement"]) for row in rows], rel=1e-9)
    assert found.p == pytest.approx([float(row["p_value"]) for row in rows], abs=2e-7)


@needs_data
def test_t2_the_published_872_edges_need_the_reference_s_defect() -> None:
    facts = spid()
    assert len(infer(facts, rate=0.5, until=0.1, reference=True)) == 872
    assert len(infer(facts, rate=0.577955, until=0.05, reference=True)) == 686
    ours = infer(facts, rate=0.5, until=0.1)
    theirs = infer(facts, rate=0.5, edges=872, reference=True)
    assert 855 <= len(ours) <= 872
    shared = set(ours.edges()) & set(theirs.edges())
    assert len(shared) >= 0.98 * len(ours)  # which of equally good edges comes first decides the rest


@needs_data
def test_t5_the_example_of_the_snap_program() -> None:
    facts = read_facts_of_example()
    found = infer(facts, rate=1.0, edges=5)
    assert found.edges() == [("23", "0"), ("9", "5"), ("0", "31"), ("5", "14"), ("5", "3")]
    assert found.gain == pytest.approx([465.126, 443.849, 433.393, 346.109, 329.679], abs=5e-4)


def read_facts_of_example() -> Facts:
    """The example's times are real numbers; a thousandth of a day is kept as a whole number and the rate made to fit."""
    rows = table("snap_example_cascades.csv").to_pylist()
    nodes, cascades = sorted({str(row["node"]) for row in rows}), sorted({str(row["c"]) for row in rows})
    base = read_facts(
        {"region": [str(r["node"]) for r in rows], "innovation": [str(r["c"]) for r in rows], "date": [2000] * len(rows)}
    )
    times = np.full((len(nodes), len(cascades)), np.inf)
    for row in rows:
        times[nodes.index(str(row["node"])), cascades.index(str(row["c"]))] = row["t"]
    base.__dict__["times"] = times
    return base


def test_everybody_on_one_day_cannot_tell_who_follows() -> None:
    found = netinf(read_facts({"region": ["a", "b"], "innovation": ["x", "x"], "date": ["2024-01-01", "2024-01-01"]}))
    assert isinstance(found, CannotTell)
    assert found.code == "diffusion.no-order"


def test_impossible_settings_are_refused() -> None:
    for wrong in ({"rate": -1.0}, {"rate": 0.0}, {"until": 2.0}, {"epsilon": 0.9}):
        with pytest.raises(ValueError, match="is"):
            NetInfSettings(**wrong)


worlds = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 4), st.integers(1990, 2010)),
    min_size=4,
    max_size=30,
    unique_by=lambda row: row[:2],
)


@settings(max_examples=60, deadline=None)
@given(worlds, st.randoms(use_true_random=False), st.integers(-300, 300))
def test_order_of_rows_and_shift_of_dates_change_nothing(rows: list[tuple[int, int, int]], random: object, shift: int) -> None:
    one = [{"region": f"r{r}", "innovation": f"i{i}", "date": str(y)} for r, i, y in rows]
    other = [row | {"date": str(int(row["date"]) + shift)} for row in one]
    random.shuffle(other)  # type: ignore[attr-defined]
    a, b = (netinf(read_facts(table_), NetInfSettings(rate=0.5)) for table_ in (one, other))
    if isinstance(a, CannotTell):
        assert isinstance(b, CannotTell)
        return
    assert isinstance(b, InferredNetwork)
    assert a.edges() == b.edges()
    assert (a.gain == b.gain).all()


@settings(max_examples=60, deadline=None)
@given(worlds)
def test_gains_fall_and_every_edge_is_counted_once(rows: list[tuple[int, int, int]]) -> None:
    found = netinf(
        read_facts([{"region": f"r{r}", "innovation": f"i{i}", "date": y} for r, i, y in rows]), NetInfSettings(rate=0.5)
    )
    if isinstance(found, InferredNetwork):
        assert (np.diff(found.gain) <= 1e-9).all()
        assert len(set(found.edges())) == len(found) == found.possible
