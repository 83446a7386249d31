"""Adoption curves: how a share of regions takes an innovation up over time.

Families, as distribution functions of the time since just before the first adoption (the first period runs from 0 to 1):

- ``bass``: F(t) = (1 - e^-(p+q)t) / (1 + (q/p) e^-(p+q)t); external influence p, internal influence q. F. M. Bass, Management
  Science 15 (1969) 215-227; the mixed-influence model of V. Mahajan and R. A. Peterson (1985).
- ``external``: F(t) = 1 - e^-pt.
- ``logistic``: F(t) = 1 / (1 + e^-k(t-c)); ``gompertz``: F(t) = exp(-e^-k(t-c)); what lies before 0 falls into the first period.

Dates are known only to a period, and adoptions after the horizon are not seen. The likelihood says both: with ``n_k`` adoptions
in period k among N regions, ceiling m and pi_k = m (F(k) - F(k-1)),

    log L = sum n_k log pi_k + (N - sum n_k) log(1 - m F(K)).

It is climbed by Fisher scoring with damping, all innovations at once. Least squares on the cumulative share (`fit_least_squares`)
is there for comparison with older studies: it ignores censoring and its errors are not independent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
from scipy.optimize import least_squares
from scipy.stats import chi2

from zhizhi.engines.diffusion.answers import CannotTell, Computed, frame
from zhizhi.engines.diffusion.facts import Facts

Family = Literal["bass", "external", "logistic", "gompertz"]
Kind = Literal["external", "internal", "mixed", "incomplete"]
_TINY = 1e-300
_STARTS: dict[str, tuple[tuple[float, ...], ...]] = {
    "bass": ((0.01, 0.1, 0.9), (0.05, 0.3, 0.7), (0.002, 0.4, 0.9), (0.2, 0.05, 0.8)),
    "external": ((0.02, 0.9), (0.2, 0.7)),
    "logistic": ((0.2, 10.0, 0.9), (0.6, 5.0, 0.7), (0.08, 40.0, 0.9)),
    "gompertz": ((0.15, 8.0, 0.9), (0.5, 4.0, 0.7), (0.05, 30.0, 0.9)),
}
PARAMETERS: dict[str, tuple[str, ...]] = {
    "bass": ("p", "q", "m"),
    "external": ("p", "m"),
    "logistic": ("k", "c", "m"),
    "gompertz": ("k", "c", "m"),
}


@dataclass(frozen=True, slots=True)
class CurveSettings:
    """Settings of a curve.

    Args:
        family: bass, external, logistic or gompertz.
        ceiling: share of regions that will ever adopt; None: estimated.
        fewest: adopters below which nothing is fitted.
        periods: different periods with adoptions below which nothing is fitted.
        iterations: most rounds of scoring.
        level: of the intervals.
        incomplete: a ceiling whose interval reaches above this share of all regions while the seen reach is below half of it
            is called not identified.
        until: where an innovation's time ends: at the horizon, or, as many older fits have it, at its last adoption, which
            leaves out the evidence that nobody followed.
    """

    family: Family = "bass"
    ceiling: float | None = None
    fewest: int = 10
    periods: int = 4
    iterations: int = 200
    level: float = 0.95
    incomplete: float = 0.98
    until: Literal["horizon", "last adoption"] = "horizon"


@dataclass(frozen=True)
class Curves:
    """Fitted curves, one row an innovation that could be fitted.

    Args:
        innovations: names.
        parameters: names of the columns of ``value``.
        value: shape (innovations, parameters).
        low: lower ends of the intervals, NaN where none were asked for.
        high: upper ends.
        log_likelihood: shape (innovations,).
        adopters: shape (innovations,).
        reach: share of regions that had adopted by the horizon.
        kind: external (p > q), internal (q at least ten times p), mixed, or incomplete (the ceiling is not identified).
        converged: whether scoring settled.
        left: innovation -> why it was not fitted.
        computed: how it was computed.
    """

    innovations: tuple[str, ...]
    parameters: tuple[str, ...]
    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    log_likelihood: np.ndarray
    adopters: np.ndarray
    reach: np.ndarray
    kind: tuple[Kind | str, ...]
    converged: np.ndarray
    left: dict[str, CannotTell]
    computed: Computed

    def column(self, name: str) -> np.ndarray:
        """Return one parameter of all innovations."""
        found: np.ndarray = self.value[:, self.parameters.index(name)]
        return found

    def to_frame(self) -> pa.Table:
        """Return one row an innovation: parameters with intervals, reach, kind."""
        columns: dict[str, Sequence[object] | np.ndarray] = {"innovation": list(self.innovations), "adopters": self.adopters}
        for index, name in enumerate(self.parameters):
            columns |= {name: self.value[:, index], f"{name}_low": self.low[:, index], f"{name}_high": self.high[:, index]}
        return frame(columns | {"reach": self.reach, "kind": list(self.kind), "converged": self.converged})


def bass(t: np.ndarray, p: float, q: float) -> np.ndarray:
    """Return the share of eventual adopters at ``t``.

    >>> bass(np.array([0.0, 10.0]), 0.03, 0.4).round(3).tolist()
    [0.0, 0.796]
    """
    fade = np.exp(-(p + q) * t)
    share: np.ndarray = (1 - fade) / (1 + q / p * fade)
    return share


def fit_curves(facts: Facts, settings: CurveSettings | None = None, *, intervals: bool = False) -> Curves:
    """Fit a curve to every innovation that has enough adopters in enough periods.

    Args:
        facts: adoptions; the regions are those that could have adopted, the horizon ends what was seen.
        settings: family, ceiling, and what is too little.
        intervals: work out profile-likelihood intervals too (several times the work).
    """
    settings = settings or CurveSettings()
    counts, left = _counts(facts, settings)
    names = tuple(counts)
    problem = _Problem(list(counts.values()), len(facts.regions), settings)
    theta, score, settled = problem.fit()
    value = problem.natural(theta)
    low = high = np.full_like(value, np.nan)
    if intervals and names:
        low, high = problem.profiles(theta, score)
    adopters = np.array([int(seen.sum()) for seen in counts.values()], dtype=np.int64)
    reach = adopters / len(facts.regions)
    return Curves(
        innovations=names,
        parameters=PARAMETERS[settings.family],
        value=value,
        low=low,
        high=high,
        log_likelihood=score,
        adopters=adopters,
        reach=reach,
        kind=tuple(_kind(settings, value[i], high[i], reach[i]) for i in range(len(names))),
        converged=settled,
        left=left,
        computed=Computed(
            method=f"diffusion.method-curve-{settings.family}",
            formula="log L = sum n_k log(m (F(k) - F(k-1))) + (N - n) log(1 - m F(K))",
            source="Bass 1969; Mahajan and Peterson 1985; interval-censored likelihood with right censoring",
            n=int(adopters.sum()),
            of="adoptions",
            period=facts.period,
            missing={"innovations with too few adopters or periods": len(left)},
            configuration=asdict(settings),
        ),
    )


def _counts(facts: Facts, settings: CurveSettings) -> tuple[dict[str, np.ndarray], dict[str, CannotTell]]:
    """Return adoptions by period of every innovation that can be fitted, up to the horizon, and why the others cannot."""
    counts: dict[str, np.ndarray] = {}
    left: dict[str, CannotTell] = {}
    for index, name in enumerate(facts.innovations):
        column = facts.times[:, index]
        seen = column[np.isfinite(column)]
        if len(seen) < settings.fewest:
            left[name] = CannotTell("diffusion.few-adopters", {"n": len(seen)}, enough=settings.fewest, unit="adopters")
        elif len(np.unique(seen)) < settings.periods:
            periods = len(np.unique(seen))
            left[name] = CannotTell("diffusion.few-periods", {"n": periods}, enough=settings.periods, unit="periods")
        else:
            # periods after the last adoption are evidence for the ceiling; beyond ten times the seen span they add nothing
            seen_last = int(seen.max())
            far = seen_last + 10 * (seen_last - int(seen.min()) + 1)
            last = min(facts.horizon, far) if settings.until == "horizon" else seen_last
            counts[name] = np.bincount((seen - seen.min()).astype(np.int64), minlength=int(last - seen.min()) + 1)
    return counts, left


def _kind(settings: CurveSettings, value: np.ndarray, high: np.ndarray, reach: float) -> str:
    if settings.family != "bass":
        return "incomplete" if high[-1] >= settings.incomplete and reach < settings.incomplete / 2 else settings.family
    p, q, m = value
    ceiling = high[2] if np.isfinite(high[2]) else m
    if ceiling >= settings.incomplete and reach < settings.incomplete / 2:
        return "incomplete"
    return "external" if p > q else "internal" if q >= 10 * p else "mixed"


class _Problem:
    """The likelihoods of many innovations, padded to a common number of periods and climbed together."""

    def __init__(self, counts: Sequence[np.ndarray], regions: int, settings: CurveSettings) -> None:
        self.settings, self.regions = settings, regions
        self.periods = np.array([len(seen) for seen in counts], dtype=np.int64)
        width = int(self.periods.max(initial=1))
        self.counts = np.zeros((len(counts), width))
        for row, seen in enumerate(counts):
            self.counts[row, : len(seen)] = seen
        self.rest = regions - self.counts.sum(axis=1)
        self.edges = np.arange(width + 1, dtype=np.float64)
        self.rows = np.arange(len(counts))
        self.shape: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, list[np.ndarray]]] = _SHAPES[settings.family]

    # parameters are logarithms, the ceiling a logit: every step stays inside what is possible
    def natural(self, theta: np.ndarray) -> np.ndarray:
        """Return the parameters of the curves."""
        value = np.exp(theta)
        if self.settings.family in ("logistic", "gompertz"):
            value[:, 1] = theta[:, 1]
        value[:, -1] = self.settings.ceiling if self.settings.ceiling is not None else 1 / (1 + np.exp(-theta[:, -1]))
        return np.asarray(value)

    def start(self, values: Sequence[float]) -> np.ndarray:
        """Return one start for every innovation."""
        theta = np.log(np.array(values))
        if self.settings.family in ("logistic", "gompertz"):
            theta[1] = values[1]
        theta[-1] = np.log(values[-1] / (1 - values[-1]))
        return np.repeat(theta[None, :], len(self.rows), axis=0)

    def fit(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Climb from every start a little, and on from the best of them."""
        if not len(self.rows):
            width = len(PARAMETERS[self.settings.family])
            return np.empty((0, width)), np.empty(0), np.empty(0, dtype=bool)
        tried = [self.climb(self.start(values), 12) for values in _STARTS[self.settings.family]]
        best = np.argmax([score for _, score, _ in tried], axis=0)
        theta = np.stack([one[0] for one in tried])[best, self.rows]
        score, settled = np.empty(len(theta)), np.zeros(len(theta), dtype=bool)
        for start in range(0, self.settings.iterations, 10):
            open_ = np.flatnonzero(~settled)
            if not len(open_):
                break
            rounds = min(10, self.settings.iterations - start)
            theta[open_], score[open_], settled[open_] = self.part(open_).climb(theta[open_], rounds)
        return theta, score, settled

    def part(self, rows: np.ndarray) -> _Problem:
        """Return the problem of some innovations, no wider than they need."""
        counts = [self.counts[row, : self.periods[row]] for row in rows]
        return _Problem(counts, self.regions, self.settings)

    def climb(self, theta: np.ndarray, rounds: int, held: int | None = None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return where Fisher scoring with damping ends, the log likelihood there and whether it settled.

        ``held`` is a parameter that is not moved.
        """
        free = [i for i in range(theta.shape[1]) if i != held and not (self.settings.ceiling and i == theta.shape[1] - 1)]
        damping = np.full(len(theta), 1e-2)
        score, gradient, information = self.look(theta)
        settled = np.zeros(len(theta), dtype=bool)
        for _ in range(rounds):
            g, h = gradient[:, free], information[np.ix_(range(len(theta)), free, free)]
            scale = np.einsum("nii->ni", h) + 1e-9
            damped = h + (damping[:, None] * scale)[:, :, None] * np.eye(len(free))
            step = np.clip(np.linalg.solve(damped, g[:, :, None])[:, :, 0], -2.0, 2.0)
            tried = theta.copy()
            tried[:, free] = np.clip(theta[:, free] + np.where(settled[:, None], 0.0, step), -14.0, self.bounds(free))
            found = self.look(tried)
            better = found[0] > score
            settled |= (np.abs(found[0] - score) < 1e-8 * (1 + np.abs(score))) & (better | (damping > 1e3))
            settled |= damping > 1e8
            theta = np.where(better[:, None], tried, theta)
            gradient = np.where(better[:, None], found[1], gradient)
            information = np.where(better[:, None, None], found[2], information)
            score = np.where(better, found[0], score)
            damping = np.where(better, damping * 0.2, np.minimum(damping * 5.0, 1e12))
            if settled.all():
                break
        return theta, score, settled

    def bounds(self, free: Sequence[int]) -> np.ndarray:
        """Return upper bounds of the transformed parameters."""
        width = len(PARAMETERS[self.settings.family])
        top = np.full(width, 5.0)
        if self.settings.family in ("logistic", "gompertz"):
            top[1] = 1e4
        top[-1] = 14.0
        return np.asarray(top[list(free)])

    def look(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return log likelihood, gradient and Fisher information at ``theta``."""
        share, slopes = self.shape(theta, self.edges)
        m = self.natural(theta)[:, -1:]
        last = share[self.rows, self.periods]
        inside = np.arange(self.counts.shape[1])[None, :] < self.periods[:, None]
        chance = np.where(inside, np.maximum(m * np.diff(share, axis=1), _TINY), 1.0)
        outside = np.maximum(1 - m[:, 0] * last, _TINY)
        score = (self.counts * np.log(chance)).sum(axis=1) + self.rest * np.log(outside)
        each = [np.where(inside, m * np.diff(slope, axis=1), 0.0) for slope in slopes]
        each.append(np.where(inside, m * (1 - m) * np.diff(share, axis=1), 0.0))
        ends = [-m[:, 0] * slope[self.rows, self.periods] for slope in slopes]
        ends.append(-(m[:, 0] * (1 - m[:, 0])) * last)
        gradient = np.stack(
            [(self.counts * d / chance).sum(axis=1) + self.rest * e / outside for d, e in zip(each, ends, strict=True)], axis=1
        )
        size = len(each)
        information = np.empty((len(theta), size, size))
        for i in range(size):
            for j in range(i, size):
                inner = (each[i] * each[j] / chance).sum(axis=1) + ends[i] * ends[j] / outside
                information[:, i, j] = information[:, j, i] = self.regions * inner
        return score, gradient, information

    def profiles(self, theta: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the ends of the profile-likelihood intervals: where twice the fall of log L is the quantile of chi-squared."""
        drop = float(chi2.ppf(self.settings.level, 1)) / 2
        ends = []
        for sign in (-1.0, 1.0):
            found = np.empty_like(theta)
            for index in range(theta.shape[1]):
                found[:, index] = self._end(theta, score, index, sign, drop)
            ends.append(found)
        low, high = theta.copy(), theta.copy()
        for index in range(theta.shape[1]):
            for side, target in ((0, low), (1, high)):
                moved = theta.copy()
                moved[:, index] = ends[side][:, index]
                target[:, index] = self.natural(moved)[:, index]
        return low, high

    def _end(self, theta: np.ndarray, score: np.ndarray, index: int, sign: float, drop: float) -> np.ndarray:
        """Step outwards until the profile has fallen far enough, then halve the last step."""
        near, far = theta[:, index].copy(), theta[:, index].copy()
        inside, step, current = np.ones(len(theta), dtype=bool), np.full(len(theta), 0.25), theta.copy()
        for _ in range(9):
            far = np.where(inside, near + sign * step, far)
            current[:, index] = far
            current, fallen, _ = self.climb(current, 12, held=index)
            outside = score - fallen > drop
            near = np.where(inside & ~outside, far, near)
            inside &= ~outside
            step = np.where(inside, step * 2, step)
            if not inside.any():
                break
        for _ in range(9):
            middle = (near + far) / 2
            current[:, index] = middle
            current, fallen, _ = self.climb(current, 12, held=index)
            outside = score - fallen > drop
            far, near = np.where(outside, middle, far), np.where(outside, near, middle)
        return np.asarray(np.where(inside, sign * 20.0, near))


def _bass_shape(theta: np.ndarray, t: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    p, q = np.exp(theta[:, :1]), np.exp(theta[:, 1:2])
    fade = np.exp(-(p + q) * t)
    below = 1 + q / p * fade
    share = (1 - fade) / below
    up = t * fade
    by_p = (up * below + (1 - fade) * (q / p) * (fade / p + up)) / below**2
    by_q = (up * below - (1 - fade) * (fade - q * up) / p) / below**2
    return share, [by_p * p, by_q * q]


def _external_shape(theta: np.ndarray, t: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    p = np.exp(theta[:, :1])
    fade = np.exp(-p * t)
    return 1 - fade, [p * t * fade]


def _logistic_shape(theta: np.ndarray, t: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    k, c = np.exp(theta[:, :1]), theta[:, 1:2]
    share = 1 / (1 + np.exp(-np.clip(k * (t - c), -500, 500)))
    slope = share * (1 - share)
    return _from_nought(share, [slope * k * (t - c), -slope * k])


def _gompertz_shape(theta: np.ndarray, t: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    k, c = np.exp(theta[:, :1]), theta[:, 1:2]
    inner = np.exp(np.clip(-k * (t - c), -500, 500))
    share = np.exp(-inner)
    slope = share * inner
    return _from_nought(share, [slope * k * (t - c), -slope * k])


def _from_nought(share: np.ndarray, slopes: list[np.ndarray]) -> tuple[np.ndarray, list[np.ndarray]]:
    """Put what lies before the first period into it."""
    for part in (share, *slopes):
        part[:, 0] = 0.0
    return share, slopes


_SHAPES: dict[str, Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, list[np.ndarray]]]] = {
    "bass": _bass_shape,
    "external": _external_shape,
    "logistic": _logistic_shape,
    "gompertz": _gompertz_shape,
}


def fit_least_squares(cumulative: np.ndarray) -> tuple[float, float]:
    """Return p and q of the Bass curve by least squares on cumulative shares at 1, 2, 3..., as older studies fit it.

    Args:
        cumulative: share of all regions that had adopted by the end of each period; the ceiling is one.
    """
    t = np.arange(1, len(cumulative) + 1, dtype=np.float64)

    def miss(theta: np.ndarray) -> np.ndarray:
        missed: np.ndarray = bass(t, float(np.exp(theta[0])), float(np.exp(theta[1]))) - cumulative
        return missed

    found = least_squares(miss, np.log([0.03, 0.3]), method="lm", max_nfev=20_000)
    return float(np.exp(found.x[0])), float(np.exp(found.x[1]))
