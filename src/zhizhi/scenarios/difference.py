"""What changed between two versions of a package, by parts: rules, figures, needs, wording, work, overlays, tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

from zhizhi.kernel.errors import Place
from zhizhi.scenarios.decision_files import read_table
from zhizhi.scenarios.document import read_document

PARTS = (
    "package",
    "policies",
    "rules",
    "parameters",
    "basis",
    "needs",
    "stacking",
    "workflows",
    "calendar",
    "overlays",
    "tests",
    "wording",
)
_WORDING = ("title", "summary", "zh", "en", "asks")
_KEYS = {
    "when": "id",
    "add": "id",
    "ceilings": "id",
    "tests": "name",
    "basis": "law",
    "enrolment": "dataset",
    "form": "id",
    "choices": "id",
    "transitions": "id",
}
_TOP = {"params": "parameters", "tests": "tests", "basis": "basis", "stacking": "stacking"}
_WORK = ("workflows", "calendar")
_ABSENT = object()


@dataclass(frozen=True, slots=True)
class Change:
    """One difference: the part it belongs to, the file, the path in it, ``added``, ``removed`` or ``changed``, both values."""

    part: str
    file: str
    path: tuple[str, ...]
    kind: str
    old: str = ""
    new: str = ""


def compare_packages(old: Path, new: Path) -> list[Change]:
    """Return what differs between two packages' files, in the order of parts, files and paths; comments do not count.

    Raises:
        PackageError: a file is no YAML; PolicyError: a table is no workbook.
    """
    before, after = _files(old), _files(new)
    changes: list[Change] = []
    for name in sorted(before.keys() | after.keys()):
        if name not in before or name not in after:
            data = after[name] if name in after else before[name]
            kind = "added" if name in after else "removed"
            changes.append(Change(_whole(name), name, (), kind, new=_title(data)))
        else:
            changes += _differences(name, (), before[name], after[name])
    return sorted(changes, key=lambda change: (PARTS.index(change.part), change.file, change.path))


def _files(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    paths = [folder / "package.yaml", folder / "needs.yaml", *(folder / "policies").glob("*.yaml")]
    paths += [*(folder / "workflows").glob("*.yaml"), *(folder / "calendar").glob("*.yaml")]
    for path in [*paths, *(folder / "overlays").glob("*/overlay.yaml")]:
        name = path.relative_to(folder).as_posix()
        found[name] = read_document(path, folder).data
    for path in (folder / "tables").glob("*.xlsx"):
        name = path.relative_to(folder).as_posix()
        table = read_table({"file": name}, Place(name), folder)
        found[name] = {"inputs": table["inputs"], "rows": table["rows"]}
    return found


def _whole(name: str) -> str:
    """Return the part that a file belongs to as a whole."""
    top = name.split("/")[0]
    own = {"policies": "policies", "overlays": "overlays", "tables": "rules", "needs.yaml": "needs"}
    return top if top in _WORK else own.get(top, "package")


def _part(name: str, path: tuple[str, ...]) -> str:
    top = name.split("/")[0]
    if any(key in _WORDING for key in path):
        return "wording"
    if top == "overlays":
        return "overlays"
    if top in _WORK:
        return top
    if top == "needs.yaml":
        return "needs"
    if top == "tables":
        return "rules"
    return _TOP.get(path[0], "rules" if top == "policies" else "package")


def _differences(name: str, path: tuple[str, ...], old: Any, new: Any) -> Iterator[Change]:
    if path and path[-1] in _KEYS and isinstance(old, list) and isinstance(new, list):
        old, new = _keyed(path[-1], old), _keyed(path[-1], new)
    if isinstance(old, Mapping) and isinstance(new, Mapping) and not (path and path[0] == "tests" and len(path) == 2):
        for key in dict.fromkeys([*old, *new]):
            yield from _differences(name, (*path, str(key)), old.get(key, _ABSENT), new.get(key, _ABSENT))
    elif old is _ABSENT:
        yield Change(_part(name, path), name, path, "added", new=shown(new))
    elif new is _ABSENT:
        yield Change(_part(name, path), name, path, "removed", old=shown(old))
    elif old != new:
        yield Change(_part(name, path), name, path, "changed", shown(old), shown(new))


def _keyed(key: str, items: list[Any]) -> dict[str, Any]:
    """Return a list as a mapping by each item's own name, so that an item that moved is no change; doubles are numbered."""
    found: dict[str, Any] = {}
    for item in items:
        name = str(item.get(_KEYS[key], len(found))) if isinstance(item, Mapping) else shown(item)
        if key == "basis" and isinstance(item, Mapping) and item.get("article") is not None:
            name = f"{name} {shown(item['article'])}"
        while name in found:
            name += "'"
        found[name] = item
    return found


def _title(data: Any) -> str:
    title = data.get("title") if isinstance(data, Mapping) else None
    return shown(title) if title else ""


def shown(value: Any) -> str:
    """Return a value of a package as people read it.

    Example:
        >>> shown({"unit": "CNY", "values": [Fraction(5, 2), None]})
        'unit: CNY, values: [2.5, –]'
    """
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {shown(item)}" for key, item in value.items())
    if isinstance(value, list):
        return f"[{', '.join(shown(item) for item in value)}]"
    if isinstance(value, Fraction):
        return format(Decimal(value.numerator) / Decimal(value.denominator), "f")
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, date):
        return value.isoformat()
    return "–" if value is None else str(value)
