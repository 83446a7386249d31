"""Run a screening on DuckDB over one snapshot of the lake, and keep its result beside the lake's data."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb

from zhizhi.backends.duckdb import connect
from zhizhi.backends.lake import Lake
from zhizhi.backends.population import PopulationSql, Snapshot, scan, text
from zhizhi.engines.rules.policy import Policy
from zhizhi.engines.screening.plan import Plan, plan_screening
from zhizhi.engines.screening.questions import Level
from zhizhi.engines.screening.verdicts import Stacking
from zhizhi.scenarios.package import Package

FORMAT = 1
FILES = ("person_file", "household_file", "person_bits", "household_bits", "receipts")
KEYS = {"person_file": "household, person", "household_file": "household", "person_bits": "household, person"} | {
    "household_bits": "household",
    "receipts": "kind, subject, policy",
}
Progress = Callable[[str], None]


def quiet(_: str) -> None:
    """Report nothing."""


def plan_package(package: Package, on: date, figures: Mapping[tuple[str, str], Any] | None = None) -> Plan:
    """Return the plan of all policies of a package in force on ``on``; ``figures`` replaces its parameters (what if)."""
    limits = [(f"limit_{i}", ceiling.per, ceiling.limit) for i, ceiling in enumerate(package.ceilings)]
    return plan_screening(list(package.policies.values()), package.needs.vocabulary, figures or package.figures, on, limits)


def stacking_of(package: Package) -> Stacking:
    """Return a package's order, exclusions and ceilings."""
    excludes = {name: frozenset(policy.excludes) for name, policy in package.policies.items()}
    ceilings = [(f"limit_{i}", ceiling.policies) for i, ceiling in enumerate(package.ceilings)]
    return Stacking(package.order, excludes, ceilings)


def program_digest() -> str:
    """SHA-256 of the modules that turn rules into SQL: another program may give the same plan another text."""
    digest = sha256()
    for package in ("zhizhi.engines.rules", "zhizhi.engines.screening"):
        for module in sorted(files(package).iterdir(), key=lambda item: item.name):
            if module.name.endswith((".py", ".lark")):
                digest.update(module.read_bytes())
    return digest.hexdigest()


