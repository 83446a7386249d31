"""Tried changes of policies and drafts, within the region of the post."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from zhizhi.apps.actors import Actor, Permission, in_scope
from zhizhi.apps.assistance.models import PolicyDraft, WhatIf
from zhizhi.kernel.errors import NotFoundError


@dataclass(frozen=True, slots=True)
class Tried:
    """A try: what was asked, its state (waiting, running, done, failed), its outcome, and its draft where there is one."""

    id: int
    policy: str
    region: str
    on: date
    asked_at: datetime
    settings: list[str]
    state: str
    outcome: dict[str, Any] | None
    error: dict[str, Any] | None
    seconds: float | None
    package: str
    package_version: str
    draft: int | None


@dataclass(frozen=True, slots=True)
class Draft:
    """A kept change with its tests under the new figures."""

    id: int
    tried: Tried
    title: str
    note: str
    department: str
    starts_on: date
    saved_at: datetime
    tests: list[dict[str, Any]]

    @property
    def failing(self) -> list[dict[str, Any]]:
        """The tests that no longer hold: each must be changed on purpose, or the figure is wrong."""
        return [test for test in self.tests if test["problems"]]


def whatif_get(actor: Actor, whatif: int) -> Tried:
    """Return one try.

    Raises:
        NotFoundError: ``policies.whatif-unknown``, also for one of another region.
    """
    actor.require(Permission.POLICY_TRY)
    row = WhatIf.objects.filter(in_scope(actor), pk=whatif).select_related("draft").first()
    if row is None:
        raise NotFoundError("policies.whatif-unknown")
    return _tried(row)


def whatif_list(actor: Actor, *, policy: str = "", most: int = 20) -> list[Tried]:
    """Return the latest tries of a policy, or of all."""
    actor.require(Permission.POLICY_TRY)
    rows = WhatIf.objects.filter(in_scope(actor)).select_related("draft").defer("outcome").order_by("-asked_at")
    return [_tried(row, False) for row in (rows.filter(policy=policy) if policy else rows)[:most]]


def draft_get(actor: Actor, draft: int) -> Draft:
    """Return one draft.

    Raises:
        NotFoundError: ``policies.draft-unknown``, also for one of another region.
    """
    actor.require(Permission.POLICY_TRY)
    row = PolicyDraft.objects.filter(in_scope(actor, "whatif__region"), pk=draft).select_related("whatif").first()
    if row is None:
        raise NotFoundError("policies.draft-unknown")
    return Draft(row.pk, _tried(row.whatif), row.title, row.note, row.department, row.starts_on, row.saved_at, row.tests)


def _tried(row: WhatIf, whole: bool = True) -> Tried:
    draft = getattr(row, "draft", None)
    return Tried(
        id=row.pk,
        policy=row.policy,
        region=row.region,
        on=row.on,
        asked_at=row.asked_at,
        settings=row.settings,
        state=row.state,
        outcome=row.outcome if whole else None,
        error=row.error,
        seconds=row.seconds,
        package=row.package,
        package_version=row.package_version,
        draft=draft.pk if draft else None,
    )
