"""Which variables, policies and warnings read each field, worked out from the packages in use."""

from __future__ import annotations

from collections.abc import Iterator

from zhizhi.apps.catalogue.schemas import Reader
from zhizhi.apps.catalogue.selectors.sources import packages_in_use
from zhizhi.backends.population import source_dataset, source_fields
from zhizhi.engines.rules import ir
from zhizhi.engines.rules.policy import Policy
from zhizhi.engines.rules.syntax import Call
from zhizhi.engines.rules.vocabulary import Variable, Vocabulary
from zhizhi.scenarios.package import Package

Place = tuple[str, str]
"""A dataset and a field of it; an empty field means that only its rows are counted."""
_kept: dict[str, dict[Place, tuple[Reader, ...]]] = {}


def readers() -> dict[Place, tuple[Reader, ...]]:
    """Return (dataset, field) -> all that reads it, policies first."""
    packages = packages_in_use()
    key = "|".join(f"{package.id}@{package.digest}" for package in packages)
    if key not in _kept:
        found: dict[Place, dict[tuple[str, str], Reader]] = {}
        for package in packages:
            for place, reader in _all(package):
                found.setdefault(place, {}).setdefault((reader.kind, reader.id), reader)
        _kept.clear()
        order = ("policy", "warning", "variable", "register", "enrolment")
        _kept[key] = {
            place: tuple(sorted(listed.values(), key=lambda r: (order.index(r.kind), r.id))) for place, listed in found.items()
        }
    return _kept[key]


def _all(package: Package) -> Iterator[tuple[Place, Reader]]:
    vocabulary = package.needs.vocabulary
    register = Reader("register", package.id, package.title)
    people = package.needs.population
    for field in (people.person, people.household, people.region, *people.member_if, *people.head):
        if field:
            yield (people.dataset, field), register
    for entity, listed in vocabulary.variables.items():
        for variable in listed.values():
            if variable.source is not None:
                reader = Reader("variable", f"{entity}.{variable.name}", variable.title)
                yield from ((place, reader) for place in _sources(variable, vocabulary))
    for policy in package.policies.values():
        reader = Reader(policy.kind, policy.id, policy.title)
        yield from ((place, reader) for place in policy_places(policy, vocabulary))
    enrolment = Reader("enrolment", package.id, package.title)
    for row in package.needs.enrolment:
        for field in (row.person, row.household, row.policy, row.amount, row.since, *row.where):
            if field:
                yield (row.dataset, field), enrolment


def policy_places(policy: Policy, vocabulary: Vocabulary) -> set[Place]:
    """Return every dataset and field that decides a policy, through variables and record tables."""
    nodes = [condition.node for condition in policy.conditions]
    if policy.amount is not None:
        nodes.append(policy.amount.node)
    found: set[Place] = set()
    for node in nodes:
        for part in ir.walk(node):
            if isinstance(part, ir.Var):
                found |= _places(part, vocabulary)
            elif isinstance(part, ir.Aggregate) and part.over in vocabulary.records:
                record = vocabulary.records[part.over]
                found.add((record.dataset, record.column(record.date) if part.window else ""))
    return found


def _places(variable: ir.Var, vocabulary: Vocabulary) -> set[Place]:
    if variable.entity in vocabulary.records:
        record = vocabulary.records[variable.entity]
        return {(record.dataset, record.column(variable.name))}
    declared = vocabulary.of(variable.entity).get(variable.name)
    if declared is None or declared.source is None:
        return set()
    return _sources(declared, vocabulary)


def _sources(variable: Variable, vocabulary: Vocabulary) -> set[Place]:
    """Return what a variable is made of; a window or ``latest`` also reads the record table's date."""
    found = set(source_fields(variable))
    dataset = source_dataset(variable)
    body, window = (variable.source.body, variable.source.window) if variable.source else (None, None)
    if window or (isinstance(body, Call) and (body.window or (body.function == "latest" and not body.by))):
        found |= {(dataset, record.column(record.date)) for record in vocabulary.records.values() if record.dataset == dataset}
    return found or {(dataset, "")}
