"""Values kept as columns of a step, and found again in a later table that has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from zhizhi.engines.rules.emitter import Key, Number
from zhizhi.engines.rules.ratios import Column, Ratio


def store(name: str, value: Column | Number) -> tuple[dict[str, Column], Callable[[Any], Any]]:
    """Return the columns that keep ``value`` and a reader that finds it again in a table that has them."""
    if not isinstance(value, Number):
        return {name: value}, lambda table: table[name]
    columns: dict[str, Column] = {}
    parts: list[tuple[Any, ...]] = []
    for suffix, part in (("v", value.value), ("l", value.low), ("h", value.high)):
        if part is value.value and suffix != "v":
            parts.append(parts[0])
            continue
        names: list[Any] = []
        for end, item in (("", part.num), ("d", part.den)):
            if isinstance(item, int):
                names.append(item)
            else:
                columns[f"{name}_{suffix}{end}"] = item
                names.append(f"{name}_{suffix}{end}")
        if part.drift is not None:
            columns[f"{name}_{suffix}f"] = part.drift
        parts.append((names[0], names[1], None if part.drift is None else f"{name}_{suffix}f"))

    def read(table: Any) -> Number:
        ratios: list[Ratio] = []
        for index, part in enumerate(parts):
            if index and part is parts[0]:
                ratios.append(ratios[0])
            else:
                ratios.append(Ratio(*(item if item is None or isinstance(item, int) else table[item] for item in part)))
        return Number(*ratios)

    return columns, read


def rebase(ready: Mapping[Key, Any], table: Any) -> dict[Key, Any]:
    """Return computed values read from ``table``, which carries their columns on under the same names."""

    def move(part: Any) -> Any:
        return part if part is None or isinstance(part, int) else table[part.get_name()]

    moved: dict[Key, Any] = {}
    for key, value in ready.items():
        if isinstance(value, Number):
            value_ = Ratio(move(value.value.num), move(value.value.den), move(value.value.drift))
            low = value_ if value.low is value.value else Ratio(move(value.low.num), move(value.low.den))
            high = value_ if value.high is value.value else Ratio(move(value.high.num), move(value.high.den))
            moved[key] = Number(value_, low, high)
        else:
            moved[key] = move(value)
    return moved
