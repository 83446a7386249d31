"""Discrete-time event history: what raises or lowers the chance that a region adopts in a period, given that it had not.

Links: ``logit`` (odds) and ``cloglog`` (grouped proportional hazards: e^b is the hazard ratio; R. L. Prentice and
L. A. Gloeckler, Biometrics 34 (1978) 57-67). Estimated by Fisher scoring in blocks of rows. Group effects (one intercept a
region, an innovation...) are absorbed: they are eliminated from every step, so that thousands cost no more than a few sums.
Groups without any event, or with events only, say nothing about the coefficients and are left out and counted.

Errors: the sandwich of observed information and scores summed by cluster (K.-Y. Liang and S. L. Zeger, Biometrika 73 (1986)
13-22), times G/(G-1), and Student's law with G-1 degrees. Where some combination of columns
parts events from non-events, the maximum lies at infinity (A. Albert and J. A. Anderson, Biometrika 71 (1984) 1-10); the
direction is looked for and told, and the bias-reduced estimate is given instead (D. Firth, Biometrika 80 (1993) 27-38;
I. Kosmidis and D. Firth, Biometrika 96 (2009) 793-804), which is finite.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
from scipy.linalg import qr
from scipy.special import expit
from scipy.stats import norm
from scipy.stats import t as student

from zhizhi.engines.diffusion.answers import CannotTell, Computed, Interval, frame
from zhizhi.kernel.errors import InputError

Link = Literal["logit", "cloglog"]
_CONSTANT = "(constant)"


@dataclass(frozen=True, slots=True)
class HazardSettings:
    """Settings of an event-history model.

    Args:
        link: logit or cloglog.
        bias_reduced: when the bias-reduced estimate is given.
        level: of the intervals.
        events_each: events a coefficient below which nothing is fitted (E. Vittinghoff and C. McCulloch, American Journal of
            Epidemiology 165 (2007) 710-718: five rather than ten).
        fewest_clusters: clusters below which their errors are not given: the sandwich is too small then.
        iterations: most rounds of scoring.
        tolerance: of a step, in standard deviations of the columns, at which scoring is done.
        block: rows worked on at a time.
    """

    link: Link = "logit"
    bias_reduced: Literal["when separated", "always", "never"] = "when separated"
    level: float = 0.95
    events_each: float = 5.0
    fewest_clusters: int = 10
    iterations: int = 60
    tolerance: float = 1e-8
    block: int = 32_768


@dataclass(frozen=True)
class Hazard:
    """A fitted event-history model.

    Args:
        names: of the coefficients; ``(constant)`` first where no group effects are absorbed.
        value: coefficients, shape (coefficients,).
        error: standard errors, NaN where they cannot be told.
        low: lower ends of the intervals.
        high: upper ends.
        covariance: shape (coefficients, coefficients).
        log_likelihood: at the estimate.
        events: how many.
        clusters: how many; 0 where none were given.
        groups: absorbed, with any say.
        separated: names of the columns that part events from non-events; their coefficients are the bias-reduced ones.
        errors_unknown: why there are no errors, where there are none.
        computed: how it was computed.
    """

    names: tuple[str, ...]
    value: np.ndarray
    error: np.ndarray
    low: np.ndarray
    high: np.ndarray
    covariance: np.ndarray
    log_likelihood: float
    events: int
    clusters: int
    groups: int
    separated: tuple[str, ...]
    errors_unknown: CannotTell | None
    computed: Computed

    def ratio(self, name: str) -> Interval:
        """Return e^b with its interval: an odds ratio (logit) or a hazard ratio (cloglog)."""
        at = self.names.index(name)
        level = float(self.computed.configuration["level"])
        low, high = np.nan_to_num(np.exp([self.low[at], self.high[at]]), nan=np.nan)
        if np.isnan(low):
            low, high = 0.0, np.inf
        return Interval(float(np.exp(self.value[at])), float(low), float(high), level)

    def to_frame(self) -> pa.Table:
        """Return one row a coefficient."""
        return frame(
            {
                "name": list(self.names),
                "value": self.value,
                "error": self.error,
                "low": self.low,
                "high": self.high,
                "ratio": np.exp(self.value),
                "separated": [name in self.separated for name in self.names],
            }
        )


@dataclass(frozen=True)
class _Problem:
    """Checked rows: ``x`` scaled to unit spread, ``group`` -1 where nothing is absorbed."""

    x: np.ndarray
    y: np.ndarray
    scale: np.ndarray
    names: tuple[str, ...]
    group: np.ndarray | None
    groups: int
    cluster: np.ndarray | None
    left: dict[str, int]
    settings: HazardSettings


@dataclass
class _State:
    """Where scoring stands: coefficients, group effects, information, and scores of the last look."""

    beta: np.ndarray
    effect: np.ndarray
    likelihood: float
    information: np.ndarray
    score: np.ndarray
    group_weight: np.ndarray
    group_cross: np.ndarray
    group_score: np.ndarray


def hazard(
    event: np.ndarray,
    columns: Mapping[str, np.ndarray],
    *,
    clusters: np.ndarray | None = None,
    groups: np.ndarray | None = None,
    settings: HazardSettings | None = None,
) -> Hazard | CannotTell:
    """Fit the chance of the event in a row of a risk-set panel.

    Args:
        event: whether the region adopted in this period, shape (rows,).
        columns: name -> covariate, shape (rows,).
        clusters: whose rows belong together (regions), whole numbers; None: errors from the information.
        groups: whose intercepts are absorbed, whole numbers; None: one constant.
        settings: of the model.

    Returns:
        The model, or `CannotTell`: ``diffusion.few-events``, ``diffusion.collinear``, ``diffusion.separated`` (where the
        bias-reduced estimate is not wanted), ``diffusion.not-settled``.

    Raises:
        InputError: ``diffusion.covariate-shape``, ``diffusion.covariate-number`` with the row.

    Example:
        >>> near = np.repeat([0.0, 1.0], 100)
        >>> came = np.concatenate([np.arange(100) < 10, np.arange(100) < 30])
        >>> found = hazard(came, {"near": near})
        >>> round(float(np.exp(found.value[1])), 3)  # (30/70) / (10/90)
        3.857
    """
    settings = settings or HazardSettings()
    problem = _prepared(np.asarray(event), columns, clusters, groups, settings)
    if isinstance(problem, CannotTell):
        return problem
    reduced = settings.bias_reduced == "always"
    state, direction = _climb(problem, reduced)
    if direction is not None and settings.bias_reduced == "when separated":
        reduced = True
        state, _ = _climb(problem, reduced)
    elif direction is not None:
        return CannotTell("diffusion.separated", {"names": ", ".join(_named(problem, direction))})
    if state is None:
        return CannotTell("diffusion.not-settled", {"n": settings.iterations})
    return _told(problem, state, reduced, direction)


def _prepared(
    event: np.ndarray,
    columns: Mapping[str, np.ndarray],
    clusters: np.ndarray | None,
    groups: np.ndarray | None,
    settings: HazardSettings,
) -> _Problem | CannotTell:
    rows = len(event)
    given = dict(columns) | {n: v for n, v in (("clusters", clusters), ("groups", groups)) if v is not None}
    for name, values in given.items():
        if np.shape(values) != (rows,):
            raise InputError("diffusion.covariate-shape", name=name, n=rows, seen=str(np.shape(values)))
    x = np.empty((rows, len(columns) + (groups is None)))
    x[:, 0] = 1.0
    for at, (name, values) in enumerate(columns.items(), start=int(groups is None)):
        x[:, at] = values
        bad = np.flatnonzero(~np.isfinite(x[:, at]))
        if len(bad):
            raise InputError("diffusion.covariate-number", name=name, row=int(bad[0]) + 1)
    names = ((_CONSTANT,) if groups is None else ()) + tuple(columns)
    y = event.astype(np.float64)
    left: dict[str, int] = {}
    group, count = None, 0
    if groups is not None:
        _, group = np.unique(groups, return_inverse=True)
        events, size = np.bincount(group, y), np.bincount(group)
        useful = (events > 0) & (events < size)
        keep = useful[group]
        left = {"groups without any event, or with events only": int((~useful).sum()), "rows of such groups": int((~keep).sum())}
        x, y = x[keep], y[keep]
        _, group = np.unique(group[keep], return_inverse=True)
        count = int(useful.sum())
        clusters = None if clusters is None else np.asarray(clusters)[keep]
    fewer = int(min(y.sum(), len(y) - y.sum()))
    if fewer < settings.events_each * max(len(columns), 1):
        enough = int(np.ceil(settings.events_each * max(len(columns), 1)))
        return CannotTell("diffusion.few-events", {"n": fewer, "k": len(columns)}, enough=enough, unit="events")
    scale = np.where(x.std(axis=0) > 0, x.std(axis=0), np.maximum(np.abs(x).max(axis=0), 1e-300))
    problem = _Problem(x / scale, y, scale, names, group, count, clusters, left, settings)
    lost = _collinear(problem)
    return CannotTell("diffusion.collinear", {"names": ", ".join(lost)}) if lost else problem


def _collinear(problem: _Problem) -> list[str]:
    """Return columns that the others (and the group effects) already say."""
    centred = problem.x
    if problem.group is not None:
        size = np.bincount(problem.group)
        means = np.stack([np.bincount(problem.group, column) / size for column in problem.x.T], axis=1)
        centred = problem.x - means[problem.group]
    gram = centred.T @ centred
    if not len(gram):
        return []
    _, upper, order = qr(gram, pivoting=True)
    weak = np.abs(np.diag(upper)) <= 1e-9 * max(len(problem.y), 1)
    return [problem.names[i] for i in order[weak]]


def _climb(problem: _Problem, reduced: bool) -> tuple[_State | None, np.ndarray | None]:
    """Return the maximum, or None and the direction in which the likelihood rises for ever (None: it just did not settle)."""
    settings = problem.settings
    share = problem.y.mean()
    start = np.log(share / (1 - share)) if settings.link == "logit" else np.log(-np.log1p(-share))
    beta = np.zeros(problem.x.shape[1])
    effect = np.full(problem.groups, start)
    if problem.group is None:
        beta[0] = start
    state = _look(problem, beta, effect)
    for turn in range(settings.iterations):
        if reduced:
            _reduce(problem, state)
        step, group_step = _step(state)
        largest = max(float(np.abs(step).max(initial=0.0)), float(np.abs(group_step).max(initial=0.0)))
        if largest < settings.tolerance:
            return state, None
        if turn >= 7 and not reduced and largest > 0.05 and _parts(problem, step, group_step):
            return None, step
        shrink = min(1.0, 5.0 / largest)
        tried = _look(problem, state.beta + shrink * step, state.effect + shrink * group_step)
        while not reduced and tried.likelihood < state.likelihood - 1e-7 * abs(state.likelihood) and shrink > 1e-6:
            shrink /= 2
            tried = _look(problem, state.beta + shrink * step, state.effect + shrink * group_step)
        state = tried
    return None, None


def _values(y: np.ndarray, eta: np.ndarray, link: Link, observed: bool = False) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the score of each row in its linear predictor, its information (expected or observed) and the log likelihood."""
    if link == "logit":
        p = expit(eta)
        return y - p, p * (1 - p), float(y @ eta - np.logaddexp(0, eta).sum())
    rate = np.exp(np.minimum(eta, 30.0))  # p = 1 - e^-rate
    p = np.maximum(-np.expm1(-rate), 1e-300)
    ratio = rate / p  # the derivative of p by eta, over p (1 - p)
    weight = rate * ratio * np.exp(-rate)
    if observed:
        weight = rate - y * ratio * (1 - ratio * np.exp(-rate))
    return y * ratio - rate, weight, float(np.where(y > 0, np.log(p), -rate).sum())


