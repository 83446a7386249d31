"""The clean facts of a synthetic region: plain NumPy columns, before any department writes them down.

Units throughout: money in fen (1/100 yuan) as integers, areas in 1/100 m², dates as whole days since 1970-01-01.
``NONE`` (-1) in a date column means no date; ``BLANK`` (-1) in a money column means that the department left the cell blank.
Code columns hold positions in the lists of :mod:`zhizhi.engines.synthesis.codes`; -1 means that there is no row.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[Any]
"""Whole numbers of whatever width the column needs."""
Bools = npt.NDArray[np.bool_]

AS_OF: Final = date(2025, 9, 1)
EPOCH: Final = date(1970, 1, 1)
NONE: Final = -1
BLANK: Final = -1


def day_number(day: date) -> int:
    """Return the days from 1970-01-01 to ``day``."""
    return (day - EPOCH).days


TODAY: Final = day_number(AS_OF)
WINDOW_START: Final = day_number(date(2024, 9, 1))
CLAIMS_START: Final = day_number(date(2023, 9, 2))


@dataclass(slots=True)
class Households:
    """One entry a household: its town, its first person and how many registrations it has (people stand in household order)."""

    kind: Ints
    town: Ints
    county: Ints
    first: Ints
    size: Ints

    def __len__(self) -> int:
        return len(self.size)


@dataclass(slots=True)
class People:
    """One entry a registered person."""

    household: Ints
    relation: Ints
    sex: Ints
    born: Ints
    marital: Ints
    hukou: Ints
    origin: Ints
    registered: Ints
    cancelled: Ints
    moved_in: Ints
    _completed: Ints | None = None

    def __len__(self) -> int:
        return len(self.household)

    def ages(self) -> Ints:
        """Return completed years on the as-of date (somebody born on 29 February turns on 1 March); births never change."""
        if self._completed is not None:
            return self._completed
        born = self.born.astype("datetime64[D]")
        months = born.astype("datetime64[M]")
        year = months.astype("datetime64[Y]").astype(np.int32) + 1970
        month = months.astype(np.int32) % 12 + 1
        day = (born - months).astype(np.int32) + 1
        before = (month > AS_OF.month) | ((month == AS_OF.month) & (day > AS_OF.day))
        completed: Ints = (AS_OF.year - year - before).astype(np.int16)
        self._completed = completed
        return completed


@dataclass(slots=True)
class Living:
    """What a person lives on and learns; one entry a person."""

    status: Ints
    wage: Ints
    previous: Ints
    job_ended: Ints
    employer: Ints
    pension_kind: Ints
    pension: Ints
    stage: Ints
    school_type: Ints
    school_status: Ints
    school_since: Ints


@dataclass(slots=True)
class Holdings:
    """Homes and cars; one entry a person. ``unsafe`` is the grade of the home (-1: not assessed)."""

    homes: Ints
    area: Ints
    unsafe: Ints
    car_price: Ints
    car_since: Ints


@dataclass(slots=True)
class Health:
    """Disability and serious illness; one entry a person. ``grade`` is 1-4, 0 without a certificate."""

    grade: Ints
    kind: Ints
    certified: Ints
    illness: Ints
    diagnosed: Ints


@dataclass(slots=True)
class Claims:
    """Settled medical claims; one entry a claim. ``own`` is what the person paid: total = fund + own."""

    person: Ints
    day: Ints
    total: Ints
    own: Ints
    kind: Ints
    hospital: Ints


@dataclass(slots=True)
class Businesses:
    """One entry a business: the legal person, kind, registered capital and status."""

    person: Ints
    kind: Ints
    capital: Ints
    status: Ints


@dataclass(slots=True)
class Incidents:
    """One entry an accident or disaster that struck a household."""

    household: Ints
    kind: Ints
    day: Ints
    loss: Ints
    injured: Ints
    deaths: Ints


@dataclass(slots=True)
class Enrolment:
    """Who receives what today: one entry a payment. ``subject`` is a household or a person, ``policy`` the policy's id."""

    subject: Ints
    policy: npt.NDArray[np.str_]
    people: Ints
    amount: Ints
    since: Ints


@dataclass(slots=True)
class Register:
    """The register of aid: one entry a household with its type of hardship."""

    household: Ints
    hardship: Ints
    registered: Ints
    verified: Ints


@dataclass(slots=True)
class Facts:
    """The whole region."""

    households: Households
    people: People
    living: Living
    holdings: Holdings
    health: Health
    claims: Claims
    businesses: Businesses
    incidents: Incidents
    planted: dict[str, Ints] = field(default_factory=dict)
    """Situation -> households in which it was planted."""

    def members(self) -> Bools:
        """Return, a person, whether she is a member of her household (her registration is not cancelled)."""
        standing: Bools = self.people.cancelled == NONE
        return standing

    def total(self, values: Ints) -> npt.NDArray[np.int64]:
        """Return the sum of ``values`` (one a person) over the members of each household."""
        counted = np.where(self.members(), values, 0).astype(np.int64)
        return np.add.reduceat(counted, self.households.first)

    def largest(self, values: Ints) -> npt.NDArray[np.int64]:
        """Return the largest of ``values`` (one a person, at least 0) over the members of each household."""
        counted = np.where(self.members(), values, 0).astype(np.int64)
        return np.maximum.reduceat(counted, self.households.first)
