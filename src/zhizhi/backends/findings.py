"""Decisions, findings and counts of a screening, as tables over its bits and as files that people open."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import duckdb
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font

from zhizhi.backends.population import scan, source_dataset, text
from zhizhi.backends.screening import Screening, policies_enrolled, stacking_of
from zhizhi.backends.vault import Vault
from zhizhi.backends.workbooks import workbook_bytes
from zhizhi.engines.screening.questions import Level, PlannedPolicy
from zhizhi.engines.screening.verdicts import decision, eligible, missing, near_miss, paid_table, taken, undecided

KINDS = ("missed", "leaking", "near miss", "unknown", "warning")
FINDINGS_HEADERS = {
    "zh": [
        "对象",
        "对象类别",
        "政策",
        "发现",
        "应发金额（元）",
        "现发金额（元）",
        "缺少的数据",
        "数据归口部门",
        "区划",
        "较上次",
        "严重程度",
    ],
    "en": [
        "Subject",
        "Kind",
        "Policy",
        "Finding",
        "Payable (CNY)",
        "Receives (CNY)",
        "Missing data",
        "Owner of the data",
        "Region",
        "Since last run",
        "Severity",
    ],
}
DECISION_COLUMNS = ("subject", "kind", "policy", "decision", "amount", "payable", "missing")
FINDING_COLUMNS = (
    "subject", "kind", "policy", "finding", "payable", "receives", "missing", "owner", "region", "severity", "since_last"
)  # fmt: skip
CHANGE_COLUMNS = ("subject", "kind", "policy", "event", "before", "after")
XLSX_ROWS = 1_048_000


def make_tables(run: Screening) -> None:
    """Make ``decisions`` and ``findings`` as views over the run's bits and receipts."""
    stacking = stacking_of(run.package)
    for level in run.levels():
        run.connection.execute(
            f"CREATE OR REPLACE TEMP VIEW {level.subject}_paid AS {paid_table(level, stacking, level.subject + '_bits')}"
        )
    decisions = " UNION ALL ".join(_decision_rows(level) for level in run.levels())
    run.connection.execute(f"CREATE OR REPLACE TEMP VIEW decisions AS {decisions}")
    covered = policies_enrolled(run.snapshot, run.package)
    parts = [
        _finding_rows(level, item, item.policy.id in covered, taken(level, stacking)[item.policy.id])
        for level in run.levels()
        for item in level.policies
    ]
    owners = missing_owners(run)
    values = ", ".join(f"({text(name)}, {text(zh)})" for name, zh in sorted(owners.items())) or "('', '')"
    run.connection.execute(f"CREATE OR REPLACE TEMP TABLE field_owners AS SELECT * FROM (VALUES {values}) AS t(name, owner)")
    run.connection.execute(f"CREATE OR REPLACE TEMP TABLE found AS {' UNION ALL '.join(parts)}")
    run.connection.execute(
        "CREATE OR REPLACE TEMP TABLE findings AS SELECT f.*, o.owner FROM found AS f LEFT JOIN ("
        "SELECT missing, string_agg(DISTINCT owner, ';' ORDER BY owner) AS owner FROM ("
        "SELECT missing, unnest(string_split(missing, ';')) AS name FROM "
        "(SELECT DISTINCT missing FROM found WHERE missing IS NOT NULL)) JOIN field_owners USING (name) GROUP BY missing"
        ") AS o ON o.missing = f.missing ORDER BY f.kind, f.policy, f.finding, f.subject"
    )


def _decision_rows(level: Level) -> str:
    """Return the SELECT of one row a subject and policy, a subject's rows together: one scan, and small on disk."""
    names, verdicts, amounts, paid, lacking = [], [], [], [], []
    for item in level.policies:
        names.append(text(item.policy.id))
        yes, open_ = eligible(item, level), undecided(item, level)
        verdicts.append(decision(item, level))
        amounts.append(item.amount or "NULL")
        paid.append(f'"payable_{item.policy.id}"' if item.amount else "NULL")
        lacking.append(f"CASE WHEN {open_} AND NOT ({yes}) THEN {missing(item, level)} END")
    subject = level.subject
    lists = {
        "policy": f"[{', '.join(names)}]",
        "decision": f"[{', '.join(verdicts)}]",
        "amount": f"CAST([{', '.join(amounts)}] AS BIGINT[])",
        "payable": f"CAST([{', '.join(paid)}] AS BIGINT[])",
        "missing": f"CAST([{', '.join(lacking)}] AS VARCHAR[])",
    }
    zipped = ", ".join(f"unnest({value}) AS {name}" for name, value in lists.items())
    return (
        "SELECT subject, kind, policy, decision, CAST(amount / 100.0 AS DECIMAL(18,2)) AS amount, "
        "CAST(payable / 100.0 AS DECIMAL(18,2)) AS payable, missing "
        f"FROM (SELECT {subject} AS subject, '{subject}' AS kind, {zipped} FROM {subject}_paid)"
    )


