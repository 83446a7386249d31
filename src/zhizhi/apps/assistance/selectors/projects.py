"""The aid-project base: classes, their sub-classes, and what stands ready in each."""

from __future__ import annotations

from zhizhi.apps.assistance.schemas import ClassView, GroupView, ProjectView
from zhizhi.apps.assistance.selectors.packages import package_in_use
from zhizhi.apps.assistance.selectors.triage import projects_in_use
from zhizhi.scenarios.package import Package
from zhizhi.scenarios.projects_file import Group


def project_base() -> list[ClassView]:
    """Return the classes of the package in use in their order, each with its sub-classes."""
    package, base = package_in_use(), projects_in_use()
    return [
        ClassView(name, title, [group_view(package, group) for group in base.groups.values() if group.group == name])
        for name, title in package.classes.items()
    ]


def group_view(package: Package, group: Group) -> GroupView:
    """Return one sub-class with the titles of its policies and projects."""
    return GroupView(
        group.id,
        group.title,
        group.source,
        group.status,
        [(name, package.policies[name].title) for name in group.policies],
        [ProjectView(project.id, project.kind, project.title) for project in group.projects],
    )
