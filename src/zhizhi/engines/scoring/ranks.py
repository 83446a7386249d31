"""Honest ranks: every place with the band in which it may lie, and how surely one stands before another.

A score is the mean of parts (one innovation, one indicator...). Parts are drawn anew with replacement (B. Efron, Annals of
Statistics 7 (1979) 1-26); the band of a place is what remains of the places over the draws when equal tails are cut off (P. Hall
and H. Miller, Annals of Statistics 37 (2009) 3929-3959). A league table without bands makes differences of what is chance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from zhizhi.kernel.errors import InputError

CLASSES = ("leading", "quality", "featured", "developing", "catching-up")


@dataclass(frozen=True, slots=True)
class RankSettings:
    """Settings of ranks.

    Args:
        draws: bootstraps.
        level: of the bands.
        fewest: parts below which no band is given.
        surely: win probability from which on one stands surely before another.
        cuts: lower bounds of the classes of an index, from the highest class down; those of the 2020 index of digital government.
    """

    draws: int = 1000
    level: float = 0.95
    fewest: int = 10
    surely: float = 0.95
    cuts: tuple[float, ...] = (70.0, 65.0, 60.0, 50.0)


@dataclass(frozen=True, slots=True)
class CannotRank:
    """Why there are no ranks, and how many parts would be enough."""

    code: str
    params: Mapping[str, Any] = field(default_factory=dict)
    enough: int | None = None
    unit: str = ""


@dataclass(frozen=True)
class Ranks:
    """Scores, places and bands, in the order of the names given.

    Args:
        names: of what is ranked.
        score: mean of the parts.
        place: 1 is the highest score; equal scores share the middle of their places.
        low: best place of the band.
        high: worst place of the band.
        wins: shape (n, n), share of draws in which the row's score is above the column's, equals counted half.
        parts: how many.
        settings: that the bands depend on.
        seed: of the draws.
    """

    names: tuple[str, ...]
    score: np.ndarray
    place: np.ndarray
    low: np.ndarray
    high: np.ndarray
    wins: np.ndarray
    parts: int
    settings: RankSettings
    seed: int | None

    def surely_before(self, one: str, other: str) -> bool:
        """Say whether one stands surely before another; where neither does, they are not to be told apart."""
        at = self.names.index
        return bool(self.wins[at(one), at(other)] >= self.settings.surely)

    def to_frame(self) -> pa.Table:
        """Return one row a name, the highest score first; equal scores by name."""
        order = sorted(range(len(self.names)), key=lambda i: (-self.score[i], self.names[i]))
        columns = {name: pa.array(getattr(self, name)[order]) for name in ("score", "place", "low", "high")}
        return pa.table({"name": pa.array([self.names[i] for i in order]), **columns})


def rank_bands(
    parts: np.ndarray,
    names: Sequence[str],
    rng: np.random.Generator,
    settings: RankSettings | None = None,
    seed: int | None = None,
) -> Ranks | CannotRank:
    """Rank by the mean of the parts, with bands.

    Args:
        parts: shape (parts, names), higher is better.
        names: of what is ranked.
        rng: source of the draws.
        settings: of ranks.
        seed: what ``rng`` was seeded with, to be told with the result.

    Returns:
        The ranks, or `CannotRank`: ``diffusion.few-parts``, ``diffusion.one-name``.

    Raises:
        InputError: ``diffusion.parts-shape``, ``diffusion.part-number``.

    Example:
        >>> parts = np.array([[0.9, 0.5, 0.1]] * 20)
        >>> found = rank_bands(parts, ["a", "b", "c"], np.random.default_rng(1))
        >>> found.place.tolist(), found.surely_before("a", "b")
        ([1.0, 2.0, 3.0], True)
    """
    settings = settings or RankSettings()
    table = np.asarray(parts, dtype=np.float64)
    if table.ndim != 2 or table.shape[1] != len(names) or len(set(names)) != len(names):
        raise InputError("diffusion.parts-shape", n=len(names), seen="x".join(map(str, table.shape)))
    bad = np.argwhere(~np.isfinite(table))
    if len(bad):
        raise InputError("diffusion.part-number", row=int(bad[0, 0]) + 1, name=names[int(bad[0, 1])])
    if len(names) < 2:
        return CannotRank("diffusion.one-name", enough=2, unit="names")
    if len(table) < settings.fewest:
        return CannotRank("diffusion.few-parts", {"n": len(table)}, enough=settings.fewest, unit="parts")
    weights = rng.multinomial(len(table), np.full(len(table), 1 / len(table)), settings.draws) / len(table)
    scores = np.round(weights @ table, 12)  # what is equal must stay equal whatever the order of the sums
    drawn = places(scores)
    score = table.mean(axis=0)
    place = places(np.round(score, 12)[None, :])[0]
    tail = (1 - settings.level) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail], axis=0, method="inverted_cdf")
    return Ranks(
        names=tuple(names),
        score=score,
        place=place,
        low=np.minimum(low, place),
        high=np.maximum(high, place),
        wins=_wins(scores),
        parts=len(table),
        settings=settings,
        seed=seed,
    )


def places(scores: np.ndarray) -> np.ndarray:
    """Return the place of every score in its row; equal scores share the middle of their places.

    >>> places(np.array([[3.0, 1.0, 3.0, 2.0]])).tolist()
    [[1.5, 4.0, 1.5, 3.0]]
    """
    found = np.empty_like(scores, dtype=np.float64)
    for row, values in enumerate(scores):
        ordered = np.sort(values)
        above = len(values) - np.searchsorted(ordered, values, side="right")
        equal = len(values) - np.searchsorted(ordered, values, side="left") - above
        found[row] = above + (equal + 1) / 2
    return found


def _wins(scores: np.ndarray) -> np.ndarray:
    """Return the share of draws in which the row beats the column, in blocks of names."""
    found = np.empty((scores.shape[1],) * 2)
    for at, one in enumerate(scores.T):
        found[at] = (one[:, None] > scores).mean(axis=0) + (one[:, None] == scores).mean(axis=0) / 2
    return found


def index_class(score: float, settings: RankSettings | None = None) -> str:
    """Return the class of an index score: leading, quality, featured, developing or catching-up; a bound belongs above.

    >>> [index_class(score) for score in (81.2, 70, 65, 60, 50, 49.9)]
    ['leading', 'leading', 'quality', 'featured', 'developing', 'catching-up']
    """
    settings = settings or RankSettings()
    if not np.isfinite(score) or len(settings.cuts) != len(CLASSES) - 1:
        raise InputError("diffusion.index-score", value=score)
    return CLASSES[sum(score < cut for cut in settings.cuts)]


def index_classes(low: float, high: float, settings: RankSettings | None = None) -> tuple[str, ...]:
    """Return every class that a score known only between two bounds may have, the highest first.

    >>> index_classes(63.0, 66.0)
    ('quality', 'featured')
    """
    if low > high:
        raise InputError("diffusion.index-score", value=low)
    best, worst = index_class(high, settings), index_class(low, settings)
    return CLASSES[CLASSES.index(best) : CLASSES.index(worst) + 1]
