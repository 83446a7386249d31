"""What departments should be asked for: the fields without which nobody could decide, and how many households wait for each."""

from __future__ import annotations

from collections.abc import Hashable

from zhizhi.apps.actors import Actor, Permission
from zhizhi.apps.assistance.schemas import DataQuery
from zhizhi.apps.assistance.selectors.found import field_title, found_sight, owner_words
from zhizhi.apps.assistance.selectors.lake import found_reader, once
from zhizhi.apps.assistance.selectors.packages import package_in_use
from zhizhi.apps.assistance.selectors.triage import triage_in_use
from zhizhi.backends.found import FoundReader, Sight, Wanted
from zhizhi.scenarios.triage_file import ASK_OWNER

NONE = {"zh": "", "en": ""}


def data_queries(actor: Actor, *, region: str = "") -> list[DataQuery]:
    """Return the fields that are missing in the latest screening, those that most households wait for first.

    A household is counted once for a field, however many policies wait for it. Nothing where nothing was screened.

    Raises:
        RefusedError: the post may not see findings, or a region outside the post's.
    """
    actor.require(Permission.FINDING_VIEW)
    here = actor.within(region) if region else actor
    reader, sight = found_reader(), found_sight(here)
    if reader is None:
        return []
    kinds = tuple(name for name, asks in triage_in_use().kinds.items() if asks == ASK_OWNER)
    state: Hashable = (str(reader.path), sight, kinds)
    found: list[tuple[str, int, int, tuple[str, ...]]] = once("queries", state, lambda: _missing(reader, sight, kinds))
    package, owners = package_in_use(), owner_words()
    return [
        DataQuery(name, field_title(package, name), owners.get(name) or NONE, homes, findings, policies)
        for name, homes, findings, policies in found
    ]


def _missing(reader: FoundReader, sight: Sight, kinds: tuple[str, ...]) -> list[tuple[str, int, int, tuple[str, ...]]]:
    homes: dict[str, set[str]] = {}
    policies: dict[str, set[str]] = {}
    findings: dict[str, int] = {}
    if kinds:
        for item in reader.every(sight, Wanted(finding=kinds)):
            for name in item.missing:
                homes.setdefault(name, set()).add(item.household)
                policies.setdefault(name, set()).add(item.policy)
                findings[name] = findings.get(name, 0) + 1
    order = sorted(homes, key=lambda name: (-len(homes[name]), name))
    return [(name, len(homes[name]), findings[name], tuple(sorted(policies[name]))) for name in order]
