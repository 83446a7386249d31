"""Quitting: when adoptions end, from which cause, and whether that depends on what had triggered them.

Cumulative incidence by O. Aalen and S. Johansen, Scandinavian Journal of Statistics 5 (1978) 141-150: the share of all adoptions
that had ended from a cause by a time, with those still going counted as long as they were watched, and those that ended from
another cause as gone for good. Variance by the delta method (E. Marubini and M. G. Valsecchi, Analysing Survival Data, 1995,
ch. 10); intervals on the log(-log) scale. At equal times ends come before the loss of sight.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pyarrow as pa
from scipy.stats import chi2, norm

from zhizhi.engines.diffusion.answers import CannotTell, Computed, Interval, frame
from zhizhi.engines.diffusion.facts import Facts
from zhizhi.kernel.errors import InputError

_ALL = "(all)"


@dataclass(frozen=True, slots=True)
class QuittingSettings:
    """Settings of quitting.

    Args:
        fewest: adoptions of a group below which nothing is told.
        ends: ends in all below which groups are not compared.
        level: of the intervals.
    """

    fewest: int = 10
    ends: int = 10
    level: float = 0.95


@dataclass(frozen=True)
class Incidence:
    """Cumulative incidence of each cause in one group, a step function: rows are times of ends, columns causes.

    Args:
        causes: names.
        time: since adoption, of each step, shape (steps,).
        at_risk: adoptions still going and watched just before, shape (steps,).
        share: ended from the cause by then, shape (steps, causes).
        low: lower ends of the intervals.
        high: upper ends.
        going: share still going, shape (steps,).
        n: adoptions.
        ended: ends by cause.
        longest: watched time; nothing is known beyond it.
        level: of the intervals.
    """

    causes: tuple[str, ...]
    time: np.ndarray
    at_risk: np.ndarray
    share: np.ndarray
    low: np.ndarray
    high: np.ndarray
    going: np.ndarray
    n: int
    ended: Mapping[str, int]
    longest: float
    level: float

    def at(self, time: float, cause: str) -> Interval | CannotTell:
        """Return the share that had ended from a cause by a time, or `CannotTell` where nobody was watched for so long."""
        if time > self.longest:
            return CannotTell("diffusion.not-watched", {"n": self.longest}, enough=int(np.ceil(time)), unit="time watched")
        step, column = int(np.searchsorted(self.time, time, side="right")) - 1, self.causes.index(cause)
        if step < 0 or not self.share[step, column]:
            top = 1 - (0.5 - self.level / 2) ** (1 / self.n)  # nothing seen: the exact bound, as if all had been watched
            return Interval(0.0, 0.0, float(top), self.level)
        share, low, high = self.share[step, column], self.low[step, column], self.high[step, column]
        return Interval(float(share), float(low), float(high), self.level)


@dataclass(frozen=True)
class Quitting:
    """Incidence by group, and whether the groups differ.

    Args:
        groups: name -> its incidence, or why there is none.
        statistic: log-rank, over all causes; NaN where it cannot be told.
        p: of no difference.
        comparison_unknown: why the groups were not compared.
        computed: how it was computed.
    """

    groups: Mapping[str, Incidence | CannotTell]
    statistic: float
    p: float
    comparison_unknown: CannotTell | None
    computed: Computed

    def to_frame(self) -> pa.Table:
        """Return one row a group, step and cause."""
        rows = [
            (name, one.time[step], one.at_risk[step], cause, *(t[step, column] for t in (one.share, one.low, one.high)))
            for name, one in self.groups.items()
            if isinstance(one, Incidence)
            for step in range(len(one.time))
            for column, cause in enumerate(one.causes)
        ]
        names = ("group", "time", "at_risk", "cause", "share", "low", "high")
        return frame({name: [row[at] for row in rows] for at, name in enumerate(names)})


def quitting(
    facts: Facts,
    *,
    cause: Sequence[str | None] | None = None,
    trigger: Sequence[str] | None = None,
    settings: QuittingSettings | None = None,
) -> Quitting | CannotTell:
    """Return the cumulative incidence of ends, by trigger where triggers are given.

    Args:
        facts: adoptions with their ends.
        cause: why each adoption ended, in the order of the facts; what has no end has no cause. None: one cause, ``ended``.
        trigger: what each adoption was set off by; None: one group.
        settings: of quitting.

    Returns:
        The incidence, or `CannotTell`: ``diffusion.no-ends`` where ends were not recorded.

    Raises:
        InputError: ``diffusion.spell-shape``; ``diffusion.cause`` for an end without a cause.
    """
    if not facts.spells_known:
        return CannotTell("diffusion.no-ends")
    still = facts.ended == Facts.STILL
    time = np.where(still, facts.horizon, facts.ended) - facts.time
    if cause is not None and len(cause) == len(facts):
        for row, (name, going) in enumerate(zip(cause, still, strict=True), start=1):
            if name is None and not going:
                raise InputError("diffusion.cause", row=row)
    named: Sequence[str | None] = ["ended"] * len(facts) if cause is None else cause
    causes = [None if going else name for name, going in zip(named, still, strict=True)] if len(named) == len(facts) else named
    return incidence(time, causes, trigger, settings, facts)


def incidence(
    time: np.ndarray,
    cause: Sequence[str | None],
    group: Sequence[str] | None = None,
    settings: QuittingSettings | None = None,
    facts: Facts | None = None,
) -> Quitting:
    """Return the cumulative incidence of each cause in each group.

    Args:
        time: since adoption, to the end or to the last sight, shape (adoptions,).
        cause: of the end; None: it was still going.
        group: of each adoption; None: one group.
        settings: of quitting.
        facts: that it was drawn from, for the period told.

    Raises:
        InputError: ``diffusion.spell-shape``; ``diffusion.spell-time`` for negative times.

    Example:
        >>> found = incidence(np.array([1.0, 2, 3, 4]), ["dropped", None, "replaced", None], settings=QuittingSettings(fewest=2))
        >>> found.groups["(all)"].share.tolist()  # 1/4; then half of the three quarters left
        [[0.25, 0.0], [0.25, 0.375]]
    """
    settings = settings or QuittingSettings()
    time = np.asarray(time, dtype=np.float64)
    if len(cause) != len(time) or (group is not None and len(group) != len(time)):
        raise InputError("diffusion.spell-shape", n=len(time), cause=len(cause), group=len(time if group is None else group))
    bad = np.flatnonzero(~(np.isfinite(time) & (time >= 0)))
    if len(bad):
        raise InputError("diffusion.spell-time", row=int(bad[0]) + 1)
    causes = tuple(sorted({name for name in cause if name is not None}))
    number = {name: at for at, name in enumerate(causes, start=1)}
    code = np.array([0 if name is None else number[name] for name in cause], dtype=np.int64)
    names, place = np.unique([_ALL] * len(time) if group is None else list(group), return_inverse=True)
    groups = {str(name): _incidence(time[place == at], code[place == at], causes, settings) for at, name in enumerate(names)}
    statistic, p, unknown = _compared(time, code, place, len(names), settings)
    return Quitting(
        groups=groups,
        statistic=statistic,
        p=p,
        comparison_unknown=unknown,
        computed=Computed(
            method="diffusion.method-quitting",
            formula="F_k(t) = sum over ends at s <= t of S(s-) d_k(s) / n(s)",
            source="Aalen and Johansen 1978; Marubini and Valsecchi 1995",
            n=len(time),
            of="adoptions",
            period=None if facts is None else facts.period,
            missing={} if facts is None else dict(facts.left_out),
            configuration=asdict(settings),
        ),
    )


def _incidence(time: np.ndarray, code: np.ndarray, causes: tuple[str, ...], settings: QuittingSettings) -> Incidence | CannotTell:
    n = len(time)
    if n < settings.fewest:
        return CannotTell("diffusion.few-spells", {"n": n}, enough=settings.fewest, unit="adoptions")
    steps = np.unique(time[code > 0])
    ends = np.zeros((len(steps), len(causes)))
    np.add.at(ends, (np.searchsorted(steps, time[code > 0]), code[code > 0] - 1), 1.0)
    risk = n - np.searchsorted(np.sort(time), steps)
    every = ends.sum(axis=1)
    going = np.cumprod(1 - every / risk)
    before = np.concatenate([[1.0], going])[: len(steps)]
    share = np.cumsum(before[:, None] * ends / risk[:, None], axis=0)
    error = np.sqrt(_variance(share, ends, every, risk, before))
    z = norm.ppf(0.5 + settings.level / 2)
    inner = (share > 0) & (share < 1)
    logs = np.log(np.where(inner, share, 0.5))
    spread = np.exp(np.minimum(z * error / np.abs(np.where(inner, share, 0.5) * logs), 50.0))
    low = np.where(inner, np.exp(logs * spread), share)
    high = np.where(inner, np.exp(logs / spread), share)
    return Incidence(
        causes=causes,
        time=steps,
        at_risk=risk,
        share=share,
        low=np.minimum(low, share),
        high=np.maximum(high, share),
        going=going,
        n=n,
        ended={name: int(ends[:, at].sum()) for at, name in enumerate(causes)},
        longest=float(time.max()),
        level=settings.level,
    )


def _variance(share: np.ndarray, ends: np.ndarray, every: np.ndarray, risk: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Return the variance of each share, by the delta method, from running sums."""
    left = risk - every
    a = np.where(left > 0, every / (risk * np.maximum(left, 1)), 0.0)[:, None]
    b = (before**2)[:, None] * (risk[:, None] - ends) * ends / risk[:, None] ** 3
    c = before[:, None] * ends / risk[:, None] ** 2
    whole = share**2 * a.cumsum(axis=0) - 2 * share * (share * a).cumsum(axis=0) + (share**2 * a).cumsum(axis=0)
    found: np.ndarray = np.maximum(whole + b.cumsum(axis=0) - 2 * (share * c.cumsum(axis=0) - (share * c).cumsum(axis=0)), 0.0)
    return found