@dataclass(slots=True)
class Screening:
    """A run in DuckDB: its tables are person_file, household_file, person_bits, household_bits, receipts."""

    connection: duckdb.DuckDBPyConnection
    package: Package
    plan: Plan
    snapshot: Snapshot
    on: date
    statements: list[str] = field(default_factory=list)
    written: dict[str, list[Sequence[str]]] = field(default_factory=dict)

    def execute(self, sql: str) -> duckdb.DuckDBPyConnection:
        """Run one statement and remember it for the run's record."""
        self.statements.append(sql)
        return self.connection.execute(sql)

    @property
    def sql_digest(self) -> str:
        """SHA-256 of the statements, with the lake's folder left out, so that a moved lake has the same digest."""
        root = str(self.snapshot.lake.path)
        return sha256("\n".join(statement.replace(root, "") for statement in self.statements).encode()).hexdigest()

    def base(self, only: str | None = None) -> None:
        """Make the base tables from the lake; ``only`` is a table of household ids to keep to."""
        needs = self.package.needs
        sql = PopulationSql(self.snapshot, needs, self.on, "members" if only else None)
        members = sql.members()
        if only:
            members = f"SELECT * FROM ({members}) WHERE household IN (SELECT household FROM {only})"
            self.execute(f"CREATE OR REPLACE TEMP TABLE members AS {members}")
        else:
            self.execute(f"CREATE OR REPLACE TEMP VIEW members AS {members}")
        used = self.plan.asks.variables("person") | self.plan.asks.variables("household")
        home = "household_base" if self.plan.asks.regional() else None
        self.execute(f"CREATE OR REPLACE TEMP TABLE household_base AS {sql.household_base('members', used)}")
        self.execute(f"CREATE OR REPLACE TEMP VIEW person_base AS {sql.person_base('members', home, used)}")
        for name in needs.vocabulary.records:
            if name in self.plan.asks.records():
                self.execute(f"CREATE OR REPLACE TEMP VIEW records_{name} AS {sql.records(name)}")
        self.receipts(sql)

    def receipts(self, sql: PopulationSql) -> None:
        """Make the table of who receives what today."""
        none = "SELECT '' AS kind, '' AS subject, '' AS policy, 0::BIGINT AS amount, 0::BIGINT AS since WHERE false"
        grouped = (
            "SELECT kind, subject, policy, CAST(sum(amount) AS BIGINT) AS amount, min(since) AS since "
            f"FROM ({sql.enrolment('members') or none}) GROUP BY kind, subject, policy ORDER BY kind, subject, policy"
        )
        self.execute(f"CREATE OR REPLACE TEMP TABLE receipts AS {grouped}")

    def receipts_of_all(self) -> None:
        """Read everybody's receipts again after an increment: they are few, and the fresh ones cover only the touched."""
        sql = PopulationSql(self.snapshot, self.package.needs, self.on)
        self.execute("DROP TABLE IF EXISTS members")
        self.execute(f"CREATE OR REPLACE TEMP VIEW members AS {sql.members()}")
        self.receipts(sql)

    def build(self, progress: Progress = quiet) -> None:
        """Build the person and household files."""
        self._run(self.texts["files"], progress)

    def decide(self, progress: Progress = quiet) -> None:
        """Decide every policy: the bits tables."""
        self._run(self.texts["decisions"], progress)

    def _run(self, texts: Sequence[Sequence[str]], progress: Progress) -> None:
        for name, select in texts:
            progress(name)
            self.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {select}")

    @property
    def texts(self) -> dict[str, list[Sequence[str]]]:
        """The plan's SQL, read from the lake if this program wrote it for the same plan before."""
        if not self.written:
            folder = state_folder(self.snapshot.lake, self.package)
            path = folder / f"sql-{sha256((self.plan.digest + program_digest()).encode()).hexdigest()[:16]}.json"
            try:
                self.written = json.loads(path.read_text(encoding="utf-8"))
            except (FileNotFoundError, json.JSONDecodeError):
                plan = self.plan
                steps = {"files": plan.file_steps, "decisions": plan.decision_steps}
                self.written = {name: list(plan.tables("duckdb", made())) for name, made in steps.items()}
                _keep_text(path, self.written)
        return self.written

    def levels(self) -> list[Level]:
        """Return the levels that have policies."""
        return [level for level in (self.plan.household, self.plan.person) if level.policies]


def open_screening(lake: Lake, package: Package, on: date, plan: Plan | None = None, memory: str = "") -> Screening:
    """Return a screening over the latest snapshot of ``lake``, nothing run yet."""
    return Screening(connect(memory), package, plan or plan_package(package, on), Snapshot.latest(lake), on)


# what is kept ------------------------------------------------------------------------------------------------------


def state_folder(lake: Lake, package: Package) -> Path:
    """Return where the results of a package's screenings are kept in the lake."""
    return lake.path / "screening" / package.id


