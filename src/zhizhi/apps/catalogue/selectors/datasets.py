"""Datasets as everybody may see them: what they are, how good, how fresh, who answers for them and what reads them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from zhizhi.apps.actors import Actor, Permission
from zhizhi.apps.catalogue.schemas import STATES, UNFIT, Dataset, DatasetRow, FieldRow, LoadRow, Names, Reader, RuleRow
from zhizhi.apps.catalogue.selectors.readers import readers
from zhizhi.apps.catalogue.selectors.sources import contract_of, contracts, lake_or_none
from zhizhi.backends.holdings import loads_of, rows_held, standing
from zhizhi.backends.quality import CYCLES, DatasetReport
from zhizhi.engines.quality.declared import Field, Owner, Rule
from zhizhi.exchange.contract import Contract
from zhizhi.exchange.plain_yaml import load_plain
from zhizhi.kernel.errors import UsageError

SORTS = ("title", "state", "loaded", "bad", "owner")
FIT = ("fit", "unfit")


def dataset_list(
    actor: Actor, *, now: datetime, owner: str = "", state: str = "", grade: str = "", fit: str = "", sort: str = "state"
) -> list[DatasetRow]:
    """Return all datasets that have a contract, filtered and sorted.

    Args:
        actor: who looks; ``DATASET_VIEW`` shows no row of data, so that every post sees every dataset.
        now: decides what is overdue.
        owner: department id; empty for all.
        state: one of ``STATES``.
        grade: highest grade of a field, L1 to L4.
        fit: ``fit`` or ``unfit`` for use.
        sort: one of ``SORTS``; the state puts what needs attention first.

    Raises:
        UsageError: ``catalogue.filter-value``.
    """
    actor.require(Permission.DATASET_VIEW)
    for name, value, known in (("state", state, STATES), ("sort", sort, SORTS), ("fit", fit, FIT)):
        if value and value not in known:
            raise UsageError("catalogue.filter-value", name=name, value=value, known=", ".join(known))
    rows = [
        row
        for row in _rows(now)
        if (not owner or row.owner == owner)
        and (not state or row.state == state)
        and (not grade or row.grade == grade)
        and (not fit or row.fit == (fit == "fit"))
    ]
    keys: dict[str, Callable[[DatasetRow], Any]] = {
        "title": lambda row: row.title["zh"],
        "state": lambda row: (STATES.index(row.state), -(row.bad_share or 0.0)),
        "loaded": lambda row: row.loaded_at.timestamp() if row.loaded_at else 0.0,
        "bad": lambda row: -row.bad,
        "owner": lambda row: row.owner,
    }
    return sorted(rows, key=lambda row: (keys[sort or "state"](row), row.id))


def dataset_counts(actor: Actor, *, now: datetime) -> dict[str, int]:
    """Return state -> how many datasets are in it, and under ``unfit`` how many are not fit for use."""
    rows = dataset_list(actor, now=now)
    found = {state: sum(row.state == state for row in rows) for state in STATES}
    return found | {"unfit": sum(found[state] for state in UNFIT), "all": len(rows)}


def dataset_get(actor: Actor, dataset: str, *, now: datetime) -> Dataset:
    """Return everything about one dataset that is no personal data.

    Raises:
        NotFoundError: ``catalogue.dataset-unknown``.
    """
    actor.require(Permission.DATASET_VIEW)
    contract = contract_of(dataset)
    lake = lake_or_none()
    report = _report(dataset)
    held = rows_held(lake).get(dataset) if lake else None
    loads = loads_of(lake, dataset) if lake else []
    return Dataset(
        row=_row(contract, report, held, now),
        fields=_fields(contract),
        rules=_rules(contract, report),
        loads=tuple(
            LoadRow(
                load=str(row["load"]),
                file=str(row["file"]),
                mode=str(row["mode"]),
                read=int(row["read"]),
                good=int(row["good"]),
                bad=int(row["bad"]),
                idle=int(row["not_run"]),
                version=int(row["version"]),
                at=row["finished_at"],
                current=bool(row["current"]),
            )
            for row in loads
        ),
        file=contract.file,
        contract_version=str(_document(contract).get("version", "")),
    )


def owners(actor: Actor) -> list[Owner]:
    """Return the departments that answer for a dataset, by id."""
    actor.require(Permission.DATASET_VIEW)
    found = {contract.department.id: contract.department for contract in contracts().values()}
    return [found[name] for name in sorted(found)]


def grade_number(grade: str) -> int:
    """Return 1 to 4 for L1 to L4; a field without a grade counts as 2, as ordinary data of an office."""
    return int(grade[1]) if len(grade) == 2 and grade[0] == "L" and grade[1].isdigit() else 2


def purpose_of(contract: Contract) -> dict[str, str]:
    """Return what a dataset is, in both languages; a contract that writes both in one text has them told apart."""
    text = str((_document(contract).get("description") or {}).get("purpose") or "")
    zh, stop, en = text.partition("。")
    if stop and en.strip().isascii() and en.strip():
        return {"zh": zh + stop, "en": en.strip()}
    return {"zh": text, "en": text}


def _document(contract: Contract) -> dict[str, Any]:
    return dict(load_plain(contract.source))


def _report(dataset: str) -> DatasetReport | None:
    lake = lake_or_none()
    return next((item for item in standing(lake) if item.contract.dataset == dataset), None) if lake else None


def _rows(now: datetime) -> list[DatasetRow]:
    lake = lake_or_none()
    found = {item.contract.dataset: item for item in standing(lake)} if lake else {}
    held = rows_held(lake) if lake else {}
    return [_row(contract, found.get(name), held.get(name), now) for name, contract in contracts().items()]


def _row(contract: Contract, report: DatasetReport | None, held: int | None, now: datetime) -> DatasetRow:
    results = report.rules if report else ()
    counts = {status: sum(rule.status == status for rule in results) for status in ("passed", "failed", "not run")}
    days = CYCLES.get(contract.update)
    due = report.loaded_at + timedelta(days=days) if report and days else None
    state = "good"
    if report is None:
        state = "missing"
    elif due is not None and now > due:
        state = "overdue"
    elif counts["not run"]:
        state = "idle"
    elif report.bad:
        state = "faulty"
    return DatasetRow(
        id=contract.dataset,
        title=contract.titles,
        owner=contract.department.id,
        owner_name=names(contract.department),
        grade=max((item.grade for item in contract.table.fields if item.grade), default=""),
        update=contract.update,
        mode=contract.mode,
        state=state,
        loaded_at=report.loaded_at if report else None,
        due=due,
        rows=held,
        bad=report.bad if report else 0,
        read=report.read if report else 0,
        version=report.version if report else None,
        passed=counts["passed"],
        failed=counts["failed"],
        idle=counts["not run"] if report else len(contract.table.rules),
        purpose=purpose_of(contract),
    )


def names(owner: Owner) -> dict[str, str]:
    """Return a department's name in both languages."""
    return {"zh": owner.zh, "en": owner.en}