def _look(problem: _Problem, beta: np.ndarray, effect: np.ndarray, observed: bool = False) -> _State:
    """Go once through the rows, block by block."""
    k, g = len(beta), problem.groups
    state = _State(beta, effect, 0.0, np.zeros((k, k)), np.zeros(k), np.zeros(g), np.zeros((g, k)), np.zeros(g))
    for begin in range(0, len(problem.y), problem.settings.block):
        rows = slice(begin, begin + problem.settings.block)
        x, y = problem.x[rows], problem.y[rows]
        eta = x @ beta
        if problem.group is not None:
            group = problem.group[rows]
            eta = eta + effect[group]
        score, weight, likelihood = _values(y, eta, problem.settings.link, observed)
        state.likelihood += likelihood
        weighted = x * weight[:, None]
        state.information += x.T @ weighted
        state.score += x.T @ score
        if problem.group is not None:
            state.group_weight += np.bincount(group, weight, g)
            state.group_score += np.bincount(group, score, g)
            for column in range(k):
                state.group_cross[:, column] += np.bincount(group, weighted[:, column], g)
    return state


def _inside(state: _State) -> np.ndarray:
    """Return the information about the coefficients with the group effects eliminated."""
    if not len(state.effect):
        return state.information
    found: np.ndarray = state.information - state.group_cross.T @ (state.group_cross / state.group_weight[:, None])
    return found


