"""``projects.yaml``: the aid-project base, sub-classes of the package's classes with policies and projects attached."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from zhizhi.kernel.errors import PackageError
from zhizhi.scenarios.document import read_document, validate
from zhizhi.scenarios.package import Package

FILE = "projects.yaml"
KINDS = ("money", "goods", "service")
Words = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Project:
    """Something that stands ready to be given beside what policies give: money, goods or a service."""

    id: str
    kind: str
    title: Words


@dataclass(frozen=True, slots=True)
class Group:
    """One sub-class: its class, the policies and warnings that belong to it, its projects, and where it comes from."""

    id: str
    group: str
    title: Words
    policies: tuple[str, ...]
    projects: tuple[Project, ...]
    source: str
    status: str


@dataclass(frozen=True, slots=True)
class ProjectBase:
    """All sub-classes in the order of the file."""

    version: str
    groups: Mapping[str, Group]

    def of_policy(self, policy: str) -> Group | None:
        """Return the sub-class that a policy or warning belongs to."""
        return next((group for group in self.groups.values() if policy in group.policies), None)

    def project(self, name: str) -> tuple[Group, Project] | None:
        """Return a project with its sub-class."""
        found = ((group, project) for group in self.groups.values() for project in group.projects if project.id == name)
        return next(found, None)


def read_projects(package: Package) -> ProjectBase:
    """Read and check the ``projects.yaml`` of a package: every class, policy and project once and known.

    Raises:
        PackageError: there is none, or it names what does not exist, or a policy or project twice.
    """
    document = read_document(package.folder / FILE, package.folder)
    validate(document, "projects")
    data = document.data
    groups: dict[str, Group] = {}
    seen: set[str] = set()
    for name, spec in data["groups"].items():
        place = document.place("groups", name)
        if spec["class"] not in package.classes:
            raise PackageError("package.class-unknown", place, group=spec["class"], known=", ".join(package.classes))
        for policy in spec.get("policies") or ():
            if policy not in package.policies:
                raise PackageError("package.policy-unknown", place, policy=policy, known=", ".join(package.policies))
        projects = tuple(Project(p["id"], p["kind"], {"zh": p["zh"], "en": p["en"]}) for p in spec.get("projects") or ())
        for item in (*(spec.get("policies") or ()), *(project.id for project in projects)):
            if item in seen:
                raise PackageError("package.projects-twice", place, id=item)
            seen.add(item)
        groups[name] = Group(
            name,
            spec["class"],
            {"zh": spec["zh"], "en": spec["en"]},
            tuple(spec.get("policies") or ()),
            projects,
            spec.get("source") or data.get("source", ""),
            spec.get("status") or data.get("status", "illustrative"),
        )
    return ProjectBase(str(data["version"]), groups)
