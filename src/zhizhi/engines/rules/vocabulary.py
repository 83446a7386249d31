"""The variables that policies may read: the type environment and, at once, the list of fields a region must grant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from zhizhi.engines.rules.syntax import Source
from zhizhi.engines.rules.types import Type
from zhizhi.kernel.errors import Place

UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable of a person or household.

    Either ``source`` (a dataset's field or an aggregate over its rows) or ``expr`` (text over other variables) is set.
    ``absent`` is the value when the source has no row: a value of the type, or None for unknown.
    ``scale`` is the number of decimals a number keeps; engines hold it as a whole number of 10^-scale.
    """

    name: str
    entity: str
    type: Type
    title: Mapping[str, str]
    scale: int = 0
    source: Source | None = None
    expr: str | None = None
    absent: Any = None
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class RecordTable:
    """Rows with a date, many a person or household, such as claims."""

    name: str
    entity: str
    dataset: str
    date: str
    fields: Mapping[str, Variable]
    title: Mapping[str, str]
    columns: Mapping[str, str] = field(default_factory=dict)

    def column(self, name: str) -> str:
        """Return the dataset's own name of a field, which a region's overlay may change."""
        return self.columns.get(name, name)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """All variables by entity and name, and the record tables."""

    variables: Mapping[str, Mapping[str, Variable]]
    records: Mapping[str, RecordTable] = field(default_factory=dict)

    def of(self, entity: str) -> Mapping[str, Variable]:
        """Return the variables of ``person`` or ``household``, or the fields of a record table."""
        if entity in self.records:
            return self.records[entity].fields
        return self.variables.get(entity, {})


@dataclass(frozen=True, slots=True)
class Parameter:
    """A dated figure: ``values`` maps a start date (ISO) to a value; regions overlay it. ``type`` carries the unit."""

    name: str
    owner: str
    type: Type
    values: Mapping[str, Fraction | str | bool]
    regions: Mapping[str, Mapping[str, Fraction | str | bool]] = field(default_factory=dict)
    source: str = ""
    status: str = ""
    sources: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    place: Place | None = None
