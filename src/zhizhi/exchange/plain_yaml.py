"""YAML as plain data, fast: the scalars of YAML 1.2's core schema, no dates, no tags, no key twice."""

from __future__ import annotations

import re
from typing import Any, ClassVar

import yaml


class PlainYamlError(Exception):
    """The text is not plain YAML; ``line`` and ``column`` count from 1 where they are known."""

    def __init__(self, reason: str, line: int | None = None, column: int | None = None) -> None:
        super().__init__(reason)
        self.reason, self.line, self.column = reason, line, column


class _PlainLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML 1.1 makes dates of 2025-01-01, 8 of 010 and False of no; contracts mean what YAML 1.2 means."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}


_SCALARS = [
    ("tag:yaml.org,2002:null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("tag:yaml.org,2002:bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("tag:yaml.org,2002:int", r"[-+]?(0|[1-9][0-9]*)", list("-+0123456789")),
    ("tag:yaml.org,2002:float", r"[-+]?(\.[0-9]+|[0-9]+\.[0-9]*)([eE][-+]?[0-9]+)?", list("-+.0123456789")),
]
for _tag, _form, _first in _SCALARS:
    _PlainLoader.add_implicit_resolver(_tag, re.compile(f"^(?:{_form})$"), _first)


def _mapping(loader: Any, node: yaml.MappingNode) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key_node, value_node in node.value:
        mark = key_node.start_mark
        if not isinstance(key_node, yaml.ScalarNode):
            raise PlainYamlError("a key must be a plain word", mark.line + 1, mark.column + 1)
        key = str(key_node.value)
        if key in found:
            raise PlainYamlError(f"the key '{key}' stands there twice", mark.line + 1, mark.column + 1)
        found[key] = loader.construct_object(value_node, deep=True)
    return found


_PlainLoader.add_constructor("tag:yaml.org,2002:map", _mapping)


def load_plain(text: str) -> Any:
    """Return the document in ``text`` as dicts (keys always strings), lists, strings, numbers, booleans and None.

    Raises:
        PlainYamlError: it is not YAML, has a tag, or a mapping has a key twice.
    """
    try:
        return yaml.load(text, _PlainLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = (mark.line + 1, mark.column + 1) if mark else (None, None)
        raise PlainYamlError(error.problem or "not YAML", *where) from error
    except (yaml.YAMLError, RecursionError) as error:
        raise PlainYamlError(str(error).splitlines()[0] if str(error) else "not YAML") from error
