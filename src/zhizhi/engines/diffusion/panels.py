"""Risk-set panels: one row for every region, innovation and period in which the region could still adopt.

A region enters an innovation's risk set when the innovation is first in sight, has one row a period, and leaves after the
period in which it adopts; a region that never adopts stays until the horizon. Who had already adopted is counted with a lag, so
that a row knows only what could be known before it. Practice: F. S. Berry and W. D. Berry, American Political Science Review 84
(1990) 395-415; pooled over innovations: F. J. Boehmke, State Politics and Policy Quarterly 9 (2009) 229-252.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
import pyarrow as pa

from zhizhi.engines.diffusion.answers import CannotTell, Computed, frame
from zhizhi.engines.diffusion.facts import Facts
from zhizhi.kernel.errors import InputError

Entry = Literal["after first adoption", "first adoption", "start"]


@dataclass(frozen=True, slots=True)
class PanelSettings:
    """Settings of a panel.

    Args:
        width: of a period, in days or years as the facts are; periods are counted from the start of the watch.
        lag: periods by which counts of earlier adopters are late; at least 1, so that nothing knows its own period.
        entry: when regions come under risk: in the period after the first adoption anywhere (the first adopters are taken as
            given), in its own period, or from the start of the watch.
        until: an innovation's last period: the horizon, or, as many studies have it, its last adoption, which leaves out the
            evidence that nobody followed.
    """

    width: int = 1
    lag: int = 1
    entry: Entry = "after first adoption"
    until: Literal["horizon", "last adoption"] = "horizon"


@dataclass(frozen=True)
class Panel:
    """A risk-set panel, rows sorted by innovation, region and period.

    Args:
        regions: names.
        innovations: names.
        region: index of each row, shape (rows,).
        innovation: index of each row.
        period: number of each row's period, 0 at the start of the watch.
        duration: periods since the innovation was first adopted.
        event: whether the region adopted in this period.
        counts: name -> lagged count of each row: ``earlier`` adopters of the innovation, ``stock`` of other innovations that the
            region had adopted, and one weighted count for every table of neighbours or peers.
        settings: of the panel.
        computed: how it was computed.
    """

    regions: tuple[str, ...]
    innovations: tuple[str, ...]
    region: np.ndarray
    innovation: np.ndarray
    period: np.ndarray
    duration: np.ndarray
    event: np.ndarray
    counts: Mapping[str, np.ndarray]
    settings: PanelSettings
    computed: Computed

    def __len__(self) -> int:
        return len(self.event)

    def to_frame(self) -> pa.Table:
        """Return the rows; regions and innovations as dictionary columns, which millions of rows need."""
        regions = pa.DictionaryArray.from_arrays(pa.array(self.region, pa.int32()), pa.array(self.regions))
        things = pa.DictionaryArray.from_arrays(pa.array(self.innovation, pa.int32()), pa.array(self.innovations))
        numbers = frame({"period": self.period, "duration": self.duration, "event": self.event} | dict(self.counts))
        names = ["region", "innovation", *numbers.column_names]
        return pa.table([regions, things, *numbers.columns], names=names)


def risk_panel(
    facts: Facts, peers: Mapping[str, np.ndarray] | None = None, settings: PanelSettings | None = None
) -> Panel | CannotTell:
    """Return the risk-set panel of all innovations.

    Args:
        facts: adoptions, with their universe and horizon.
        peers: name -> weights, shape (regions, regions): how much an adoption of the row's region counts for the column's; the
            diagonal is not used. 0 and 1 for neighbours, shares for similarity.
        settings: of the panel.

    Returns:
        The panel, or `CannotTell`: ``diffusion.no-risk`` where nobody was at risk of anything.

    Raises:
        InputError: ``diffusion.peers-shape``, ``diffusion.peers-name``, ``diffusion.panel-lag``.

    Example:
        >>> from zhizhi.engines.diffusion.facts import read_facts
        >>> rows = {"region": ["a", "b"], "innovation": ["x", "x"], "date": [2001, 2003]}
        >>> panel = risk_panel(read_facts(rows, universe=["a", "b", "c"], horizon=2004))
        >>> len(panel), int(panel.event.sum())  # b: 2002, 2003; c: 2002-2004
        (5, 1)
        >>> panel.counts["earlier"].tolist()
        [1.0, 1.0, 1.0, 1.0, 2.0]
    """
    settings = settings or PanelSettings()
    if settings.lag < 1 or settings.width < 1:
        raise InputError("diffusion.panel-lag", lag=settings.lag, width=settings.width)
    weights = _checked(peers or {}, len(facts.regions))
    when = (facts.time - facts.start) // settings.width
    last = (facts.horizon - facts.start) // settings.width
    region, innovation, period, event, first = _rows(facts, when, int(last), settings)
    if not len(region):
        return CannotTell("diffusion.no-risk", enough=1, unit="adoptions before the horizon")
    counts = _counts(facts, when, (region, innovation, period), weights, settings.lag)
    return Panel(
        regions=facts.regions,
        innovations=facts.innovations,
        region=region,
        innovation=innovation,
        period=period,
        duration=period - first[innovation],
        event=event,
        counts=counts,
        settings=settings,
        computed=Computed(
            method="diffusion.method-panel",
            formula="one row a region, innovation and period from entry to adoption or horizon; counts up to the period less lag",
            source="Berry and Berry 1990; Boehmke 2009",
            n=len(region),
            of="region-innovation-periods",
            period=facts.period,
            missing=dict(facts.left_out) | {"adoptions before the entry": len(facts) - int(event.sum())},
            configuration=asdict(settings) | {"peers": sorted(weights), "universe_known": facts.universe_known},
        ),
    )


def _checked(peers: Mapping[str, np.ndarray], regions: int) -> dict[str, np.ndarray]:
    found = {}
    for name, table in peers.items():
        if name in ("earlier", "stock", "region", "innovation", "period", "duration", "event"):
            raise InputError("diffusion.peers-name", name=name)
        weights = np.asarray(table, dtype=np.float64)
        if weights.shape != (regions, regions) or not np.isfinite(weights).all():
            raise InputError("diffusion.peers-shape", name=name, n=regions, seen="x".join(map(str, weights.shape)))
        found[name] = weights * (1 - np.eye(regions))
    return found


def _rows(
    facts: Facts, when: np.ndarray, last: int, settings: PanelSettings
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return region, innovation, period and event of every row, and each innovation's first period."""
    regions, innovations = len(facts.regions), len(facts.innovations)
    first = np.full(innovations, last + 1)
    np.minimum.at(first, facts.innovation, when)
    adopted = np.full((innovations, regions), last + 1)
    adopted[facts.innovation, facts.region] = when
    begin = {"after first adoption": first + 1, "first adoption": first, "start": np.zeros_like(first)}[settings.entry]
    begin = np.maximum(begin, 0)  # adoptions before the watch are known, but nobody was watched then
    end = np.full(innovations, last)
    if settings.until == "last adoption":
        end[:] = -1
        np.maximum.at(end, facts.innovation, when)
    length = np.maximum(np.minimum(adopted, end[:, None]) - begin[:, None] + 1, 0).ravel()
    pair = np.repeat(np.arange(innovations * regions), length)
    offset = np.arange(len(pair)) - np.repeat(np.cumsum(length) - length, length)
    innovation, region = np.divmod(pair, regions)
    period = begin[innovation] + offset
    return region, innovation, period, period == adopted.ravel()[pair], first


