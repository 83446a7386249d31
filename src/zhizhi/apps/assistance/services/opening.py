"""Give alerts out as cases, within what workers can do in a day, undoing nothing that people decided; the rest waits in order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

from django.db import transaction

from zhizhi.apps.accounts.selectors.posts import PostView
from zhizhi.apps.accounts.selectors.teams import posts_in_role
from zhizhi.apps.actors import Actor, Permission, Role
from zhizhi.apps.assistance.models import Dismissal, Opening, Raised, Run, Waiting
from zhizhi.apps.assistance.schemas import ALERTS_OPENED, FINDING_LAPSED
from zhizhi.apps.assistance.selectors.lake import lake_in_use
from zhizhi.apps.assistance.selectors.packages import package_in_use
from zhizhi.apps.assistance.selectors.triage import triage_in_use
from zhizhi.apps.assistance.services.drafts import draft_of
from zhizhi.apps.assistance.services.heads import heads
from zhizhi.apps.casework.selectors.calendars import calendar_now
from zhizhi.apps.casework.selectors.cases import last_cases
from zhizhi.apps.casework.selectors.loads import door_loads
from zhizhi.apps.casework.services.cases import case_open_many
from zhizhi.apps.configuration import configuration
from zhizhi.apps.journal.schemas import Fact
from zhizhi.apps.journal.services import record, record_many
from zhizhi.backends.screening import state_folder
from zhizhi.backends.triage import Alert, Reason, alerts_path, read_alerts
from zhizhi.engines.screening.placing import Worker, place
from zhizhi.engines.screening.ranking import TENTHS, Weights
from zhizhi.kernel.errors import NotFoundError
from zhizhi.scenarios.package import Package
from zhizhi.scenarios.triage_file import Triage

BATCH = 2_000
CHUNK = 500
COUNTED = ("alerts", "opened", "added", "standing", "waiting", "nobody", "resting", "dismissed", "nowhere")
"""What an opening counts; all but the first add up to the first."""
BUDGET, NOBODY = "budget", "nobody"


@dataclass(slots=True)
class Sorted:
    """What is to become of alerts: opened or added to an open case, or why not."""

    fresh: list[Alert] = field(default_factory=list)
    added: list[Alert] = field(default_factory=list)
    standing: int = 0
    resting: int = 0
    dismissed: int = 0
    nowhere: int = 0
    lapsed: list[int] = field(default_factory=list)


def alerts_give_out(actor: Actor, *, now: datetime, name: str = "") -> int:
    """Give out the alerts of the latest run and return how many cases were opened.

    May be done at any time and any number of times: a household has one open case, a worker her doors of the day, and what
    does not fit waits. Everything happens in one transaction, so that a worker that is killed leaves nothing half done.

    Raises:
        NotFoundError: ``assistance.none-screened``. UnavailableError: no workflow is installed.
    """
    actor.require(Permission.SCREENING_RUN)
    package, triage = package_in_use(name), triage_in_use(name)
    run = Run.objects.filter(package=package.id, state="done").order_by("-finished_at", "-id").first()
    if run is None or run.on is None:
        raise NotFoundError("assistance.none-screened")
    folder = state_folder(lake_in_use(), package) / run.kept
    path = alerts_path(folder, triage, run.on)
    if not path.exists():
        raise NotFoundError("assistance.none-screened")
    alerts = list(read_alerts(path))
    with transaction.atomic():
        Run.objects.select_for_update().get(pk=run.pk)  # two workers give out one after the other
        today = calendar_now().day_of(now)
        found = alerts_sorted(actor, alerts, package, triage, run.on, today)
        placed = _placed(actor, found.fresh, package, triage, run.on, today)
        opened = _open(actor, found, placed, package, now)
        _wait(placed)
        _lapse(actor, found.lapsed, now)
        made = Opening.objects.create(
            run=run,
            at=now,
            alerts=len(alerts),
            opened=opened,
            added=len(found.added),
            standing=found.standing,
            waiting=len(placed.waiting),
            nobody=len(placed.nobody),
            resting=found.resting,
            dismissed=found.dismissed,
            nowhere=found.nowhere,
        )
        counts = {name: getattr(made, name) for name in COUNTED}
        record(
            actor,
            ALERTS_OPENED,
            now=now,
            subjects=[f"run:{run.pk}"],
            region=actor.region,
            package=package.id,
            package_version=package.version,
            details=counts,
        )
    return opened


# what people decided, and what rests ---------------------------------------------------------------------------------


def alerts_sorted(actor: Actor, alerts: Sequence[Alert], package: Package, triage: Triage, on: date, today: date) -> Sorted:
    """Say of each alert what is to become of it, with the reasons that are left of it.

    A reason drops out while a dismissal or the verdict of an earlier case stands on the same values, and for the days of rest
    after a closed case; whoever is left with none is counted once, as dismissed if any word of a person stands, else as resting.
    """
    found = Sorted()
    homes = [alert.household for alert in alerts]
    last = last_cases(actor, households=homes)
    words = {(row.subject, row.policy, row.finding): row for row in Dismissal.objects.filter(ended_at__isnull=True)}
    refused = _refused(last, package)
    weights = triage.weights(on)
    rests = {policy: timedelta(days=triage.cooldown(item, on)) for policy, item in package.policies.items()}
    for alert in alerts:
        if not (alert.region.isdigit() and 6 <= len(alert.region) <= 12 and actor.sees(alert.region)):
            found.nowhere += 1
            continue
        case = last.get(alert.household)
        left, silenced = [], Counter[str]()
        for reason in alert.reasons:
            why = _silenced(reason, words, case, refused, rests, today, found.lapsed)
            if why:
                silenced[why] += 1
            else:
                left.append(reason)
        if case is not None and case["open"]:
            new = [reason for reason in left if reason.policy not in case["policies"]]
            if new:
                found.added.append(rescored(alert, new, weights))
            else:
                found.standing += 1
        elif left:
            found.fresh.append(rescored(alert, left, weights))
        elif silenced["dismissed"]:
            found.dismissed += 1
        else:
            found.resting += 1
    found.fresh.sort(key=lambda alert: (-alert.score, -alert.severity, -alert.depth, alert.household))
    return found


def _silenced(
    reason: Reason,
    words: Mapping[tuple[str, str, str], Dismissal],
    case: Mapping[str, Any] | None,
    refused: Mapping[tuple[int, str, str], str],
    rests: Mapping[str, timedelta],
    today: date,
    lapsed: list[int],
) -> str:
    word = words.get((reason.subject, reason.policy, reason.finding))
    if word is not None:
        if word.facts == reason.facts:
            return "dismissed"
        lapsed.append(word.pk)
    if case is None or case["open"] or reason.policy not in case["policies"]:
        return ""
    if refused.get((case["id"], reason.subject, reason.policy)) == reason.facts:
        return "dismissed"
    rest = rests.get(reason.policy, timedelta())
    return "resting" if case["closed_on"] and today < case["closed_on"] + rest else ""


def _refused(last: Mapping[str, Mapping[str, Any]], package: Package) -> dict[tuple[int, str, str], str]:
    """Return (case, subject, policy) -> values, of closed cases in which a person found that there was nothing to give."""
    outcomes = {name: item.confirms for workflow in package.workflows.values() for name, item in workflow.outcomes.items()}
    closed = [case["id"] for case in last.values() if not case["open"] and outcomes.get(case["outcome"]) is False]
    found: dict[tuple[int, str, str], str] = {}
    for start in range(0, len(closed), CHUNK):
        for row in Raised.objects.filter(case_id__in=closed[start : start + CHUNK]):
            found[row.case_id, row.subject, row.policy] = row.facts
    return found


def rescored(alert: Alert, reasons: Sequence[Reason], weights: Weights) -> Alert:
    """Return an alert with a part of its reasons; depth and vulnerability are the household's and stay."""
    if len(reasons) == len(alert.reasons):
        return alert
    gravest = max(reasons, key=lambda reason: weights.severity[reason.severity]).severity
    severity = weights.severity[gravest] * TENTHS
    further = min(weights.further * (len(reasons) - 1), weights.further_most) * TENTHS
    total = severity + further + alert.depth + alert.vulnerable
    return replace(alert, reasons=tuple(reasons), gravest=gravest, severity=severity, further=further, score=total)