def _finding_rows(level: Level, item: PlannedPolicy, covered: bool, due: str) -> str:
    subject, policy = level.subject, item.policy
    yes, open_ = eligible(item, level), undecided(item, level)
    cases = []
    if policy.kind == "warning":
        cases.append(f"WHEN {yes} THEN 'warning'")
    elif covered:
        cases.append(f"WHEN {due} AND r.subject IS NULL THEN 'missed'")
        cases.append(f"WHEN NOT ({open_}) AND r.subject IS NOT NULL THEN 'leaking'")
    cases.append(f"WHEN {open_} AND NOT ({yes}) THEN 'unknown'")
    if any(condition.margin is not None for condition in policy.conditions):
        near = near_miss(item, level)
        cases.append(f"WHEN {near} AND r.subject IS NULL THEN 'near miss'")
    paid = f'CAST("payable_{policy.id}" / 100.0 AS DECIMAL(18,2))' if item.amount else "CAST(NULL AS DECIMAL(18,2))"
    lacks = f"CASE WHEN {open_} AND NOT ({yes}) THEN {missing(item, level)} END"
    inner = (
        f"SELECT b.{subject} AS subject, '{subject}' AS kind, {text(policy.id)} AS policy, "
        f"CASE {' '.join(cases)} END AS finding, "
        f"{paid} AS payable, CAST(r.amount / 100.0 AS DECIMAL(18,2)) AS receives, CAST({lacks} AS VARCHAR) AS missing, "
        f"b.household AS household, b.region AS region, {text(policy.severity)} AS severity FROM {subject}_paid AS b "
        f"LEFT JOIN (SELECT subject, amount FROM receipts WHERE kind = '{subject}' AND policy = {text(policy.id)}) AS r "
        f"ON r.subject = b.{subject}"
    )
    return f"SELECT * FROM ({inner}) WHERE finding IS NOT NULL"


def missing_owners(run: Screening, lang: str = "zh") -> dict[str, str]:
    """Return, per variable (or ``table.field``) that a decision can lack, the department that owns its source."""
    owners: dict[str, str] = {}
    vocabulary = run.package.needs.vocabulary
    for entity in ("person", "household"):
        for name, variable in vocabulary.variables.get(entity, {}).items():
            if variable.source is not None:
                owners[name] = _owner(run, source_dataset(variable), lang)
    for record in vocabulary.records.values():
        for name in record.fields:
            owners[f"{record.name}.{name}"] = _owner(run, record.dataset, lang)
    return owners


def _owner(run: Screening, dataset: str, lang: str) -> str:
    return run.snapshot.contract(dataset).owner(lang) if dataset in run.snapshot.versions else dataset


# changes -----------------------------------------------------------------------------------------------------------


def mark_new(connection: duckdb.DuckDBPyConnection, previous: Path | None) -> None:
    """Add ``since_last`` to findings: ``new`` where the findings of ``previous`` (a Parquet file) have no such row."""
    if previous is None or not previous.exists():
        connection.execute("ALTER TABLE findings ADD COLUMN since_last VARCHAR")
        return
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE findings AS SELECT f.*, CASE WHEN p.subject IS NULL THEN 'new' END AS since_last "
        f"FROM findings AS f LEFT JOIN (SELECT DISTINCT subject, policy, finding FROM {scan([str(previous)])}) AS p "
        "ON p.subject = f.subject AND p.policy = f.policy AND p.finding = f.finding "
        "ORDER BY f.kind, f.policy, f.finding, f.subject"
    )


# files -------------------------------------------------------------------------------------------------------------


def clear_names(run: Screening, vault: Vault) -> None:
    """Make the table ``clear`` (pseudonym, value) of every subject that findings and decisions can name."""
    rows = run.connection.execute("SELECT household FROM household_bits").fetchall() if run.plan.household.policies else []
    if run.plan.person.policies:
        rows += run.connection.execute("SELECT person FROM person_bits").fetchall()
    found = vault.reveal(run.snapshot.lake, [row[0] for row in rows])
    run.connection.execute("CREATE OR REPLACE TEMP TABLE clear (pseudonym VARCHAR, value VARCHAR)")
    if found:
        run.connection.execute("INSERT INTO clear SELECT unnest(?), unnest(?)", [list(found.keys()), list(found.values())])