def _step(state: _State) -> tuple[np.ndarray, np.ndarray]:
    if not len(state.effect):
        return np.linalg.lstsq(state.information, state.score, rcond=1e-14)[0], state.effect
    mean_score = state.group_score / state.group_weight
    step = np.linalg.lstsq(_inside(state), state.score - state.group_cross.T @ mean_score, rcond=1e-14)[0]
    return step, mean_score - (state.group_cross @ step) / state.group_weight


def _reduce(problem: _Problem, state: _State) -> None:
    """Add the term that removes the bias of first order to the scores: h d'/(2 d), with h the leverage, d the slope of p."""
    inverse = np.linalg.pinv(_inside(state))
    cross = state.group_cross / np.maximum(state.group_weight, 1e-300)[:, None]
    for begin in range(0, len(problem.y), problem.settings.block):
        rows = slice(begin, begin + problem.settings.block)
        x = problem.x[rows]
        eta, inner, extra = x @ state.beta, x, np.zeros(len(x))
        if problem.group is not None:
            group = problem.group[rows]
            eta, inner, extra = eta + state.effect[group], x - cross[group], 1 / np.maximum(state.group_weight[group], 1e-300)
        _, weight, _ = _values(problem.y[rows], eta, problem.settings.link)
        leverage = weight * (np.einsum("ij,jk,ik->i", inner, inverse, inner) + extra)
        bend = 1 - 2 * expit(eta) if problem.settings.link == "logit" else 1 - np.exp(np.minimum(eta, 30.0))
        term = leverage * bend / 2
        state.score = state.score + x.T @ term
        if problem.group is not None:
            state.group_score = state.group_score + np.bincount(group, term, problem.groups)


