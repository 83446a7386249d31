"""How often a policy or warning was right, with its interval, and when that cannot be told yet."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

Z95 = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Precision:
    """``confirmed`` of ``decided``: share and its 95 % interval; all None, and ``told`` false, where too few were decided."""

    confirmed: int
    decided: int
    share: float | None
    low: float | None
    high: float | None

    @property
    def told(self) -> bool:
        """Whether enough was decided to say anything."""
        return self.share is not None


def precision(confirmed: int, decided: int, least: int) -> Precision:
    """Return the share of confirmed among decided cases with its Wilson interval, or that it cannot be told from so few.

    >>> found = precision(45, 60, least=20)
    >>> round(found.share, 2), round(found.low, 3), round(found.high, 3)
    (0.75, 0.628, 0.842)
    >>> precision(3, 3, least=20).told
    False
    """
    if decided < max(least, 1):
        return Precision(confirmed, decided, None, None, None)
    low, high = wilson(confirmed, decided)
    return Precision(confirmed, decided, confirmed / decided, low, high)


def wilson(successes: int, trials: int, z: float = Z95) -> tuple[float, float]:
    """Return the score interval of a share (Wilson 1927, eq. for the binomial proportion); (0, 1) without trials.

    Raises:
        ValueError: more successes than trials, or fewer than none.
    """
    if not 0 <= successes <= trials:
        raise ValueError(f"{successes} of {trials}")
    if not trials:
        return 0.0, 1.0
    share, n = successes / trials, trials
    middle = share + z * z / (2 * n)
    spread = z * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    # the ends of "none" and "all" are exactly 0 and 1, which rounding would miss by a hair
    low = 0.0 if successes == 0 else max(0.0, (middle - spread) / scale)
    high = 1.0 if successes == trials else min(1.0, (middle + spread) / scale)
    return low, high
