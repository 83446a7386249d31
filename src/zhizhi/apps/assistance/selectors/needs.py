"""What a household needs, a class of aid at a time: what speaks for it, shown, and what could be given. A person decides."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from zhizhi.apps.assistance.schemas import ClassNeed, GroupView
from zhizhi.apps.assistance.selectors.packages import package_in_use
from zhizhi.apps.assistance.selectors.projects import group_view
from zhizhi.apps.assistance.selectors.triage import projects_in_use, triage_in_use
from zhizhi.scenarios.package import Package
from zhizhi.scenarios.projects_file import Group
from zhizhi.scenarios.triage_file import Clue


def need_of(*, findings: Collection[str], answers: Mapping[str, Any]) -> list[ClassNeed]:
    """Return the classes of aid that something speaks for, those with most points first.

    Args:
        findings: ids of the policies and warnings that found the household.
        answers: the answers to the form of the assessment, by field; empty before the visit.

    Only what was found or answered counts: an open question speaks for nothing and against nothing. Sub-classes whose policies
    found the household stand first among the suggestions.
    """
    package, base = package_in_use(), projects_in_use()
    found: dict[str, list[Clue]] = {}
    for clue in triage_in_use().clues:
        if clue.findings & set(findings) or _answered(clue, answers):
            found.setdefault(clue.group, []).append(clue)
    needs = [
        ClassNeed(
            name,
            package.classes[name],
            sum(clue.points for clue in clues),
            [(clue.label, clue.points) for clue in clues],
            _suggestions(package, [group for group in base.groups.values() if group.group == name], findings),
        )
        for name, clues in found.items()
    ]
    order = list(package.classes)
    return sorted(needs, key=lambda need: (-need.points, order.index(need.id)))


def _answered(clue: Clue, answers: Mapping[str, Any]) -> bool:
    if clue.answer is None:
        return False
    name, wanted = clue.answer
    given = answers.get(name)
    return wanted in given if isinstance(given, (list, tuple, set)) else given == wanted


def _suggestions(package: Package, groups: list[Group], findings: Collection[str]) -> list[GroupView]:
    """Return the sub-classes that the findings point to, else those of which something stands ready."""
    pointed = [group for group in groups if set(group.policies) & set(findings)]
    return [group_view(package, group) for group in pointed or [group for group in groups if group.projects]]
