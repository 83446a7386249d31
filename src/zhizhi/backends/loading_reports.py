"""The bad rows of a load as quarantine lines, and what came of each of its rules."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import pyarrow as pa

from zhizhi.backends.lake import QUARANTINE, RESULTS
from zhizhi.backends.vault import Vault
from zhizhi.engines.quality.checks import Check
from zhizhi.engines.quality.declared import Field, Owner, Phase, Rule
from zhizhi.engines.quality.statements import Plan, tallies
from zhizhi.exchange.contract import Contract
from zhizhi.kernel.identifiers import masked


def quarantine_rows(
    plan: Plan, bad: pa.Table, irregular: Sequence[tuple[int, str]], contract: Contract, vault: Vault, load: str, file: str
) -> pa.Table:
    """Return one line a bad row: its rule is the first in the contract's order that it broke.

    The others of that phase stand in ``also``.

    The value and the whole row as read are kept as cipher texts where the field is sensitive; ``value`` then is masked.
    """
    lines = []
    for row in bad.to_pylist():
        checks = plan.checks[Phase(row["phase"])]
        broken = sorted((c for bit, c in enumerate(checks) if row["bits"] >> bit & 1 and c.rule.severity == "error"), key=_order)
        raw = [row[f"c{i}"] for i in range(len(plan.columns))]
        lines.append(_line(plan, broken, row["_row"], raw, vault))
    layout = next(rule for rule in plan.table.rules if rule.check == "columns")
    for number, text in irregular:
        lines.append(
            {
                "row": number,
                "column": "",
                "field": "",
                "value": "",
                "cipher": vault.seal(text),
                "rule": layout.name,
                "also": "",
                "owner": contract.department.id,
                "raw": vault.seal(json.dumps([text], ensure_ascii=False)),
            }
        )
    lines.sort(key=lambda line: line["row"])
    for line in lines:
        line |= {"load": load, "dataset": contract.dataset, "file": file}
    return pa.Table.from_pylist(lines, schema=QUARANTINE)


def _order(check: Check) -> int:
    return check.position


def _line(plan: Plan, broken: Sequence[Check], row: int, raw: Sequence[str | None], vault: Vault) -> dict[str, Any]:
    first = broken[0]
    others = list(dict.fromkeys(c.rule.name for c in broken if c.rule.name != first.rule.name))
    item = plan.table.field(first.field) if first.field else None
    column, value = "", ""
    if item is not None:
        column, value = item.header, raw[plan.columns.index(item.header)] or ""
    elif first.rule.check == "total-row":
        place = next((i for i, cell in enumerate(raw) if (cell or "").strip()), 0)
        column, value = plan.columns[place], raw[place] or ""
    owner: Owner | None = item.owner if item is not None else plan.table.fields[0].owner
    hidden = item is not None and _hidden(plan, item)
    return {
        "row": row,
        "column": column,
        "field": first.field,
        "value": masked("number", value) if hidden and value else value,
        "cipher": vault.seal(value) if hidden else "",
        "rule": first.rule.name,
        "also": "; ".join(others),
        "owner": owner.id if owner else "",
        "raw": vault.seal(json.dumps(list(raw), ensure_ascii=False)),
    }


def _hidden(plan: Plan, item: Field) -> bool:
    return any(other.sensitive for other in plan.table.fields if other.header == item.header)


def result_rows(
    plan: Plan,
    connection: duckdb.DuckDBPyConnection,
    irregular: Sequence[tuple[int, str]],
    quarantine: pa.Table,
    contract: Contract,
    load: str,
    not_run: set[int],
    against: Mapping[int, str],
) -> pa.Table:
    """Return one line a rule: passed, failed or not run, how many rows broke it, and how many of them it gave its name to."""
    broken: dict[int, int] = {}
    query = tallies(plan)
    for phase, bit, count in connection.execute(query).fetchall() if query else []:
        position = plan.checks[Phase(phase)][bit].position
        broken[position] = broken.get(position, 0) + count
    for phase, bits, count in connection.execute("SELECT phase, bits, count(*) FROM faults GROUP BY ALL").fetchall():
        for bit, check in enumerate(plan.checks[Phase(phase)]):
            if bits >> bit & 1:
                broken[check.position] = broken.get(check.position, 0) + count
    named: dict[str, int] = {}
    for name in quarantine.column("rule").to_pylist():
        named[name] = named.get(name, 0) + 1
    lines = []
    for position, rule in enumerate(plan.table.rules):
        count = len(irregular) if rule.check == "columns" else broken.get(position, 0)
        lines.append(_result(contract, load, position, rule, count, named, position in not_run, against.get(position, "")))
    return pa.Table.from_pylist(lines, schema=RESULTS)


def _result(
    contract: Contract, load: str, position: int, rule: Rule, count: int, named: Mapping[str, int], idle: bool, against: str
) -> dict[str, Any]:
    status = "not run" if idle else ("failed" if count else "passed")
    return {
        "load": load,
        "dataset": contract.dataset,
        "position": position,
        "rule": rule.name,
        "check": rule.check,
        "phase": int(rule.phase),
        "severity": rule.severity,
        "status": status,
        "rows": count,
        "named": 0 if idle else named.get(rule.name, 0),
        "against": against,
    }
