"""NetRate: the truth of simulated networks, what survivors do to rates, and whether chance is told as chance."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from simulated import cascades, network
from spid import needs_data, spid

from zhizhi.engines.diffusion.answers import CannotTell
from zhizhi.engines.diffusion.evidence import EvidenceSettings, against_null, benjamini_hochberg, edge_evidence, permuted
from zhizhi.engines.diffusion.facts import Facts, read_facts
from zhizhi.engines.diffusion.rates import NetRateSettings, TransmissionRates, estimate, netrate


@pytest.mark.parametrize(("count", "precision"), [(100, 0.80), (300, 0.95), (1000, 0.99)])
def test_simulated_edges_are_found_again(count: int, precision: float) -> None:
    rng = np.random.default_rng(0)
    truth = network(50, 200, rng)
    rate, *_ = estimate(cascades(truth, count, 12.0, rng), 12.0, NetRateSettings(iterations=500))
    strongest = np.argsort(-rate.ravel())[:200]
    assert (truth.ravel()[strongest] > 0).mean() >= precision


def test_em_climbs_to_the_maximum_that_a_general_optimiser_finds() -> None:
    rng = np.random.default_rng(5)
    times = cascades(network(6, 12, rng), 40, 12.0, rng)
    _, _, exposure, likelihood, converged = estimate(times, 12.0, NetRateSettings(iterations=5000, tolerance=1e-12))
    assert converged.all()
    for child in range(6):
        lag = np.where(np.isfinite(times[child]), times[child], 12.0) - times
        earlier = (lag > 0) & np.isfinite(times[child])
        inside = earlier[:, earlier.any(axis=0)].astype(float)
        usable = inside.any(axis=1)
        if not usable.any():
            continue

        def loss(log_rate: np.ndarray, inside: np.ndarray = inside[usable], seen: np.ndarray = exposure[usable, child]) -> float:
            weights = np.exp(log_rate)
            return float(-(np.log(weights @ inside).sum() - weights @ seen))

        best = minimize(loss, np.full(usable.sum(), -2.0), method="L-BFGS-B")
        assert likelihood[child] == pytest.approx(-best.fun, abs=1e-3)


def test_regions_that_never_adopted_lower_the_rates() -> None:
    rows = [{"region": r, "innovation": f"i{i}", "date": y} for i in range(6) for r, y in (("a", 2001), ("b", 2003))]
    few = netrate(read_facts(rows, universe=["a", "b"], horizon=2010))
    assert isinstance(few, TransmissionRates)
    more = [*rows, *({"region": "a", "innovation": f"j{i}", "date": 2001} for i in range(6))]
    many = netrate(read_facts(more, universe=["a", "b"], horizon=2010))
    assert isinstance(many, TransmissionRates)
    ignored = netrate(read_facts(more, universe=["a", "b"], horizon=2010), NetRateSettings(non_adopters=False))
    assert isinstance(ignored, TransmissionRates)
    assert many.rate[0, 1] < few.rate[0, 1] == pytest.approx(0.5)
    assert ignored.rate[0, 1] == pytest.approx(0.5)


def test_one_day_for_all_cannot_tell() -> None:
    found = netrate(read_facts({"region": ["a", "b"], "innovation": ["x", "x"], "date": ["2024-01-01"] * 2}))
    assert isinstance(found, CannotTell)


def test_permuting_keeps_every_date_and_every_adopter() -> None:
    rng = np.random.default_rng(1)
    times = cascades(network(12, 40, rng), 30, 12.0, rng)
    mixed = permuted(times, rng, "adopters")
    assert (np.isfinite(mixed) == np.isfinite(times)).all()
    assert (np.sort(mixed, axis=0) == np.sort(times, axis=0)).all()
    spread = permuted(times, rng, "regions")
    assert (np.sort(spread, axis=0) == np.sort(times, axis=0)).all()
    assert (np.isfinite(spread) != np.isfinite(times)).any()


def test_a_world_without_following_shows_at_most_the_stated_share_of_edges() -> None:
    """Null calibration: of the edges of permuted data at most 5 % pass at q = .05."""
    rng = np.random.default_rng(3)
    times = cascades(network(20, 60, rng), 120, 12.0, rng)
    settings = EvidenceSettings(draws=40, rates=NetRateSettings(iterations=40, tolerance=1e-4))
    worlds = np.stack([estimate(permuted(times, rng, "adopters"), 12.0, settings.rates)[1] for _ in range(40)])
    inside = ~np.eye(20, dtype=bool)
    shares = []
    for _ in range(10):
        p, _ = against_null(estimate(permuted(times, rng, "adopters"), 12.0, settings.rates)[1], worlds)
        shares.append((benjamini_hochberg(p[inside]) <= 0.05).mean())
    assert np.mean(shares) <= 0.05
    p, _ = against_null(estimate(times, 12.0, settings.rates)[1], worlds)
    assert (benjamini_hochberg(p[inside]) <= 0.05).mean() > 0.05  # and a world with following shows more


def test_evidence_says_so_when_there_are_too_few_innovations() -> None:
    rows = [{"region": r, "innovation": f"i{i}", "date": y} for i in range(3) for r, y in (("a", 2001), ("b", 2003))]
    found = edge_evidence(read_facts(rows), np.random.default_rng(0))
    assert isinstance(found, CannotTell)
    assert (found.enough, found.unit) == (10, "innovations")


@needs_data
def test_the_strongest_edge_of_spid_is_californias_to_oregon() -> None:
    facts: Facts = spid()
    found = netrate(facts)
    assert isinstance(found, TransmissionRates)
    assert found.ranked()[0][:2] == ("California", "Oregon")
    assert found.converged.all()
