"""Amounts that hold a quotient, worked out operation by operation, so that each is rounded as a decimal of 34 digits."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ibis

from zhizhi.engines.rules import ir
from zhizhi.engines.rules.emitter import Key, Number, emit
from zhizhi.engines.rules.ratios import Column, Ratio, settling
from zhizhi.engines.rules.ratios import column as as_column
from zhizhi.engines.screening.columns import rebase
from zhizhi.engines.screening.questions import divides
from zhizhi.engines.screening.steps import Steps

Making = Callable[[Any], dict[str, Column]]


def quotients(steps: Steps, subject: str, table: Any, ready: Mapping[Key, Any]) -> tuple[Any, dict[Key, Any]]:
    """Work out amounts that hold a quotient operation by operation, one step a height, so that no text multiplies."""
    heights: dict[ir.Node, int] = {}

    def height(node: ir.Node) -> int:
        if isinstance(node, (ir.Aggregate, ir.Compare)) or not divides(node):
            return 0
        below = max(height(child) for child in ir.children(node))
        if isinstance(node, ir.Arithmetic):
            heights[node] = below = below + 1
        return below

    top = max((height(amount) for _, amount, _ in steps.asks.amounts[subject]), default=0)
    # what a condition worked out exactly is worked out here again, as a decimal
    ready = {key: value for key, value in ready.items() if key[0] not in heights}
    for level in range(1, top + 1):
        frame = steps.frame(table, subject if subject == "person" else "-", ready)
        frame.decimal = True
        columns: dict[str, Column] = {}
        numbers: dict[Key, Number] = {}
        for index, node in enumerate(node for node, h in heights.items() if h == level):
            value, name = emit(node, frame).value, f"q{level}_{index}"
            columns[name], columns[f"{name}d"] = as_column(value.num), as_column(value.den)
            columns[f"{name}f"] = value.drift if value.drift is not None else ibis.literal(0.0)
            numbers[node, None] = Number.of(Ratio(name, f"{name}d", f"{name}f"))
        making: list[Making] = [functools.partial(_ready, columns), *_settled(list(columns)[::3])]
        for index, step in enumerate(making):
            made = step(table)
            kept = {name: table[name] for name in table.columns if name not in made and not scratch(name, index)}
            table = steps.add(f"{subject}_quotients_{level}_{index}_values", table.select(**kept, **made))
        ready = rebase(ready, table)
        for key, number in numbers.items():
            ready[key] = Number.of(Ratio(table[number.value.num], table[number.value.den], table[number.value.drift]))
    return table, ready


def _settled(names: Sequence[str]) -> list[Making]:
    """Return the settling steps of several numbers side by side."""
    each = [settling(name) for name in names]
    return [functools.partial(_side_by_side, steps) for steps in zip(*each, strict=True)]


def _ready(columns: dict[str, Column], _: Any) -> dict[str, Column]:
    return columns


def _side_by_side(steps: Sequence[Making], table: Any) -> dict[str, Column]:
    return {name: made for step in steps for name, made in step(table).items()}


def scratch(name: str, index: int) -> bool:
    """Whether a column of an earlier settling is done with when the next begins."""
    return index == 0 and name[0] == "q" and "_" in name and name[-2:] in SCRATCH


SCRATCH = ("_s", "_n", "_w", "_p", "_u", "_r", "_a", "_t")