def _fields(contract: Contract) -> tuple[FieldRow, ...]:
    found = readers()
    used = any(place[0] == contract.dataset for place in found)
    return tuple(_field(contract, item, found.get((contract.dataset, item.name), ()), used) for item in contract.table.fields)


def _field(contract: Contract, item: Field, listed: Sequence[Reader], used: bool) -> FieldRow:
    seen = tuple(listed)
    if item.identifier and used and not any(reader.kind == "register" for reader in seen):
        seen = (*seen, Reader("link", item.identifier, {}))
    return FieldRow(
        name=item.name,
        header=item.header,
        title=item.titles,
        type=item.type,
        unit=item.unit,
        grade=item.grade,
        owner=item.owner.id,
        owner_name=names(item.owner),
        required=item.required,
        key=bool(item.key_position),
        identifier=item.identifier,
        protect=item.protect,
        codes=len(item.codes),
        readers=seen,
    )


def _rules(contract: Contract, report: DatasetReport | None) -> tuple[RuleRow, ...]:
    """Return the rules with what came of them, those that want a look first; without any load none was run."""
    declared = contract.table.rules
    if report is None:
        return tuple(
            RuleRow(r.name, r.titles, r.check, r.severity, "not run", 0, 0, "", False, _titles(contract, r)) for r in declared
        )
    same = [rule.name for rule in declared] == [rule.name for rule in report.rules]
    order = {"not run": 0, "failed": 1, "passed": 2}
    rows = [
        RuleRow(
            r.name,
            r.titles,
            r.check,
            r.severity,
            r.status,
            r.rows,
            r.named,
            r.against,
            r.outdated,
            _titles(contract, declared[place]) if same else (),
        )
        for place, r in enumerate(report.rules)
    ]
    return tuple(sorted(rows, key=lambda row: (order[row.status], -row.rows)))


def _titles(contract: Contract, rule: Rule) -> tuple[Names, ...]:
    return tuple(contract.fields[name].titles for name in rule.fields if name in contract.fields)
