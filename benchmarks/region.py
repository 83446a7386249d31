"""A synthetic region as Parquet files that a screening reads as it reads a lake: the same facts, pseudonyms instead of ids.

Larger regions than a million are several regions of a million, drawn with consecutive seeds, whose people never meet.
"""

from __future__ import annotations

import shutil
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import duckdb
import numpy as np

from zhizhi.backends.lake import Lake
from zhizhi.engines.synthesis import population_tables
from zhizhi.exchange.contract import Contract, parse_contract
from zhizhi.scenarios.shipped import find_package

ON = date(2025, 9, 1)
SEED = 7
DRAWN = 1_000_000


class ParquetLake(Lake):
    """Datasets as plain Parquet files: what a screening asks of a lake, without loading."""

    def __init__(self, path: Path, contracts: Path) -> None:
        super().__init__(path)
        self.contracts = contracts

    def datasets(self) -> list[str]:
        return sorted(folder.name for folder in (self.path / "datasets").iterdir())

    def versions(self) -> dict[str, int]:
        return dict.fromkeys(self.datasets(), 0)

    def files(self, dataset: str, version: int | None = None) -> list[str]:
        return sorted(str(path) for path in (self.path / "datasets" / dataset).glob("*.parquet"))

    def contract(self, dataset: str) -> Contract:
        return parse_contract((self.contracts / f"{dataset}.odcs.yaml").read_text(encoding="utf-8"))


def region_lake(work: Path, people: int) -> ParquetLake:
    """Return the lake of ``people`` synthetic people, drawn once and kept in ``work``."""
    folder = work / f"region-{people}"
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        left, part = people, 0
        while left:
            _draw(folder, min(left, DRAWN), part)
            left, part = left - min(left, DRAWN), part + 1
        (folder / "complete").touch()
    return ParquetLake(folder, find_package("social-assistance") / "contracts")


def _draw(folder: Path, people: int, part: int) -> None:
    tables = population_tables(people, np.random.default_rng(SEED + part))
    with duckdb.connect() as connection:
        for dataset, table in tables.items():
            connection.register("drawn", table)
            columns = ", ".join(_stored(name, part) for name in table.column_names)
            target = folder / "datasets" / dataset
            target.mkdir(parents=True, exist_ok=True)
            connection.execute(
                f"COPY (SELECT {columns}, row_number() OVER () + 1 AS _row, 'p{part}' AS _source FROM drawn) "
                f"TO '{target}/part-{part:02}.parquet' (FORMAT parquet, COMPRESSION snappy)"
            )
            connection.unregister("drawn")


def _stored(name: str, part: int) -> str:
    """Return a column as the lake has it: identifiers are pseudonyms of 24 hexadecimal characters."""
    kind = {"resident_id": "person", "head_id": "person", "household_no": "household"}.get(name)
    return f"substr(sha256('{part}:{kind}:' || {name}), 1, 24) AS {name}" if kind else f'"{name}"'


@dataclass(slots=True)
class Stopwatch:
    """Seconds by name, each measured several times; the median counts. Processor seconds tell a busy machine from slow work."""

    laps: dict[str, list[float]] = field(default_factory=dict)
    worked: dict[str, list[float]] = field(default_factory=dict)

    @contextmanager
    def lap(self, name: str) -> Iterator[None]:
        begun, work = time.perf_counter(), time.process_time()
        yield
        self.laps.setdefault(name, []).append(time.perf_counter() - begun)
        self.worked.setdefault(name, []).append(time.process_time() - work)

    def medians(self, digits: int = 3) -> dict[str, float]:
        return {name: round(statistics.median(laps), digits) for name, laps in self.laps.items()}

    def processor(self, digits: int = 3) -> dict[str, float]:
        return {name: round(statistics.median(laps), digits) for name, laps in self.worked.items()}


def seconds(run: Callable[[], object], times: int) -> float:
    """Return the median of ``times`` runs in seconds."""
    watch = Stopwatch()
    for _ in range(times):
        with watch.lap("run"):
            run()
    return statistics.median(watch.laps["run"])
