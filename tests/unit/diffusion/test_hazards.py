"""Event history against closed forms, simulation, dummies written out, and (where installed) statsmodels."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zhizhi.engines.diffusion.answers import CannotTell
from zhizhi.engines.diffusion.hazards import Hazard, HazardSettings, Link, hazard
from zhizhi.kernel.errors import InputError


def world(seed: int, rows: int = 4000, link: Link = "logit") -> tuple[np.ndarray, dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Return events, columns, clusters and groups; true coefficients .8 and -.5."""
    rng = np.random.default_rng(seed)
    columns = {"need": rng.normal(size=rows), "cost": rng.normal(3, 2, rows)}
    clusters, groups = rng.integers(0, 40, rows), rng.integers(0, 8, rows)
    eta = -1.0 + 0.8 * columns["need"] - 0.5 * columns["cost"] + 0.3 * (groups - 3.5)
    chance = 1 / (1 + np.exp(-eta)) if link == "logit" else -np.expm1(-np.exp(eta))
    return rng.random(rows) < chance, columns, clusters, groups


def fitted(*args: object, **kwargs: object) -> Hazard:
    found = hazard(*args, **kwargs)  # type: ignore[arg-type]
    assert isinstance(found, Hazard), found
    return found


@pytest.fixture
def oracle() -> ModuleType:
    return pytest.importorskip("statsmodels.api", reason="statsmodels, the oracle of event history, is not installed")


@pytest.mark.parametrize("link", ["logit", "cloglog"])
def test_statsmodels_gives_the_same(oracle: ModuleType, link: Link) -> None:
    came, columns, clusters, _ = world(1, link=link)
    table = np.column_stack([np.ones(len(came)), *columns.values()])
    law = oracle.families.links.Logit() if link == "logit" else oracle.families.links.CLogLog()
    model = oracle.GLM(came.astype(float), table, family=oracle.families.Binomial(law))
    fit = model.fit(cov_type="cluster", cov_kwds={"groups": clusters, "use_correction": False}, tol=1e-12)
    found = fitted(came, columns, clusters=clusters, settings=HazardSettings(link=link))
    assert found.value == pytest.approx(fit.params, abs=1e-7)
    assert found.log_likelihood == pytest.approx(fit.llf, rel=1e-9)
    assert found.error / np.sqrt(40 / 39) == pytest.approx(fit.bse, rel=1e-5)  # ours has the factor G/(G-1)


@pytest.mark.parametrize("link", ["logit", "cloglog"])
def test_two_shares_have_a_closed_form(link: Link) -> None:
    near = np.repeat([0.0, 1.0], 100)
    came = np.concatenate([np.arange(100) < 10, np.arange(100) < 30])
    found = fitted(came, {"near": near}, settings=HazardSettings(link=link))
    expected = np.log(3 / 7) - np.log(1 / 9) if link == "logit" else np.log(np.log(0.7) / np.log(0.9))
    assert found.value[1] == pytest.approx(expected, abs=1e-8)
    if link == "logit":
        assert found.error[1] == pytest.approx(np.sqrt(1 / 10 + 1 / 90 + 1 / 30 + 1 / 70), rel=1e-6)


@pytest.mark.parametrize("link", ["logit", "cloglog"])
def test_absorbed_groups_are_dummies_written_out(link: Link) -> None:
    came, columns, clusters, groups = world(2, link=link)
    dummies = {f"group {g}": (groups == g).astype(float) for g in range(1, 8)}
    absorbed = fitted(came, columns, clusters=clusters, groups=groups, settings=HazardSettings(link=link))
    written = fitted(came, columns | dummies, clusters=clusters, settings=HazardSettings(link=link, events_each=1))
    assert absorbed.value == pytest.approx(written.value[1:3], abs=1e-7)
    assert absorbed.error == pytest.approx(written.error[1:3], rel=1e-6)
    assert (absorbed.groups, absorbed.names) == (8, ("need", "cost"))


def test_bias_reduced_groups_are_bias_reduced_dummies() -> None:
    came, columns, _, groups = world(2, rows=600)
    dummies = {f"group {g}": (groups == g).astype(float) for g in range(1, 8)}
    always = HazardSettings(bias_reduced="always", events_each=1)
    absorbed = fitted(came, columns, groups=groups, settings=always)
    assert absorbed.value == pytest.approx(fitted(came, columns | dummies, settings=always).value[1:3], abs=1e-6)


def test_groups_that_say_nothing_are_left_out_and_counted() -> None:
    came, columns, clusters, groups = world(3)
    came = came & (groups != 5)
    found = fitted(came, columns, clusters=clusters, groups=groups)
    assert found.groups == 7
    assert found.computed.missing == {
        "groups without any event, or with events only": 1,
        "rows of such groups": int((groups == 5).sum()),
    }


