"""Who visits whom: by place, then by load, within what a worker can do; the rest waits in order of rank."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from zhizhi.engines.rules.resolution import significant


@dataclass(frozen=True, slots=True)
class Worker:
    """One who visits: post, region of the post, doors held and not visited yet, doors given on this day already."""

    post: int
    region: str
    held: int = 0
    given: int = 0


@dataclass(frozen=True, slots=True)
class Placed:
    """Indexes of households in order of rank: ``given`` with the post; ``waiting``: nobody had room; ``nobody``: none there."""

    given: tuple[tuple[int, int], ...]
    waiting: tuple[int, ...]
    nobody: tuple[int, ...]


def place(regions: Iterable[str], workers: Sequence[Worker], per_day: int, most_held: int) -> Placed:
    """Give households, in order of rank, to workers.

    Args:
        regions: the region code of each household, the most urgent first.
        workers: those who visit.
        per_day: doors a worker is given on one day at most.
        most_held: doors a worker holds unvisited at most.

    A household goes to the worker whose region is the smallest that holds it; of several to the one who holds fewest doors,
    then to the one with the lower post id. Where all of the smallest region are full the next larger region is asked.
    """
    teams: dict[str, list[tuple[int, int]]] = {}
    room: dict[int, int] = {}
    for worker in workers:
        prefix = significant(worker.region)
        if not prefix:
            continue
        room[worker.post] = min(per_day - worker.given, most_held - worker.held)
        heapq.heappush(teams.setdefault(prefix, []), (worker.held, worker.post))
    lengths = sorted({len(prefix) for prefix in teams}, reverse=True)
    given: list[tuple[int, int]] = []
    waiting: list[int] = []
    nobody: list[int] = []
    for index, region in enumerate(regions):
        local = [teams[region[:n]] for n in lengths if len(region) >= n and region[:n] in teams]
        post = next((post for team in local if (post := _next(team, room)) is not None), None)
        if post is not None:
            given.append((index, post))
        else:
            (waiting if local else nobody).append(index)
    return Placed(tuple(given), tuple(waiting), tuple(nobody))


def _next(team: list[tuple[int, int]], room: dict[int, int]) -> int | None:
    """Return the post with the fewest doors that has room, and count one more door for it; those without room drop out."""
    while team:
        held, post = team[0]
        if room[post] > 0:
            room[post] -= 1
            heapq.heapreplace(team, (held + 1, post))
            return post
        heapq.heappop(team)
    return None
