"""NetRate: rates of transmission from region to region, with the regions that never adopted counted as survivors.

Source: M. Gomez Rodriguez, D. Balduzzi, B. Schölkopf, Uncovering the Temporal Dynamics of Diffusion Networks, ICML 2011, with
exponential transmission. For a child ``v`` the log likelihood over innovations is

    sum over its adoptions  [ log(sum over earlier u of a_uv)  -  sum over earlier u of a_uv (t_v - t_u) ]
    - sum over innovations it never took up  [ sum over adopters u of a_uv (horizon - t_u) ]

It is concave in the rates and the children are independent, so that expectation-maximisation climbs to the only maximum: with
``r_uv`` the share of v's adoptions that u accounts for, ``a_uv = sum r_uv / (exposure_uv + l1)``. Leaving the survivors out makes
every rate too high; they are in by default.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import pyarrow as pa

from zhizhi.engines.diffusion.answers import CannotTell, Computed, frame
from zhizhi.engines.diffusion.facts import Facts

SOURCE = "Gomez Rodriguez, Balduzzi, Schölkopf (ICML 2011), exponential model; EM"
_NEVER = 1e-12


@dataclass(frozen=True, slots=True)
class NetRateSettings:
    """Settings of NetRate.

    Args:
        non_adopters: count regions that had not adopted by the horizon as survivors (they are evidence against an edge).
        l1: penalty on the sum of rates, in units of time: added to every exposure.
        iterations: most rounds of EM.
        tolerance: stop when no child's log likelihood rises by more than this share.
    """

    non_adopters: bool = True
    l1: float = 0.0
    iterations: int = 200
    tolerance: float = 1e-7

    def __post_init__(self) -> None:
        if self.l1 < 0 or self.iterations < 1 or self.tolerance <= 0:
            raise ValueError("l1 is not negative, iterations at least 1, tolerance positive")


@dataclass(frozen=True)
class TransmissionRates:
    """Rates from each region to each.

    Args:
        regions: names of rows and columns.
        rate: shape (regions, regions), per unit of time; ``rate[u, v]`` from u to v.
        accounted: shape (regions, regions): how many of v's adoptions u accounts for.
        exposure: shape (regions, regions): time during which v could have followed u.
        log_likelihood: shape (regions,), of each child.
        converged: shape (regions,), whether EM settled.
        computed: how it was computed.
    """

    regions: tuple[str, ...]
    rate: np.ndarray
    accounted: np.ndarray
    exposure: np.ndarray
    log_likelihood: np.ndarray
    converged: np.ndarray
    computed: Computed

    def ranked(self) -> list[tuple[str, str, float]]:
        """Return (source, target, rate) of every positive rate, the highest first; ties by name."""
        source, target = np.nonzero(self.rate > _NEVER)
        order = np.lexsort((target, source, -self.rate[source, target]))
        return [(self.regions[source[i]], self.regions[target[i]], float(self.rate[source[i], target[i]])) for i in order]

    def to_frame(self) -> pa.Table:
        """Return one row an edge with a positive rate: source, target, rate, accounted, exposure."""
        names = {name: i for i, name in enumerate(self.regions)}
        listed = self.ranked()
        index = ([names[u] for u, _, _ in listed], [names[v] for _, v, _ in listed])
        return frame(
            {
                "source": [u for u, _, _ in listed],
                "target": [v for _, v, _ in listed],
                "rate": [rate for *_, rate in listed],
                "accounted": self.accounted[index],
                "exposure": self.exposure[index],
            }
        )


def netrate(facts: Facts, settings: NetRateSettings | None = None) -> TransmissionRates | CannotTell:
    """Estimate the rates of transmission.

    Returns:
        The rates, or `CannotTell`: ``diffusion.no-order`` where no adoption strictly follows another.

    Example:
        >>> from zhizhi.engines.diffusion.facts import read_facts
        >>> rows = [{"region": r, "innovation": i, "date": y} for i in "xyz" for r, y in (("a", 2001), ("b", 2003))]
        >>> found = netrate(read_facts(rows, universe=["a", "b"], horizon=2003))
        >>> float(found.rate[0, 1])  # three transmissions in six years of exposure
        0.5
    """
    settings = settings or NetRateSettings()
    rate, accounted, exposure, likelihood, converged = estimate(facts.times, float(facts.horizon), settings)
    if not (accounted > 0).any():
        return CannotTell("diffusion.no-order", enough=2, unit="adoptions")
    return TransmissionRates(
        regions=facts.regions,
        rate=rate,
        accounted=accounted,
        exposure=exposure,
        log_likelihood=likelihood,
        converged=converged,
        computed=Computed(
            method="diffusion.method-netrate",
            formula="a_uv = sum of r_uv / (exposure_uv + l1); exposure to the adoption, or to the horizon for non-adopters",
            source=SOURCE,
            n=len(facts),
            of="adoptions",
            period=facts.period,
            missing=dict(facts.left_out) | ({} if facts.universe_known else {"regions that never adopted": 0}),
            configuration=asdict(settings) | {"universe_known": facts.universe_known},
        ),
    )


def estimate(
    times: np.ndarray, horizon: float, settings: NetRateSettings
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return rates, adoptions accounted for, exposures, log likelihoods and convergence, children apart.

    Args:
        times: shape (regions, innovations), inf where never adopted.
        horizon: end of the time that was watched.
        settings: of NetRate.
    """
    regions = len(times)
    rate, accounted, exposed = (np.zeros((regions, regions)) for _ in range(3))
    likelihood, converged = np.zeros(regions), np.ones(regions, dtype=bool)
    adopted = np.isfinite(times)
    ends = np.where(adopted, times, horizon) if settings.non_adopters else np.where(adopted, times, -np.inf)
    for child in range(regions):
        lag = ends[child] - times  # -inf where a parent never adopted
        earlier = lag > 0
        exposed[:, child] = np.where(earlier, lag, 0.0).sum(axis=1)
        mine = adopted[child] & earlier.any(axis=0)
        if not mine.any():
            continue
        parents = np.flatnonzero(earlier[:, mine].any(axis=1))
        inside = earlier[np.ix_(parents, np.flatnonzero(mine))].astype(np.float64)
        found = _climb(inside, exposed[parents, child] + settings.l1, settings)
        rate[parents, child], accounted[parents, child], likelihood[child], converged[child] = found
    return rate, accounted, exposed, likelihood, converged


def _climb(inside: np.ndarray, exposure: np.ndarray, settings: NetRateSettings) -> tuple[np.ndarray, np.ndarray, float, bool]:
    """Run EM for one child: ``inside`` says which parents were earlier in each adoption, shape (parents, adoptions)."""
    weight = inside.sum(axis=1) / exposure
    before = -np.inf
    for _ in range(settings.iterations):
        total = weight @ inside
        accounted = weight * (inside @ (1.0 / total))
        now = float(np.log(total).sum() - weight @ exposure)
        weight = np.maximum(accounted / exposure, _NEVER * 1e-6)
        if now - before <= settings.tolerance * abs(now):
            return weight, accounted, now, True
        before = now
    return weight, accounted, before, False
