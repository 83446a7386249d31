"""Who follows whom: NetInf, the greedy tree-based inference of a network of diffusion from adoption times.

Source: M. Gomez Rodriguez, J. Leskovec, A. Krause, Inferring Networks of Diffusion and Influence, KDD 2010; the transmission
likelihood and the two constants as in the R package NetworkInference 1.2.5, whose gains it reproduces. An inferred edge is an
estimate of *who adopted soon after whom*, not an act of copying.

In each innovation every adopter has at most one parent among those that adopted strictly earlier. A parent over an inferred edge
scores ``log(beta f(lag))``, without one ``log(epsilon f(lag))`` with ``f`` the exponential density of rate ``rate``. Greedily the
edge is added that raises the summed score most. Only the gains of the chosen edge's child change, so that one step costs one pass
over that child's innovations.

Ties: with whole-numbered times a gain is exactly ``k log(beta/epsilon) + rate s`` with ``k`` and ``s`` whole numbers, and equal
gains are equal on every machine; among them the edge that comes first by name of source, then of target, is taken.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import numpy as np
import pyarrow as pa
from scipy.special import ndtr

from zhizhi.engines.diffusion.answers import CannotTell, Computed, frame
from zhizhi.engines.diffusion.facts import Facts

SOURCE = "Gomez Rodriguez, Leskovec, Krause (KDD 2010); constants of NetworkInference 1.2.5"


@dataclass(frozen=True, slots=True)
class NetInfSettings:
    """Settings of NetInf.

    Args:
        rate: of the exponential transmission per unit of time; None: one over the mean lag to the latest earlier adopter.
        edges: most edges to infer; None: all that are possible.
        until: stop after the first edge whose Vuong p reaches this; None: give the whole path. No evidence of diffusion: on
            permuted data as many edges pass as on real ones. It is kept for comparison with the literature.
        beta: share of a transmission over an edge.
        epsilon: share of one from outside.
        reference: imitate NetworkInference 1.2.5, defect and all: sums of rounded logarithms in the order of names, the last
            of equal gains, and the Vuong penalty of 1/n that is subtracted in place and so piles up.
    """

    rate: float | None = None
    edges: int | None = None
    until: float | None = None
    beta: float = 0.5
    epsilon: float = 1e-10
    reference: bool = False

    def __post_init__(self) -> None:
        if self.rate is not None and not self.rate > 0:
            raise ValueError(f"rate is a positive number per unit of time, not {self.rate}")
        if not 0 < self.epsilon < self.beta <= 1:
            raise ValueError("epsilon is below beta, and both are shares between 0 and 1")
        if self.until is not None and not 0 < self.until <= 1:
            raise ValueError(f"until is a probability, not {self.until}")


@dataclass(frozen=True)
class InferredNetwork:
    """Edges in the order in which they were added.

    Args:
        regions: names, to which ``source`` and ``target`` are indices.
        source: shape (edges,).
        target: shape (edges,).
        gain: rise of the log score, shape (edges,).
        innovations: in how many innovations the edge became a parent, shape (edges,).
        p: of the one-sided Vuong test of each edge, shape (edges,).
        possible: how many edges are possible at all.
        computed: how it was computed.
    """

    regions: tuple[str, ...]
    source: np.ndarray
    target: np.ndarray
    gain: np.ndarray
    innovations: np.ndarray
    p: np.ndarray
    possible: int
    computed: Computed

    def __len__(self) -> int:
        return len(self.source)

    def edges(self) -> list[tuple[str, str]]:
        """Return (source, target) by name, in order."""
        return [(self.regions[u], self.regions[v]) for u, v in zip(self.source, self.target, strict=True)]

    def to_frame(self) -> pa.Table:
        """Return one row an edge: source, target, gain, innovations, p."""
        names = np.array(self.regions, dtype=object)
        return frame(
            {
                "source": names[self.source],
                "target": names[self.target],
                "gain": self.gain,
                "innovations": self.innovations,
                "p": self.p,
            }
        )


def netinf(facts: Facts, settings: NetInfSettings | None = None) -> InferredNetwork | CannotTell:
    """Infer a network greedily.

    Returns:
        The network, or `CannotTell` (``diffusion.no-order``) where no adoption strictly follows another.

    Example:
        >>> from zhizhi.engines.diffusion.facts import read_facts
        >>> rows = [{"region": r, "innovation": i, "date": y} for i in "xyz" for r, y in (("a", 2001), ("b", 2003))]
        >>> netinf(read_facts(rows), NetInfSettings(rate=1.0)).edges()
        [('a', 'b')]
    """
    settings = settings or NetInfSettings()
    search = _Search(facts.times, settings)
    if not search.possible.any():
        return CannotTell("diffusion.no-order", enough=2, unit="adoptions")
    found = search.run()
    return InferredNetwork(
        regions=facts.regions,
        source=np.array([u for u, *_ in found], dtype=np.int64),
        target=np.array([v for _, v, *_ in found], dtype=np.int64),
        gain=np.array([g for _, _, g, _, _ in found]),
        innovations=np.array([k for *_, k, _ in found], dtype=np.int64),
        p=np.array([p for *_, p in found]),
        possible=search.all_possible,
        computed=Computed(
            method="diffusion.method-netinf",
            formula="argmax over (u, v) of sum over innovations of max(0, log(beta f(t_v - t_u)) - score of v's parent)",
            source=SOURCE,
            n=len(facts),
            of="adoptions",
            period=facts.period,
            missing=dict(facts.left_out),
            configuration={**asdict(settings), "rate": search.rate},
        ),
    )


def mean_lag(times: np.ndarray) -> float:
    """Return the mean lag of an adopter to the latest strictly earlier adopter of the same innovation."""
    total, count = 0.0, 0
    for column in times.T:
        seen = np.sort(column[np.isfinite(column)])
        distinct, sizes = np.unique(seen, return_counts=True)
        total += float((np.diff(distinct) * sizes[1:]).sum())
        count += int(sizes[1:].sum())
    return total / count if count else math.nan


class _Search:
    """The greedy search. A child's lags are worked out when they are needed: memory is that of one child, not of all."""

    def __init__(self, times: np.ndarray, settings: NetInfSettings) -> None:
        self.times, self.settings = times, settings
        self.rate = settings.rate or 1.0 / mean_lag(times)
        self.step = math.log(settings.beta / settings.epsilon)
        first = times.min(axis=0)
        regions = len(times)
        self.members = [np.flatnonzero(np.isfinite(times[v]) & (first < times[v])) for v in range(regions)]
        self.gains = np.full((regions, regions), -1.0)
        self.possible = np.zeros((regions, regions), dtype=bool)
        self.lag: list[np.ndarray] = []  # of the present parent, or the least lag where there is none
        self.chosen: list[np.ndarray] = []  # whether the present parent is over an inferred edge
        for child in range(regions):
            lags = self.lags(child)
            usable = np.isfinite(lags)
            self.possible[:, child] = usable.any(axis=1)
            self.lag.append(lags.min(axis=0) if lags.size else np.empty(0))
            self.chosen.append(np.zeros(lags.shape[1], dtype=bool))
            self.refresh(child, lags)
        self.all_possible = int(self.possible.sum())
        self.piled = np.zeros(times.shape[1])

    def lags(self, child: int) -> np.ndarray:
        """Return the lags of a child to everybody in its innovations, shape (regions, members); inf where not earlier."""
        inside = self.times[:, self.members[child]]
        found: np.ndarray = self.times[child, self.members[child]] - inside
        found[~(found > 0)] = np.inf
        return found

    def improvement(self, child: int, lags: np.ndarray) -> np.ndarray:
        """Return by how much each parent would raise the child's score in each of its innovations, 0 where it would not."""
        if self.settings.reference:
            share = np.where(self.chosen[child], self.settings.beta, self.settings.epsilon)
            rise: np.ndarray = self._log(self.settings.beta, lags) - self._log(share, self.lag[child])
        else:
            rise = np.where(self.chosen[child], 0.0, self.step) + self.rate * (self.lag[child] - lags)
        better: np.ndarray = np.maximum(rise, 0.0)
        return better

    def _log(self, share: float | np.ndarray, lags: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore", over="ignore", under="ignore"):
            found: np.ndarray = np.log(share * (self.rate * np.exp(-self.rate * lags)))
        return found

    def refresh(self, child: int, lags: np.ndarray) -> None:
        """Work out the gains of all edges into a child."""
        rise = self.improvement(child, lags)
        if self.settings.reference:
            gains = np.cumsum(rise, axis=1)[:, -1] if rise.shape[1] else np.zeros(len(rise))
        else:
            better = rise > 0
            count = (better & ~self.chosen[child]).sum(axis=1)
            saved = np.where(better, self.lag[child] - np.where(better, lags, 0.0), 0.0).sum(axis=1)
            gains = count * self.step + self.rate * saved
        self.gains[:, child] = np.where(self.possible[:, child], gains, -1.0)

    def run(self) -> list[tuple[int, int, float, int, float]]:
        """Add edges until there are enough; return (source, target, gain, innovations, p) of each."""
        wanted = self.all_possible if self.settings.edges is None else min(self.settings.edges, self.all_possible)
        found: list[tuple[int, int, float, int, float]] = []
        while len(found) < wanted:
            flat = self.gains.ravel()
            best = len(flat) - 1 - int(flat[::-1].argmax()) if self.settings.reference else int(flat.argmax())
            source, child = divmod(best, len(self.times))
            lags = self.lags(child)
            rise = self.improvement(child, lags[[source]])[0]
            p = self._vuong(child, rise)
            found.append((source, child, float(self.gains[source, child]), int((rise > 0).sum()), p))
            self.lag[child] = np.where(rise > 0, lags[source], self.lag[child])
            self.chosen[child] = self.chosen[child] | (rise > 0)
            self.possible[source, child] = False
            self.refresh(child, lags)
            if self.settings.until is not None and p >= self.settings.until:
                break
        return found

    def _vuong(self, child: int, rise: np.ndarray) -> float:
        """Return the one-sided p of the Vuong test with one more edge, penalised by 1/n an innovation."""
        count = self.times.shape[1]
        if count < 2:
            return math.nan
        differences = np.full(count, -1.0 / count)
        differences[self.members[child]] += rise
        if self.settings.reference:
            changed = self.members[child][rise > 0]
            differences[changed] += self.piled[changed]
            self.piled += 1.0 / count
            self.piled[changed] = 1.0 / count
        spread = differences.std(ddof=1)
        if spread == 0:
            return 1.0
        return float(1.0 - ndtr(differences.sum() / (spread * math.sqrt(count))))
