"""Screenings: the latest, those before, what failed, what each found where, and what became of it."""

from __future__ import annotations

from datetime import datetime

from django.db.models import QuerySet, Sum
from django.utils.timezone import localtime

from zhizhi.apps.accounts.selectors.regions import region_children
from zhizhi.apps.actors import Actor, Permission, in_scope, region_prefix
from zhizhi.apps.assistance.models import Opening, Run, RunCount, RunPlace, Waiting
from zhizhi.apps.assistance.schemas import OpeningView, PlaceRate, RunView, TrendPoint, WaitingRow
from zhizhi.apps.assistance.selectors.packages import package_in_use, screening_date
from zhizhi.apps.assistance.selectors.triage import triage_in_use
from zhizhi.apps.configuration import configuration
from zhizhi.backends.findings import KINDS
from zhizhi.backends.lake import Lake
from zhizhi.engines.screening.ranking import TENTHS
from zhizhi.kernel.errors import UsageError, ZhizhiError

_PERMITTED = (Permission.COCKPIT_VIEW, Permission.FINDING_VIEW, Permission.WARNING_VIEW, Permission.SCREENING_RUN)
COUNTY, TOWN = 6, 9


def run_latest(actor: Actor) -> RunView | None:
    """Return the latest screening that was finished, or None."""
    _require(actor)
    row = _done().first()
    return _shown(row) if row else None


def run_failed(actor: Actor) -> RunView | None:
    """Return the latest failure if nothing was finished after it: what was found before stands, and the page says why."""
    _require(actor)
    done = _done().first()
    failed = Run.objects.filter(state="failed").order_by("-finished_at", "-id").first()
    if failed is None or failed.finished_at is None:
        return None
    if done is not None and done.finished_at is not None and done.finished_at >= failed.finished_at:
        return None
    return _shown(failed)


def run_list(actor: Actor, limit: int = 30) -> list[RunView]:
    """Return the latest screenings, finished and failed, newest first."""
    _require(actor)
    return [_shown(row) for row in Run.objects.order_by("-finished_at", "-id")[: max(1, min(limit, 400))]]


def run_trend(actor: Actor, *, finding: str = "missed", policy: str = "", region: str = "", limit: int = 30) -> list[TrendPoint]:
    """Return what the last runs found in the post's region (or a part of it), oldest first; one point a date, its last run.

    Counts are kept by policy down to the county, of all policies together down to the town; below there is no trend.

    Raises:
        UsageError: ``assistance.filter-unknown``: no such finding or policy. RefusedError: a region outside the post's.
    """
    _require(actor)
    _known("finding", finding, KINDS)
    if policy:
        _known("policy", policy, sorted(package_in_use().policies))
    here = actor.within(region) if region else actor
    prefix = region_prefix(here.region)
    if not prefix or len(prefix) > (COUNTY if policy else TOWN):
        return []
    last: dict[object, Run] = {}
    for run in _done()[:400]:
        last.setdefault(run.on, run)
    runs = sorted(last.values(), key=lambda run: str(run.on))[-max(1, min(limit, 400)) :]
    counted = RunCount.objects.filter(in_scope(here), run__in=runs, finding=finding, policy=policy).values("run")
    sums = {row["run"]: (row["h"], row["s"]) for row in counted.annotate(h=Sum("households"), s=Sum("subjects"))}
    return [TrendPoint(run.on, run.pk, *sums.get(run.pk, (0, 0))) for run in runs if run.on is not None]


