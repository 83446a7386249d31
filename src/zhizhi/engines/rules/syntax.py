"""The tree a parsed expression has before its names and types are resolved. Every node knows where it stands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import date
from fractions import Fraction

from zhizhi.kernel.errors import Place

Scalar = Fraction | str | bool | date | None


@dataclass(frozen=True, slots=True)
class Span:
    """1-based line and column of a node's first character within its expression, or the ``place`` of a table's cell."""

    line: int = 1
    column: int = 1
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Literal:
    """A number, string, date, ``true``, ``false`` or ``null``."""

    value: Scalar
    span: Span


@dataclass(frozen=True, slots=True)
class Name:
    """A dotted name: ``income``, ``members.income``, ``param.line``."""

    path: tuple[str, ...]
    span: Span

    def __str__(self) -> str:
        return ".".join(self.path)


@dataclass(frozen=True, slots=True)
class Operation:
    """An operator over operands: ``and or not = != < <= > >= + - * / if starts-with``."""

    operator: str
    operands: tuple[Expression, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Range:
    """An interval ``[low..high)``; each end open or closed."""

    low: Expression
    high: Expression
    low_closed: bool
    high_closed: bool
    span: Span


@dataclass(frozen=True, slots=True)
class Membership:
    """``subject in (a, b)`` or ``subject in [a..b]``."""

    subject: Expression
    choices: tuple[Expression | Range, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time that ends on the as-of date: ``count`` of ``unit`` (days, months, years), or year to date."""

    count: int
    unit: str

    def __str__(self) -> str:
        return "year to date" if self.unit == "year-to-date" else f"{self.count} {self.unit}"


@dataclass(frozen=True, slots=True)
class Call:
    """A function call, with the optional parts that aggregates take: ``where``, ``over`` a window, ``by`` a field."""

    function: str
    arguments: tuple[Expression, ...]
    where: Expression | None
    window: Window | None
    by: str | None
    span: Span


Expression = Literal | Name | Operation | Membership | Call


@dataclass(frozen=True, slots=True)
class Source:
    """Where a variable comes from: ``dataset.field`` or an aggregate over a dataset's rows, maybe in a window."""

    body: Call | Name
    window: Window | None


def walk(node: object) -> Iterator[object]:
    """Yield ``node`` and every syntax node below it."""
    yield node
    if isinstance(node, tuple):
        for item in node:
            yield from walk(item)
    elif isinstance(node, (Operation, Membership, Call, Range)):
        for field in fields(node):
            value = getattr(node, field.name)
            if isinstance(value, tuple):
                for item in value:
                    if not isinstance(item, str):
                        yield from walk(item)
            elif isinstance(value, (Literal, Name, Operation, Membership, Call, Range)):
                yield from walk(value)
