"""One export into the lake: read, hold to its contract, good rows as one new version, bad rows into quarantine.

The commit of the dataset's table is the point of no return. Everything before it may be left half done by a crash and is done
again; what comes after it is completed by the next run, which finds the load's id in the table's log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path

import duckdb
import pyarrow as pa

from zhizhi.backends.duckdb import connect
from zhizhi.backends.lake import IDENTITIES, LOADS, Lake
from zhizhi.backends.loading_reports import quarantine_rows, result_rows
from zhizhi.backends.previewing import Preview, change, first_rows, masked_lines
from zhizhi.backends.readers import Source, open_source
from zhizhi.backends.readers_csv import Survey, survey
from zhizhi.backends.vault import Vault
from zhizhi.engines.quality import cells
from zhizhi.engines.quality.checks import Check
from zhizhi.engines.quality.declared import Phase
from zhizhi.engines.quality.statements import (
    MOST_CHECKS,
    Plan,
    bad_rows,
    compile_plan,
    dangling,
    duplicates,
    good_rows,
    key_name,
    losers,
    staging,
)
from zhizhi.exchange.contract import Contract
from zhizhi.kernel.errors import ContractError, ZhizhiError
from zhizhi.kernel.identifiers import masked

_BATCH = 65_536
#: Rows that are handed to the table store at a time: bounds memory for files of any size.
_PORTION = 1_000_000


@dataclass(frozen=True, slots=True)
class Loaded:
    """What became of one file. ``unchanged``: the lake already held it."""

    dataset: str
    file: str
    load: str
    read: int
    good: int
    bad: int
    version: int
    not_run: tuple[str, ...] = ()
    unchanged: bool = False
    unnamed: tuple[str, ...] = ()


Stage = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Loader:
    """Loads files into one lake with one key.

    Attributes:
        now: when the load is made (it goes into the history).
        memory: DuckDB's memory limit, e.g. ``2GB``; empty: its own.
        again: load files that the lake already holds once more.
        stage: called with the name of each step as it begins.
    """

    lake: Lake
    vault: Vault
    now: datetime
    memory: str = ""
    again: bool = False
    stage: Stage = lambda name: None

    def load(self, path: Path, contract: Contract) -> Loaded:
        """Load one file under its contract.

        Raises:
            InputError: the file is refused whole; the lake is as it was.
        """
        self.stage("survey")
        seen = survey(path)
        load = self._load_id(seen.sha, contract)
        done = self._already(load, contract)
        if done is not None and not self.again:
            return done
        standing = self.lake.committed(contract.dataset, load, contract.mode)
        spill = self.lake.path / "tmp"
        spill.mkdir(exist_ok=True)
        with connect(self.memory, spill=spill) as connection:
            job = _Job(self, connection, contract, load, path, seen)
            return job.run(standing if not self.again else None)

    def preview(self, path: Path, contract: Contract) -> Preview:
        """Read and check one file as ``load`` would, and tell what it would change; the lake stays as it is.

        Raises:
            InputError: the file would be refused whole.
        """
        self.stage("survey")
        seen = survey(path)
        load = self._load_id(seen.sha, contract)
        with connect(self.memory, spill=path.parent / "spill") as connection:  # the lake's own belongs to whoever writes
            return _Job(self, connection, contract, load, path, seen).preview(self._already(load, contract) is not None)

    def _load_id(self, sha: str, contract: Contract) -> str:
        parts = f"{contract.dataset}|{sha}|{contract.sha}|{self.vault.fingerprint}"
        return sha256(parts.encode()).hexdigest()[:16]

    def _already(self, load: str, contract: Contract) -> Loaded | None:
        rows = self.lake.rows("loads", f"dataset = {cells.text(contract.dataset)}")
        rows.sort(key=lambda row: row["sequence"])
        mine = [row for row in rows if row["load"] == load]
        if not mine or (contract.mode == "replace" and rows[-1]["load"] != load):
            return None
        if self.lake.committed(contract.dataset, load, contract.mode) is None:
            return None
        last = mine[-1]
        results = self.lake.rows("results", f"load = {cells.text(load)} AND status = 'not run'")
        waiting = [row["against"] for row in results if row["against"]]
        if any(target.partition(".")[0] in self.lake.datasets() for target in waiting):
            return None
        return Loaded(
            contract.dataset,
            last["file"],
            load,
            last["read"],
            last["good"],
            last["bad"],
            last["version"],
            tuple(row["rule"] for row in results),
            unchanged=True,
        )


class _Job:
    """The steps of one load; tables of its connection are named in ``engines.quality.statements``."""

    def __init__(
        self, loader: Loader, connection: duckdb.DuckDBPyConnection, contract: Contract, load: str, path: Path, seen: Survey
    ) -> None:
        self.lake, self.vault, self.now, self.stage = loader.lake, loader.vault, loader.now, loader.stage
        self.connection, self.contract, self.load, self.path, self.seen = connection, contract, load, path, seen
        self.against: dict[int, str] = {}
        self.not_run: set[int] = {i for i, rule in enumerate(contract.table.rules) if not rule.runnable}

    def examine(self) -> tuple[Plan, Source, int, pa.Table]:
        """Read the file and hold it to its contract: the plan, the source, how many rows were read, and the bad ones."""
        needed = list(dict.fromkeys(item.header for item in self.contract.table.fields))
        source = open_source(self.path, needed, self.contract.sheet, self.contract.encoding, self.seen)
        plan = compile_plan(self.contract.table, source.columns)
        for phase, checks in plan.checks.items():
            if len(checks) > MOST_CHECKS and phase <= Phase.ROWS:
                raise ContractError("contract.too-many", dataset=self.contract.dataset, limit=MOST_CHECKS)
        self.stage("read")
        self._stage_rows(plan, source)
        self.stage("check")
        self._compare_rows(plan)
        self._seal_values(plan)
        bad = self.connection.sql(bad_rows(plan)).to_arrow_table()
        read = int(self.connection.sql("SELECT count(*) FROM staged").fetchall()[0][0]) + len(source.irregular)
        quarantine = quarantine_rows(plan, bad, source.irregular, self.contract, self.vault, self.load, self.path.name)
        return plan, source, read, quarantine

    def preview(self, unchanged: bool) -> Preview:
        plan, source, read, quarantine = self.examine()
        good = read - quarantine.num_rows
        results = result_rows(
            plan, self.connection, source.irregular, quarantine, self.contract, self.load, self.not_run, self.against
        )
        return Preview(
            dataset=self.contract.dataset,
            file=self.path.name,
            load=self.load,
            read=read,
            good=good,
            bad=quarantine.num_rows,
            change=change(self.connection, plan, self.lake, self.contract, self.load, good, unchanged),
            rules=tuple(results.to_pylist()),
            bad_rows=masked_lines(quarantine, 20),
            rows=tuple(first_rows(self.connection, plan)),
            unnamed=tuple(plan.columns[i] for i in plan.compared),
            unchanged=unchanged,
        )

    def run(self, standing: int | None) -> Loaded:
        plan, source, read, quarantine = self.examine()
        self.stage("write")
        good = read - quarantine.num_rows
        self._write_identities(plan)
        self.lake.rewrite("quarantine", quarantine, self.load)
        results = result_rows(
            plan, self.connection, source.irregular, quarantine, self.contract, self.load, self.not_run, self.against
        )
        self.lake.rewrite("results", results, self.load)
        self.lake.keep_contract(self.contract)
        if standing is None:
            rows = self._good_rows(plan)
            standing = self.lake.commit(self.contract.dataset, rows, self.contract.mode, self.load, self.contract.keys)
        self._write_history(read, good, quarantine.num_rows, standing)
        names = tuple(self.contract.table.rules[i].name for i in sorted(self.not_run))
        unnamed = tuple(plan.columns[i] for i in plan.compared)
        return Loaded(
            self.contract.dataset, self.path.name, self.load, read, good, quarantine.num_rows, standing, names, unnamed=unnamed
        )

    def _good_rows(self, plan: Plan) -> pa.RecordBatchReader:
        """Return the good rows as a stream that never holds more than ``_PORTION`` of them."""
        top = int(self.connection.sql("SELECT coalesce(max(_row), 0) FROM staged").fetchall()[0][0])

        def portion(first: int) -> pa.Table:
            query = good_rows(plan, self.load, first, first + _PORTION - 1)
            return self.connection.sql(query).to_arrow_table()

        begin = portion(0)

        def batches() -> Iterator[pa.RecordBatch]:
            yield from begin.to_batches(_BATCH)
            for first in range(_PORTION, top + 1, _PORTION):
                yield from portion(first).to_batches(_BATCH)

        return pa.RecordBatchReader.from_batches(begin.schema, batches())

    def _stage_rows(self, plan: Plan, source: Source) -> None:
        self.vault.install(self.connection)
        failures: list[ZhizhiError] = []

        def batches() -> Iterator[pa.RecordBatch]:
            try:
                yield from source.batches
            except ZhizhiError as error:
                failures.append(error)
                raise

        self.connection.register("source", pa.RecordBatchReader.from_batches(source.schema, batches()))
        try:
            self.connection.execute(f"CREATE TEMP TABLE staged AS {staging(plan)}")
        except duckdb.Error:
            if failures:  # DuckDB wraps what the reader raised; the reader's own error says what to do
                raise failures[0] from None
            raise
        self.connection.unregister("source")
        source.finish()
        self.connection.execute("CREATE TEMP TABLE faults (_row BIGINT, phase INTEGER, bits BIGINT, warning BOOLEAN)")

    def _compare_rows(self, plan: Plan) -> None:
        """Run the phases that look at several rows, each on the rows that are still without fault."""
        for phase in (Phase.DUPLICATES, Phase.KEYS, Phase.REFERENCES):
            found = [(bit, check, self._query(plan, check)) for bit, check in enumerate(plan.checks[phase])]
            inserts = [
                f"SELECT _row, {int(phase)}, {1 << bit}, {check.rule.severity != 'error'} FROM ({query})"
                for bit, check, query in found
                if query
            ]
            if inserts:
                self.connection.execute(f"INSERT INTO faults {' UNION ALL '.join(inserts)}")

    def _query(self, plan: Plan, check: Check) -> str:
        if check.rule.check == "duplicate-row":
            return duplicates(plan)
        if check.rule.check in ("unique", "one-per"):
            return losers(plan, check)
        target, _, column = str(check.rule.arguments["to"]).partition(".")
        if target == self.contract.dataset:
            item = plan.table.field(column)
            name = key_name(item) if item.identifier else cells.name(f"v_{column}")
            return dangling(plan, check, f"SELECT {name} FROM staged WHERE ok AND {name} IS NOT NULL")
        if target not in self.lake.datasets() or column not in {f.name for f in self.lake.delta(target).schema().fields}:
            self.not_run.add(check.position)
            self.against[check.position] = f"{target}.{column}"
            return ""
        table = self.lake.delta(target)
        self.against[check.position] = f"{target}.{column}@{table.version()}"
        files = cells.listed(self.lake.files(target))
        if not files:
            return dangling(plan, check, "SELECT NULL WHERE FALSE")
        return dangling(
            plan, check, f"SELECT {cells.name(column)} FROM read_parquet([{files}]) WHERE {cells.name(column)} IS NOT NULL"
        )

    def _seal_values(self, plan: Plan) -> None:
        """Make table ``sealed``: the cipher text of every distinct value of the fields that are stored encrypted."""
        secret = [f for f in plan.table.fields if f.protect == "encrypt" and not f.identifier]
        values: list[str] = []
        if secret:
            parts = " UNION ".join(
                f"SELECT CAST({cells.name('v_' + f.name)} AS VARCHAR) AS value FROM staged WHERE ok" for f in secret
            )
            values = (
                self.connection.sql(f"SELECT DISTINCT value FROM ({parts}) WHERE value IS NOT NULL")
                .to_arrow_table()
                .column(0)
                .to_pylist()
            )
        table = pa.table({"value": pa.array(values, pa.string()), "cipher": pa.array(self.vault.sealed(values), pa.string())})
        self.connection.register("sealed", table)

    def _write_identities(self, plan: Plan) -> None:
        """Append the identities that good rows bring and the lake does not have yet; a rerun finds them there."""
        linked = [f for f in plan.table.fields if f.identifier]
        if not linked:
            return
        alive = "ok AND _row NOT IN (SELECT _row FROM faults WHERE NOT warning)"
        parts = " UNION ".join(
            f"SELECT {key_name(f)} AS pseudonym, {cells.text(f.identifier)} AS kind, {cells.name('v_' + f.name)} AS value "
            f"FROM staged WHERE {alive} AND {key_name(f)} IS NOT NULL"
            for f in linked
        )
        known = cells.listed(self.lake.service_files("identities"))
        fresh = f"WHERE pseudonym NOT IN (SELECT pseudonym FROM read_parquet([{known}]))" if known else ""
        found = self.connection.sql(f"SELECT * FROM ({parts}) {fresh} ORDER BY pseudonym").to_arrow_table()
        if not found.num_rows:
            return
        values, kinds = found.column("value").to_pylist(), found.column("kind").to_pylist()
        columns = [
            found.column("pseudonym"),
            found.column("kind"),
            pa.array(self.vault.sealed(values), pa.string()),
            pa.array([masked(kind, value) for kind, value in zip(kinds, values, strict=True)], pa.string()),
        ]
        self.lake.append("identities", pa.table(columns, schema=IDENTITIES))

    def _write_history(self, read: int, good: int, bad: int, version: int) -> None:
        earlier = self.lake.rows("loads", columns="max(sequence) AS sequence")
        sequence = (earlier[0]["sequence"] or 0) + 1 if earlier else 1
        row = {
            "load": self.load,
            "dataset": self.contract.dataset,
            "file": self.path.name,
            "file_sha": self.seen.sha,
            "contract_sha": self.contract.sha,
            "mode": self.contract.mode,
            "read": read,
            "good": good,
            "bad": bad,
            "version": version,
            "finished_at": self.now,
            "not_run": len(self.not_run),
            "sequence": sequence,
        }
        self.lake.append("loads", pa.Table.from_pylist([row], schema=LOADS))
