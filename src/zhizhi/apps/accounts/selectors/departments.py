"""The departments that the packages in use name: what a post can be cut to."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from zhizhi.apps.configuration import configuration
from zhizhi.scenarios.document import read_document
from zhizhi.scenarios.shipped import find_package


@cache
def _named(packages: tuple[str, ...]) -> dict[str, Mapping[str, str]]:
    found: dict[str, Mapping[str, str]] = {}
    for name in packages:
        folder = find_package(name)
        found |= read_document(folder / "package.yaml", folder).data.get("departments") or {}
    return found


def departments() -> dict[str, Mapping[str, str]]:
    """Return id -> names (zh, en) of the departments of all packages in use."""
    return _named(tuple(configuration().packages))
