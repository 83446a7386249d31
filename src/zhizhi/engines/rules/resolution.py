"""Put dated, regional figures in the place of parameters, for an as-of date."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from fractions import Fraction

from zhizhi.engines.rules import ir
from zhizhi.engines.rules.vocabulary import Parameter
from zhizhi.kernel.errors import PolicyError

Figure = Fraction | str | bool
Figures = Mapping[tuple[str, str], Parameter]


def figure_on(parameter: Parameter, on: date, region: str = "") -> Figure:
    """Return the value in force on ``on`` in ``region``: the latest start date not after ``on``.

    The most local layer that has a value in force wins: county before city before province before the package.

    Raises:
        PolicyError: ``rules.no-figure`` if no value is in force yet.
    """
    return figure_layer(parameter, on, region)[2]


def figure_layer(parameter: Parameter, on: date, region: str = "") -> tuple[str, str, Figure]:
    """Return the layer (region code, "" the package), the start date and the value of what `figure_on` returns."""
    layers = [("", parameter.values)]
    for code, values in sorted(parameter.regions.items(), key=lambda item: len(significant(item[0]))):
        if code and region.startswith(significant(code)):
            layers.append((code, values))
    for code, values in reversed(layers):
        started = [start for start in values if start <= on.isoformat()]
        if started:
            return code, max(started), values[max(started)]
    first = min(parameter.values, default="")
    raise PolicyError("rules.no-figure", parameter.place, name=parameter.name, on=on.isoformat(), first=first)


def significant(region: str) -> str:
    """Return the part of a region code that names it: 330000 -> 33, 330100 -> 3301, 330106 and longer as they are."""
    if len(region) == 6:
        return region[:2] if region.endswith("0000") else region[:4] if region.endswith("00") else region
    return region


def resolve(node: ir.Node, figures: Figures, on: date) -> ir.Node:
    """Return ``node`` with each `Param` replaced by the value of ``on``: a `Const`, or a `RegionParam` where regions differ."""

    def change(part: ir.Node) -> ir.Node:
        if not isinstance(part, ir.Param):
            return part
        parameter = figures[part.owner, part.name]
        default = figure_on(parameter, on)
        local = tuple(
            (significant(code), figure_on(parameter, on, code))
            for code in sorted(parameter.regions, key=lambda code: len(significant(code)))
        )
        if all(value == default for _, value in local):
            return ir.Const(part.type, default)
        return ir.RegionParam(part.type, part.owner, part.name, (("", default), *local))

    return ir.rewrite(node, change)
