"""The findings of a package's latest kept screening, as lists are made of them: filtered, counted, sorted, page by page.

What a caller may see is an argument that cannot be left out, and it is compiled into every query here. The findings of one run
are held in memory (about 150 bytes a row) until a newer run takes their place.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from decimal import Decimal
from pathlib import Path
from typing import Any

from zhizhi.backends.duckdb import connect
from zhizhi.backends.findings import KINDS
from zhizhi.backends.lake import Lake
from zhizhi.backends.population import scan, text
from zhizhi.backends.screening import latest_run, state_folder
from zhizhi.engines.rules.policy import Policy
from zhizhi.kernel.errors import UsageError
from zhizhi.scenarios.package import Package

SEVERITIES = ("high", "medium", "low")
_STEPS = (2, 4, 6, 9, 12)
"""Digits of a province, city, county, town and village in a region's code."""
_RANK = "CASE severity WHEN 'high' THEN 0 WHEN 'medium' THEN 1 WHEN 'low' THEN 2 ELSE 3 END"
_KIND_RANK = "CASE finding " + " ".join(f"WHEN '{name}' THEN {place}" for place, name in enumerate(KINDS)) + " END"
ORDERS: dict[str, str] = {
    "finding": _KIND_RANK,
    "policy": "policy",
    "severity": _RANK,
    "region": "region",
    "payable": "payable",
    "receives": "receives",
    "household": "household",
}
"""Columns that a list can be sorted by; a minus in front turns the order round."""
DEFAULT_ORDER = "finding"