def test_separation_is_named_and_the_bias_reduced_estimate_is_finite() -> None:
    """With a saturated two-by-two table Firth's estimate is that of half a row more in every cell."""
    signal = np.repeat([0.0, 1.0], [60, 20])
    came = np.concatenate([np.arange(60) < 15, np.ones(20, dtype=bool)])
    found = fitted(came, {"signal": signal})
    assert found.separated == ("signal",)
    assert found.value[1] == pytest.approx(np.log(20.5 / 0.5) - np.log(15.5 / 45.5), abs=1e-6)
    assert np.isfinite(found.low).all()
    assert found.ratio("signal").low > 1
    refused = hazard(came, {"signal": signal}, settings=HazardSettings(bias_reduced="never"))
    assert isinstance(refused, CannotTell)
    assert (refused.code, refused.params) == ("diffusion.separated", {"names": "signal"})


def test_separation_by_two_columns_together_is_found() -> None:
    rng = np.random.default_rng(4)
    a, b = rng.normal(size=300), rng.normal(size=300)
    found = fitted(a + b > 0.5, {"a": a, "b": b, "noise": rng.normal(size=300)})
    assert {"a", "b"} <= set(found.separated)
    assert np.isfinite(found.value).all()


def test_a_strong_effect_is_not_taken_for_separation() -> None:
    rng = np.random.default_rng(5)
    x = rng.normal(size=4000)
    found = fitted(rng.random(4000) < 1 / (1 + np.exp(-6 * x)), {"x": x})
    assert found.separated == ()
    assert found.value[1] == pytest.approx(6, abs=0.7)


def test_intervals_cover_the_truth_where_rows_of_a_cluster_hang_together() -> None:
    """A covariate that is constant in its cluster, and a shared shock: naive intervals cover far too rarely, ours do."""
    rng = np.random.default_rng(6)
    ours, naive, draws = 0, 0, 120
    for _ in range(draws):
        cluster = np.repeat(np.arange(40), 25)
        x, shock = rng.normal(size=40)[cluster], rng.normal(0, 0.8, 40)[cluster]
        came = rng.random(1000) < 1 / (1 + np.exp(-(-1 + 0 * x + shock)))
        one, other = fitted(came, {"x": x}, clusters=cluster), fitted(came, {"x": x})
        ours += one.low[1] <= 0 <= one.high[1]
        naive += other.low[1] <= 0 <= other.high[1]
    assert ours / draws >= 0.88
    assert naive / draws < 0.8


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), link=st.sampled_from(["logit", "cloglog"]))
def test_order_of_rows_names_of_clusters_and_units_do_not_matter(seed: int, link: Link) -> None:
    came, columns, clusters, groups = world(seed, 500, link)
    rng = np.random.default_rng(seed)
    one = hazard(came, columns, clusters=clusters, groups=groups, settings=HazardSettings(link=link))
    order = rng.permutation(500)
    moved = {"need": columns["need"][order] * 1000, "cost": columns["cost"][order] + 50}
    other = hazard(
        came[order],
        moved,
        clusters=rng.permutation(40)[clusters[order]],
        groups=rng.permutation(8)[groups[order]],
        settings=HazardSettings(link=link, block=64),
    )
    if isinstance(one, CannotTell) or isinstance(other, CannotTell):
        assert type(one) is type(other)
        return
    assert other.value * [1000, 1] == pytest.approx(one.value, abs=1e-5)
    assert other.error * [1000, 1] == pytest.approx(one.error, rel=1e-4)


def test_what_cannot_be_told_says_why_and_how_much_would_be_enough() -> None:
    came, columns, clusters, _ = world(7)
    few = hazard(np.arange(100) < 3, {"x": np.arange(100.0)})
    assert isinstance(few, CannotTell)
    assert (few.code, few.enough, few.unit) == ("diffusion.few-events", 5, "events")
    same = hazard(came, columns | {"again": columns["need"] * 2})
    assert isinstance(same, CannotTell)
    assert same.code == "diffusion.collinear"
    constant = hazard(came, columns | {"one": np.ones(len(came))})
    assert isinstance(constant, CannotTell)
    assert constant.code == "diffusion.collinear"
    thin = fitted(came, columns, clusters=clusters % 4)
    assert np.isnan(thin.error).all()
    assert thin.errors_unknown is not None
    assert (thin.errors_unknown.enough, thin.errors_unknown.unit) == (10, "clusters")


def test_bad_columns_are_refused_with_their_row() -> None:
    came, columns, _, _ = world(8, 50)
    columns["need"][6] = np.nan
    with pytest.raises(InputError) as caught:
        hazard(came, columns)
    assert caught.value.params == {"name": "need", "row": 7}
    with pytest.raises(InputError):
        hazard(came, {"x": np.ones(3)})