# who goes --------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Given:
    given: list[tuple[Alert, PostView]]
    waiting: list[Alert]
    nobody: list[Alert]


def _placed(actor: Actor, alerts: Sequence[Alert], package: Package, triage: Triage, on: date, today: date) -> _Given:
    posts = {post.id: post for post in posts_in_role(actor, Role.VILLAGE_WORKER)}
    starts = sorted({workflow.start for workflow in package.workflows.values()})
    loads = door_loads(actor, states=starts, day=today)
    workers = [
        Worker(post.id, post.region, loads[post.id].held, loads[post.id].given)
        if post.id in loads
        else Worker(post.id, post.region)
        for post in posts.values()
    ]
    per_day = configuration().doors_per_day
    placed = place([alert.region for alert in alerts], workers, per_day, per_day * triage.figure("open_days", on))
    return _Given(
        [(alerts[index], posts[post]) for index, post in placed.given],
        [alerts[index] for index in placed.waiting],
        [alerts[index] for index in placed.nobody],
    )


def _open(actor: Actor, found: Sorted, placed: _Given, package: Package, now: datetime) -> int:
    names = heads([alert.household for alert, _ in placed.given] + [alert.household for alert in found.added])
    drafts = [
        draft_of(alert, package, alert.reasons, head=names.get(alert.household), holder=(post.id, post.user_id, post.user_name))
        for alert, post in placed.given
    ]
    opened = [alert for alert, _ in placed.given]
    more = [draft_of(alert, package, alert.reasons, head=names.get(alert.household)) for alert in found.added]
    ids = case_open_many(actor, drafts=[*drafts, *more], now=now)
    raised_keep(zip(ids, [*opened, *found.added], strict=True))
    return len(opened)