@dataclass(frozen=True, slots=True)
class Sight:
    """What a caller may see: the digits that regions begin with (empty: nothing at all), and a department (empty: every one)."""

    prefix: str
    department: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Filters, each of any number of values, all together; ``text`` looks in names of policies and owners and at ids.

    ``since_last`` knows ``new``; ``region`` is one code of any level (its whole subtree), empty for all of the sight;
    ``households`` keeps to these pseudonyms where it is not None.
    """

    finding: tuple[str, ...] = ()
    policy: tuple[str, ...] = ()
    department: tuple[str, ...] = ()
    severity: tuple[str, ...] = ()
    kind: tuple[str, ...] = ()
    since_last: tuple[str, ...] = ()
    region: str = ""
    text: str = ""
    households: tuple[str, ...] | None = None


DIMENSIONS = tuple(item.name for item in fields(Wanted))


@dataclass(frozen=True, slots=True)
class Found:
    """One finding. ``payable`` and ``receives`` are yuan; ``missing`` names variables; ``since_last`` is ``new`` or empty."""

    subject: str
    kind: str
    policy: str
    finding: str
    payable: Decimal | None
    receives: Decimal | None
    missing: tuple[str, ...]
    owner: str
    household: str
    region: str
    severity: str
    since_last: str


@dataclass(frozen=True, slots=True)
class Counts:
    """How many findings each value of each filter would give, the other filters kept; and the total with all of them.

    ``regions`` counts the next level below the region in the filter (or below the sight): code -> count.
    """

    total: int
    households: int
    finding: Mapping[str, int] = field(default_factory=dict)
    policy: Mapping[str, int] = field(default_factory=dict)
    department: Mapping[str, int] = field(default_factory=dict)
    severity: Mapping[str, int] = field(default_factory=dict)
    kind: Mapping[str, int] = field(default_factory=dict)
    since_last: Mapping[str, int] = field(default_factory=dict)
    regions: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RegionCount:
    """What was found in one region, and how many people were looked at there (0 where that is not known)."""

    findings: int
    households: int
    people: int


_COLUMNS = ", ".join(item.name for item in fields(Found))
_open: dict[str, FoundReader] = {}
_lock = threading.Lock()


def open_found(lake: Lake, package: Package) -> FoundReader | None:
    """Return the reader of the package's latest kept run, or None where nothing was screened yet.

    One reader a lake and package stays open in a process; a newer run replaces it.
    """
    folder = state_folder(lake, package)
    found = latest_run(folder)
    if found is None or not (found[0] / "findings.parquet").exists():
        return None
    with _lock:
        reader = _open.get(str(folder))
        if reader is None or reader.path != found[0] or reader.package_digest != package.digest:
            reader = _open[str(folder)] = FoundReader(found[0], found[1], package)
        return reader


class FoundReader:
    """The findings of one run. ``record`` says its date, package, snapshot and engine; every method is safe in threads."""

    def __init__(self, path: Path, record: Mapping[str, Any], package: Package) -> None:
        self.path, self.record, self.package = path, record, package
        self.package_digest = package.digest
        self._connection = connect(threads=2)
        department = " ".join(
            f"WHEN {text(name)} THEN {text(policy.department)}" for name, policy in sorted(package.policies.items())
        )
        self._connection.execute(
            "CREATE TABLE found AS SELECT subject, kind, policy, finding, payable, receives, coalesce(missing, '') AS missing, "
            "coalesce(owner, '') AS owner, household, coalesce(region, '') AS region, coalesce(severity, '') AS severity, "
            f"coalesce(since_last, '') AS since_last, {f'CASE policy {department} END' if department else 'NULL'} "
            f"AS department FROM {scan([str(path / 'findings.parquet')])}"
        )
        people = path / "person_bits.parquet"
        self._connection.execute(
            "CREATE TABLE people AS SELECT coalesce(region, '') AS region, count(*) AS n FROM "
            f"{scan([str(people)]) if people.exists() else '(SELECT NULL AS region LIMIT 0)'} GROUP BY 1"
        )

    # what a page asks ------------------------------------------------------------------------------------------------

    def page(self, sight: Sight, wanted: Wanted, order: str = DEFAULT_ORDER, *, offset: int = 0, limit: int = 50) -> list[Found]:
        """Return the findings from ``offset`` on, at most ``limit``, in an order that is total: pages never overlap.

        Raises:
            UsageError: an unknown filter value or order (``screening.filter-unknown``).
        """
        query = f"{self._query(sight, wanted, order)} LIMIT {int(limit)} OFFSET {int(offset)}"
        return [_found(row) for row in self._connection.cursor().execute(query).fetchall()]

    def every(self, sight: Sight, wanted: Wanted, order: str = DEFAULT_ORDER, batch: int = 10_000) -> Iterator[Found]:
        """Yield every finding that the filters let through: for an export of what a list shows."""
        cursor = self._connection.cursor().execute(self._query(sight, wanted, order))
        while rows := cursor.fetchmany(batch):
            for row in rows:
                yield _found(row)

    def count(self, sight: Sight, wanted: Wanted) -> int:
        """Return how many findings the filters let through."""
        tests = " AND ".join([self._sight(sight), *self._tests(wanted).values()])
        row = self._connection.cursor().execute(f"SELECT count(*) FROM found WHERE {tests}").fetchone()
        return int(row[0]) if row else 0

    def counts(self, sight: Sight, wanted: Wanted) -> Counts:
        """Return the counts beside every filter: what each value would give with the other filters as they are."""
        tests = self._tests(wanted)
        digits = self._below(sight, wanted)
        flags = ", ".join(f"({test}) AS ok_{name}" for name, test in tests.items())
        place = f"substr(region, 1, {digits})" if digits >= 6 else f"rpad(substr(region, 1, {digits}), 6, '0')"
        seen = (
            "WITH seen AS MATERIALIZED (SELECT finding, policy, department, severity, kind, since_last, household, "
            f"{place} AS region{', ' if flags else ''}{flags} "
            f"FROM found WHERE {self._sight(sight)})"
        )
        parts = []
        for name in ("finding", "policy", "department", "severity", "kind", "since_last", "region"):
            # the regions below the chosen one are ways further down: its own filter stays on
            others = [f"ok_{other}" for other in tests if other != name or name == "region"]
            where = f" WHERE {' AND '.join(others)}" if others else ""
            parts.append(f"SELECT '{name}' AS dimension, {name} AS value, count(*) AS n FROM seen{where} GROUP BY {name}")
        every = f" WHERE {' AND '.join(f'ok_{name}' for name in tests)}" if tests else ""
        parts.append(f"SELECT 'total', 'findings', count(*) FROM seen{every}")
        parts.append(f"SELECT 'total', 'households', count(DISTINCT household) FROM seen{every}")
        found: dict[str, dict[str, int]] = {}
        for dimension, value, number in self._connection.cursor().execute(f"{seen} {' UNION ALL '.join(parts)}").fetchall():
            if value:
                found.setdefault(dimension, {})[value] = number
        total, regions = found.pop("total"), found.pop("region", {})
        return Counts(total["findings"], total["households"], regions=dict(sorted(regions.items())), **found)

    def by_region(self, sight: Sight, wanted: Wanted) -> dict[str, RegionCount]:
        """Return code -> counts for the next level below the region in the filter (or below the sight), for maps and ranks.

        Regions where people live but nothing was found are there with noughts. A household counts once in its region.
        """
        digits = self._below(sight, wanted)
        place = f"substr(region, 1, {digits})" if digits >= 6 else f"rpad(substr(region, 1, {digits}), 6, '0')"
        tests = self._tests(wanted)
        within = [f"starts_with(region, {text(sight.prefix)})" if sight.prefix else "false"]
        within += [tests["region"]] if "region" in tests else []
        rows = self._connection.cursor().execute(
            f"WITH there AS (SELECT {place} AS place, sum(n) AS people FROM people WHERE {' AND '.join(within)} GROUP BY 1), "
            f"hit AS (SELECT {place} AS place, count(*) AS findings, count(DISTINCT household) AS households FROM found "
            f"WHERE {' AND '.join([self._sight(sight), *tests.values()])} GROUP BY 1) "
            "SELECT coalesce(there.place, hit.place), coalesce(findings, 0), coalesce(households, 0), coalesce(people, 0) "
            "FROM there FULL JOIN hit ON there.place = hit.place ORDER BY 1"
        )
        return {code: RegionCount(*map(int, numbers)) for code, *numbers in rows.fetchall() if code}

    def of_household(self, sight: Sight, household: str) -> list[Found]:
        """Return what was found of one household, gravest first; empty where it lies outside the sight."""
        return self.page(sight, Wanted(households=(household,)), limit=1_000)

    def some(self, sight: Sight, keys: Sequence[tuple[str, str, str]]) -> list[Found]:
        """Return the findings with these (subject, policy, finding), those outside the sight left out."""
        keys = [key for key in keys if not any("\x00" in part for part in key)]
        if not keys:
            return []
        listed = ", ".join(f"({text(a)}, {text(b)}, {text(c)})" for a, b, c in keys)
        query = (
            f"SELECT {_COLUMNS} FROM found WHERE {self._sight(sight)} AND (subject, policy, finding) IN ({listed}) "
            "ORDER BY household, policy, subject, finding"
        )
        return [_found(row) for row in self._connection.cursor().execute(query).fetchall()]

    # queries ---------------------------------------------------------------------------------------------------------

    def _query(self, sight: Sight, wanted: Wanted, order: str) -> str:
        name = order.removeprefix("-")
        if name not in ORDERS:
            raise UsageError("screening.filter-unknown", name="sort", value=order, known=", ".join(ORDERS))
        tests = " AND ".join([self._sight(sight), *self._tests(wanted).values()])
        direction = "DESC" if order.startswith("-") else "ASC"
        second = f", {_KIND_RANK}, payable DESC NULLS LAST" if name != "finding" else f", {_RANK}, payable DESC NULLS LAST"
        return (
            f"SELECT {_COLUMNS} FROM found WHERE {tests} "
            f"ORDER BY {ORDERS[name]} {direction} NULLS LAST{second}, household, policy, subject, finding"
        )

    def _sight(self, sight: Sight) -> str:
        if not sight.prefix:
            return "false"
        test = f"starts_with(region, {text(sight.prefix)})"
        return f"{test} AND department = {text(sight.department)}" if sight.department else test

    def _tests(self, wanted: Wanted) -> dict[str, str]:
        """Return a test for each filter that is in use.

        Raises:
            UsageError: ``screening.filter-unknown``: a filter that names nothing must not match everything.
        """
        policies: Mapping[str, Policy] = self.package.policies
        known: dict[str, Sequence[str]] = {
            "finding": KINDS,
            "policy": sorted(policies),
            "department": sorted({*self.package.departments, *(policy.department for policy in policies.values())}),
            "severity": SEVERITIES,
            "kind": ("household", "person"),
            "since_last": ("new",),
        }
        tests: dict[str, str] = {}
        for name, values in known.items():
            chosen: tuple[str, ...] = getattr(wanted, name)
            for value in chosen:
                if value not in values:
                    raise UsageError("screening.filter-unknown", name=name, value=value, known=", ".join(values))
            if chosen:
                tests[name] = f"{name} IN ({', '.join(text(value) for value in chosen)})"
        if wanted.region:
            plain = wanted.region.isascii() and wanted.region.isdigit()
            if not plain or len(wanted.region) not in (6, 9, 12):
                raise UsageError("screening.filter-unknown", name="region", value=wanted.region, known="330100, 330106, …")
            tests["region"] = f"starts_with(region, {text(prefix_of(wanted.region))})"
        if "\x00" in wanted.text:
            raise UsageError("screening.filter-unknown", name="text", value="NUL", known="-")
        if wanted.text.strip():
            tests["text"] = self._text(wanted.text.strip())
        if wanted.households is not None:
            listed = ", ".join(text(value) for value in wanted.households)
            tests["households"] = f"household IN ({listed})" if listed else "false"
        return tests

    def _text(self, given: str) -> str:
        sought = given.casefold()
        named = [
            name
            for name, policy in self.package.policies.items()
            if any(sought in str(title).casefold() for title in (name, *policy.title.values()))
        ]
        listed = ", ".join(text(name) for name in named)
        tests = [f"policy IN ({listed})"] if listed else []
        tests.append(f"contains(owner, {text(given)})")
        if len(sought) >= 4:
            tests += [f"starts_with(household, {text(sought)})", f"starts_with(subject, {text(sought)})"]
        return f"({' OR '.join(tests)})"

    def _below(self, sight: Sight, wanted: Wanted) -> int:
        here = len(prefix_of(wanted.region)) if wanted.region else len(sight.prefix)
        return next((step for step in _STEPS if step > here), _STEPS[-1])


def prefix_of(region: str) -> str:
    """Return the digits that every code inside a region begins with: 330000 → 33, 330100 → 3301, 330106 → 330106."""
    if len(region) == 6:
        return region[:2] if region.endswith("0000") else region.removesuffix("00")
    return region


def _found(row: Sequence[Any]) -> Found:
    values = dict(zip((item.name for item in fields(Found)), row, strict=True))
    values["missing"] = tuple(name for name in str(values["missing"]).split(";") if name)
    return Found(**values)