def write_parquet(run: Screening, table: str, columns: Iterable[str], path: Path, reveal: bool) -> int:
    """Write a table to Parquet, whole or not at all, and return its number of rows.

    With ``reveal`` subjects and households are shown in clear. Row order and bytes are the same for the same input.
    """
    listed = ", ".join(_shown(name, reveal) for name in columns)
    join = " LEFT JOIN clear AS c ON c.pseudonym = t.subject" if reveal else ""
    order = " ORDER BY subject, policy" if reveal else ""
    part = path.with_name(f".{path.name}.part")
    run.connection.execute(
        f"COPY (SELECT {listed} FROM {table} AS t{join}{order}) TO {text(str(part))} (FORMAT parquet, COMPRESSION snappy)"
    )
    part.replace(path)
    row = run.connection.execute(f"SELECT count(*) FROM {scan([str(path)])}").fetchone()
    return int(row[0]) if row else 0


def _shown(name: str, reveal: bool) -> str:
    if reveal and name == "subject":
        return "coalesce(c.value, t.subject) AS subject"
    return f"t.{name}"


def counts(run: Screening) -> list[dict[str, Any]]:
    """Return per policy: eligible, unknown, receiving, missed, leaking, near miss, monthly payable in yuan."""
    covered = policies_enrolled(run.snapshot, run.package)
    found: dict[tuple[str, str], int] = {
        (row[0], row[1]): row[2]
        for row in run.connection.execute("SELECT policy, finding, count(*) FROM findings GROUP BY ALL").fetchall()
    }
    receiving = dict(run.connection.execute("SELECT policy, count(DISTINCT subject) FROM receipts GROUP BY policy").fetchall())
    rows = []
    for level in run.levels():
        values = _sums(run, level, "0 AS whole", "")[0][1:]
        for index, item in enumerate(level.policies):
            name = item.policy.id
            rows.append(
                {
                    "policy": name,
                    "kind": item.policy.kind,
                    "subject": level.subject,
                    "eligible": values[2 * index],
                    "receiving": receiving.get(name, 0) if name in covered else None,
                    **{kind.replace(" ", "_"): found.get((name, kind), 0) for kind in KINDS},
                    "compared": name in covered,
                    "unit": str(item.policy.amount.unit) if item.policy.amount else None,
                    "payable": None if values[2 * index + 1] is None else values[2 * index + 1] / 100,
                }
            )
    return rows


REGION_COLUMNS = (
    "region", "policy", "eligible", "receiving", "missed", "leaking", "near_miss", "unknown", "warning", "payable", "unit"
)  # fmt: skip


def by_region(run: Screening, length: int = 6) -> list[dict[str, Any]]:
    """Return per region (the first ``length`` digits of its code) and policy: eligible, findings by kind, payable yuan."""
    covered = policies_enrolled(run.snapshot, run.package)
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for level in run.levels():
        for region, *values in _sums(run, level, f"substr(region, 1, {length}) AS r", "GROUP BY r ORDER BY r"):
            for index, item in enumerate(level.policies):
                paid = values[2 * index + 1]
                rows[region, item.policy.id] = dict.fromkeys(REGION_COLUMNS, 0) | {
                    "region": region,
                    "policy": item.policy.id,
                    "eligible": values[2 * index],
                    "receiving": 0 if item.policy.id in covered else None,
                    "payable": None if paid is None else paid / 100,
                    "unit": str(item.policy.amount.unit) if item.policy.amount else None,
                }
        receiving = (
            f"SELECT substr(b.region, 1, {length}), r.policy, 'receiving', count(DISTINCT r.subject) FROM receipts AS r "
            f"JOIN {level.subject}_bits AS b ON b.{level.subject} = r.subject WHERE r.kind = '{level.subject}' GROUP BY ALL"
        )
        found = (
            f"SELECT substr(region, 1, {length}), policy, replace(finding, ' ', '_'), count(*) FROM findings "
            f"WHERE kind = '{level.subject}' GROUP BY ALL"
        )
        for region, policy, column, count in run.connection.execute(f"{receiving} UNION ALL {found}").fetchall():
            if (region, policy) in rows:
                rows[region, policy][column] = count
    return [rows[key] for key in sorted(rows)]