def _compared(
    time: np.ndarray, code: np.ndarray, place: np.ndarray, groups: int, settings: QuittingSettings
) -> tuple[float, float, CannotTell | None]:
    """Return the log-rank statistic over all causes, its p, or why there is none."""
    ended = int((code > 0).sum())
    if groups < 2:
        return np.nan, np.nan, CannotTell("diffusion.one-group", enough=2, unit="groups")
    if ended < settings.ends:
        return np.nan, np.nan, CannotTell("diffusion.few-ends", {"n": ended}, enough=settings.ends, unit="ends")
    steps = np.unique(time[code > 0])
    ends, risk = np.zeros((len(steps), groups)), np.zeros((len(steps), groups))
    for at in range(groups):
        mine = time[place == at]
        ends[:, at] = np.bincount(np.searchsorted(steps, mine[code[place == at] > 0]), minlength=len(steps))
        risk[:, at] = len(mine) - np.searchsorted(np.sort(mine), steps)
    every, whole = ends.sum(axis=1), risk.sum(axis=1)
    portion = risk / whole[:, None]
    weight = every * (whole - every) / np.maximum(whole - 1, 1)
    difference = (ends - portion * every[:, None]).sum(axis=0)[1:]
    covariance = np.diag(weight @ portion) - portion.T @ (portion * weight[:, None])
    statistic = float(difference @ np.linalg.pinv(covariance[1:, 1:]) @ difference)
    return statistic, float(chi2.sf(statistic, groups - 1)), None