def raised_keep(pairs: Iterable[tuple[int, Alert]]) -> None:
    """Keep what cases were opened with, so that it is known later whether the values changed."""
    Raised.objects.bulk_create(
        [
            Raised(case_id=pk, household=alert.household, subject=reason.subject, policy=reason.policy, facts=reason.facts)
            for pk, alert in pairs
            for reason in alert.reasons
        ],
        batch_size=BATCH,
    )


def _wait(placed: _Given) -> None:
    """Put down who waits: the whole list is made anew, so that it says how things stand now."""
    Waiting.objects.all().delete()
    rows = [(alert, BUDGET) for alert in placed.waiting] + [(alert, NOBODY) for alert in placed.nobody]
    rows.sort(key=lambda row: (-row[0].score, -row[0].severity, -row[0].depth, row[0].household))
    Waiting.objects.bulk_create(
        [
            Waiting(
                household=alert.household,
                region=alert.region,
                rank=rank,
                score=alert.score,
                why=why,
                policies=[reason.policy for reason in alert.reasons],
            )
            for rank, (alert, why) in enumerate(rows, start=1)
        ],
        batch_size=BATCH,
    )


def _lapse(actor: Actor, ids: Sequence[int], now: datetime) -> None:
    """End dismissals whose values changed: what a person said of other values does not bind her."""
    rows = list(Dismissal.objects.filter(pk__in=ids, ended_at__isnull=True))
    Dismissal.objects.filter(pk__in=[row.pk for row in rows]).update(ended_at=now, ended_why="data")
    record_many(
        actor,
        [
            Fact(
                FINDING_LAPSED,
                subjects=[f"household:{row.household}", f"dismissal:{row.pk}"],
                region=row.region,
                details={"policy": row.policy, "finding": row.finding},
                package=row.package,
            )
            for row in rows
        ],
        now=now,
    )
