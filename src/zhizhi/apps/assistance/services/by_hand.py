"""An officer opens cases herself: out of turn, or against what the machine or a colleague said, and then with a reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from django.db import transaction

from zhizhi.apps.accounts.selectors.posts import post_get
from zhizhi.apps.actors import Actor, Permission, Role, region_prefix
from zhizhi.apps.assistance.models import Waiting
from zhizhi.apps.assistance.schemas import CASES_OPENED
from zhizhi.apps.assistance.selectors.found import found_sight
from zhizhi.apps.assistance.selectors.lake import found_reader, lake_in_use
from zhizhi.apps.assistance.selectors.packages import package_in_use
from zhizhi.apps.assistance.selectors.triage import triage_in_use
from zhizhi.apps.assistance.services.drafts import draft_of
from zhizhi.apps.assistance.services.heads import heads
from zhizhi.apps.assistance.services.opening import alerts_sorted, raised_keep
from zhizhi.apps.casework.selectors.calendars import calendar_now
from zhizhi.apps.casework.services.cases import case_open_many
from zhizhi.apps.casework.services.holders import case_assign_many
from zhizhi.apps.journal.services import record
from zhizhi.backends.found import Found, Wanted
from zhizhi.backends.screening import latest_run, state_folder
from zhizhi.backends.screening_whole import facts_of
from zhizhi.backends.triage import Alert, Reason, alerts_path, some_alerts
from zhizhi.engines.screening.ranking import GRAVEST, Need, score
from zhizhi.kernel.errors import InvalidError, NotFoundError
from zhizhi.scenarios.package import Package
from zhizhi.scenarios.triage_file import REVIEW, VISIT, Triage

MOST = 200
NOTE = 2_000
REVIEWS = "review"
"""Kind of the cases that are about aid somebody receives, not about a visit."""


def cases_open_for(
    actor: Actor,
    *,
    households: Sequence[str],
    now: datetime,
    reason: str = "",
    post_id: int | None = None,
) -> list[int]:
    """Open a case for each household that the latest screening found something of, and return the ids.

    Findings that ask for a visit make an assistance case; where there are none, those that ask for a review make a case of
    review. A household with an open case of that kind has what is new added to it.

    Args:
        actor: the officer.
        households: pseudonyms.
        now: when.
        reason: why, needed where a person dismissed the findings or they are at rest after a case.
        post_id: who is to have them; nobody where it is None.

    Raises:
        NotFoundError: ``assistance.household-unknown``, ``assistance.none-screened``.
        InvalidError: ``assistance.nothing-found``, ``assistance.reason-needed``, ``assistance.too-many``.
    """
    actor.require(Permission.CASE_OPEN)
    wanted = list(dict.fromkeys(households))
    if not wanted:
        raise InvalidError("assistance.nothing-chosen", field="households")
    if len(wanted) > MOST:
        raise InvalidError("assistance.too-many", field="households", n=len(wanted), most=MOST)
    reader = found_reader()
    if reader is None:
        raise NotFoundError("assistance.none-screened")
    package, triage = package_in_use(), triage_in_use()
    asked = tuple(name for name, asks in triage.kinds.items() if asks in (VISIT, REVIEW))
    found = list(reader.every(found_sight(actor), Wanted(finding=asked, households=tuple(wanted))))
    if {item.household for item in found} != set(wanted):
        raise InvalidError("assistance.nothing-found")
    on = date.fromisoformat(str(reader.record["on"]))
    visits, reviews = _alerts(actor, package, triage, found, on)
    _check_post(actor, post_id)
    note = reason.strip()[:NOTE]
    with transaction.atomic():
        today = calendar_now().day_of(now)
        told = alerts_sorted(actor, visits, package, triage, on, today)
        held_back = told.dismissed + told.resting
        if held_back and not note:
            raise InvalidError("assistance.reason-needed", field="reason", n=held_back)
        names = heads(wanted)
        drafts = [draft_of(alert, package, alert.reasons, head=names.get(alert.household)) for alert in visits]
        drafts += [draft_of(alert, package, alert.reasons, head=names.get(alert.household), kind=REVIEWS) for alert in reviews]
        ids = case_open_many(actor, drafts=drafts, now=now)
        raised_keep(zip(ids, [*visits, *reviews], strict=True))
        if post_id is not None:
            case_assign_many(actor, pairs=[(pk, post_id) for pk in ids], now=now)
        Waiting.objects.filter(household__in=wanted).delete()
        record(
            actor,
            CASES_OPENED,
            now=now,
            subjects=[f"case:{pk}" for pk in ids],
            region=actor.region,
            purpose=note[:200],
            details={"cases": len(ids), "against_a_word": held_back},
            package=package.id,
            package_version=package.version,
        )
    return ids


def _check_post(actor: Actor, post_id: int | None) -> None:
    if post_id is None:
        return
    post = post_get(post_id)
    if post is None or post.role not in (Role.VILLAGE_WORKER, Role.TOWN_OFFICER) or not actor.sees(post.region):
        raise InvalidError("casework.post-unfit", field="post")


def _alerts(actor: Actor, package: Package, triage: Triage, found: Sequence[Found], on: date) -> tuple[list[Alert], list[Alert]]:
    """Return the alerts of the households that ask for a visit, and what alerts the others would be, for a review."""
    homes = sorted({item.household for item in found if triage.kinds[item.finding] == VISIT})
    kept = latest_run(state_folder(lake_in_use(), package))
    path = alerts_path(kept[0], triage, on) if kept is not None else None
    if path is None or not path.exists():
        raise NotFoundError("assistance.none-screened")
    visits = some_alerts(path, region_prefix(actor.region), homes, limit=MOST)
    others = [item for item in found if item.household not in homes]
    facts = facts_of(lake_in_use(), package, [(item.kind, item.subject, item.policy, item.household) for item in others])
    reviews = []
    for household in sorted({item.household for item in others}):
        reviews.append(_review([item for item in others if item.household == household], package, triage, facts, on))
    return visits, reviews


def _review(found: Sequence[Found], package: Package, triage: Triage, facts: Mapping[tuple[str, str], str], on: date) -> Alert:
    reasons = sorted(
        (
            Reason(
                kind=item.kind,
                subject=item.subject,
                policy=item.policy,
                finding=item.finding,
                severity=triage.severity(package.policies[item.policy]),
                payable_fen=None,
                facts=facts[item.subject, item.policy],
            )
            for item in found
        ),
        key=lambda reason: (GRAVEST.index(reason.severity), reason.policy, reason.subject),
    )
    points = score(Need([reason.severity for reason in reasons], {}, {}), triage.weights(on))
    return Alert(
        rank=0,
        household=found[0].household,
        region=found[0].region,
        score=points.total,
        severity=points.severity,
        further=points.further,
        depth=points.depth,
        vulnerable=points.vulnerable,
        gravest=points.gravest,
        deepest=points.deepest,
        signs=points.signs,
        unknown=points.unknown,
        reasons=tuple(reasons),
    )
