"""A screening from end to end, for a service that runs it behind the pages: decided, kept, counted by place, alerts ranked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from zhizhi.backends.duckdb import connect
from zhizhi.backends.facts import facts_table
from zhizhi.backends.lake import Lake
from zhizhi.backends.population import Snapshot, scan, text
from zhizhi.backends.screening import Progress, Screening, latest_run, plan_package, quiet, state_folder
from zhizhi.backends.screening_run import screen_lake
from zhizhi.backends.triage import make_alerts
from zhizhi.kernel.errors import LakeError
from zhizhi.scenarios.package import Package
from zhizhi.scenarios.triage_file import Triage

TOWN, COUNTY = 9, 6
"""Digits of a town's and of a county's code."""


@dataclass(frozen=True, slots=True)
class PlaceCount:
    """What was found in one place: ``policy`` is empty for all policies together, and then ``region`` may be a town."""

    region: str
    policy: str
    finding: str
    households: int
    subjects: int


@dataclass(frozen=True, slots=True)
class Whole:
    """A kept screening: folder, record, the lake's versions when it was asked for, how it was made, alerts, counts by place."""

    folder: Path
    record: Mapping[str, Any]
    versions: Mapping[str, int]
    mode: str
    households: int
    people: int
    alerts: Path
    alerts_made: int
    counts: tuple[PlaceCount, ...]
    places: Mapping[str, tuple[int, int]]


def screen_whole(lake: Lake, package: Package, triage: Triage, on: date, progress: Progress = quiet) -> Whole:
    """Screen the latest state of the lake and make all that the desk works with. Doing it again costs little and changes nothing.

    Raises:
        LakeError: ``lake.file-gone``: a file of a version that is to be read is not there; NotFoundError: a version is not.
    """
    with files_present():
        finished = screen_lake(lake, package, on, progress=progress)
        versions = dict(finished.screening.snapshot.versions)
        finished.screening.connection.close()
        kept = latest_run(state_folder(lake, package))
        if kept is None:
            raise LakeError("lake.file-gone", file=state_folder(lake, package).name)
        alerts = make_alerts(lake, package, triage, kept, progress)
        folder, record = kept
        households, people = finished.subjects
        counts, made = tuple(_counts(folder)), pq.read_metadata(alerts).num_rows
        return Whole(folder, record, versions, finished.mode, households, people, alerts, made, counts, _places(folder))


@contextmanager
def files_present() -> Iterator[None]:
    """Say of a file that is gone which it was and what to do, in the words of the house.

    Raises:
        LakeError: ``lake.file-gone``.
    """
    try:
        yield
    except (duckdb.IOException, FileNotFoundError) as error:
        named = next((part.strip("\"'") for part in str(error).split() if ".parquet" in part), "")
        raise LakeError("lake.file-gone", file=Path(named.rstrip("\"':,")).name or "?") from error


def _counts(folder: Path) -> Iterator[PlaceCount]:
    findings = scan([str(folder / "findings.parquet")])
    both = "count(DISTINCT household), count(DISTINCT subject)"
    queries = [
        f"SELECT substr(region, 1, {COUNTY}) AS r, policy, finding, {both} FROM {findings} GROUP BY ALL",
        f"SELECT substr(region, 1, {TOWN}) AS r, '' AS policy, finding, {both} FROM {findings} GROUP BY ALL",
    ]
    with connect(threads=2) as connection:
        for query in queries:
            for row in connection.execute(f"{query} ORDER BY ALL").fetchall():
                yield PlaceCount(row[0] or "", row[1], row[2], row[3], row[4])


def _places(folder: Path) -> dict[str, tuple[int, int]]:
    """Return town -> (people, households)."""
    query = (
        f"SELECT substr(coalesce(h.region, ''), 1, {TOWN}) AS r, count(*), count(DISTINCT p.household) "
        f"FROM {scan([str(folder / 'person_file.parquet')])} AS p "
        f"JOIN {scan([str(folder / 'household_file.parquet')])} AS h USING (household) GROUP BY r ORDER BY r"
    )
    with connect(threads=2) as connection:
        return {row[0]: (row[1], row[2]) for row in connection.execute(query).fetchall()}


def household_places(lake: Lake, package: Package, households: Sequence[str]) -> dict[str, str]:
    """Return household -> region code, of those that the latest kept run knows."""
    kept = latest_run(state_folder(lake, package))
    if kept is None or not households:
        return {}
    listed = ", ".join(text(name) for name in sorted(set(households)))
    file = scan([str(kept[0] / "household_file.parquet")])
    with files_present(), connect(threads=1) as connection:
        rows = connection.execute(f"SELECT household, coalesce(region, '') FROM {file} WHERE household IN ({listed})").fetchall()
    return dict(rows)


def facts_of(lake: Lake, package: Package, findings: Sequence[tuple[str, str, str, str]]) -> dict[tuple[str, str], str]:
    """Return (subject, policy) -> digest of the values behind a finding of the latest kept run.

    Args:
        lake: the lake.
        package: the package.
        findings: (kind of subject, subject, policy, household) of each.
    """
    kept = latest_run(state_folder(lake, package))
    if kept is None or not findings:
        return {}
    folder, record = kept
    on = date.fromisoformat(record["on"])
    with files_present(), connect(threads=2) as connection:
        run = Screening(connection, package, plan_package(package, on), Snapshot(lake, dict(record["snapshot"])), on)
        rows = ", ".join(f"({', '.join(text(part) for part in row)})" for row in sorted(set(findings)))
        connection.execute(f"CREATE TEMP TABLE reasons AS FROM (VALUES {rows}) AS t(kind, subject, policy, household)")
        facts_table(run, folder, "reasons")
        return {(row[0], row[1]): row[2] for row in connection.execute("SELECT subject, policy, facts FROM facts").fetchall()}
