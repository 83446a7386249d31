"""Roles, permissions, and the actor that every service and selector is given first."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from django.db.models import Q

from zhizhi.kernel.errors import RefusedError


class Role(StrEnum):
    """What a post is for; its name in both languages is the label ``accounts.role-<value>``."""

    VILLAGE_WORKER = "village-worker"
    TOWN_OFFICER = "town-officer"
    COUNTY_MANAGER = "county-manager"
    POLICY_ANALYST = "policy-analyst"
    DATA_STEWARD = "data-steward"
    AUDITOR = "auditor"
    REFORM_OFFICE = "reform-office"
    ADMINISTRATOR = "administrator"


class Permission(StrEnum):
    """Everything that can be permitted; a route or service names exactly one."""

    SELF = "accounts.self"
    """One's own page: password, language, second factor, posts."""
    ACCOUNTS_MANAGE = "accounts.manage"
    VIEW_AS = "accounts.view-as"
    TOKEN_MANAGE = "accounts.token.manage"
    JOURNAL_VIEW = "journal.view"
    JOURNAL_EXPORT = "journal.export"
    LEDGER_VERIFY = "journal.verify"
    DATASET_VIEW = "catalogue.dataset.view"
    DATASET_LOAD = "catalogue.dataset.load"
    QUARANTINE_VIEW = "catalogue.quarantine.view"
    QUARANTINE_ANSWER = "catalogue.quarantine.answer"
    CASE_VIEW = "casework.case.view"
    CASE_OPEN = "casework.case.open"
    CASE_WORK = "casework.case.work"
    """Take the steps of one's role, comment, attach."""
    CASE_ASSIGN = "casework.case.assign"
    CASE_LINK = "casework.case.link"
    CASE_REOPEN = "casework.case.reopen"
    DOORS_VIEW = "casework.doors.view"
    CALENDAR_MANAGE = "casework.calendar.manage"
    COCKPIT_VIEW = "assistance.cockpit.view"
    HOUSEHOLD_VIEW = "assistance.household.view"
    FINDING_VIEW = "assistance.finding.view"
    FINDING_EXPORT = "assistance.finding.export"
    FINDING_DISMISS = "assistance.finding.dismiss"
    AID_RECORD = "assistance.aid.record"
    POLICY_VIEW = "assistance.policy.view"
    POLICY_TRY = "assistance.policy.try"
    POLICY_DRAFT = "assistance.policy.draft"
    WARNING_VIEW = "assistance.warning.view"
    SCREENING_RUN = "assistance.screening.run"
    JOBS_VIEW = "jobs.view"


P = Permission
_EVERYONE = {P.SELF, P.DATASET_VIEW, P.POLICY_VIEW}
_CASES = {P.CASE_VIEW, P.CASE_WORK, P.HOUSEHOLD_VIEW, P.FINDING_VIEW, P.DOORS_VIEW, P.WARNING_VIEW, P.AID_RECORD}
_OFFICER = _CASES | {P.CASE_OPEN, P.CASE_ASSIGN, P.CASE_LINK, P.CASE_REOPEN, P.FINDING_DISMISS, P.FINDING_EXPORT, P.COCKPIT_VIEW}

PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.VILLAGE_WORKER: frozenset(_EVERYONE | _CASES),
    Role.TOWN_OFFICER: frozenset(_EVERYONE | _OFFICER),
    Role.COUNTY_MANAGER: frozenset((_EVERYONE | _OFFICER | {P.SCREENING_RUN, P.POLICY_TRY, P.JOURNAL_VIEW}) - {P.DOORS_VIEW}),
    Role.POLICY_ANALYST: frozenset(
        _EVERYONE | {P.FINDING_VIEW, P.FINDING_EXPORT, P.WARNING_VIEW, P.POLICY_TRY, P.POLICY_DRAFT, P.COCKPIT_VIEW}
    ),
    Role.DATA_STEWARD: frozenset(_EVERYONE | {P.DATASET_LOAD, P.QUARANTINE_VIEW, P.QUARANTINE_ANSWER}),
    Role.AUDITOR: frozenset(
        _EVERYONE | {P.JOURNAL_VIEW, P.JOURNAL_EXPORT, P.LEDGER_VERIFY, P.CASE_VIEW, P.QUARANTINE_VIEW, P.WARNING_VIEW}
    ),
    Role.REFORM_OFFICE: frozenset(_EVERYONE | {P.COCKPIT_VIEW, P.WARNING_VIEW, P.POLICY_TRY}),
    Role.ADMINISTRATOR: frozenset(
        _EVERYONE
        | {P.ACCOUNTS_MANAGE, P.VIEW_AS, P.TOKEN_MANAGE, P.CALENDAR_MANAGE, P.JOBS_VIEW, P.SCREENING_RUN}
        | {P.JOURNAL_VIEW, P.LEDGER_VERIFY}
    ),
}
"""An administrator keeps the system and sees no household: who gives out rights does not read files."""


def region_prefix(code: str) -> str:
    """Return the digits that every code inside a region begins with: 330000 → 33, 330100 → 3301, 330106 → 330106.

    Codes are GB/T 2260 (six digits) and GB/T 10114 (nine and twelve digits); trailing pairs of noughts stand for "all of it".
    """
    if len(code) == 6:
        return code.removesuffix("0000") if code.endswith("0000") else code.removesuffix("00")
    return code


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, in which post, from where. Services and selectors take one as their first argument.

    ``region`` is the code of the subtree that the post sees, ``department`` an id of the package (empty = all departments),
    ``grade`` the highest data grade (1-4, as in the contracts), ``via`` one of page, api, cli, job, view-as.
    """

    user_id: int | None
    post_id: int | None
    name: str
    role: Role | None
    region: str
    department: str = ""
    grade: int = 1
    via: str = "page"
    permissions: frozenset[Permission] = frozenset()
    viewing: bool = False

    @staticmethod
    def system(name: str, region: str, via: str = "job") -> Actor:
        """Return the actor of a job or of the command: all permissions within ``region``, and its own name in the journal."""
        return Actor(None, None, name, None, region, grade=4, via=via, permissions=frozenset(Permission))

    def may(self, permission: Permission) -> bool:
        """Whether the post holds a permission."""
        return permission in self.permissions

    def require(self, permission: Permission) -> None:
        """Raise ``RefusedError`` (``accounts.refused``) unless the post holds ``permission``."""
        if permission not in self.permissions:
            raise RefusedError("accounts.refused", permission=permission.value, role=self.role or "-")

    def sees(self, region: str) -> bool:
        """Whether a place lies in the post's subtree. A post without a region sees nothing."""
        return bool(self.region) and region.startswith(region_prefix(self.region))

    def require_sight(self, region: str) -> None:
        """Raise ``RefusedError`` (``accounts.outside-scope``) unless ``region`` lies in the post's subtree."""
        if not self.sees(region):
            raise RefusedError("accounts.outside-scope")

    def within(self, region: str) -> Actor:
        """Return the same actor cut to ``region``, a part of the subtree (for drill-down)."""
        self.require_sight(region)
        return replace(self, region=region)


def in_scope(actor: Actor, field: str = "region") -> Q:
    """Return the filter that keeps rows whose region code lies in the actor's subtree; without a region, none.

    A range of codes, not LIKE: both databases answer it from an ordinary index.
    """
    prefix = region_prefix(actor.region)
    if not prefix:
        return Q(pk__in=[])
    return Q(**{f"{field}__gte": prefix, f"{field}__lt": str(int(prefix) + 1)})
