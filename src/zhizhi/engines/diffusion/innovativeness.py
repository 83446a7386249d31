"""Innovativeness: how early a region takes things up, and how often it does when it could.

The score of J. L. Walker, American Political Science Review 63 (1969) 880-899: for each innovation 1 at its first adoption, 0 at
its last, in between as time went; 0 for who never adopted; the mean over innovations. It knows no exposure; the rate over risk
sets, adoptions over periods in which the region could have adopted, does, and can be told by span of time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from scipy.stats import norm

from zhizhi.engines.diffusion.answers import CannotTell, Computed, frame
from zhizhi.engines.diffusion.facts import Facts
from zhizhi.engines.diffusion.panels import Panel
from zhizhi.kernel.errors import InputError


@dataclass(frozen=True)
class Walker:
    """Walker's scores.

    Args:
        regions: names.
        innovations: those with two dates or more.
        parts: shape (innovations, regions), each innovation's part of the score: what ranks are bootstrapped over.
        score: mean of the parts.
        left: innovation -> why it has no part.
        computed: how it was computed.
    """

    regions: tuple[str, ...]
    innovations: tuple[str, ...]
    parts: np.ndarray
    score: np.ndarray
    left: dict[str, CannotTell]
    computed: Computed

    def to_frame(self) -> pa.Table:
        """Return one row a region."""
        return frame({"region": list(self.regions), "score": self.score})


@dataclass(frozen=True)
class AdoptionRates:
    """Adoptions per period at risk, by region (rows) and span of periods (columns).

    Args:
        regions: names.
        spans: first period of each span, and the period after the last.
        events: adoptions.
        at_risk: region-innovation-periods.
        rate: events / at risk, NaN where nothing was at risk.
        low: lower ends of Wilson's intervals; 0 where nothing was at risk.
        high: upper ends; 1 where nothing was at risk.
        computed: how it was computed.
    """

    regions: tuple[str, ...]
    spans: np.ndarray
    events: np.ndarray
    at_risk: np.ndarray
    rate: np.ndarray
    low: np.ndarray
    high: np.ndarray
    computed: Computed

    def to_frame(self) -> pa.Table:
        """Return one row a region and span."""
        regions, spans = len(self.regions), len(self.spans) - 1
        named: dict[str, Sequence[object] | np.ndarray] = {
            name: getattr(self, name).ravel() for name in ("events", "at_risk", "rate", "low", "high")
        }
        where: dict[str, Sequence[object] | np.ndarray] = {
            "region": [r for r in self.regions for _ in range(spans)],
            "from": np.tile(self.spans[:-1], regions),
        }
        return frame({**where, **named})


def walker(facts: Facts) -> Walker | CannotTell:
    """Return Walker's score of every region.

    Returns:
        The scores, or `CannotTell`: ``diffusion.no-order`` where no innovation has two dates.

    Example:
        >>> from zhizhi.engines.diffusion.facts import read_facts
        >>> rows = {"region": ["a", "b", "c"], "innovation": ["x"] * 3, "date": [2000, 2003, 2004]}
        >>> walker(read_facts(rows, universe=["a", "b", "c", "d"])).score.tolist()
        [1.0, 0.25, 0.0, 0.0]
    """
    first, last = facts.first, np.where(np.isfinite(facts.times), facts.times, -np.inf).max(axis=0)
    kept = last > first
    left = {
        name: CannotTell("diffusion.few-periods", {"n": 1}, enough=2, unit="periods")
        for name, keep in zip(facts.innovations, kept, strict=True)
        if not keep
    }
    if not kept.any():
        return CannotTell("diffusion.no-order", enough=2, unit="dates")
    times = facts.times[:, kept]
    parts = np.where(np.isfinite(times), (last[kept] - times) / (last - first)[kept], 0.0).T
    return Walker(
        regions=facts.regions,
        innovations=tuple(name for name, keep in zip(facts.innovations, kept, strict=True) if keep),
        parts=parts,
        score=parts.mean(axis=0),
        left=left,
        computed=Computed(
            method="diffusion.method-walker",
            formula="mean over innovations of (last - t) / (last - first), 0 for non-adopters",
            source="Walker 1969",
            n=len(parts),
            of="innovations",
            period=facts.period,
            missing={"innovations with one date": len(left)} | dict(facts.left_out),
            configuration={"universe_known": facts.universe_known},
        ),
    )


def adoption_rates(panel: Panel, spans: Sequence[int] | None = None, level: float = 0.95) -> AdoptionRates:
    """Return adoptions per period at risk of every region, by span of periods.

    Args:
        panel: of risk sets.
        spans: first period of each span, rising, and the period after the last; None: one span.
        level: of the intervals.

    Raises:
        InputError: ``diffusion.spans`` where they do not rise.
    """
    edges = np.array([0, int(panel.period.max()) + 1] if spans is None else spans)
    if len(edges) < 2 or (np.diff(edges) <= 0).any():
        raise InputError("diffusion.spans")
    span = np.searchsorted(edges, panel.period, side="right") - 1
    inside = (span >= 0) & (span < len(edges) - 1)
    shape = (len(panel.regions), len(edges) - 1)
    cell = panel.region[inside] * shape[1] + span[inside]
    n = np.bincount(cell, minlength=shape[0] * shape[1]).reshape(shape)
    events = np.bincount(cell, panel.event[inside], shape[0] * shape[1]).reshape(shape)
    z, some = norm.ppf(0.5 + level / 2), np.maximum(n, 1)
    share = events / some
    middle = (share + z * z / (2 * some)) / (1 + z * z / some)
    half = z / (1 + z * z / some) * np.sqrt(share * (1 - share) / some + z * z / (4 * some**2))
    return AdoptionRates(
        regions=panel.regions,
        spans=edges,
        events=events.astype(np.int64),
        at_risk=n,
        rate=np.where(n > 0, share, np.nan),
        low=np.where(n > 0, np.maximum(middle - half, 0.0), 0.0),
        high=np.where(n > 0, np.minimum(middle + half, 1.0), 1.0),
        computed=Computed(
            method="diffusion.method-adoption-rates",
            formula="adoptions / region-innovation-periods at risk, Wilson's interval",
            source="Wilson 1927",
            n=int(n.sum()),
            of="region-innovation-periods",
            period=panel.computed.period,
            missing={"rows outside the spans": int((~inside).sum())},
            configuration={"level": level, "spans": edges.tolist()} | dict(panel.computed.configuration),
        ),
    )
