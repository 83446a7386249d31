"""Read a scenario package: its manifest, needs, policies, warnings and overlays, checked as one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from zhizhi.engines.rules import ir
from zhizhi.engines.rules.checker import Environment, check
from zhizhi.engines.rules.policy import Policy
from zhizhi.engines.rules.resolution import significant
from zhizhi.engines.rules.syntax import Call, Membership, Name, Operation, Source
from zhizhi.engines.rules.types import BOOLEAN
from zhizhi.engines.rules.vocabulary import Parameter
from zhizhi.engines.workflow.calendar import WorkingCalendar
from zhizhi.engines.workflow.definition import Workflow
from zhizhi.kernel.errors import PackageError, Place
from zhizhi.scenarios.calendar_file import read_calendar
from zhizhi.scenarios.decision_files import read_table
from zhizhi.scenarios.document import Document, read_document, validate
from zhizhi.scenarios.needs import Needs, read_needs
from zhizhi.scenarios.policy_file import PolicySource, RegionalChange, figure, read_parameters, read_policy
from zhizhi.scenarios.workflow_file import read_workflows

DECIDING = ("policies", "tables", "overlays", "workflows", "calendar")


@dataclass(frozen=True, slots=True)
class Ceiling:
    """What several policies together may not exceed, for a person or household."""

    id: str
    policies: tuple[str, ...]
    per: str
    limit: ir.Node
    label: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Package:
    """A checked scenario package. ``figures`` holds every parameter by (owner, name); the package's own have owner ""."""

    id: str
    version: str
    title: Mapping[str, str]
    departments: Mapping[str, Mapping[str, str]]
    needs: Needs
    policies: Mapping[str, Policy]
    figures: Mapping[tuple[str, str], Parameter]
    order: tuple[str, ...]
    ceilings: tuple[Ceiling, ...]
    overlays: tuple[str, ...]
    digest: str
    folder: Path
    classes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    workflows: Mapping[str, Workflow] = field(default_factory=dict)
    calendar: WorkingCalendar | None = None


def read_package(folder: Path) -> Package:
    """Read and check the package in ``folder``.

    Raises:
        PackageError: a file, key or reference is missing or wrong; PolicyError: an expression is. Both name the place.
    """
    manifest = read_document(folder / "package.yaml", folder)
    validate(manifest, "package")
    needs = read_needs(read_document(folder / "needs.yaml", folder))
    shared = read_parameters(manifest, "")
    sources = _sources(folder, manifest)
    overlays = _overlays(folder)
    for overlay in overlays:
        needs = _apply(overlay, shared, sources, needs)
    policies = _check(sources, needs, shared, folder)
    figures = {("", name): parameter for name, parameter in shared.items()}
    for source in sources.values():
        figures |= {(source.id, name): parameter for name, parameter in source.params.items()}
    data = manifest.data
    order, ceilings = _stacking(manifest, policies, needs, shared)
    workflows = read_workflows(folder, overlays)
    calendar = read_calendar(folder)
    if workflows and calendar is None:
        raise PackageError("workflow.calendar-none", Place("calendar"))
    return Package(
        id=data["scenario"],
        version=str(data["version"]),
        title=data["title"],
        departments=data.get("departments") or {},
        needs=needs,
        policies=policies,
        figures=figures,
        order=order,
        ceilings=ceilings,
        overlays=tuple(overlay.data["region"] for overlay in overlays),
        digest=package_digest(folder),
        folder=folder,
        classes=data.get("classes") or {},
        workflows=workflows,
        calendar=calendar,
    )


