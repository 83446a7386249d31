"""Installed workflows, read once: a version never changes."""

from __future__ import annotations

from functools import lru_cache

from zhizhi.apps.casework.models import WorkflowVersion
from zhizhi.engines.workflow.definition import Workflow
from zhizhi.engines.workflow.plain import from_plain
from zhizhi.kernel.errors import UnavailableError


@lru_cache(maxsize=64)
def workflow_by_digest(digest: str) -> Workflow:
    """Return the workflow whose definition has this digest."""
    row = WorkflowVersion.objects.filter(digest=digest).only("definition").first()
    if row is None:
        raise UnavailableError("casework.no-workflow", workflow=digest[:12], package="–")
    return from_plain(row.definition)


@lru_cache(maxsize=2048)
def workflow_in(digest: str, region: str) -> Workflow:
    """Return the workflow with the time limits of ``region``."""
    return workflow_by_digest(digest).at(region)


def workflow_current(package: str, workflow: str) -> tuple[int, str, str]:
    """Return (id, digest, package version) of the newest installed version.

    Raises:
        UnavailableError: ``casework.no-workflow``.
    """
    row = (
        WorkflowVersion.objects.filter(package=package, workflow=workflow)
        .order_by("-installed_at", "-id")
        .values_list("id", "digest", "package_version")
        .first()
    )
    if row is None:
        raise UnavailableError("casework.no-workflow", workflow=workflow, package=package)
    return row


def outcome_titles() -> dict[str, dict[str, str]]:
    """Return outcome -> {zh, en} of every installed workflow, the newest wording winning."""
    found: dict[str, dict[str, str]] = {}
    for digest in WorkflowVersion.objects.order_by("installed_at", "id").values_list("digest", flat=True):
        found |= {name: dict(item.label) for name, item in workflow_by_digest(digest).outcomes.items()}
    return found


def state_titles() -> dict[str, dict[str, str]]:
    """Return step or final state -> {zh, en} of every installed workflow, in the order of the steps."""
    found: dict[str, dict[str, str]] = {}
    for digest in WorkflowVersion.objects.order_by("installed_at", "id").values_list("digest", flat=True):
        workflow = workflow_by_digest(digest)
        found |= {state: dict(workflow.title_of(state)) for state in (*workflow.steps, *workflow.final)}
    return found