def missed_by_place(actor: Actor, *, region: str = "", finding: str = "missed") -> list[PlaceRate]:
    """Return the households with a finding in each place right below ``region`` (or the post's own), and a rate for 1,000 people.

    Places and their sum are those of the latest run; a place that the tree of regions does not have stands under its code.

    Raises:
        UsageError: ``assistance.filter-unknown``. RefusedError: a region outside the post's.
    """
    _require(actor)
    _known("finding", finding, KINDS)
    here = actor.within(region) if region else actor
    run = _done().first()
    prefix = region_prefix(here.region)
    if run is None or not prefix:
        return []
    found = RunCount.objects.filter(in_scope(here), run=run, finding=finding, policy="")
    households = dict(found.values_list("region", "households"))
    people = dict(RunPlace.objects.filter(in_scope(here), run=run).values_list("region", "people"))
    children = [place.code for place in region_children(actor, here.region)]
    rows: dict[str, list[int]] = {code: [0, 0] for code in children}
    for index, counted in enumerate((households, people)):
        for code, number in counted.items():
            home = next((child for child in children if code.startswith(region_prefix(child))), code)
            rows.setdefault(home, [0, 0])[index] += number
    return [PlaceRate(code, n, m, round(n * 1000 / m, 2) if m else None) for code, (n, m) in sorted(rows.items())]


def opening_latest(actor: Actor) -> OpeningView | None:
    """Return what became of the alerts when they were last given out, or None."""
    _require(actor)
    row = Opening.objects.order_by("-at", "-id").first()
    if row is None:
        return None
    names = [name for name in OpeningView.__dataclass_fields__ if name != "run"]
    return OpeningView(run=row.run_id, **{name: getattr(row, name) for name in names})


def waiting_count(actor: Actor, *, region: str = "") -> int:
    """Return how many households wait for a visit in the post's region or a part of it."""
    return _waiting(actor, region).count()


def waiting_list(actor: Actor, *, region: str = "", offset: int = 0, limit: int = 50) -> list[WaitingRow]:
    """Return the households that wait, the most pressing first."""
    rows = _waiting(actor, region).order_by("rank")[max(0, offset) : max(0, offset) + max(1, min(limit, 500))]
    return [WaitingRow(row.household, row.region, row.rank, row.score / TENTHS, row.why, tuple(row.policies)) for row in rows]


def _waiting(actor: Actor, region: str) -> QuerySet[Waiting]:
    actor.require(Permission.FINDING_VIEW)
    here = actor.within(region) if region else actor
    return Waiting.objects.filter(in_scope(here))


# for jobs ----------------------------------------------------------------------------------------------------------


def screened() -> bool:
    """Whether anything was screened yet."""
    return _done().exists()


def screening_due(*, now: datetime) -> bool:
    """Whether the package, the lake or the day changed since the latest run, and there is a lake to screen.

    A package or lake that cannot be read is due once a day, so that the failure is written down and shown, not hidden.
    """
    try:
        package = package_in_use()
        triage_in_use()
        lake = Lake.open(configuration().lake_path)
        snapshot = lake.versions()
    except ZhizhiError as error:
        if error.code == "lake.none":
            return False
        return not _failed_on(now).exists()
    if not snapshot or any(_of(run, package.digest, snapshot) for run in _failed_on(now)):
        return False
    run = _done().filter(package=package.id).first()
    return run is None or run.on != screening_date(now) or not _of(run, package.digest, snapshot)


def _failed_on(now: datetime) -> QuerySet[Run]:
    return Run.objects.filter(state="failed", finished_at__date=localtime(now).date())


def _of(run: Run, digest: str, snapshot: dict[str, int]) -> bool:
    """Whether a run was of this package and this state of the lake."""
    return run.package_digest == digest and {str(name): int(version) for name, version in run.snapshot.items()} == snapshot


def _done() -> QuerySet[Run]:
    return Run.objects.filter(state="done").order_by("-finished_at", "-id")


def _shown(row: Run) -> RunView:
    return RunView(
        id=row.pk,
        package=row.package,
        package_version=row.package_version,
        on=row.on,
        snapshot=row.snapshot,
        kept=row.kept,
        mode=row.mode,
        state=row.state,
        synthetic=row.synthetic,
        households=row.households,
        people=row.people,
        alerts=row.alerts,
        error=row.error,
        asked_at=row.asked_at,
        finished_at=row.finished_at,
    )


def _known(name: str, value: str, known: tuple[str, ...] | list[str]) -> None:
    if value not in known:
        raise UsageError("assistance.filter-unknown", name=name, value=value[:60], known=", ".join(known))


def _require(actor: Actor) -> None:
    if not any(actor.may(permission) for permission in _PERMITTED):
        actor.require(Permission.COCKPIT_VIEW)
