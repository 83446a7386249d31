"""What a new load or a new date touches: the households whose decisions may differ from the kept run's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date

import pyarrow as pa

from zhizhi.backends.population import PopulationSql, quoted, source_dataset
from zhizhi.backends.screening import Screening
from zhizhi.engines.rules import ir
from zhizhi.engines.rules.syntax import Call, Window
from zhizhi.engines.screening.plan import Plan
from zhizhi.engines.screening.windows import window_start


def datasets_read(run: Screening) -> set[str]:
    """Return the datasets that the package reads."""
    needs = run.package.needs
    names = {needs.population.dataset} | {record.dataset for record in needs.vocabulary.records.values()}
    for variables in needs.vocabulary.variables.values():
        names |= {source_dataset(variable) for variable in variables.values() if variable.source is not None}
    return names | {row.dataset for row in needs.enrolment}


def same_rules(old: Plan, new: Plan) -> bool:
    """Whether two plans ask the same conditions with the same figures, so that only facts and the calendar can differ."""
    for a, b in ((old.household, new.household), (old.person, new.person)):
        if [c.node for c in a.conditions] != [c.node for c in b.conditions]:
            return False
        if [(p.policy.id, p.bits) for p in a.policies] != [(p.policy.id, p.bits) for p in b.policies]:
            return False
    return old.amounts == new.amounts


def touched_households(run: Screening, old_versions: dict[str, int], old_on: date) -> str | None:
    """Make the table ``touched`` (household) in the run's connection; None where only a full run can tell.

    The kept run's tables must be readable as ``kept_person_file`` and ``kept_household_file``.
    """
    connection, snapshot = run.connection, run.snapshot
    connection.execute("CREATE OR REPLACE TEMP TABLE touched_persons (person VARCHAR)")
    connection.execute("CREATE OR REPLACE TEMP TABLE touched_raw (household VARCHAR)")
    for dataset in sorted(datasets_read(run)):
        old, new = old_versions.get(dataset), snapshot.versions.get(dataset)
        if old == new:
            continue
        if old is None or new is None:
            return None
        fields = snapshot.contract(dataset).fields
        for column in [name for name, item in fields.items() if item.identifier in ("person", "household")]:
            keys = snapshot.lake.changed_keys(dataset, column, old, new)
            _insert(run, keys, "touched_persons" if fields[column].identifier == "person" else "touched_raw")
    if run.on != old_on and not _calendar(run, old_on):
        return None
    sql = PopulationSql(snapshot, run.package.needs, run.on)
    members = sql.members()
    # a move touches the household that was left (as kept) and the one that was joined (as loaded)
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE touched AS SELECT DISTINCT household FROM ("
        "SELECT household FROM touched_raw UNION ALL "
        "SELECT household FROM kept_person_file WHERE person IN (SELECT person FROM touched_persons) UNION ALL "
        f"SELECT household FROM ({members}) WHERE person IN (SELECT person FROM touched_persons)) WHERE household IS NOT NULL"
    )
    return "touched"


def _insert(run: Screening, keys: pa.Array | Iterable[str], table: str) -> None:
    column = "person" if table == "touched_persons" else "household"
    rows = pa.table({column: pa.array(keys, pa.string()) if not isinstance(keys, pa.Array) else keys.cast(pa.string())})
    run.connection.register("changed_keys", rows)
    run.connection.execute(f"INSERT INTO {table} SELECT {column} FROM changed_keys")
    run.connection.unregister("changed_keys")


def _calendar(run: Screening, old_on: date) -> bool:
    """Add those whom the calendar crosses between the two dates: birthdays, days counted, rows entering or leaving windows."""
    first, last = min(old_on, run.on), max(old_on, run.on)
    columns = {name for (name,) in run.connection.execute("SELECT column_name FROM (DESCRIBE kept_person_file)").fetchall()}
    for node in _elapsed(run.plan):
        since = node.since
        if node.until is not None:
            continue
        if not isinstance(since, ir.Var) or since.entity != "person" or since.name not in columns:
            return False
        column = quoted(since.name)
        test = f"{column} IS NOT NULL"
        if node.unit == "years":
            test = f"({_ymd(last)} - {column}) // 10000 <> ({_ymd(first)} - {column}) // 10000"
        run.connection.execute(f"INSERT INTO touched_persons SELECT person FROM kept_person_file WHERE {test}")
    for dataset, window in _windows(run):
        record = next((r for r in run.package.needs.vocabulary.records.values() if r.dataset == dataset), None)
        if record is None:
            return False
        day = run.snapshot.field(dataset, record.column(record.date))
        edges = [(first, last)]
        if window is not None:
            edges.append((window_start(window, first), window_start(window, last)))
        tests = " OR ".join(f"({day} > DATE '{a}' AND {day} <= DATE '{b}')" for a, b in edges if a != b)
        subject = run.snapshot.identifier(dataset, record.entity)
        target = "touched_persons" if record.entity == "person" else "touched_raw"
        run.connection.execute(f"INSERT INTO {target} SELECT {subject} FROM {run.snapshot.table(dataset)} WHERE {tests}")
    return True


def _ymd(day: date) -> int:
    return day.year * 10_000 + day.month * 100 + day.day


def _nodes(plan: Plan) -> Iterator[ir.Node]:
    for level in (plan.household, plan.person):
        for condition in level.conditions:
            yield from ir.walk(condition.node)
    for node in plan.amounts:
        yield from ir.walk(node)


def _elapsed(plan: Plan) -> list[ir.Elapsed]:
    return [node for node in _nodes(plan) if isinstance(node, ir.Elapsed)]


def _windows(run: Screening) -> list[tuple[str, Window | None]]:
    needs = run.package.needs
    found: set[tuple[str, Window | None]] = set()
    for node in _nodes(run.plan):
        if isinstance(node, ir.Aggregate) and node.over in needs.vocabulary.records:
            found.add((needs.vocabulary.records[node.over].dataset, node.window))
    for variables in needs.vocabulary.variables.values():
        for variable in variables.values():
            if variable.source is None:
                continue
            body = variable.source.body
            window = variable.source.window or (body.window if isinstance(body, Call) else None)
            if window is not None:
                found.add((source_dataset(variable), window))
    return sorted(found, key=str)