def _keep_text(path: Path, texts: Mapping[str, Any]) -> None:
    """Keep the SQL of a plan; the oldest of more than eight goes. A lake that cannot be written only costs time."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}.part")
        part.write_text(json.dumps(texts), encoding="utf-8")
        part.replace(path)
        for old in sorted(path.parent.glob("sql-*.json"), key=lambda item: item.stat().st_mtime)[:-8]:
            old.unlink(missing_ok=True)
    except OSError:
        return


def run_record(run: Screening) -> dict[str, Any]:
    """Return what makes a run replayable: date, package, figures, snapshot, engine, SQL digest."""
    figures = {
        f"{owner or 'package'}.{name}": {start: str(value) for start, value in parameter.values.items()}
        | {f"{region}:{start}": str(value) for region, values in parameter.regions.items() for start, value in values.items()}
        for (owner, name), parameter in sorted(run.package.figures.items())
    }
    return {
        "format": FORMAT,
        "on": run.on.isoformat(),
        "package": run.package.id,
        "package_version": run.package.version,
        "package_digest": run.package.digest,
        "figures": figures,
        "snapshot": dict(sorted(run.snapshot.versions.items())),
        "engine": f"duckdb {duckdb.__version__}",
        "program": program_digest(),
        "sql_digest": run.sql_digest,
    }


def save(run: Screening) -> Path:
    """Keep the run's tables as the package's latest screening: written whole, then made the latest in one step."""
    folder = state_folder(run.snapshot.lake, run.package)
    record = run_record(run)
    name = sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()[:16]
    target = folder / f"run-{name}"
    if not (target / "run.json").exists():
        building = folder / f".building-{name}"
        shutil.rmtree(building, ignore_errors=True)
        building.mkdir(parents=True)
        for table in (*FILES, "findings"):
            if _exists(run.connection, table):
                path = building / f"{table}.parquet"
                # small row groups, so that one household's file is found without reading much
                ordered = f"(FROM {table} ORDER BY {KEYS[table]})" if table in KEYS else table
                options = "FORMAT parquet, COMPRESSION snappy, ROW_GROUP_SIZE 20480"
                run.connection.execute(f"COPY {ordered} TO {text(str(path))} ({options})")
        (building / "run.json").write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        shutil.rmtree(target, ignore_errors=True)
        building.rename(target)
    previous = latest_name(folder)
    pointer = folder / ".latest.new"
    kept = previous if previous != name else _pointer(folder).get("previous")
    pointer.write_text(json.dumps({"run": name, "previous": kept}) + "\n", encoding="utf-8")
    pointer.replace(folder / "latest.json")
    for old in folder.glob("run-*"):
        if old.name not in (f"run-{name}", f"run-{kept}"):
            shutil.rmtree(old, ignore_errors=True)
    return target


def _exists(connection: duckdb.DuckDBPyConnection, table: str) -> bool:
    found = connection.execute("SELECT count(*) FROM duckdb_tables() WHERE table_name = ?", [table]).fetchone()
    return bool(found and found[0])


def _pointer(folder: Path) -> dict[str, Any]:
    try:
        pointer: dict[str, Any] = json.loads((folder / "latest.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
    return pointer


def latest_name(folder: Path) -> str | None:
    """Return the name of the latest kept run, or None."""
    name: str | None = _pointer(folder).get("run")
    return name


def latest_run(folder: Path) -> tuple[Path, dict[str, Any]] | None:
    """Return the folder and record of the latest kept run, or None if there is none that this version can read."""
    name = latest_name(folder)
    path = folder / f"run-{name}"
    if name is None or not (path / "run.json").exists():
        return None
    record = json.loads((path / "run.json").read_text(encoding="utf-8"))
    return (path, record) if record.get("format") == FORMAT else None


def load_kept(run: Screening, path: Path) -> None:
    """Make the kept tables of a run readable in ``run``'s connection, as views."""
    for table in FILES:
        file = path / f"{table}.parquet"
        if file.exists():
            run.connection.execute(f"CREATE OR REPLACE TEMP VIEW {table} AS SELECT * FROM {scan([str(file)])}")


def policies_enrolled(snapshot: Snapshot, package: Package) -> set[str]:
    """Return the policies of which some dataset says who receives them: only these can be missed or leak."""
    covered: set[str] = set()
    for row in package.needs.enrolment:
        if row.dataset not in snapshot.versions:
            continue
        if row.policies:
            covered |= set(row.policies)
        elif row.policy:
            codes = snapshot.contract(row.dataset).fields[row.policy].codes
            covered |= {str(code) for code in codes.values()}
    return covered & {name for name, policy in package.policies.items() if policy.kind == "policy"}


def policy_titles(policies: Mapping[str, Policy], lang: str) -> dict[str, str]:
    """Return policy id -> title."""
    return {name: policy.title.get(lang, name) for name, policy in policies.items()}
