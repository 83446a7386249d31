"""Everything that is wrong with a package, not only the first: each file and each expression held to account alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from zhizhi.engines.rules import ir
from zhizhi.engines.rules.types import BOOLEAN
from zhizhi.engines.rules.vocabulary import Parameter
from zhizhi.kernel.errors import PackageError, Place, ZhizhiError
from zhizhi.scenarios.calendar_file import calendar_faults, calendar_files
from zhizhi.scenarios.decision_files import read_table
from zhizhi.scenarios.document import Document, read_document, schema_faults
from zhizhi.scenarios.needs import Needs, read_needs
from zhizhi.scenarios.package import Package, read_package
from zhizhi.scenarios.policy_file import PolicySource, read_parameters, read_policy
from zhizhi.scenarios.projects_file import FILE as PROJECTS
from zhizhi.scenarios.projects_file import read_projects
from zhizhi.scenarios.testing import read_tests
from zhizhi.scenarios.triage_file import FILE as TRIAGE
from zhizhi.scenarios.triage_file import read_triage
from zhizhi.scenarios.workflow_file import workflow_faults

T = TypeVar("T")


def inspect(folder: Path) -> tuple[Package | None, list[ZhizhiError]]:
    """Read a package and return it with all its faults, in the order of places; it is None if there are faults.

    A fault that hides others (a file that is no YAML, needs that cannot be read) is told alone; those it hid come up
    when it is mended.
    """
    faults: list[ZhizhiError] = []
    try:
        package = read_package(folder)
    except ZhizhiError as error:
        faults.append(error)
        faults += _all(folder)
        return None, _distinct(faults)
    read_tests(package, faults.append)
    faults += _desk(package)
    return package, _distinct(faults)


def _desk(package: Package) -> Iterator[ZhizhiError]:
    """Yield the faults of what the desk works by, where the package has it: triage and aid projects."""
    for name, read in ((TRIAGE, read_triage), (PROJECTS, read_projects)):
        if (package.folder / name).exists():
            fault = _attempt(lambda read=read: read(package))[1]  # type: ignore[misc]
            if fault is not None:
                yield fault


def _distinct(faults: list[ZhizhiError]) -> list[ZhizhiError]:
    found = {(str(fault.place or ""), fault.text()): fault for fault in faults}
    return sorted(found.values(), key=lambda fault: _position(fault.place))


def _position(place: Place | None) -> tuple[str, int, int]:
    return ("", 0, 0) if place is None else (place.file, place.line or 0, place.column or 0)


def _all(folder: Path) -> Iterator[ZhizhiError]:
    """Yield the faults of every file; those of expressions only where manifest and needs can be read."""
    manifest, faults = _document(folder / "package.yaml", folder, "package")
    yield from faults
    sources: list[PolicySource] = []
    for path in sorted((folder / "policies").glob("*.yaml")):
        document, faults = _document(path, folder, "policy")
        yield from faults
        if document is not None:
            sources.append(PolicySource(document))
    for path in sorted((folder / "overlays").glob("*/overlay.yaml")):
        yield from _document(path, folder, "overlay")[1]
    yield from _work(folder)
    document, faults = _document(folder / "needs.yaml", folder, "needs")
    yield from faults
    needs, fault = _attempt(lambda: read_needs(document)) if document is not None else (None, None)
    if fault is not None:
        yield fault
    shared, fault = _attempt(lambda: read_parameters(manifest, "")) if manifest is not None else (None, None)
    if fault is not None:
        yield fault
    departments = (manifest.data.get("departments") or {}) if manifest is not None else {}
    for source in sources:
        yield from _department(source, departments)
        if needs is not None and shared is not None:
            yield from _policy(source, sources, needs, shared, folder)


def _work(folder: Path) -> Iterator[ZhizhiError]:
    """Yield the faults of workflows and of the working calendar."""
    listed = [(path, workflow_faults) for path in sorted((folder / "workflows").glob("*.yaml"))]
    for path, read in [*listed, *((path, calendar_faults) for path in calendar_files(folder))]:
        document, fault = _attempt(lambda path=path: read_document(path, folder))  # type: ignore[misc]
        if document is not None:
            yield from read(document)
        elif fault is not None:
            yield fault


def _document(path: Path, folder: Path, schema: str) -> tuple[Document | None, list[ZhizhiError]]:
    document, fault = _attempt(lambda: read_document(path, folder))
    if document is None:
        return None, [fault] if fault is not None else []
    faults: list[ZhizhiError] = list(schema_faults(document, schema))
    return (None if faults else document), faults


def _attempt(read: Callable[[], T]) -> tuple[T | None, ZhizhiError | None]:
    try:
        return read(), None
    except ZhizhiError as error:
        return None, error


def _department(source: PolicySource, departments: dict[str, Any]) -> Iterator[ZhizhiError]:
    department = source.document.data["department"]
    if departments and department not in departments:
        place = source.document.place("department")
        yield PackageError("package.department-unknown", place, department=department, known=", ".join(departments))


def _policy(
    source: PolicySource, sources: list[PolicySource], needs: Needs, shared: dict[str, Parameter], folder: Path
) -> Iterator[ZhizhiError]:
    """Yield the faults of a policy's expressions: each condition and the amount checked with all the others left out."""
    params, fault = _attempt(lambda: read_parameters(source.document, source.id))
    if fault is not None:
        yield fault
        return
    allowed = [other.id for other in sources if other.subject in ("household", source.subject) and other.id != source.id]

    def decision(other: str) -> ir.Node:
        return ir.Derived(BOOLEAN, f"decision:{other}", ir.Const(BOOLEAN, None))

    for document in _one_at_a_time(source.document):
        alone = PolicySource(document, params or {})

        def read(alone: PolicySource = alone) -> object:
            return read_policy(
                alone, needs.vocabulary, shared, decision, allowed, lambda table, at: read_table(table, at, folder)
            )

        fault = _attempt(read)[1]
        if fault is not None:
            yield fault


def _one_at_a_time(document: Document) -> Iterator[Document]:
    """Yield the document with one condition left as it is and the others true; then with all true and the amount."""
    data = document.data
    neutral = [{**{key: value for key, value in spec.items() if key != "margin"}, "if": True} for spec in data["when"]]
    bare = {key: value for key, value in data.items() if key != "amount"}
    for index, spec in enumerate(data["when"]):
        when = [spec if position == index else other for position, other in enumerate(neutral)]
        yield replace(document, data={**bare, "when": when})
    yield replace(document, data={**data, "when": neutral})
