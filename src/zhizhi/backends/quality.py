"""What the lake knows about the quality of its data: per dataset, per rule, per owner, and every bad row."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from zhizhi.backends.lake import Lake
from zhizhi.backends.vault import Vault
from zhizhi.engines.quality.cells import listed
from zhizhi.engines.quality.declared import Owner
from zhizhi.exchange.contract import Contract

#: Days after which a dataset with this update cycle is overdue.
CYCLES = {"daily": 1, "weekly": 7, "monthly": 31, "quarterly": 92, "yearly": 366}
#: Columns of ``quarantine.csv``.
COLUMNS = ("file", "row", "column", "value", "rule", "owner", "also")


@dataclass(frozen=True, slots=True)
class RuleResult:
    """One rule over the loads that make up a dataset.

    ``status`` is passed, failed or not run; ``rows`` rows broke it, ``named`` of them stand in quarantine under its name.
    """

    name: str
    titles: Mapping[str, str]
    check: str
    severity: str
    status: str
    rows: int
    named: int
    against: str
    outdated: bool

    def title(self, lang: str) -> str:
        """Return the rule's title in ``lang``."""
        return self.titles.get(lang) or self.name


@dataclass(frozen=True, slots=True)
class DatasetReport:
    """The state of one dataset: rows of the loads that it is made of, rules, and when it was last filled."""

    contract: Contract
    files: tuple[str, ...]
    read: int
    good: int
    bad: int
    version: int
    loaded_at: datetime
    due: datetime | None
    overdue: bool
    rules: tuple[RuleResult, ...]


@dataclass(frozen=True, slots=True)
class Task:
    """One thing an owner should mend: ``rows`` rows that break ``rule``; ``first`` is the first one's file and row."""

    owner: Owner
    contract: Contract
    rule: str
    titles: Mapping[str, str]
    check: str
    rows: int
    first: str


def current_loads(lake: Lake) -> dict[str, list[dict[str, Any]]]:
    """Return dataset -> the loads that its latest version is made of, oldest first."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for row in sorted(lake.rows("loads"), key=lambda item: item["sequence"]):
        if row["mode"] == "replace":
            found[row["dataset"]] = {}
        found.setdefault(row["dataset"], {})[row["load"]] = row
    return {dataset: list(loads.values()) for dataset, loads in sorted(found.items())}


def reports(lake: Lake, now: datetime) -> list[DatasetReport]:
    """Return the report of every dataset; ``now`` decides what is overdue."""
    loads = current_loads(lake)
    versions = lake.versions()
    results = lake.rows("results", _among(row["load"] for rows in loads.values() for row in rows)) if loads else []
    found = []
    for dataset, rows in loads.items():
        contract = lake.contract(dataset)
        mine = [result for result in results if result["dataset"] == dataset]
        last = rows[-1]
        days = CYCLES.get(contract.update)
        due = last["finished_at"] + timedelta(days=days) if days else None
        found.append(
            DatasetReport(
                contract=contract,
                files=tuple(row["file"] for row in rows),
                read=sum(row["read"] for row in rows),
                good=sum(row["good"] for row in rows),
                bad=sum(row["bad"] for row in rows),
                version=versions.get(dataset, last["version"]),
                loaded_at=last["finished_at"],
                due=due,
                overdue=due is not None and now > due,
                rules=_rules(contract, mine, versions),
            )
        )
    return found


def _among(loads: Any) -> str:
    return f"load IN ({listed(sorted(set(loads)))})"


def _rules(contract: Contract, results: Sequence[Mapping[str, Any]], versions: Mapping[str, int]) -> tuple[RuleResult, ...]:
    found = []
    titles = {rule.name: rule.titles for rule in contract.table.rules}
    for position in sorted({row["position"] for row in results}):
        rows = [row for row in results if row["position"] == position]
        states = {row["status"] for row in rows}
        status = "not run" if "not run" in states else ("failed" if "failed" in states else "passed")
        against = rows[-1]["against"] or ""
        target, _, seen = against.partition("@")
        outdated = bool(seen) and int(seen) != versions.get(target.partition(".")[0], int(seen))
        name = rows[-1]["rule"]
        found.append(
            RuleResult(
                name,
                titles.get(name, {}),
                rows[-1]["check"],
                rows[-1]["severity"],
                status,
                sum(row["rows"] for row in rows),
                sum(row["named"] for row in rows),
                against,
                outdated,
            )
        )
    return tuple(found)


def quarantine(lake: Lake, vault: Vault | None = None) -> list[dict[str, Any]]:
    """Return the bad rows of the loads that make up the lake, by file and row; sensitive values are masked without ``vault``."""
    loads = [row["load"] for rows in current_loads(lake).values() for row in rows]
    rows = lake.rows("quarantine", _among(loads)) if loads else []
    for row in rows:
        if vault is not None and row["cipher"]:
            row["value"] = vault.unseal(row["cipher"])
    return sorted(rows, key=lambda row: (row["file"], row["row"], row["load"]))


def write_quarantine(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write ``quarantine.csv``: plain UTF-8, one line a bad row."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def tasks(lake: Lake, rows: Sequence[Mapping[str, Any]]) -> list[Task]:
    """Return the owners' to-do list: by owner, the rules that most rows break first."""
    contracts = {dataset: lake.contract(dataset) for dataset in lake.datasets()}
    groups: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["owner"], row["dataset"], row["rule"]), []).append(row)
    found = []
    for (owner, dataset, rule), lines in groups.items():
        contract = contracts[dataset]
        named = next((r for r in contract.table.rules if r.name == rule), None)
        owners = {contract.department.id: contract.department} | {f.owner.id: f.owner for f in contract.table.fields}
        first = f"{lines[0]['file']}:{lines[0]['row']}"
        who = owners.get(owner, contract.department)
        found.append(Task(who, contract, rule, named.titles if named else {}, named.check if named else "", len(lines), first))
    return sorted(found, key=lambda task: (task.owner.id, -task.rows, task.contract.dataset, task.rule))
