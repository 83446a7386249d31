"""A YAML file of a package as plain data, with the place of every value, read as YAML 1.2 reads it.

Only mappings, lists and scalars: no tags, no objects, nothing that runs. Numbers stay exact (`Fraction`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from difflib import get_close_matches
from fractions import Fraction
from functools import cache
from importlib.resources import files
from json import loads
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator

from zhizhi.kernel.errors import PackageError, Place

Path_ = tuple[str | int, ...]
_NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)$")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}$")
MAX_BYTES = 4_000_000


@dataclass(frozen=True, slots=True)
class Document:
    """The data of one file and where each part of it stands."""

    name: str
    data: Any
    places: Mapping[Path_, Place] = field(default_factory=dict)

    def place(self, *path: str | int) -> Place:
        """Return the place of the value at ``path``, or of the nearest parent that has one."""
        for length in range(len(path), -1, -1):
            found = self.places.get(tuple(path[:length]))
            if found is not None:
                return found
        return Place(self.name)


def read_document(path: Path, root: Path) -> Document:
    """Read one YAML file.

    Raises:
        PackageError: ``package.file-missing``, ``package.file-size``, ``package.yaml``, ``package.duplicate-key``,
            ``package.yaml-tag`` or ``package.encoding``.
    """
    name = str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise PackageError("package.file-missing", Place(name), file=name) from None
    if len(raw) > MAX_BYTES:
        raise PackageError("package.file-size", Place(name), size=len(raw), limit=MAX_BYTES)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PackageError("package.encoding", Place(name), position=error.start) from None
    return parse_document(text, name)


def parse_document(text: str, name: str) -> Document:
    """Read YAML text; see `read_document`."""
    try:
        node = yaml.compose(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = Place(name, mark.line + 1, mark.column + 1) if mark else Place(name)
        raise PackageError("package.yaml", place, problem=getattr(error, "problem", None) or "?") from None
    places: dict[Path_, Place] = {}
    data = _plain(node, (), name, places, 0) if node is not None else None
    return Document(name, data, places)


def _plain(node: yaml.Node, path: Path_, name: str, places: dict[Path_, Place], depth: int) -> Any:
    place = Place(name, node.start_mark.line + 1, node.start_mark.column + 1)
    places[path] = place
    if depth > 30 or len(places) > 200_000:
        raise PackageError("package.too-deep", place)
    if node.tag.startswith("!") or (":python" in node.tag):
        raise PackageError("package.yaml-tag", place, tag=node.tag)
    if isinstance(node, yaml.ScalarNode):
        if node.style in ("'", '"', "|", ">"):
            # the value begins after the quote
            places[path] = Place(name, place.line, (place.column or 0) + (1 if node.style in "'\"" else 0))
            return node.value
        return _scalar(node.value)
    if isinstance(node, yaml.SequenceNode):
        return [_plain(child, (*path, index), name, places, depth + 1) for index, child in enumerate(node.value)]
    result: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = str(key_node.value)
        if key in result:
            at = Place(name, key_node.start_mark.line + 1, key_node.start_mark.column + 1)
            raise PackageError("package.duplicate-key", at, key=key)
        result[key] = _plain(value_node, (*path, key), name, places, depth + 1)
    return result


def _scalar(text: str) -> Any:
    if text in ("", "~", "null"):
        return None
    if text in ("true", "false"):
        return text == "true"
    if _NUMBER.match(text):
        return Fraction(text)
    if _DATE.match(text):
        try:
            return date.fromisoformat(text)
        except ValueError:
            return text
    return text


@cache
def _validator(schema: str) -> Draft202012Validator:
    text = files("zhizhi.scenarios").joinpath("schemas", f"{schema}.schema.json").read_text(encoding="utf-8")
    return Draft202012Validator(loads(text))


def validate(document: Document, schema: str) -> None:
    """Hold a document to its JSON Schema: unknown and missing keys, wrong kinds of values.

    Raises:
        PackageError: the first of `schema_faults`.
    """
    for fault in schema_faults(document, schema):
        raise fault


def schema_faults(document: Document, schema: str) -> Iterator[PackageError]:
    """Yield what is wrong with a document's structure.

    Codes: ``package.key-unknown`` (with the nearest key), ``package.key-missing`` or ``package.value``.
    """
    for error in _validator(schema).iter_errors(_jsonable(document.data)):
        path = tuple(error.absolute_path)
        place = document.place(*path)
        where = ".".join(str(part) for part in path) or document.name
        if error.validator == "additionalProperties":
            allowed = list(error.schema.get("properties", {}))
            extra = next(key for key in error.instance if key not in allowed)
            near = get_close_matches(extra, allowed, n=1, cutoff=0.4)
            yield PackageError(
                "package.key-unknown",
                document.place(*path, extra),
                key=extra,
                where=where,
                nearest=near[0] if near else ", ".join(allowed),
            )
        elif error.validator == "required":
            lacking = next(key for key in error.validator_value if key not in error.instance)
            yield PackageError("package.key-missing", place, key=lacking, where=where)
        else:
            value = str(error.instance)[:60]
            yield PackageError("package.value", place, where=where, value=value, problem=error.message[:200])


def _jsonable(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _jsonable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_jsonable(item) for item in value]
    if isinstance(value, Fraction):
        return int(value) if value.denominator == 1 else float(value)
    return value.isoformat() if isinstance(value, date) else value
