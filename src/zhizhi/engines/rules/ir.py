"""The checked form of an expression: every name resolved, every node typed, aggregates explicit.

Both evaluators start here: `evaluator` walks it for one case, `emitter` turns it into set-based SQL.
Nodes are values: equal nodes mean the same, so shared conditions and aggregates are found by equality.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from datetime import date
from fractions import Fraction
from typing import Any

from zhizhi.engines.rules.syntax import Window
from zhizhi.engines.rules.types import Type

Value = Fraction | str | bool | date | None


@dataclass(frozen=True, slots=True)
class Const:
    """A literal or a resolved parameter. ``value`` None is unknown."""

    type: Type
    value: Value


@dataclass(frozen=True, slots=True)
class Param:
    """A parameter not yet resolved: ``owner`` is a policy id, or "" for the package."""

    type: Type
    owner: str
    name: str


@dataclass(frozen=True, slots=True)
class RegionParam:
    """A parameter resolved for a date whose value differs by region: (region code, value) pairs, "" the default."""

    type: Type
    owner: str
    name: str
    values: tuple[tuple[str, Value], ...]


@dataclass(frozen=True, slots=True)
class Var:
    """A variable of ``entity`` (``person`` or ``household``), or a field of a record table (entity = its name)."""

    type: Type
    entity: str
    name: str


@dataclass(frozen=True, slots=True)
class Known:
    """True when ``x`` has a value, false when it is unknown; never unknown itself."""

    type: Type
    x: Node


@dataclass(frozen=True, slots=True)
class Not:
    """Kleene negation."""

    type: Type
    x: Node


@dataclass(frozen=True, slots=True)
class Junction:
    """Kleene ``and`` or ``or`` (``operator``) of ``items``."""

    type: Type
    operator: str
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Compare:
    """``= != < <= > >=``; an unknown side that no bound decides makes it unknown."""

    type: Type
    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class StartsWith:
    """Whether string ``x`` begins with string ``prefix``."""

    type: Type
    x: Node
    prefix: Node


@dataclass(frozen=True, slots=True)
class If:
    """``then`` or ``otherwise`` as ``condition`` is true or false; an unknown condition makes it unknown."""

    type: Type
    condition: Node
    then: Node
    otherwise: Node


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """``+ - * /`` on exact rationals; division by zero is unknown."""

    type: Type
    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Extreme:
    """The least (``min``) or greatest (``max``) of ``items``; unknown if one is."""

    type: Type
    function: str
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Absolute:
    """|x|."""

    type: Type
    x: Node


@dataclass(frozen=True, slots=True)
class Round:
    """``x`` to ``digits`` decimals, halves away from zero (四舍五入)."""

    type: Type
    x: Node
    digits: int


@dataclass(frozen=True, slots=True)
class Elapsed:
    """Whole ``unit`` (days, months, years) from ``since`` to ``until``; ``until`` None is the as-of date.

    A month or year is complete on the same day of the month; from 29 February a year is complete on 1 March.
    """

    type: Type
    unit: str
    since: Node
    until: Node | None


@dataclass(frozen=True, slots=True)
class Aggregate:
    """``sum count any all min max`` of ``value`` over the ``members`` of a household or the rows of a record table.

    ``of`` is whose rows: ``household`` or ``person``. ``where`` keeps rows; ``window`` keeps a record table's rows
    by date (after the start, up to and including the as-of date). ``count`` has no value.
    No rows: sum and count 0, any false, all true, min and max unknown. An unknown element makes the result unknown
    unless the others decide it (a true makes ``any`` true, a false makes ``all`` false).
    """

    type: Type
    function: str
    of: str
    over: str
    value: Node | None
    where: Node | None
    window: Window | None


@dataclass(frozen=True, slots=True)
class Derived:
    """A named part of a policy or vocabulary. With ``floor``, every missing number in it is at least ``floor``."""

    type: Type
    name: str
    expr: Node
    floor: Fraction | None = None


Node = (
    Const
    | Param
    | RegionParam
    | Var
    | Known
    | Not
    | Junction
    | Compare
    | StartsWith
    | If
    | Arithmetic
    | Extreme
    | Absolute
    | Round
    | Elapsed
    | Aggregate
    | Derived
)


def children(node: Node) -> Iterator[Node]:
    """Yield the nodes directly below ``node``."""
    for field in fields(node):
        value = getattr(node, field.name)
        if isinstance(value, tuple) and field.name == "items":
            yield from value
        elif isinstance(value, NODE_TYPES):
            yield value


def walk(node: Node) -> Iterator[Node]:
    """Yield ``node`` and all below it, parents first."""
    yield node
    for child in children(node):
        yield from walk(child)


def rewrite(node: Node, change: Callable[[Node], Node], keep: type | None = None) -> Node:
    """Return ``node`` with ``change`` applied to every node, children first; nodes of type ``keep`` stay whole."""
    if keep is not None and isinstance(node, keep):
        return node
    updates: dict[str, Any] = {}
    for field in fields(node):
        value = getattr(node, field.name)
        if isinstance(value, tuple) and field.name == "items":
            new = tuple(rewrite(item, change, keep) for item in value)
            if any(a is not b for a, b in zip(new, value, strict=True)):
                updates[field.name] = new
        elif isinstance(value, NODE_TYPES):
            child = rewrite(value, change, keep)
            if child is not value:
                updates[field.name] = child
    return change(replace(node, **updates) if updates else node)


NODE_TYPES = (
    Const,
    Param,
    RegionParam,
    Var,
    Known,
    Not,
    Junction,
    Compare,
    StartsWith,
    If,
    Arithmetic,
    Extreme,
    Absolute,
    Round,
    Elapsed,
    Aggregate,
    Derived,
)
