"""Types and units of the expression language.

A number carries a unit; units multiply and divide, and only like units are added or compared.
``CNY/month`` and ``CNY/year`` are unlike on purpose: no conversion happens behind an analyst's back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["number", "boolean", "date", "code", "string", "null"]

_PURE = {"", "1", "ratio", "count", "number", "people", "persons", "times"}


@dataclass(frozen=True, slots=True)
class Unit:
    """A product of base units with whole exponents, e.g. ``CNY/month`` = {CNY: 1, month: -1}."""

    powers: tuple[tuple[str, int], ...] = ()

    @classmethod
    def parse(cls, text: str) -> Unit:
        """Read ``CNY/month``, ``m2``, ``years``; ``ratio``, ``people`` and the like are pure numbers.

        Raises:
            ValueError: for an empty factor, as in ``CNY/``.
        """
        if text.strip() in _PURE:
            return cls()
        top, *bottoms = text.split("/")
        powers: dict[str, int] = {}
        for part, sign in [(top, 1), *((bottom, -1) for bottom in bottoms)]:
            for factor in part.split("*"):
                name = factor.strip()
                if not name:
                    raise ValueError(text)
                if name not in _PURE:
                    powers[name] = powers.get(name, 0) + sign
        return cls._of(powers)

    @classmethod
    def _of(cls, powers: Mapping[str, int]) -> Unit:
        return cls(tuple(sorted((name, power) for name, power in powers.items() if power)))

    def times(self, other: Unit, sign: int = 1) -> Unit:
        """Return the unit of a product (``sign=1``) or quotient (``sign=-1``)."""
        powers = dict(self.powers)
        for name, power in other.powers:
            powers[name] = powers.get(name, 0) + sign * power
        return self._of(powers)

    def __str__(self) -> str:
        def text(items: list[tuple[str, int]]) -> str:
            return "*".join(name for name, power in items for _ in range(power))

        top = text([item for item in self.powers if item[1] > 0])
        bottom = text([(name, -power) for name, power in self.powers if power < 0])
        return f"{top or 1}/{bottom}" if bottom else top or "ratio"


PURE = Unit()


@dataclass(frozen=True, slots=True)
class Type:
    """What an expression yields.

    ``free`` marks a number made of literals only, which takes the unit of what it meets. ``codes`` is the list
    a code is drawn from; code values are compared with strings of that list only.
    """

    kind: Kind
    unit: Unit = PURE
    codes: tuple[str, ...] = field(default=())
    free: bool = False

    def __str__(self) -> str:
        if self.kind == "number":
            return f"number ({self.unit})"
        return self.kind


BOOLEAN = Type("boolean")
DATE = Type("date")
STRING = Type("string")
NULL = Type("null")


def number(unit: str | Unit = PURE, *, free: bool = False) -> Type:
    """Return the type of a number in ``unit``."""
    return Type("number", Unit.parse(unit) if isinstance(unit, str) else unit, free=free)
