"""A policy or warning as checked: conditions, amount, parameters, basis, tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import Any

from zhizhi.engines.rules import ir
from zhizhi.engines.rules.types import BOOLEAN, Unit
from zhizhi.engines.rules.vocabulary import Parameter
from zhizhi.kernel.errors import PolicyError

ROUNDINGS = ("yuan-up", "yuan", "fen-up", "fen")


@dataclass(frozen=True, slots=True)
class Condition:
    """One line of ``when``: explained on its own. ``margin`` is how near still counts as a near miss, in its unit."""

    id: str
    text: str
    node: ir.Node
    label: Mapping[str, str]
    margin: Fraction | None = None


@dataclass(frozen=True, slots=True)
class Amount:
    """What an eligible subject receives: a number in ``unit``, rounded as ``rounding`` says (fen if it says nothing)."""

    node: ir.Node
    unit: Unit
    rounding: str = "fen"


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy (``kind`` policy) or warning (``kind`` warning) of a package, every expression checked.

    ``open_points`` is what its decision table leaves open, such as a gap between bands: told, not refused.
    """

    id: str
    kind: str
    title: Mapping[str, str]
    department: str
    subject: str
    valid_from: date
    valid_to: date | None
    conditions: tuple[Condition, ...]
    amount: Amount | None
    params: Mapping[str, Parameter]
    basis: Sequence[Mapping[str, Any]] = ()
    provides: Mapping[str, Any] = field(default_factory=dict)
    excludes: tuple[str, ...] = ()
    tests: Sequence[Mapping[str, Any]] = ()
    severity: str = ""
    cooldown_days: int = 0
    merge: str = ""
    asks: Mapping[str, str] = field(default_factory=dict)
    group: str = ""
    file: str = ""
    local_titles: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    derived_titles: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    open_points: tuple[PolicyError, ...] = ()

    def title_in(self, region: str) -> Mapping[str, str]:
        """Return the title that the most local overlay gives the policy in ``region``, else its own."""
        named = [code for code in self.local_titles if region.startswith(code)]
        return self.local_titles[max(named, key=len)] if named else self.title

    def in_force(self, on: date) -> bool:
        """Whether the policy is valid on ``on`` (both ends included)."""
        return self.valid_from <= on and (self.valid_to is None or on <= self.valid_to)

    @property
    def rule(self) -> ir.Node:
        """All conditions as one Kleene ``and``."""
        return ir.Junction(BOOLEAN, "and", tuple(condition.node for condition in self.conditions))
