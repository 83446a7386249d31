"""What people said of findings: which stand dismissed, why, and who said so."""

from __future__ import annotations

from collections.abc import Sequence

from zhizhi.apps.actors import Actor, Permission, in_scope
from zhizhi.apps.assistance.models import Dismissal
from zhizhi.apps.assistance.schemas import DismissalView

CHUNK = 500


def dismissed(actor: Actor, households: Sequence[str]) -> dict[tuple[str, str, str], DismissalView]:
    """Return (subject, policy, finding) -> the dismissal that stands, of these households within the post's region."""
    actor.require(Permission.FINDING_VIEW)
    found = {}
    for start in range(0, len(households), CHUNK):
        part = list(households[start : start + CHUNK])
        for row in Dismissal.objects.filter(in_scope(actor), household__in=part, ended_at__isnull=True):
            found[row.subject, row.policy, row.finding] = _shown(row)
    return found


def dismissals_of(actor: Actor, *, household: str) -> list[DismissalView]:
    """Return everything that was said of a household's findings, also what no longer stands, newest first."""
    actor.require(Permission.FINDING_VIEW)
    rows = Dismissal.objects.filter(in_scope(actor), household=household).order_by("-at", "-id")
    return [_shown(row) for row in rows]


def _shown(row: Dismissal) -> DismissalView:
    return DismissalView(
        id=row.pk,
        household=row.household,
        subject=row.subject,
        policy=row.policy,
        finding=row.finding,
        reason=row.reason,
        note=row.note,
        at=row.at,
        by=row.actor,
        ended_at=row.ended_at,
        ended_why=row.ended_why,
    )