def package_digest(folder: Path) -> str:
    """Return the SHA-256 over the names and contents of the files that decide: those of `DECIDING`, manifest and needs."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        part = path.relative_to(folder)
        decides = part.parts[0] in DECIDING or str(part) in ("package.yaml", "needs.yaml")
        if path.is_file() and decides:
            digest.update(f"{part.as_posix()}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _sources(folder: Path, manifest: Document) -> dict[str, PolicySource]:
    sources: dict[str, PolicySource] = {}
    departments = manifest.data.get("departments") or {}
    paths = sorted((folder / "policies").glob("*.yaml"))
    if not paths:
        raise PackageError("package.no-policies", Place(str(folder.name)), folder=folder.name)
    for path in paths:
        document = read_document(path, folder)
        validate(document, "policy")
        source = PolicySource(document)
        if source.id in sources:
            other = sources[source.id].document.name
            raise PackageError("package.policy-twice", document.place(), id=source.id, other=other)
        department = document.data["department"]
        if departments and department not in departments:
            place = document.place("department")
            raise PackageError("package.department-unknown", place, department=department, known=", ".join(departments))
        classes = manifest.data.get("classes") or {}
        group = document.data.get("class")
        if classes and group is not None and group not in classes:
            raise PackageError("package.class-unknown", document.place("class"), group=group, known=", ".join(classes))
        source.params = read_parameters(document, source.id)
        sources[source.id] = source
    return sources


def _overlays(folder: Path) -> list[Document]:
    documents = []
    for path in sorted((folder / "overlays").glob("*/overlay.yaml")):
        document = read_document(path, folder)
        validate(document, "overlay")
        if document.data["region"] != path.parent.name:
            place = document.place("region")
            raise PackageError("package.overlay-folder", place, region=document.data["region"], folder=path.parent.name)
        documents.append(document)
    return sorted(documents, key=lambda document: (len(significant(document.data["region"])), document.data["region"]))


def _apply(overlay: Document, shared: dict[str, Parameter], sources: dict[str, PolicySource], needs: Needs) -> Needs:
    """Put one overlay's figures, conditions, titles and dataset names over the package."""
    data, region = overlay.data, overlay.data["region"]
    for name in data.get("params") or {}:
        _overlay_figures(overlay, shared, name, ("params", name))
    for policy, changes in (data.get("policies") or {}).items():
        if policy not in sources:
            raise PackageError("package.overlay-policy", overlay.place("policies", policy), policy=policy)
        source = sources[policy]
        for name in changes.get("params") or {}:
            _overlay_figures(overlay, source.params, name, ("policies", policy, "params", name))
        if "title" in changes:
            source.titles[significant(region)] = changes["title"]
        if "retire" in changes or "add" in changes:
            added = [
                (spec, overlay.place("policies", policy, "add", index, "if"))
                for index, spec in enumerate(changes.get("add") or [])
            ]
            source.changes.append(RegionalChange(significant(region), changes.get("retire") or (), added))
    for policy in data.get("retire") or []:
        if policy not in sources:
            raise PackageError("package.overlay-policy", overlay.place("retire"), policy=policy)
        sources[policy].changes.append(RegionalChange(significant(region), retired_whole=True))
    return _mapped(needs, data.get("datasets") or {})


def _overlay_figures(overlay: Document, params: dict[str, Parameter], name: str, path: tuple[str, ...]) -> None:
    if name not in params:
        raise PackageError("package.overlay-param", overlay.place(*path), name=name, known=", ".join(params))
    region, spec = overlay.data["region"], _at(overlay.data, path)
    base = params[name]
    values = {
        start: figure(base.type, value, overlay.place(*path, "values", start), name) for start, value in spec["values"].items()
    }
    sources = {**base.sources, region: {"source": spec.get("source", ""), "status": spec.get("status", "")}}
    params[name] = replace(base, regions={**base.regions, region: values}, sources=sources)


def _at(data: Any, path: Sequence[str]) -> Any:
    for key in path:
        data = data[key]
    return data


def _mapped(needs: Needs, datasets: Mapping[str, Any]) -> Needs:
    """Return the needs with a region's own names of datasets and fields in place of the package's."""
    if not datasets:
        return needs
    names = {name: spec.get("dataset", name) for name, spec in datasets.items()}
    fields = {name: spec.get("fields") or {} for name, spec in datasets.items()}

    def field_name(dataset: str, name: str | None) -> Any:
        return fields.get(dataset, {}).get(name, name)

    records = {
        name: replace(
            record,
            dataset=names.get(record.dataset, record.dataset),
            columns={key: field_name(record.dataset, key) for key in (*record.fields, record.date)},
        )
        for name, record in needs.vocabulary.records.items()
    }
    variables = {
        entity: {name: replace(item, source=_renamed(item.source, names, fields)) for name, item in listed.items()}
        for entity, listed in needs.vocabulary.variables.items()
    }
    home = needs.population
    population = replace(
        home,
        dataset=names.get(home.dataset, home.dataset),
        person=field_name(home.dataset, home.person),
        household=field_name(home.dataset, home.household),
        region=field_name(home.dataset, home.region),
        member_if={field_name(home.dataset, key): value for key, value in home.member_if.items()},
        head={field_name(home.dataset, key): value for key, value in home.head.items()},
    )
    enrolment = tuple(
        replace(
            row,
            dataset=names.get(row.dataset, row.dataset),
            **{key: field_name(row.dataset, getattr(row, key)) for key in ("person", "household", "policy", "amount", "since")},
            where={field_name(row.dataset, key): value for key, value in row.where.items()},
        )
        for row in needs.enrolment
    )
    return Needs(replace(needs.vocabulary, variables=variables, records=records), population, enrolment)


