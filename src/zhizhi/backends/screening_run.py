"""One call from lake to result: everybody, or only what changed since the kept run, and the proof that both agree."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from zhizhi.backends.findings import make_tables, mark_new
from zhizhi.backends.incremental import datasets_read, same_rules, touched_households
from zhizhi.backends.lake import Lake
from zhizhi.backends.population import scan, text
from zhizhi.backends.screening import (
    FILES,
    KEYS,
    Progress,
    Screening,
    latest_run,
    load_kept,
    open_screening,
    plan_package,
    quiet,
    run_record,
    save,
    state_folder,
)
from zhizhi.engines.screening.questions import Level
from zhizhi.engines.screening.verdicts import decision, near_miss
from zhizhi.scenarios.package import Package

LARGE_SHARE = 0.3  # above this share of touched households everybody is screened: it is no slower


@dataclass(slots=True)
class Finished:
    """A screening with its findings made: ``mode`` is full, incremental or unchanged; ``proved`` only after ``full``."""

    screening: Screening
    mode: str
    record: dict[str, Any]
    changes: bool
    subjects: tuple[int, int]
    proved: bool | None = None


def screen_lake(lake: Lake, package: Package, on: date, full: bool = False, progress: Progress = quiet) -> Finished:
    """Screen the latest snapshot of ``lake`` and keep the result as the package's latest run.

    Args:
        lake: the lake.
        package: the checked package.
        on: the as-of date.
        full: screen everybody, and compare the result with the increments bit by bit.
        progress: is told the name of each step.
    """
    run = open_screening(lake, package, on)
    kept = latest_run(state_folder(lake, package))
    usable = kept is not None and _usable(kept[1], run)
    if kept is not None and usable and not full and _same(kept[1], run):
        load_kept(run, kept[0])
        return _finish(run, "unchanged", kept[1], kept[0])
    mode = "full"
    if kept is not None and usable and _increment(run, kept, progress, 1.0 if full else LARGE_SHARE):
        mode = "incremental"
    proved = None
    if mode == "full" or full:
        proved = _everybody(run, progress, compare=mode == "incremental")
        mode = "full"
    return _finish(run, mode, run_record(run), kept[0] if kept is not None and usable else None, proved, save_it=True)


def _usable(record: dict[str, Any], run: Screening) -> bool:
    current = run_record(run)
    return all(record.get(key) == current[key] for key in ("package_digest", "program", "engine", "format"))


def _same(record: dict[str, Any], run: Screening) -> bool:
    current = run_record(run)
    reads = datasets_read(run)
    old = {name: version for name, version in record["snapshot"].items() if name in reads}
    new = {name: version for name, version in current["snapshot"].items() if name in reads}
    return old == new and record["on"] == current["on"]


def _everybody(run: Screening, progress: Progress, compare: bool) -> bool | None:
    """Screen everybody; with ``compare`` the tables of the increments stand in the connection and are held against the result."""
    tables = [table for table in FILES if table.endswith("_bits") and _has(run, table)]
    if compare:
        for table in tables:
            run.connection.execute(f"CREATE OR REPLACE TEMP TABLE increment_{table} AS SELECT * FROM {table}")
    _drop(run)
    run.statements.clear()
    run.base()
    run.build(progress)
    run.decide(progress)
    if not compare:
        return None
    for table in tables:
        for a, b in ((table, f"increment_{table}"), (f"increment_{table}", table)):
            row = run.connection.execute(f"SELECT count(*) FROM (FROM {a} EXCEPT ALL FROM {b})").fetchone()
            if row is None or row[0]:
                return False
    return True


def _drop(run: Screening) -> None:
    names = run.connection.execute(
        "SELECT 'VIEW ' || view_name FROM duckdb_views() WHERE NOT internal UNION ALL "
        "SELECT 'TABLE ' || table_name FROM duckdb_tables() "
        "WHERE table_name NOT LIKE 'increment_%' AND table_name NOT LIKE 'kept_%'"
    ).fetchall()
    for (name,) in names:
        if not name.startswith("VIEW kept_"):
            run.connection.execute(f"DROP {name}")


def _has(run: Screening, table: str) -> bool:
    row = run.connection.execute(
        "SELECT count(*) FROM (SELECT table_name FROM duckdb_tables() UNION ALL SELECT view_name FROM duckdb_views()) "
        "WHERE table_name = ?",
        [table],
    ).fetchone()
    return bool(row and row[0])


def _increment(run: Screening, kept: tuple[Path, dict[str, Any]], progress: Progress, most: float) -> bool:
    """Decide the touched households alone and put them among the kept rows; False where everybody must be screened.

    ``most`` is the share of touched households above which it does not pay.
    """
    path, record = kept
    old_on = date.fromisoformat(record["on"])
    if run.on != old_on and not same_rules(plan_package(run.package, old_on), run.plan):
        return False
    for table in FILES:
        file = path / f"{table}.parquet"
        if file.exists():
            run.connection.execute(f"CREATE OR REPLACE TEMP VIEW kept_{table} AS SELECT * FROM {scan([str(file)])}")
    if touched_households(run, record["snapshot"], old_on) is None:
        return False
    share = run.connection.execute(
        "SELECT (SELECT count(*) FROM touched) / greatest((SELECT count(*) FROM kept_household_file), 1)"
    ).fetchone()
    if share is None or share[0] > most:
        return False
    run.base("touched")
    run.build(progress)
    run.decide(progress)
    for table in FILES:
        if table != "receipts" and _has(run, table):
            run.connection.execute(f"ALTER TABLE {table} RENAME TO fresh_{table}")
            run.execute(
                f"CREATE TEMP TABLE {table} AS SELECT * FROM ("
                f"SELECT * FROM kept_{table} WHERE household NOT IN (SELECT household FROM touched) "
                f"UNION ALL BY NAME SELECT * FROM fresh_{table})"
            )
    run.receipts_of_all()
    return True


def _finish(
    run: Screening,
    mode: str,
    record: dict[str, Any],
    previous: Path | None,
    proved: bool | None = None,
    save_it: bool = False,
) -> Finished:
    if mode != "unchanged":
        for table in (name for name in FILES if name.endswith("_bits") and _has(run, name)):
            # everything that is written follows the order of the bits, which must not depend on how they were made
            run.connection.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS FROM {table} ORDER BY {KEYS[table]}")
    make_tables(run)
    changes = _changes(run, previous) if previous is not None and mode != "unchanged" else False
    mark_new(run.connection, previous / "findings.parquet" if previous else None)
    if save_it:
        save(run)
    count = run.connection.execute("SELECT (SELECT count(*) FROM household_file), (SELECT count(*) FROM person_file)").fetchone()
    return Finished(run, mode, record, changes, (count[0], count[1]) if count else (0, 0), proved)


def _changes(run: Screening, previous: Path) -> bool:
    """Make ``changes``: subject, kind, policy, event, before, after, against the bits of ``previous``; False if none can be."""
    parts = []
    for level in run.levels():
        file = previous / f"{level.subject}_bits.parquet"
        if not file.exists():
            continue
        run.connection.execute(f"CREATE OR REPLACE TEMP VIEW before_{level.subject} AS SELECT * FROM {scan([str(file)])}")
        parts += _change_rows(run, level)
    if not parts:
        return False
    run.connection.execute(
        f"CREATE OR REPLACE TEMP TABLE changes AS {' UNION ALL '.join(parts)} ORDER BY kind, policy, event, subject"
    )
    return True


def _change_rows(run: Screening, level: Level) -> list[str]:
    """Return the SELECTs of events among subjects of whom any word differs, and of those who are new or gone."""
    words = [f"{letter}{w}" for w in range(level.words) for letter in "TUN"]
    subject = level.subject
    differ = " OR ".join(f"a.{word} IS DISTINCT FROM b.{word}" for word in words)
    for side, table in (("new", f"{subject}_bits"), ("old", f"before_{subject}")):
        run.connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {side}_{subject} AS SELECT a.* FROM {table} AS a LEFT JOIN "
            f"{f'before_{subject}' if side == 'new' else f'{subject}_bits'} AS b ON a.{subject} = b.{subject} WHERE {differ}"
        )
    rows = []
    for item in level.policies:
        near = near_miss(item, level) if any(c.margin is not None for c in item.policy.conditions) else "false"
        verdict = f"SELECT {subject} AS subject, {decision(item, level)} AS decision, ({near}) AS near"
        event = (
            "CASE WHEN n.decision = 'eligible' AND o.decision IS DISTINCT FROM 'eligible' THEN 'became_eligible' "
            "WHEN o.decision = 'eligible' AND n.decision IS DISTINCT FROM 'eligible' AND n.decision IS DISTINCT FROM 'unknown' "
            "THEN 'lost' WHEN n.decision = 'unknown' AND o.decision IS DISTINCT FROM 'unknown' THEN 'became_unknown' "
            "WHEN n.near AND NOT coalesce(o.near, false) THEN 'near_miss' END"
        )
        rows.append(
            f"SELECT * FROM (SELECT coalesce(n.subject, o.subject) AS subject, '{subject}' AS kind, "
            f"{text(item.policy.id)} AS policy, {event} AS event, o.decision AS before, n.decision AS after "
            f"FROM ({verdict} FROM new_{subject}) AS n FULL JOIN ({verdict} FROM old_{subject}) AS o "
            f"ON n.subject = o.subject) WHERE event IS NOT NULL"
        )
    return rows
