"""How fast an innovation spread among those that could take it up: survival models, and the one-third rule.

Times run from the first adoption (which is at 1, so that its logarithm exists); regions that had not adopted by the end are
censored there. Location and shape are those of the log-linear form ``log t = location + scale * error`` with the error of the
family, as in R's ``survreg``: a small location is a fast innovation. Practice: D. J. Mallinson, American Politics Research 2016;
the one-third rule: S. Nicholson-Crotty, Journal of Politics 71 (2009) 192-205.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
from scipy.special import erfc, log_ndtr

from zhizhi.engines.diffusion.answers import CannotTell, Computed, frame
from zhizhi.engines.diffusion.facts import Facts

Family = Literal["weibull", "exponential", "lognormal", "loglogistic"]


@dataclass(frozen=True, slots=True)
class SpeedSettings:
    """Settings of speed.

    Args:
        family: of the survival model.
        until: censor at the innovation's last adoption, as the studies do, or at the horizon.
        periods: different dates of adoption below which nothing is fitted.
    """

    family: Family = "weibull"
    until: Literal["last adoption", "horizon"] = "last adoption"
    periods: int = 2


@dataclass(frozen=True)
class Speeds:
    """Speed of every innovation that has enough different dates.

    Args:
        innovations: names.
        location: log of the characteristic time, shape (innovations,).
        scale: of the errors; for a Weibull one over its shape.
        adopters: shape (innovations,).
        first: time of the first adoption.
        early: share of the adopters that came within the first third of the time from first to last adoption.
        left: innovation -> why it was left out.
        computed: how it was computed.
    """

    innovations: tuple[str, ...]
    location: np.ndarray
    scale: np.ndarray
    adopters: np.ndarray
    first: np.ndarray
    early: np.ndarray
    left: dict[str, CannotTell]
    computed: Computed

    @property
    def fast(self) -> np.ndarray:
        """Whether the one-third rule calls an innovation fast: more than half of its adopters came in the first third."""
        found: np.ndarray = self.early > 0.5
        return found

    def to_frame(self) -> pa.Table:
        """Return one row an innovation."""
        return frame(
            {
                "innovation": list(self.innovations),
                "location": self.location,
                "scale": self.scale,
                "adopters": self.adopters,
                "first": self.first,
                "early": self.early,
                "fast": self.fast,
            }
        )


def speeds(facts: Facts, settings: SpeedSettings | None = None) -> Speeds:
    """Fit a survival model to every innovation with enough different dates, all at once.

    Example:
        >>> from zhizhi.engines.diffusion.facts import read_facts
        >>> rows = [{"region": f"r{i}", "innovation": "x", "date": 2000 + i} for i in range(6)]
        >>> found = speeds(read_facts(rows))
        >>> found.innovations, bool(found.fast[0])
        (('x',), False)
    """
    settings = settings or SpeedSettings()
    times = facts.times
    keep, left = [], {}
    for index, name in enumerate(facts.innovations):
        dates = len(np.unique(times[np.isfinite(times[:, index]), index]))
        if dates < settings.periods:
            left[name] = CannotTell("diffusion.few-periods", {"n": dates}, enough=settings.periods, unit="periods")
        else:
            keep.append(index)
    chosen = times[:, keep].T
    seen = np.isfinite(chosen)
    first = np.where(seen, chosen, np.inf).min(axis=1) if keep else np.empty(0)
    last = np.where(seen, chosen, -np.inf).max(axis=1) if keep else np.empty(0)
    end = last if settings.until == "last adoption" else np.full(len(keep), float(facts.horizon))
    after = np.where(seen, chosen, end[:, None]) - first[:, None] + 1.0
    location, scale = fit(after, seen, settings.family) if keep else (np.empty(0), np.empty(0))
    third = first + (last - first) / 3
    return Speeds(
        innovations=tuple(facts.innovations[i] for i in keep),
        location=location,
        scale=scale,
        adopters=seen.sum(axis=1),
        first=first,
        early=(seen & (chosen <= third[:, None])).sum(axis=1) / np.maximum(seen.sum(axis=1), 1),
        left=left,
        computed=Computed(
            method=f"diffusion.method-speed-{settings.family}",
            formula="log t = location + scale * error; right-censored maximum likelihood",
            source="Mallinson 2016; Nicholson-Crotty 2009",
            n=int(seen.sum()),
            of="adoptions",
            period=facts.period,
            missing={"innovations with too few dates": len(left)},
            configuration=asdict(settings),
        ),
    )


def fit(times: np.ndarray, seen: np.ndarray, family: Family) -> tuple[np.ndarray, np.ndarray]:
    """Return location and scale of each row by right-censored maximum likelihood.

    Args:
        times: positive, shape (rows, subjects).
        seen: whether the event was seen; otherwise censored at its time.
        family: of the errors.
    """
    logs = np.log(times)
    if family == "exponential":
        return np.log(times.sum(axis=1) / seen.sum(axis=1)), np.ones(len(times))
    if family == "weibull":
        return _weibull(logs, seen)
    return _location_scale(logs, seen, family)


def _weibull(logs: np.ndarray, seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find the root of the profile score in the shape, which is increasing in it: halving, then Newton's steps inside."""
    events = seen.sum(axis=1)
    mean = (logs * seen).sum(axis=1) / events
    top = logs.max(axis=1, keepdims=True)

    def score(shape: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        weight = np.exp(shape[:, None] * (logs - top))
        whole = weight.sum(axis=1)
        average = (weight * logs).sum(axis=1) / whole
        spread = (weight * logs**2).sum(axis=1) / whole - average**2
        return average - 1 / shape - mean, spread + 1 / shape**2

    low, high = np.full(len(logs), 1e-4), np.full(len(logs), 500.0)
    shape = np.ones(len(logs))
    for _ in range(60):
        value, slope = score(shape)
        low, high = np.where(value < 0, shape, low), np.where(value < 0, high, shape)
        step = shape - value / slope
        shape = np.where((step > low) & (step < high), step, (low + high) / 2)
        if (np.abs(value) < 1e-12).all():
            break
    whole = np.exp(shape[:, None] * (logs - top)).sum(axis=1)
    return top[:, 0] + np.log(whole / events) / shape, 1 / shape


def _location_scale(logs: np.ndarray, seen: np.ndarray, family: Family) -> tuple[np.ndarray, np.ndarray]:
    """Climb in location and log scale by damped Newton's steps, all rows at once."""
    location = np.log(np.exp(logs).sum(axis=1) / seen.sum(axis=1))  # the exponential model's: near even where few were seen
    spread = np.zeros(len(logs))
    damping = np.full(len(logs), 1e-3)
    score, gradient, hessian = _look(logs, seen, location, spread, family)
    for _ in range(200):
        a = hessian[:, 0] + damping * (1 + np.abs(hessian[:, 0]))
        d = hessian[:, 2] + damping * (1 + np.abs(hessian[:, 2]))
        b = hessian[:, 1]
        determinant = a * d - b * b
        step = np.stack([d * gradient[:, 0] - b * gradient[:, 1], a * gradient[:, 1] - b * gradient[:, 0]]) / determinant
        step = np.where((determinant > 0) & (a > 0), np.clip(step, -1, 1), 0.25 * np.sign(gradient.T) / (1 + damping))
        tried = _look(logs, seen, location + step[0], spread + step[1], family)
        better = tried[0] > score
        location, spread = np.where(better, location + step[0], location), np.where(better, spread + step[1], spread)
        gradient = np.where(better[:, None], tried[1], gradient)
        hessian = np.where(better[:, None], tried[2], hessian)
        done = np.abs(tried[0] - score) < 1e-11 * (1 + np.abs(score))
        score = np.where(better, tried[0], score)
        damping = np.where(better, damping * 0.3, np.minimum(damping * 6, 1e9))
        if ((done & better) | (damping > 1e7)).all():
            break
    return location, np.exp(spread)


def _look(
    logs: np.ndarray, seen: np.ndarray, location: np.ndarray, spread: np.ndarray, family: Family
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return log likelihood, gradient and minus the Hessian (aa, ab, bb) in location and log scale."""
    scale = np.exp(spread)[:, None]
    z = (logs - location[:, None]) / scale
    if family == "lognormal":
        hazard = np.exp(-0.5 * z * z - 0.5 * np.log(2 * np.pi) - log_ndtr(-z))
        dense, d1, d2 = -0.5 * z * z - 0.5 * np.log(2 * np.pi), -z, np.full_like(z, -1.0)
        tail, t1, t2 = log_ndtr(-z), -hazard, -hazard * (hazard - z)
    else:
        share = 1 / (1 + np.exp(-z))
        dense, d1, d2 = z - 2 * np.logaddexp(0, z), 1 - 2 * share, -2 * share * (1 - share)
        tail, t1, t2 = -np.logaddexp(0, z), -share, -share * (1 - share)
    first, second = np.where(seen, d1, t1), np.where(seen, d2, t2)
    score = np.where(seen, dense - spread[:, None], tail).sum(axis=1)
    by_location = -(first / scale).sum(axis=1)
    by_spread = (-first * z - seen).sum(axis=1)
    aa = -(second / scale**2).sum(axis=1)
    ab = -((second * z + first) / scale).sum(axis=1)
    bb = -(second * z * z + first * z).sum(axis=1)
    return score, np.stack([by_location, by_spread], axis=1), np.stack([aa, ab, bb], axis=1)


def welch(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """Return the t statistic of two means with unequal variances and its two-sided p by the normal law (for large samples).

    >>> welch(np.array([1.0, 2, 3, 4]), np.array([2.0, 3, 4, 5]))[0].round(3)
    np.float64(-1.095)
    """
    error = np.sqrt(one.var(ddof=1) / len(one) + other.var(ddof=1) / len(other))
    t = (one.mean() - other.mean()) / error
    return t, float(erfc(abs(t) / np.sqrt(2)))