def _renamed(source: Source | None, names: Mapping[str, str], fields: Mapping[str, Mapping[str, str]]) -> Source | None:
    """Return a variable's source with its dataset and fields under a region's own names."""
    if source is None:
        return None
    target = source.body.arguments[0] if isinstance(source.body, Call) else source.body
    assert isinstance(target, Name)
    dataset = target.path[0]
    own = fields.get(dataset, {})

    def renamed(node: Any) -> Any:
        if isinstance(node, Name):
            if node.path[0] != dataset:
                return replace(node, path=(*node.path[:-1], own.get(node.path[-1], node.path[-1])))
            return replace(node, path=(names.get(dataset, dataset), *(own.get(name, name) for name in node.path[1:])))
        if isinstance(node, tuple):
            return tuple(renamed(item) for item in node)
        if isinstance(node, Call):
            by = own.get(node.by, node.by) if node.by else node.by
            return replace(node, arguments=renamed(node.arguments), where=renamed(node.where), by=by)
        if isinstance(node, Operation):
            return replace(node, operands=renamed(node.operands))
        if isinstance(node, Membership):
            return replace(node, subject=renamed(node.subject), choices=renamed(node.choices))
        return node

    return replace(source, body=renamed(source.body))


def _check(sources: Mapping[str, PolicySource], needs: Needs, shared: Mapping[str, Parameter], folder: Path) -> dict[str, Policy]:
    checked: dict[str, Policy] = {}
    waiting: list[str] = []

    def policy(name: str) -> Policy:
        if name not in checked:
            source = sources[name]
            if name in waiting:
                raise PackageError("package.circular", source.document.place(), path=" → ".join([*waiting, name]))
            waiting.append(name)
            allowed = [other for other, s in sources.items() if s.subject in ("household", source.subject) and other != name]

            def decision(other: str) -> ir.Node:
                return ir.Derived(BOOLEAN, f"decision:{other}", policy(other).rule)

            checked[name] = read_policy(
                source, needs.vocabulary, shared, decision, allowed, lambda table, at: read_table(table, at, folder)
            )
            waiting.pop()
        return checked[name]

    for name in sources:
        policy(name)
    for name, item in checked.items():
        for other in item.excludes:
            if other not in checked:
                place = sources[name].document.place("excludes")
                raise PackageError("package.policy-unknown", place, policy=other, known=", ".join(checked))
    return dict(sorted(checked.items()))


def _stacking(
    manifest: Document, policies: Mapping[str, Policy], needs: Needs, shared: Mapping[str, Parameter]
) -> tuple[tuple[str, ...], tuple[Ceiling, ...]]:
    data = manifest.data.get("stacking") or {}
    order = [str(name) for name in data.get("order") or []]
    ceilings = []
    for name in order:
        if name not in policies:
            raise PackageError(
                "package.policy-unknown", manifest.place("stacking", "order"), policy=name, known=", ".join(policies)
            )
    for index, spec in enumerate(data.get("ceilings") or []):
        place = manifest.place("stacking", "ceilings", index)
        for name in spec["policies"]:
            if name not in policies:
                raise PackageError("package.policy-unknown", place, policy=name, known=", ".join(policies))
            if policies[name].amount is None:
                raise PackageError("package.ceiling-without-amount", place, policy=name)
        env = Environment(spec["per"], needs.vocabulary, shared)
        limit = check(str(spec["max"]), env, manifest.place("stacking", "ceilings", index, "max"), expect="number")
        label = {"zh": spec.get("zh", ""), "en": spec.get("en", "")}
        ceilings.append(Ceiling(spec["id"], tuple(spec["policies"]), spec["per"], limit, label))
    rest = [name for name in policies if name not in order]
    return (*order, *rest), tuple(ceilings)
