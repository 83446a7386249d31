"""What the lake holds, as a catalogue shows it: rows, loads, and bad rows with the digests by which they are known again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from zhizhi.backends.lake import Lake
from zhizhi.backends.quality import DatasetReport, current_loads, reports
from zhizhi.engines.quality.cells import listed, text

DIGEST = 32
"""Hexadecimal digits of a bad row's digest."""
_LINE = 'load, dataset, file, "row", "column", field, value, cipher, rule, also, owner'
_KEPT = 4


def lake_mark(lake: Lake) -> str:
    """Return a text that changes with every load and with every contract that the lake keeps; a few listings of folders."""
    parts = []
    for name in ("loads", "results", "quarantine"):
        log = lake.path / name / "_delta_log"
        parts.append(
            max((entry.name for entry in log.iterdir() if entry.suffix == ".json"), default="-") if log.is_dir() else "-"
        )
    contracts = lake.path / "contracts"
    if contracts.is_dir():
        parts += sorted(f"{entry.name}:{entry.stat().st_mtime_ns}" for entry in contracts.iterdir())
    return sha256("|".join([str(lake.path), *parts]).encode()).hexdigest()[:32]


def standing(lake: Lake) -> tuple[DatasetReport, ...]:
    """Return the report of every dataset, kept until the lake changes; what is overdue the caller works out from ``due``."""
    return _standing(lake.path, lake_mark(lake))


@lru_cache(maxsize=_KEPT)
def _standing(path: Path, _mark: str) -> tuple[DatasetReport, ...]:
    return tuple(reports(Lake(path), datetime.fromisoformat("1970-01-01T00:00:00+00:00")))


def rows_held(lake: Lake) -> dict[str, int]:
    """Return dataset -> number of rows in its present version, kept until the lake changes."""
    return dict(_rows_held(lake.path, lake_mark(lake)))


@lru_cache(maxsize=_KEPT)
def _rows_held(path: Path, _mark: str) -> tuple[tuple[str, int], ...]:
    lake = Lake(path)
    return tuple((dataset, int(lake.delta(dataset).count())) for dataset in lake.datasets())


def loads_of(lake: Lake, dataset: str) -> list[dict[str, Any]]:
    """Return all loads of a dataset, newest first, each with ``current``: whether the present version is made of it."""
    made_of = {row["load"] for row in current_loads(lake).get(dataset, [])}
    rows = lake.rows("loads", f"dataset = {text(dataset)}")
    return [row | {"current": row["load"] in made_of} for row in sorted(rows, key=lambda row: -int(row["sequence"]))]


def current_of(lake: Lake, dataset: str) -> list[dict[str, Any]]:
    """Return the loads that the present version of a dataset is made of, oldest first."""
    return current_loads(lake).get(dataset, [])


def bad_lines(lake: Lake, dataset: str, owner: str = "") -> list[dict[str, Any]]:
    """Return the bad rows of the loads that a dataset is made of, by file and row.

    Each has ``digest``, made of the whole row's cipher text: the same row in another file has the same. Values are masked where
    they are sensitive; ``cipher`` then holds the value for whoever has the key.
    """
    loads = [row["load"] for row in current_of(lake, dataset)]
    if not loads:
        return []
    where = f"load IN ({listed(sorted(loads))}) AND dataset = {text(dataset)}"
    if owner:
        where += f" AND owner = {text(owner)}"
    rows = lake.rows("quarantine", where, f"{_LINE}, substr(sha256(raw), 1, {DIGEST}) AS digest")
    return sorted(rows, key=lambda row: (row["file"], row["row"], row["load"]))


def bad_keys(lake: Lake, owner: str = "") -> list[tuple[str, str, str]]:
    """Return (dataset, rule, digest) of every bad row of the present versions, of one owner or of all, in one reading."""
    loads = [row["load"] for rows in current_loads(lake).values() for row in rows]
    if not loads:
        return []
    where = f"load IN ({listed(sorted(loads))})" + (f" AND owner = {text(owner)}" if owner else "")
    rows = lake.rows("quarantine", where, f"dataset, rule, substr(sha256(raw), 1, {DIGEST}) AS digest")
    return [(row["dataset"], row["rule"], row["digest"]) for row in rows]


def bad_digests(lake: Lake, dataset: str, after: int) -> set[tuple[str, str]]:
    """Return (rule, digest) of the bad rows that came with loads of a dataset later than the load numbered ``after``."""
    loads = [row["load"] for row in current_of(lake, dataset) if row["sequence"] > after]
    if not loads:
        return set()
    rows = lake.rows("quarantine", f"load IN ({listed(sorted(loads))})", f"rule, substr(sha256(raw), 1, {DIGEST}) AS digest")
    return {(row["rule"], row["digest"]) for row in rows}


def last_load(lake: Lake, datasets: Sequence[str]) -> dict[str, tuple[int, str]]:
    """Return dataset -> (number, id) of its latest load, of these datasets."""
    found: dict[str, tuple[int, str]] = {}
    for row in lake.rows("loads", columns="dataset, load, sequence"):
        number = int(row["sequence"])
        if row["dataset"] in datasets and number > found.get(row["dataset"], (-1, ""))[0]:
            found[row["dataset"]] = (number, row["load"])
    return found