def _sums(run: Screening, level: Level, first: str, last: str) -> list[Any]:
    """Return ``first``, then per policy how many are eligible and what is payable to them in fen."""
    sums = []
    for item in level.policies:
        paid = f'sum("payable_{item.policy.id}") FILTER ({eligible(item, level)})' if item.amount else "NULL"
        sums += [f"count(*) FILTER ({eligible(item, level)})", f"CAST({paid} AS BIGINT)"]
    return run.connection.execute(f"SELECT {first}, {', '.join(sums)} FROM {level.subject}_paid {last}").fetchall()


def write_regions(rows: Iterable[Mapping[str, Any]], path: Path) -> None:
    """Write the counts by region and policy as CSV (UTF-8)."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, REGION_COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def write_workbook(run: Screening, path: Path, titles: Mapping[str, str], lang: str, reveal: bool, note: str) -> int:
    """Write the findings and the counts to an ``.xlsx`` with one sheet each; return how many findings did not fit.

    The file's times are fixed, so that the same findings give the same bytes.
    """
    book = Workbook(write_only=True)
    sheet = book.create_sheet({"zh": "发现", "en": "Findings"}[lang])
    sheet.freeze_panes = "A3"
    sheet.append([_bold(sheet, note)])
    sheet.append([_bold(sheet, header) for header in FINDINGS_HEADERS[lang]])
    join = " LEFT JOIN clear AS c ON c.pseudonym = t.subject" if reveal else ""
    subject = "coalesce(c.value, t.subject)" if reveal else "t.subject"
    cursor = run.connection.execute(
        f"SELECT {subject}, kind, policy, finding, payable, receives, missing, owner, region, since_last, severity "
        f"FROM findings AS t{join} ORDER BY kind, policy, finding, 1"
    )
    words = KIND_WORDS[lang]
    written = 0
    while rows := cursor.fetchmany(10_000):
        for row in rows:
            if written < XLSX_ROWS:
                shown = [words.get(str(value), value) if index in (1, 3, 9, 10) else value for index, value in enumerate(row)]
                shown[2] = titles.get(row[2], row[2])
                sheet.append(shown)
            written += 1
    second = book.create_sheet({"zh": "各地各政策", "en": "By region and policy"}[lang])
    second.append([_bold(second, header) for header in REGION_HEADERS[lang]])
    for counted in by_region(run):
        second.append([titles.get(counted[key], counted[key]) if key == "policy" else counted[key] for key in REGION_COLUMNS])
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(workbook_bytes(book))
    part.replace(path)
    return max(0, written - XLSX_ROWS)


REGION_HEADERS = {
    "zh": ["区划", "政策", "符合", "在享", "应享未享", "不应享而享", "临界", "数据不足", "预警", "应发金额（元）", "单位"],
    "en": ["Region", "Policy", "Eligible", "Receiving", "Missed", "Leaking", "Near", "Unknown", "Warned", "Payable", "Unit"],
}
KIND_WORDS = {
    "zh": {
        "missed": "应享未享",
        "leaking": "不应享而享",
        "near miss": "临界",
        "unknown": "数据不足",
        "warning": "预警",
        "household": "家庭",
        "person": "个人",
        "new": "新增",
        "high": "高",
        "medium": "中",
        "low": "低",
    },
    "en": {},
}


def _bold(sheet: Any, value: str) -> Any:
    cell = WriteOnlyCell(sheet, value=value)
    cell.font = Font(bold=True)
    return cell


def notes(run: Screening, lang: str) -> list[str]:
    """Return what a reader of the counts must know: datasets never loaded, recipients who are in no household."""
    lines = []
    absent = sorted(name for name in datasets_named(run) if name not in run.snapshot.versions)
    if absent:
        text_ = {
            "zh": "未加载的数据集（相关变量作未知处理）：{names}",
            "en": "datasets never loaded (their variables are unknown): {names}",
        }
        lines.append(text_[lang].format(names=", ".join(absent)))
    return lines


def datasets_named(run: Screening) -> set[str]:
    """Return the datasets that the package's vocabulary names."""
    vocabulary = run.package.needs.vocabulary
    names = {record.dataset for record in vocabulary.records.values()}
    for variables in vocabulary.variables.values():
        names |= {source_dataset(variable) for variable in variables.values() if variable.source is not None}
    return names
