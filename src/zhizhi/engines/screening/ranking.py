"""Who is visited first: a score of expected need out of severity, depth and vulnerability, each with its points shown.

Points are whole numbers declared in a package; everything here is counted in tenths of a point, exactly. The score orders
visits and decides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

GRAVEST = ("high", "medium", "low")
TENTHS = 10


@dataclass(frozen=True, slots=True)
class Weights:
    """Points: by severity of the gravest reason, for each further reason, for depth and for each sign of vulnerability."""

    severity: Mapping[str, int]
    further: int
    further_most: int
    depth_most: int
    vulnerable: Mapping[str, int]
    vulnerable_most: int


@dataclass(frozen=True, slots=True)
class Need:
    """What is known of a household: the severity of each reason for a visit, depths in hundredths of the limit, signs.

    A depth or sign that cannot be told is None: it gives no points, and the score says so.
    """

    severities: Sequence[str]
    depth: Mapping[str, int | None]
    vulnerable: Mapping[str, bool | None]


@dataclass(frozen=True, slots=True)
class Score:
    """Tenths of points by part. ``gravest`` and ``deepest`` name what counted; ``unknown`` what could not be told."""

    severity: int
    further: int
    depth: int
    vulnerable: int
    gravest: str
    deepest: str
    signs: tuple[str, ...]
    unknown: tuple[str, ...]

    @property
    def total(self) -> int:
        """The score, in tenths of points."""
        return self.severity + self.further + self.depth + self.vulnerable


def score(need: Need, weights: Weights) -> Score:
    """Return the score of a household that has at least one reason for a visit.

    Severity is that of the gravest reason, with something for each further one up to a limit; depth is the largest share of
    ``depth_most``; vulnerability is the sum of the signs up to a limit. More of anything never lowers the score.

    >>> weights = Weights({"high": 40, "medium": 25, "low": 10}, 4, 10, 25, {"alone": 6}, 25)
    >>> found = score(Need(("medium", "high"), {"income": 45}, {"alone": True}), weights)
    >>> found.severity, found.further, found.depth, found.vulnerable, found.total
    (400, 40, 112, 60, 612)

    Raises:
        ValueError: without a reason.
    """
    if not need.severities:
        raise ValueError("a household without a reason for a visit has no score")
    gravest = min(need.severities, key=lambda name: (-weights.severity[name], GRAVEST.index(name)))
    further = min(weights.further * (len(need.severities) - 1), weights.further_most)
    deepest, share = "", 0
    for name, value in need.depth.items():
        if value is not None and min(value, 100) > share:
            deepest, share = name, min(value, 100)
    signs = tuple(name for name, holds in need.vulnerable.items() if holds)
    unknown = [name for name, value in need.depth.items() if value is None]
    unknown += [name for name, holds in need.vulnerable.items() if holds is None]
    return Score(
        severity=weights.severity[gravest] * TENTHS,
        further=further * TENTHS,
        depth=weights.depth_most * share // TENTHS,
        vulnerable=min(sum(weights.vulnerable[name] for name in signs), weights.vulnerable_most) * TENTHS,
        gravest=gravest,
        deepest=deepest,
        signs=signs,
        unknown=tuple(unknown),
    )


def rank_key(found: Score, household: str) -> tuple[int, int, int, str]:
    """Return the key that puts households in order: highest score first, then the graver, the deeper, then by pseudonym.

    The order is total: two households never stand at the same place, and the same input gives the same order.
    """
    return -found.total, -found.severity, -found.depth, household
