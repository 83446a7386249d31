"""Outbreaks: how suddenly one innovation spread, whether many came at once or one policy raced, and the five marks.

Variety is the effective number of kinds, exp(entropy) (M. O. Hill, Ecology 54 (1973) 427-432): near 1 one policy is racing, the
"policy outbreak" of G. Boushey (Policy Diffusion Dynamics in America, 2010); large, many come at once, which is what the
Chinese studies mean. The five marks are quantity, levels, domains, government and enterprise together, and influence; they
are kept apart and never added up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
from scipy.stats import norm

from zhizhi.engines.diffusion.answers import CannotTell, Computed, Interval, frame
from zhizhi.engines.diffusion.bursts import Bursts
from zhizhi.engines.diffusion.facts import Facts
from zhizhi.kernel.errors import InputError


@dataclass(frozen=True, slots=True)
class OutbreakSettings:
    """Settings of outbreaks.

    Args:
        fewest: adoptions or packages below which no variety or share is told.
        race: effective number of innovations up to which a wave is one policy racing.
        many: effective number from which on many came at once; between the two the interval decides, or nothing does.
        level: of the intervals.
    """

    fewest: int = 10
    race: float = 2.0
    many: float = 5.0
    level: float = 0.95


@dataclass(frozen=True)
class Spreads:
    """How suddenly each innovation spread, one row an innovation.

    Args:
        innovations: names.
        adopters: how many.
        reach: share of the universe.
        t10_t90: time between the adoption that completes a tenth of the adopters and the one that completes nine tenths.
        peak: time with most adoptions, the earliest of equals.
        peak_share: share of the adopters that came then.
        quits: adoptions that ended by the horizon; -1 where ends were not recorded.
        computed: how it was computed.
    """

    innovations: tuple[str, ...]
    adopters: np.ndarray
    reach: np.ndarray
    t10_t90: np.ndarray
    peak: np.ndarray
    peak_share: np.ndarray
    quits: np.ndarray
    computed: Computed

    def to_frame(self) -> pa.Table:
        """Return one row an innovation."""
        names = ("adopters", "reach", "t10_t90", "peak", "peak_share", "quits")
        return frame({"innovation": list(self.innovations)} | {name: getattr(self, name) for name in names})


@dataclass(frozen=True)
class Variety:
    """How many kinds, effectively, and what that makes of a wave.

    Args:
        effective: exp(entropy) with its interval.
        kinds: different ones seen.
        kind: one policy racing, many at once, or `CannotTell` where the interval covers both.
        computed: how it was computed.
    """

    effective: Interval
    kinds: int
    kind: Literal["race", "many", "between"] | CannotTell
    computed: Computed

    def to_frame(self) -> pa.Table:
        """Return one row."""
        kind = None if isinstance(self.kind, CannotTell) else self.kind
        return frame(
            {"effective": [self.effective.value], "low": [self.effective.low], "high": [self.effective.high], "kind": [kind]}
        )


@dataclass(frozen=True)
class Marks:
    """The five marks of an outbreak, apart from each other.

    Args:
        quantity: rate over the usual rate.
        levels: effective number of levels at which packages began.
        domains: effective number of domains.
        together: share of packages with an author or operator outside government.
        influence: users per 1,000 residents.
        computed: how it was computed.
    """

    quantity: Interval | CannotTell
    levels: Interval | CannotTell
    domains: Interval | CannotTell
    together: Interval | CannotTell
    influence: Interval | CannotTell
    computed: Computed

    def to_frame(self) -> pa.Table:
        """Return one row a mark; where it cannot be told, the reason in ``unknown``."""
        names = ("quantity", "levels", "domains", "together", "influence")
        marks = [getattr(self, name) for name in names]
        told = [mark if isinstance(mark, Interval) else None for mark in marks]
        return frame(
            {
                "mark": list(names),
                "value": [mark.value if mark else None for mark in told],
                "low": [mark.low if mark else None for mark in told],
                "high": [mark.high if mark else None for mark in told],
                "unknown": [mark.code if isinstance(mark, CannotTell) else None for mark in marks],
            }
        )


def spreads(facts: Facts) -> Spreads:
    """Return how suddenly each innovation spread among those that took it up.

    Example:
        >>> from zhizhi.engines.diffusion.facts import read_facts
        >>> rows = [{"region": f"r{i}", "innovation": "x", "date": 2000 + i // 4} for i in range(8)]
        >>> found = spreads(read_facts(rows, universe=[f"r{i}" for i in range(16)]))
        >>> found.t10_t90.tolist(), found.peak_share.tolist(), found.reach.tolist()
        ([1.0], [0.5], [0.5])
    """
    times = np.sort(facts.times, axis=0)
    adopters = np.isfinite(times).sum(axis=0)
    at = np.arange(len(facts.innovations))
    tenth, rest = (np.ceil(share * adopters - 1e-9).astype(np.int64) - 1 for share in (0.1, 0.9))
    peak, share = np.empty(len(at), dtype=np.int64), np.empty(len(at))
    for index in at:
        days, many = np.unique(times[: adopters[index], index], return_counts=True)
        peak[index], share[index] = days[np.argmax(many)], many.max() / adopters[index]
    ended = facts.ended != Facts.STILL
    quits = np.bincount(facts.innovation[ended], minlength=len(at)) if facts.spells_known else np.full(len(at), -1)
    return Spreads(
        innovations=facts.innovations,
        adopters=adopters,
        reach=adopters / len(facts.regions),
        t10_t90=times[rest, at] - times[tenth, at],
        peak=peak,
        peak_share=share,
        quits=quits,
        computed=Computed(
            method="diffusion.method-spreads",
            formula="t(ceil(.9 n)) - t(ceil(.1 n)), n adopters by the horizon; peak share = most on one day / n",
            source="descriptive",
            n=len(facts),
            of="adoptions",
            period=facts.period,
            missing=dict(facts.left_out),
            configuration={"universe_known": facts.universe_known},
        ),
    )


def effective_number(counts: np.ndarray, level: float = 0.95) -> Interval:
    """Return exp(entropy) of counts with its interval by the delta method on the entropy; at least 1, at most infinity.

    The entropy has the correction of G. A. Miller (1955), (kinds - 1) / 2n: the plain one misses unseen kinds.

    >>> effective_number(np.array([500, 500])).value.__round__(2)
    2.0
    """
    counts = np.asarray(counts, dtype=np.float64)
    counts = counts[counts > 0]
    n = counts.sum()
    share = counts / n
    entropy = float(-(share * np.log(share)).sum() + (len(counts) - 1) / (2 * n))
    variance = float((share * np.log(share) ** 2).sum() - (share * np.log(share)).sum() ** 2) / n
    reach = norm.ppf(0.5 + level / 2) * np.sqrt(max(variance, 0.0))
    return Interval(float(np.exp(entropy)), float(np.exp(max(entropy - reach, 0.0))), float(np.exp(entropy + reach)), level)


def variety(facts: Facts, begin: int, end: int, settings: OutbreakSettings | None = None) -> Variety | CannotTell:
    """Say whether the adoptions from ``begin`` to before ``end`` are one policy racing or many innovations at once.

    Returns:
        The variety, or `CannotTell`: ``diffusion.few-adoptions``.
    """
    settings = settings or OutbreakSettings()
    inside = (facts.time >= begin) & (facts.time < end)
    counts = np.bincount(facts.innovation[inside])
    found = _effective(counts, settings)
    if isinstance(found, CannotTell):
        return found
    kind: Literal["race", "many", "between"] | CannotTell
    if found.high <= settings.race:
        kind = "race"
    elif found.low >= settings.many:
        kind = "many"
    elif found.low > settings.race and found.high < settings.many:
        kind = "between"
    else:
        kind = CannotTell("diffusion.variety-open", {"low": round(found.low, 2), "high": round(found.high, 2)})
    return Variety(
        effective=found,
        kinds=int((counts > 0).sum()),
        kind=kind,
        computed=Computed(
            method="diffusion.method-variety",
            formula="exp(-sum p log p + (k - 1) / 2n)",
            source="Hill 1973; Miller 1955; Boushey 2010",
            n=int(inside.sum()),
            of="adoptions",
            period=(facts.day(begin), facts.day(end - 1)),
            configuration=asdict(settings),
        ),
    )


def _effective(counts: np.ndarray, settings: OutbreakSettings) -> Interval | CannotTell:
    n = int(counts.sum())
    if n < settings.fewest:
        return CannotTell("diffusion.few-adoptions", {"n": n}, enough=settings.fewest, unit="adoptions")
    return effective_number(counts, settings.level)


def marks(
    segments: Bursts | CannotTell,
    *,
    levels: Sequence[str | None],
    domains: Sequence[str | None],
    together: Sequence[bool | None],
    users: float | None = None,
    residents: float | None = None,
    settings: OutbreakSettings | None = None,
) -> Marks:
    """Return the five marks of the packages of one outbreak.

    Args:
        segments: of the counts of new packages; the strongest outbreak in them, or the strongest segment, gives the quantity.
        levels: level at which each package began: province, city, county...; None: not known.
        domains: of each package.
        together: whether an author or operator of each package is outside government.
        users: people who used them.
        residents: where they could be used.
        settings: of outbreaks.

    Raises:
        InputError: ``diffusion.marks-shape``.
    """
    settings = settings or OutbreakSettings()
    if not len(levels) == len(domains) == len(together):
        raise InputError("diffusion.marks-shape", levels=len(levels), domains=len(domains), together=len(together))
    known = [value for value in together if value is not None]
    missing = {
        name: sum(v is None for v in values)
        for name, values in (("levels", levels), ("domains", domains), ("together", together))
    }
    return Marks(
        quantity=_quantity(segments, settings.level),
        levels=_effective(_counted(levels), settings),
        domains=_effective(_counted(domains), settings),
        together=wilson(sum(known), len(known), settings.level)
        if len(known) >= settings.fewest
        else CannotTell("diffusion.few-packages", {"n": len(known)}, enough=settings.fewest, unit="packages"),
        influence=_per_thousand(users, residents, settings.level),
        computed=Computed(
            method="diffusion.method-marks",
            formula="rate ratio; exp(entropy) of levels and of domains; share with Wilson's interval; users per 1,000 residents",
            source="Hill 1973; Wilson 1927",
            n=len(levels),
            of="packages",
            missing=missing,
            configuration=asdict(settings),
        ),
    )


def _counted(values: Sequence[str | None]) -> np.ndarray:
    return np.unique([value for value in values if value is not None], return_counts=True)[1]


def _quantity(segments: Bursts | CannotTell, level: float) -> Interval | CannotTell:
    if isinstance(segments, CannotTell):
        return segments
    among = np.flatnonzero(segments.outbreak) if segments.outbreak.any() else np.arange(len(segments.ratio))
    at = among[np.argmax(segments.ratio[among])]
    return Interval(float(segments.ratio[at]), float(segments.low[at]), float(segments.high[at]), level)


def _per_thousand(users: float | None, residents: float | None, level: float) -> Interval | CannotTell:
    if users is None or not residents:
        return CannotTell("diffusion.no-use")
    rate = 1000 * users / residents  # a count of all, not a sample: its interval is the number itself
    return Interval(rate, rate, rate, level)


def wilson(successes: int, n: int, level: float = 0.95) -> Interval:
    """Return a share with the interval of E. B. Wilson, J. Am. Stat. Assoc. 22 (1927) 209-212.

    >>> wilson(0, 10).high.__round__(3)
    0.278
    """
    z = norm.ppf(0.5 + level / 2)
    share = successes / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return Interval(share, float(min(max(middle - half, 0.0), share)), float(max(min(middle + half, 1.0), share)), level)