def _counts(
    facts: Facts,
    when: np.ndarray,
    rows: tuple[np.ndarray, np.ndarray, np.ndarray],
    weights: Mapping[str, np.ndarray],
    lag: int,
) -> dict[str, np.ndarray]:
    region, innovation, period = rows
    shift = min(int(when.min()), 0)
    when, upto = when - shift, period - lag - shift
    span = int(max(when.max(), upto.max())) + 2
    ones = np.ones(len(when))
    counts = {
        "earlier": _up_to(facts.innovation, when, ones, innovation, upto, span),
        "stock": _up_to(facts.region, when, ones, region, upto, span),
    }
    regions = len(facts.regions)
    for name, table in weights.items():
        source, target = np.nonzero(table)
        start, stop = np.searchsorted(source, np.arange(regions)), np.searchsorted(source, np.arange(regions), side="right")
        many = (stop - start)[facts.region]
        adoption = np.repeat(np.arange(len(when)), many)
        edge = np.arange(len(adoption)) - np.repeat(np.cumsum(many) - many, many) + start[facts.region[adoption]]
        group = facts.innovation[adoption] * regions + target[edge]
        counts[name] = _up_to(group, when[adoption], table[source[edge], target[edge]], innovation * regions + region, upto, span)
    return counts


def _up_to(group: np.ndarray, when: np.ndarray, weight: np.ndarray, asked: np.ndarray, upto: np.ndarray, span: int) -> np.ndarray:
    """Return, for each row, the weight of its group's adoptions up to and including a period: one sort, two look-ups."""
    key = group * span + when
    order = np.argsort(key, kind="stable")
    key = key[order]
    total = np.concatenate([[0.0], np.cumsum(weight[order])])
    until = np.searchsorted(key, asked * span + np.maximum(upto, -1), side="right")
    found: np.ndarray = total[until] - total[np.searchsorted(key, asked * span)]
    return np.where(upto < 0, 0.0, found)


def neighbours(regions: Sequence[str], pairs: Sequence[tuple[str, str]]) -> np.ndarray:
    """Return the table of weights of undirected neighbours, for `risk_panel` and `morans_i`.

    Raises:
        InputError: ``diffusion.region-unknown`` for a pair that names no region of the universe.

    >>> neighbours(["a", "b", "c"], [("a", "c")]).tolist()
    [[0.0, 0.0, 1.0], [0.0, 0.0, 0.0], [1.0, 0.0, 0.0]]
    """
    place = {name: i for i, name in enumerate(regions)}
    table = np.zeros((len(place), len(place)))
    for row, pair in enumerate(pairs, start=1):
        for name in pair:
            if name not in place:
                raise InputError("diffusion.region-unknown", row=row, name=name)
        one, other = place[pair[0]], place[pair[1]]
        table[one, other] = table[other, one] = 1.0
    return table
