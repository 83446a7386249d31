"""Speed of adoption against the published script and a general optimiser."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import logistic, norm
from spid import needs_data, spid

from zhizhi.engines.diffusion.facts import read_facts
from zhizhi.engines.diffusion.speed import Family, SpeedSettings, fit, speeds, welch

FINE = {"xatol": 1e-8, "fatol": 1e-10, "maxiter": 4000}


@needs_data
def test_t8_speed_of_682_policies() -> None:
    facts = spid()
    families: tuple[Family, ...] = ("weibull", "exponential", "lognormal", "loglogistic")
    found = {family: speeds(facts, SpeedSettings(family=family)) for family in families}
    weibull = found["weibull"]
    assert len(weibull.innovations) == 682
    assert len(weibull.innovations) * len(facts.regions) == 34_100
    for family, published in (("exponential", 0.908), ("lognormal", 0.975), ("loglogistic", 0.992)):
        assert np.corrcoef(weibull.location, found[family].location)[0, 1] == pytest.approx(published, abs=2e-3)
    for year, before, after, t in ((1990, 28.26, 21.51, 5.66), (1965, 34.28, 22.94, 9.36)):
        old, new = weibull.adopters[weibull.first < year], weibull.adopters[weibull.first >= year]
        assert (old.mean(), new.mean()) == pytest.approx((before, after), abs=0.05)
        assert welch(old, new)[0] == pytest.approx(t, abs=0.06)
    assert weibull.fast.mean() == pytest.approx(0.329, abs=0.025)


@pytest.mark.parametrize("family", ["weibull", "lognormal", "loglogistic"])
def test_fits_are_the_maxima_that_a_general_optimiser_finds(family: Family) -> None:
    rng = np.random.default_rng(2)
    times = np.exp(rng.normal(2, 0.7, (12, 40)))
    ends = rng.uniform(4, 30, (12, 1))
    seen = times <= ends
    times = np.minimum(times, ends)
    location, scale = fit(times, seen, family)

    def loss(theta: np.ndarray, row: int) -> float:
        z = (np.log(times[row]) - theta[0]) / np.exp(theta[1])
        dense = {"weibull": z - np.exp(z), "lognormal": norm.logpdf(z), "loglogistic": logistic.logpdf(z)}[family] - theta[1]
        tail = {"weibull": -np.exp(z), "lognormal": norm.logsf(z), "loglogistic": logistic.logsf(z)}[family]
        return float(-np.where(seen[row], dense, tail).sum())

    for row in range(12):
        best = minimize(
            loss, [2.0, 0.0], args=(row,), method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-10, "maxiter": 4000}
        )
        assert (location[row], np.log(scale[row])) == pytest.approx(tuple(best.x), abs=2e-4)


def test_never_adopters_make_an_innovation_slower() -> None:
    rows = [{"region": f"r{i}", "innovation": "x", "date": 2000 + i} for i in range(6)]
    few = speeds(read_facts(rows))
    many = speeds(read_facts(rows, universe=[f"r{i}" for i in range(30)]))
    assert many.location[0] > few.location[0]


def test_one_date_is_told_and_not_fitted() -> None:
    rows = [{"region": f"r{i}", "innovation": "at once", "date": 2000} for i in range(6)]
    found = speeds(read_facts(rows))
    assert found.innovations == ()
    assert found.left["at once"].code == "diffusion.few-periods"
