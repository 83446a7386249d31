"""What a finding was made of: a digest of the values behind it, so that a person's word on it stands until they change.

Only data counts: the day, a new figure of a policy or another version of the program change no digest.
"""

from __future__ import annotations

from pathlib import Path

from zhizhi.backends.population import PopulationSql, quoted, scan, text
from zhizhi.backends.screening import Screening, plan_package
from zhizhi.engines.screening.questions import Level, PlannedPolicy

HOLDERS = ("person", "members", "household")


def facts_table(run: Screening, folder: Path, reasons: str) -> None:
    """Make ``facts`` (kind, subject, policy, facts) in the run's connection for the rows of the table ``reasons``.

    Args:
        run: a screening on the snapshot and date of the kept run.
        folder: the kept run.
        reasons: a table of kind, subject, policy, household.
    """
    connection = run.connection
    plan = plan_package(run.package, run.on)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE reasons_homes AS SELECT DISTINCT household FROM {reasons}")
    for entity in ("person", "household"):
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE facts_{entity} AS SELECT * FROM {scan([str(folder / f'{entity}_file.parquet')])} "
            "WHERE household IN (FROM reasons_homes)"
        )
    columns = {entity: _columns(run, f"facts_{entity}") for entity in ("person", "household")}
    wanted: dict[tuple[str, str], list[str]] = {}
    present = set(connection.execute(f"SELECT DISTINCT kind, policy FROM {reasons}").fetchall())
    for level in (plan.household, plan.person):
        for item in level.policies:
            if (level.subject, item.policy.id) in present:
                wanted[level.subject, item.policy.id] = _read(level, item)
    for name in sorted({name for names in wanted.values() for name in names if ":" in name}):
        _records(run, name)
    _members(run, sorted({name for names in wanted.values() for name in names}), columns["person"])
    parts = [_digests(subject, policy, names, columns, reasons) for (subject, policy), names in wanted.items()]
    none = "SELECT '' AS kind, '' AS subject, '' AS policy, '' AS facts WHERE false"
    connection.execute(f"CREATE OR REPLACE TEMP TABLE facts AS {' UNION ALL '.join(parts) or none}")


def _columns(run: Screening, table: str) -> set[str]:
    return {name for (name,) in run.connection.execute(f"SELECT column_name FROM (DESCRIBE {table})").fetchall()}


def _read(level: Level, item: PlannedPolicy) -> list[str]:
    """Return what a policy's conditions read: ``person.x``, ``members.x``, ``household.x``, or rows of ``person:claims``."""
    names = {name for bit in item.bits for name in level.conditions[bit].variables}
    return sorted({name.split(".", 1)[0] if ":" in name else name for name in names})


def _records(run: Screening, name: str) -> None:
    """Make the table of the digests of a subject's rows: ``facts_person_claims`` (subject, rows)."""
    of, table = name.split(":")
    record = run.package.needs.vocabulary.records[table]
    target = f"facts_{of}_{table}"
    if record.dataset not in run.snapshot.versions:
        run.connection.execute(f"CREATE OR REPLACE TEMP TABLE {target} AS SELECT '' AS subject, '' AS rows WHERE false")
        return
    rows = PopulationSql(run.snapshot, run.package.needs, run.on).records(table)
    line = joined([quoted(column) for column in ("date", *record.fields)])
    if record.entity == "person" and of == "household":
        source = (
            f"SELECT p.household AS subject, r.* EXCLUDE (subject) FROM ({rows}) AS r "
            "JOIN facts_person AS p ON p.person = r.subject"
        )
    else:
        column = "person" if record.entity == "person" else "household"
        source = f"SELECT * FROM ({rows}) WHERE subject IN (SELECT {column} FROM facts_{column})"
    run.connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {target} AS SELECT subject, md5(string_agg(line, ';' ORDER BY line)) AS rows "
        f"FROM (SELECT subject, {line} AS line FROM ({source})) GROUP BY subject"
    )


def joined(values: list[str]) -> str:
    """Return the SQL of one text out of several values; a blank differs from every value."""
    return f"concat_ws('|', {', '.join(f'coalesce(CAST({value} AS VARCHAR), chr(0))' for value in values)})"


def _members(run: Screening, names: list[str], columns: set[str]) -> None:
    """Make ``facts_members``: a household's members and, for each variable read of all of them, a digest of its values."""
    listed = [name.split(".", 1)[1] for name in names if name.startswith("members.")]
    parts = [
        f"md5(string_agg(coalesce(CAST({quoted(name)} AS VARCHAR), chr(0)), ',' ORDER BY person)) AS {quoted(name)}"
        for name in listed
        if name in columns
    ]
    run.connection.execute(
        "CREATE OR REPLACE TEMP TABLE facts_members AS SELECT household, md5(string_agg(person, ',' ORDER BY person)) AS who"
        f"{''.join(', ' + part for part in parts)} FROM facts_person GROUP BY household"
    )


def _digests(subject: str, policy: str, names: list[str], columns: dict[str, set[str]], reasons: str) -> str:
    joins = ["JOIN facts_members AS m ON m.household = x.household", "JOIN facts_household AS h ON h.household = x.household"]
    values = ["m.who"]
    if subject == "person":
        joins.append("JOIN facts_person AS p ON p.person = x.subject")
    for index, name in enumerate(names):
        if ":" in name:
            table, own = f"facts_{name.replace(':', '_')}", name.startswith("person:")
            joins.append(f"LEFT JOIN {table} AS r{index} ON r{index}.subject = x.{'subject' if own else 'household'}")
            values.append(f"r{index}.rows")
            continue
        holder, column = name.split(".", 1)
        if holder == "household" and f"h_{column}" in columns["household"]:
            values.append(f"h.{quoted('h_' + column)}")
        elif holder == "members" and column in columns["person"]:
            values.append(f"m.{quoted(column)}")
        elif holder == "person" and column in columns["person"] and subject == "person":
            values.append(f"p.{quoted(column)}")
    return (
        f"SELECT DISTINCT x.kind, x.subject, x.policy, substr(md5({joined(values)}), 1, 24) AS facts "
        f"FROM {reasons} AS x {' '.join(joins)} WHERE x.kind = {text(subject)} AND x.policy = {text(policy)}"
    )
