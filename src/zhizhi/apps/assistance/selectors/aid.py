"""Everything a household was given, by the departments' lists and by what people wrote down, and what it comes to this year."""

from __future__ import annotations

from datetime import date

from zhizhi.apps.actors import Actor, Permission, in_scope
from zhizhi.apps.assistance.models import AidGiven
from zhizhi.apps.assistance.schemas import AID_KINDS, AidList, AidRow, Words
from zhizhi.apps.assistance.selectors.lake import lake_in_use
from zhizhi.apps.assistance.selectors.packages import package_in_use
from zhizhi.apps.assistance.selectors.places import place_of
from zhizhi.apps.assistance.selectors.triage import projects_in_use
from zhizhi.backends.lake import Lake
from zhizhi.backends.received import Received, received
from zhizhi.scenarios.package import Package
from zhizhi.scenarios.projects_file import ProjectBase

LANGS = ("zh", "en")


def aid_list(actor: Actor, *, household: str, on: date) -> AidList:
    """Return the aid of a household, what it receives now first, then what was written down, newest first.

    Totals are those of the year of ``on``: money as paid or worked out of monthly amounts, goods by their value where one was
    written down, services by their number. Amounts above the post's grade are hidden, and are in no total.

    Raises:
        RefusedError: the post may not read files. NotFoundError: no such household within the post's region.
    """
    actor.require(Permission.HOUSEHOLD_VIEW)
    region = place_of(actor, household)
    package, base, lake = package_in_use(), projects_in_use(), lake_in_use()
    rows = [_from_list(item, package, base, lake, region, on, actor.grade) for item in received(lake, package, household)]
    given = AidGiven.objects.filter(in_scope(actor), household=household, withdrawn_at__isnull=True, given_on__lte=on)
    rows += [_written(row, package, base, region, on) for row in given.order_by("-given_on", "-id")]
    totals = dict.fromkeys(AID_KINDS, 0)
    for row in rows:
        if row.kind == "service":
            totals["service"] += row.id is None or (row.given_on is not None and row.given_on.year == on.year)
        else:
            totals[row.kind] += row.this_year_fen or 0
    return AidList(on.year, rows, totals)


def months_of_year(since: date | None, on: date) -> int | None:
    """Return how many months of the year of ``on`` a monthly payment that began on ``since`` was made, the last one included.

    >>> months_of_year(date(2024, 3, 1), date(2025, 9, 1)), months_of_year(date(2025, 8, 20), date(2025, 9, 1))
    (9, 2)
    """
    if since is None:
        return None
    first = max(since, date(on.year, 1, 1))
    return max(0, (on.year - first.year) * 12 + on.month - first.month + 1)


def _from_list(item: Received, package: Package, base: ProjectBase, lake: Lake, region: str, on: date, grade: int) -> AidRow:
    policy = package.policies.get(item.policy)
    hidden = item.amount_fen is not None and grade < item.grade
    kind = str(policy.provides.get("kind", "money")) if policy and item.amount_fen is None else "money"
    months = months_of_year(item.since, on)
    year = None if item.amount_fen is None or hidden or not item.monthly or months is None else item.amount_fen * months
    group = base.of_policy(item.policy)
    contract = lake.contract(item.dataset) if item.dataset else None
    return AidRow(
        kind=kind,
        title=policy.title_in(region) if policy else dict.fromkeys(LANGS, item.policy),
        group=group.id if group else "",
        policy=item.policy,
        value_fen=None if hidden else item.amount_fen,
        monthly=item.monthly,
        quantity="",
        given_on=item.since,
        source={lang: contract.owner(lang) if contract else "" for lang in LANGS},
        recorded_by="",
        case_id=None,
        id=None,
        this_year_fen=year,
        estimated=year is not None,
        hidden=hidden,
    )


def _written(row: AidGiven, package: Package, base: ProjectBase, region: str, on: date) -> AidRow:
    return AidRow(
        kind=row.kind,
        title=_title(row, package, base, region),
        group=row.group,
        policy=row.policy,
        value_fen=row.value_fen,
        monthly=False,
        quantity=row.quantity,
        given_on=row.given_on,
        source=dict.fromkeys(LANGS, row.source),
        recorded_by=row.actor,
        case_id=row.case_id,
        id=row.pk,
        this_year_fen=(row.value_fen or 0) if row.given_on.year == on.year else 0,
        estimated=False,
    )


def _title(row: AidGiven, package: Package, base: ProjectBase, region: str) -> Words:
    project = base.project(row.project) if row.project else None
    if project is not None:
        return project[1].title
    if row.policy in package.policies:
        return package.policies[row.policy].title_in(region)
    return dict.fromkeys(LANGS, row.title or row.project or row.policy)
