"""How much of an inferred network is evidence: a permutation null for every edge, and stability under resampling.

An edge is *shown* only with both: the share of bootstraps over innovations in which it is found again, and the q-value against
worlds in which nobody follows anybody. In a null world each innovation keeps its dates and its number of adopters, but who
adopted when is drawn anew, so that an edge can only be chance. (Vuong's p is no such evidence: on permuted dates as many edges
pass as on the real ones.) q-values: Benjamini and Hochberg, J. R. Stat. Soc. B 57 (1995) 289-300, over all possible edges;
p-values from the pooled standardised null of all edges, so that 200 draws resolve small p.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pyarrow as pa

from zhizhi.engines.diffusion.answers import CannotTell, Computed, frame
from zhizhi.engines.diffusion.facts import Facts
from zhizhi.engines.diffusion.rates import NetRateSettings, TransmissionRates, estimate, netrate

Among = Literal["adopters", "regions"]


@dataclass(frozen=True, slots=True)
class EvidenceSettings:
    """Settings of the evidence for edges.

    Args:
        draws: null worlds, and bootstraps.
        among: who may have adopted instead: the actual adopters of each innovation, or any region of the universe.
        stable: share of bootstraps from which on an edge is called stable.
        q: false discovery rate up to which an edge is shown.
        rates: settings of NetRate, the same for data, nulls and bootstraps.
    """

    draws: int = 200
    among: Among = "adopters"
    stable: float = 0.8
    q: float = 0.05
    rates: NetRateSettings = field(default_factory=lambda: NetRateSettings(iterations=60, tolerance=1e-5))


@dataclass(frozen=True)
class EdgeEvidence:
    """Edges with their evidence, the strongest first.

    Args:
        regions: names.
        source: shape (edges,), index.
        target: shape (edges,), index.
        rate: per unit of time.
        accounted: adoptions of the target that the source accounts for.
        expected: the same in null worlds, on average.
        q: shape (edges,).
        stability: share of bootstraps in which the edge was found again.
        shown: whether it passes both.
        computed: how it was computed.
    """

    regions: tuple[str, ...]
    source: np.ndarray
    target: np.ndarray
    rate: np.ndarray
    accounted: np.ndarray
    expected: np.ndarray
    q: np.ndarray
    stability: np.ndarray
    shown: np.ndarray
    computed: Computed

    def to_frame(self) -> pa.Table:
        """Return one row an edge."""
        names = np.array(self.regions, dtype=object)
        return frame(
            {
                "source": names[self.source],
                "target": names[self.target],
                "rate": self.rate,
                "accounted": self.accounted,
                "expected": self.expected,
                "q": self.q,
                "stability": self.stability,
                "shown": self.shown,
            }
        )


def edge_evidence(
    facts: Facts, rng: np.random.Generator, settings: EvidenceSettings | None = None, seed: int | None = None
) -> EdgeEvidence | CannotTell:
    """Return every edge with a positive rate, its q-value and its stability.

    Args:
        facts: adoptions.
        rng: source of the draws.
        settings: how many draws, and what counts.
        seed: what ``rng`` was seeded with, to be told with the result.

    Returns:
        The evidence, or `CannotTell`: ``diffusion.no-order``; ``diffusion.few-innovations`` below ten innovations.
    """
    settings = settings or EvidenceSettings()
    found = netrate(facts, settings.rates)
    if isinstance(found, CannotTell):
        return found
    if len(facts.innovations) < 10:
        return CannotTell("diffusion.few-innovations", {"n": len(facts.innovations)}, enough=10, unit="innovations")
    worlds = null_worlds(facts, rng, settings)
    p, expected = against_null(found.accounted, worlds)
    source, target = np.nonzero(found.rate > 1e-9)
    order = np.lexsort((target, source, -found.accounted[source, target]))
    source, target = source[order], target[order]
    everywhere = ~np.eye(len(facts.regions), dtype=bool) & (found.exposure > 0)
    q = np.ones_like(p)
    q[everywhere] = benjamini_hochberg(p[everywhere])
    held = stability(facts, found, rng, settings)[source, target]
    return EdgeEvidence(
        regions=facts.regions,
        source=source,
        target=target,
        rate=found.rate[source, target],
        accounted=found.accounted[source, target],
        expected=expected[source, target],
        q=q[source, target],
        stability=held,
        shown=(q[source, target] <= settings.q) & (held >= settings.stable),
        computed=Computed(
            method="diffusion.method-evidence",
            formula="q: Benjamini-Hochberg of P(null z >= z); stability: share of bootstraps over innovations with the edge",
            source="permutation within innovations; Benjamini and Hochberg 1995",
            n=len(facts),
            of="adoptions",
            period=facts.period,
            missing=dict(facts.left_out),
            configuration={"draws": settings.draws, "among": settings.among, "stable": settings.stable, "q": settings.q},
            seed=seed,
        ),
    )


def permuted(times: np.ndarray, rng: np.random.Generator, among: Among) -> np.ndarray:
    """Return ``times`` with each innovation's dates given to other regions by chance."""
    keys = rng.random(times.shape)
    if among == "adopters":
        keys = np.where(np.isfinite(times), keys, np.inf)
        order = np.argsort(keys, axis=0)
        slots = np.argsort(np.where(np.isfinite(times), 0, 1), axis=0, kind="stable")
        mixed = np.full_like(times, np.inf)
        np.put_along_axis(mixed, order, np.take_along_axis(times, slots, axis=0), axis=0)
        return mixed
    shuffled: np.ndarray = np.take_along_axis(times, np.argsort(keys, axis=0), axis=0)
    return shuffled


