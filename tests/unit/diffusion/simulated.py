"""Networks with known edges and cascades drawn over them: exponential transmission, watched until a horizon."""

from __future__ import annotations

import heapq

import numpy as np


def network(regions: int, edges: int, rng: np.random.Generator) -> np.ndarray:
    """Return rates of transmission, shape (regions, regions), of as many random edges."""
    pairs = [(u, v) for u in range(regions) for v in range(regions) if u != v]
    rates = np.zeros((regions, regions))
    for index in rng.choice(len(pairs), edges, replace=False):
        rates[pairs[index]] = rng.uniform(0.05, 0.5)
    return rates


def cascades(rates: np.ndarray, count: int, horizon: float, rng: np.random.Generator) -> np.ndarray:
    """Return times of adoption, shape (regions, count), inf where none; each begins in a random region."""
    times = np.full((len(rates), count), np.inf)
    for column in range(count):
        queue = [(0.0, int(rng.integers(len(rates))))]
        while queue:
            now, region = heapq.heappop(queue)
            if np.isfinite(times[region, column]):
                continue
            times[region, column] = now
            for other in np.flatnonzero(rates[region]):
                at = now + rng.exponential(1 / rates[region, other])
                if at < horizon and not np.isfinite(times[other, column]):
                    heapq.heappush(queue, (at, int(other)))
    return times
