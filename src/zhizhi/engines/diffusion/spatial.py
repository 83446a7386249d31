"""Spatial autocorrelation: do neighbours take an innovation up at about the same time?

Moran's I (P. A. P. Moran, Biometrika 37 (1950) 17-23) of the time of adoption among the adopters, with its law by permuting the
times over them (A. D. Cliff and J. K. Ord, Spatial Processes, 1981): no normal law is assumed, which few regions would not bear.
Regions that never adopted have no time and are left out and counted.

`PROVINCES` are the pairs of the 31 provincial units of the mainland that share a land border, written down by hand from the
common administrative map. Hainan has no land border; its usual stand-in is Guangdong, across the Qiongzhou Strait, and is
listed apart. Hong Kong, Macao and Taiwan are not among the 31 units that the data sets cover.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pyarrow as pa

from zhizhi.engines.diffusion.answers import CannotTell, Computed, frame
from zhizhi.engines.diffusion.facts import Facts
from zhizhi.engines.diffusion.panels import neighbours
from zhizhi.kernel.errors import InputError

_BORDERS = {
    "北京": "天津 河北",
    "天津": "河北",
    "河北": "山西 内蒙古 辽宁 山东 河南",
    "山西": "内蒙古 河南 陕西",
    "内蒙古": "辽宁 吉林 黑龙江 陕西 甘肃 宁夏",
    "辽宁": "吉林",
    "吉林": "黑龙江",
    "上海": "江苏 浙江",
    "江苏": "浙江 安徽 山东",
    "浙江": "安徽 福建 江西",
    "安徽": "江西 山东 河南 湖北",
    "福建": "江西 广东",
    "江西": "湖北 湖南 广东",
    "山东": "河南",
    "河南": "湖北 陕西",
    "湖北": "湖南 重庆 陕西",
    "湖南": "广东 广西 重庆 贵州",
    "广东": "广西",
    "广西": "贵州 云南",
    "重庆": "四川 贵州 陕西",
    "四川": "贵州 云南 西藏 陕西 甘肃 青海",
    "贵州": "云南",
    "云南": "西藏",
    "西藏": "青海 新疆",
    "陕西": "甘肃 宁夏",
    "甘肃": "青海 宁夏 新疆",
    "青海": "新疆",
}
PROVINCES: tuple[tuple[str, str], ...] = tuple((one, other) for one, others in _BORDERS.items() for other in others.split())
ACROSS_WATER: tuple[tuple[str, str], ...] = (("广东", "海南"),)
CODES = {
    "北京": "110000", "天津": "120000", "河北": "130000", "山西": "140000", "内蒙古": "150000", "辽宁": "210000",
    "吉林": "220000", "黑龙江": "230000", "上海": "310000", "江苏": "320000", "浙江": "330000", "安徽": "340000",
    "福建": "350000", "江西": "360000", "山东": "370000", "河南": "410000", "湖北": "420000", "湖南": "430000",
    "广东": "440000", "广西": "450000", "海南": "460000", "重庆": "500000", "四川": "510000", "贵州": "520000",
    "云南": "530000", "西藏": "540000", "陕西": "610000", "甘肃": "620000", "青海": "630000", "宁夏": "640000",
    "新疆": "650000",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class SpatialSettings:
    """Settings of spatial autocorrelation.

    Args:
        draws: permutations.
        fewest: adopters with a neighbour among the adopters, below which nothing is told.
    """

    draws: int = 999
    fewest: int = 8


@dataclass(frozen=True)
class Moran:
    """Moran's I of the time of adoption of each innovation.

    Args:
        innovations: names.
        value: Moran's I.
        expected: -1/(n-1).
        p: share of permutations, and the data themselves, at least as far from the mean of the permutations.
        draws: I of every permutation, shape (innovations, draws).
        adopters: how many with a neighbour among the adopters.
        left: innovation -> why it cannot be told.
        computed: how it was computed.
    """

    innovations: tuple[str, ...]
    value: np.ndarray
    expected: np.ndarray
    p: np.ndarray
    draws: np.ndarray
    adopters: np.ndarray
    left: dict[str, CannotTell]
    computed: Computed

    def to_frame(self) -> pa.Table:
        """Return one row an innovation."""
        return frame(
            {
                "innovation": list(self.innovations),
                "value": self.value,
                "expected": self.expected,
                "p": self.p,
                "adopters": self.adopters,
            }
        )


def province_weights(regions: Sequence[str], *, codes: bool = False, across_water: bool = True) -> np.ndarray:
    """Return the weights of neighbouring provinces, 1 for a pair with a common border.

    Args:
        regions: names without what kind of unit they are (浙江, 内蒙古), or six-digit codes.
        codes: whether they are codes.
        across_water: whether Hainan neighbours Guangdong.

    Raises:
        InputError: ``diffusion.province-unknown``.

    >>> province_weights(["330000", "310000", "460000", "440000"], codes=True).sum(axis=0).tolist()
    [1.0, 1.0, 1.0, 1.0]
    """
    known = {code if codes else name: name for name, code in CODES.items()}
    for name in regions:
        if name not in known:
            raise InputError("diffusion.province-unknown", name=name)
    listed = list(CODES)
    whole = neighbours(listed, PROVINCES + (ACROSS_WATER if across_water else ()))
    at = [listed.index(known[name]) for name in regions]
    found: np.ndarray = whole[np.ix_(at, at)]
    return found


def morans_i(
    facts: Facts, weights: np.ndarray, rng: np.random.Generator, settings: SpatialSettings | None = None, seed: int | None = None
) -> Moran:
    """Return Moran's I of the time of adoption, with its permutation p.

    Args:
        facts: adoptions.
        weights: of neighbours, shape (regions, regions), symmetric; see `neighbours` and `province_weights`.
        rng: source of the permutations.
        settings: how many, and what is too few.
        seed: what ``rng`` was seeded with, to be told with the result.

    Returns:
        The result; in ``left`` the innovations that cannot be told: ``diffusion.few-neighbours``, ``diffusion.no-order``.

    Raises:
        InputError: ``diffusion.peers-shape``.
    """
    settings = settings or SpatialSettings()
    table = np.asarray(weights, dtype=np.float64)
    n = len(facts.regions)
    if table.shape != (n, n) or not np.isfinite(table).all() or not np.allclose(table, table.T):
        raise InputError("diffusion.peers-shape", name="weights", n=n, seen="x".join(map(str, table.shape)))
    table = table * (1 - np.eye(n))
    kept, left, values, p, draws, counts = [], {}, [], [], [], []
    for index, name in enumerate(facts.innovations):
        adopters = np.flatnonzero(np.isfinite(facts.times[:, index]))
        inner = table[np.ix_(adopters, adopters)]
        linked = inner.sum(axis=0) != 0
        inner, time = inner[np.ix_(linked, linked)], facts.times[adopters[linked], index]
        if len(time) < settings.fewest:
            params = {"n": len(time)}
            left[name] = CannotTell("diffusion.few-neighbours", params, enough=settings.fewest, unit="neighbouring adopters")
        elif np.ptp(time) == 0:
            left[name] = CannotTell("diffusion.no-order", enough=2, unit="dates")
        else:
            value, null = _moran(time, inner, rng, settings.draws)
            middle = null.mean()
            far = int((np.abs(null - middle) >= abs(value - middle) - 1e-12).sum())
            kept.append(name)
            values.append(value)
            p.append((far + 1) / (settings.draws + 1))
            draws.append(null)
            counts.append(len(time))
    return Moran(
        innovations=tuple(kept),
        value=np.array(values),
        expected=-1 / (np.array(counts, dtype=np.float64) - 1),
        p=np.array(p),
        draws=np.array(draws).reshape(len(kept), settings.draws),
        adopters=np.array(counts, dtype=np.int64),
        left=left,
        computed=Computed(
            method="diffusion.method-moran",
            formula="I = n / sum w * sum w_ij z_i z_j / sum z_i^2, z = time - mean",
            source="Moran 1950; Cliff and Ord 1981",
            n=int(np.sum(counts)),
            of="adoptions",
            period=facts.period,
            missing={"innovations that cannot be told": len(left)},
            configuration=asdict(settings),
            seed=seed,
        ),
    )


def _moran(time: np.ndarray, weights: np.ndarray, rng: np.random.Generator, draws: int) -> tuple[float, np.ndarray]:
    """Return I of the times and of permutations of them."""
    z = time - time.mean()
    worlds = np.concatenate([z[None, :], rng.permuted(np.tile(z, (draws, 1)), axis=1)])
    found = len(z) / weights.sum() * ((worlds @ weights) * worlds).sum(axis=1) / (z @ z)
    return float(found[0]), found[1:]
