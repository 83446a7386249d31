"""What every indicator carries: how it was computed, and the honest answer where the data cannot say.

An estimate is never a bare number: it has n, a period, an interval where one can be had, and the configuration and seed that
give it again. Where the data cannot answer, the answer is `CannotTell`, with the reason and, where it can be said, how much
data would be enough.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Protocol

import numpy as np
import pyarrow as pa


@dataclass(frozen=True, slots=True)
class CannotTell:
    """The explicit "cannot tell".

    Args:
        code: why, a key of the family ``diffusion`` in the catalogue of messages.
        params: what the sentence names.
        enough: how many (of ``unit``) would be enough, where that can be said.
        unit: what ``enough`` counts: adopters, lineages, periods...
    """

    code: str
    params: Mapping[str, Any] = field(default_factory=dict)
    enough: int | None = None
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with its interval at ``level``; ``low`` and ``high`` may be infinite where the data give no bound."""

    value: float
    low: float
    high: float
    level: float = 0.95

    def __post_init__(self) -> None:
        if not self.low <= self.value <= self.high and not np.isnan(self.value):
            raise ValueError(f"the value {self.value} lies outside its interval {self.low}-{self.high}")


@dataclass(frozen=True, slots=True)
class Computed:
    """How a result was computed: shown beside every figure.

    Args:
        method: name of the method, a key of the catalogue (``diffusion.method-netrate``).
        formula: the formula in plain text.
        source: where the formula is published.
        n: how many observations it rests on, and ``of`` what.
        of: what ``n`` counts.
        period: first and last day of the data used, or None.
        missing: how many observations were left out, by reason.
        configuration: every setting that the result depends on.
        seed: of the random numbers, None where none are used.
    """

    method: str
    formula: str
    source: str
    n: int
    of: str
    period: tuple[date, date] | None = None
    missing: Mapping[str, int] = field(default_factory=dict)
    configuration: Mapping[str, Any] = field(default_factory=dict)
    seed: int | None = None


class Result(Protocol):
    """A typed result: what it rests on, and itself as a table."""

    @property
    def computed(self) -> Computed:
        """How it was computed."""

    def to_frame(self) -> pa.Table:
        """The result as a table; ``.to_pandas()`` and ``.to_pylist()`` go on from there."""


def frame(columns: Mapping[str, Sequence[Any] | np.ndarray]) -> pa.Table:
    """Return named columns of equal length as a table; NaN becomes a missing value."""
    return pa.table({name: _column(values) for name, values in columns.items()})


def _column(values: Sequence[Any] | np.ndarray) -> pa.Array:
    if isinstance(values, np.ndarray) and values.dtype.kind == "f":
        return pa.array(values, from_pandas=True)
    return pa.array(values.tolist() if isinstance(values, np.ndarray) else list(values))
