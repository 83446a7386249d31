"""Whether the datasets' contracts have every field that a package's needs name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path

from zhizhi.backends.population import source_dataset, source_fields
from zhizhi.exchange.contract import SUFFIX, Contract, read_contracts
from zhizhi.kernel.errors import PackageError, Place
from zhizhi.scenarios.document import read_document
from zhizhi.scenarios.needs import Needs
from zhizhi.scenarios.package import Package


def contracts_folder(package: Path) -> Path | None:
    """Return where a package's contracts lie: inside it or beside it; None if neither folder holds any."""
    for folder in (package / "contracts", package.resolve().parent / "contracts"):
        if any(folder.glob(f"*{SUFFIX}")):
            return folder
    return None


def contract_faults(package: Package, folder: Path) -> Iterator[PackageError]:
    """Yield ``package.contract-dataset`` and ``package.contract-field`` for what the needs name and no contract has."""
    contracts: Mapping[str, Contract] = {contract.dataset: contract for contract in read_contracts(folder)}
    told: set[tuple[str, str]] = set()
    for dataset, field, place in _named(package):
        contract = contracts.get(dataset)
        if contract is None:
            if (dataset, "") not in told:
                told.add((dataset, ""))
                yield PackageError("package.contract-dataset", place, dataset=dataset, known=", ".join(sorted(contracts)))
        elif field and field not in contract.fields and (dataset, field) not in told:
            told.add((dataset, field))
            near = get_close_matches(field, list(contract.fields), n=1, cutoff=0.4)
            nearest = near[0] if near else ", ".join(contract.fields)
            yield PackageError("package.contract-field", place, dataset=dataset, field=field, nearest=nearest)


def _named(package: Package) -> Iterator[tuple[str, str, Place]]:
    """Yield (dataset, field, where it is named) of all that the needs read; the field is empty where only rows count."""
    document = read_document(package.folder / "needs.yaml", package.folder)
    needs: Needs = package.needs
    people = needs.population
    for key, field in (("person", people.person), ("household", people.household), ("region", people.region or "")):
        yield people.dataset, field, document.place("population", key)
    for key, names in (("member_if", people.member_if), ("head", people.head)):
        for field in names:
            yield people.dataset, field, document.place("population", key, field)
    for variables in needs.vocabulary.variables.values():
        for variable in variables.values():
            if variable.source is not None:
                place = variable.place or document.place("variables", variable.name)
                yield source_dataset(variable), "", place
                for dataset, field in source_fields(variable):
                    yield dataset, field, place
    for record in needs.vocabulary.records.values():
        yield record.dataset, record.date, document.place("records", record.name, "date")
        for field in record.fields:
            yield record.dataset, field, document.place("records", record.name, "fields", field)
    for index, row in enumerate(needs.enrolment):
        for named in (row.person, row.household, row.policy, row.amount, row.since, *row.where):
            if named:
                yield row.dataset, named, document.place("enrolment", index)