def null_worlds(facts: Facts, rng: np.random.Generator, settings: EvidenceSettings) -> np.ndarray:
    """Return what each edge accounts for in null worlds, shape (draws, regions, regions)."""
    horizon = float(facts.horizon)
    worlds = np.empty((settings.draws, len(facts.regions), len(facts.regions)), dtype=np.float32)
    for draw in range(settings.draws):
        worlds[draw] = estimate(permuted(facts.times, rng, settings.among), horizon, settings.rates)[1]
    return worlds


def against_null(accounted: np.ndarray, worlds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the one-sided p of every edge and what it accounts for in null worlds on average.

    Each edge is standardised by its own null mean and spread; the pooled standardised null gives p, with one added to both
    counts so that it is never nought.
    """
    mean, spread = worlds.mean(axis=0), worlds.std(axis=0)
    floor = np.median(spread[spread > 0]) if (spread > 0).any() else 1.0
    spread = np.maximum(spread, floor * 0.25)
    inside = ~np.eye(len(accounted), dtype=bool)
    pool = np.sort(((worlds - mean) / spread)[:, inside], axis=None)
    z = (accounted - mean) / spread
    above = len(pool) - np.searchsorted(pool, z, side="left")
    return (above + 1.0) / (len(pool) + 1.0), mean


def benjamini_hochberg(p: np.ndarray) -> np.ndarray:
    """Return the q-values of p-values.

    >>> benjamini_hochberg(np.array([0.01, 0.04, 0.03, 0.5])).round(3).tolist()
    [0.04, 0.053, 0.053, 0.5]
    """
    order = np.argsort(p)
    scaled = p[order] * len(p) / np.arange(1, len(p) + 1)
    q = np.empty_like(p)
    q[order] = np.minimum(1.0, np.minimum.accumulate(scaled[::-1])[::-1])
    return q


def stability(facts: Facts, found: TransmissionRates, rng: np.random.Generator, settings: EvidenceSettings) -> np.ndarray:
    """Return, per edge, the share of bootstraps over innovations in which it is among as many of the strongest edges."""
    strongest = int((found.rate > 1e-9).sum())
    count = len(facts.innovations)
    keep = min(strongest, max(4 * len(facts.regions), 1))
    seen = np.zeros_like(found.rate)
    for _ in range(settings.draws):
        drawn = facts.times[:, rng.integers(0, count, count)]
        again = estimate(drawn, float(facts.horizon), settings.rates)[1]
        cut = np.partition(again, again.size - keep, axis=None)[again.size - keep]
        seen += (again >= max(float(cut), 1e-6)).astype(np.float64)
    share: np.ndarray = seen / settings.draws
    return share