def _parts(problem: _Problem, step: np.ndarray, group_step: np.ndarray) -> bool:
    """Say whether going along the step raises every event's chance and lowers every non-event's, or leaves them: separation."""
    along = problem.x @ step
    if problem.group is not None:
        along = along + group_step[problem.group]
    slack = 1e-3 * np.abs(along).max()
    came = problem.y > 0
    return bool(along[came].min() >= -slack and along[~came].max() <= slack)


def _named(problem: _Problem, direction: np.ndarray) -> tuple[str, ...]:
    found = np.flatnonzero(np.abs(direction) > 0.05 * np.abs(direction).max())
    return tuple(problem.names[i] for i in found if problem.names[i] != _CONSTANT)


def _covariance(problem: _Problem, state: _State) -> tuple[np.ndarray, float, int, CannotTell | None]:
    """Return the covariance, its law's quantile, the number of clusters, and why there are no errors where there are none."""
    settings, inverse = problem.settings, np.linalg.pinv(_inside(state))
    if problem.cluster is None:
        return inverse, float(norm.ppf(0.5 + settings.level / 2)), 0, None
    _, cluster = np.unique(problem.cluster, return_inverse=True)
    count = int(cluster.max()) + 1
    if count < settings.fewest_clusters:
        why = CannotTell("diffusion.few-clusters", {"n": count}, enough=settings.fewest_clusters, unit="clusters")
        return np.full_like(inverse, np.nan), np.nan, count, why
    eta, inner = problem.x @ state.beta, problem.x
    if problem.group is not None:
        cross = state.group_cross / state.group_weight[:, None]
        eta, inner = eta + state.effect[problem.group], problem.x - cross[problem.group]
    score, _, _ = _values(problem.y, eta, settings.link)
    sums = np.stack([np.bincount(cluster, score * column) for column in inner.T], axis=1)
    found: np.ndarray = inverse @ (sums.T @ sums) @ inverse * (count / (count - 1))
    return found, float(student.ppf(0.5 + settings.level / 2, count - 1)), count, None


def _told(problem: _Problem, state: _State, reduced: bool, direction: np.ndarray | None) -> Hazard:
    settings = problem.settings
    by_cluster = problem.cluster is not None and direction is None
    state = _look(problem, state.beta, state.effect, observed=by_cluster)  # without the term against bias
    covariance, quantile, clusters, unknown = _covariance(problem, state)
    if direction is not None:  # the sandwich vanishes with the residuals of rows that are parted
        covariance, quantile = np.linalg.pinv(_inside(state)), float(norm.ppf(0.5 + settings.level / 2))
    covariance = covariance / np.outer(problem.scale, problem.scale)
    value, error = state.beta / problem.scale, np.sqrt(np.diag(covariance))
    errors = "sandwich by cluster" if by_cluster else "information"
    return Hazard(
        names=problem.names,
        value=value,
        error=error,
        low=value - quantile * error,
        high=value + quantile * error,
        covariance=covariance,
        log_likelihood=state.likelihood,
        events=int(problem.y.sum()),
        clusters=clusters,
        groups=problem.groups,
        separated=() if direction is None else _named(problem, direction),
        errors_unknown=None if direction is not None else unknown,
        computed=Computed(
            method=f"diffusion.method-hazard-{settings.link}",
            formula="logit h = a + x b" if settings.link == "logit" else "log(-log(1 - h)) = a + x b",
            source="Prentice and Gloeckler 1978; Liang and Zeger 1986; Firth 1993; Kosmidis and Firth 2009",
            n=len(problem.y),
            of="rows at risk",
            missing=problem.left,
            configuration=asdict(settings) | {"bias_reduced_used": reduced, "errors": errors},
        ),
    )
