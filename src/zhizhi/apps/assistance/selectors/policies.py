"""Policies and warnings of the package in use as people read them: sentences, figures with their history, law, tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from zhizhi.apps.actors import Actor, Permission, region_prefix
from zhizhi.apps.assistance.selectors.lake import once
from zhizhi.apps.assistance.selectors.packages import package_in_use, screening_date
from zhizhi.apps.configuration import configuration
from zhizhi.backends.kept_counts import kept_by_region
from zhizhi.backends.lake import Lake
from zhizhi.backends.population import source_dataset
from zhizhi.backends.screening import latest_name, state_folder
from zhizhi.engines.rules import ir
from zhizhi.engines.rules.policy import Policy
from zhizhi.engines.rules.resolution import figure_on
from zhizhi.engines.rules.vocabulary import Parameter
from zhizhi.engines.rules.wording import Wording, plain_number, unit_text, value_text
from zhizhi.kernel.errors import NotFoundError, UsageError
from zhizhi.scenarios.package import Package
from zhizhi.scenarios.testing import by_hand, differences, read_tests

KINDS = ("policy", "warning")
Words = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """One line of the library. ``verified`` says whether every figure and basis has a source that was read."""

    id: str
    kind: str
    title: Words
    department: str
    department_title: Words
    group: Words
    subject: str
    in_force: bool
    verified: bool
    tests: int
    illustrative: int


@dataclass(frozen=True, slots=True)
class FigureStep:
    """One dated value of a figure: from when, where ("" everywhere), how much, with source and status."""

    start: str
    region: str
    value: Words
    source: str
    status: str
    in_force: bool


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure that the rule reads: its key (``dibao.line``), title, value in force, and its history."""

    key: str
    title: Words
    value: Words
    plain: str
    unit: Words
    numeric: bool
    shared: bool
    verified: bool
    history: Sequence[FigureStep]


@dataclass(frozen=True, slots=True)
class TestLine:
    """One test in a sentence: what is expected, and where the rule says otherwise what it says."""

    name: str
    on: date
    expected: str
    problems: Sequence[tuple[str, str, str]]


@dataclass(frozen=True, slots=True)
class ReadField:
    """A variable that the rule reads: its title, and the dataset that it comes from ("" where it is computed)."""

    name: str
    title: Words
    dataset: str


@dataclass(frozen=True, slots=True)
class PolicyPage:
    """Everything that the page of one policy shows."""

    row: PolicyRow
    policy: Policy
    package: str
    version: str
    conditions: Sequence[Mapping[str, Any]]
    amount: Words | None
    figures: Sequence[Figure]
    reads: Sequence[ReadField]
    excludes: Sequence[Words]
    tests: Sequence[TestLine]
    open_points: Sequence[Words]


def policy_list(
    actor: Actor, *, now: datetime, kind: str = "policy", department: str = "", group: str = "", text: str = ""
) -> list[PolicyRow]:
    """Return the policies (or warnings) of the package in use, in the package's order.

    Raises:
        UsageError: ``web.filter-unknown`` for a kind, department or class that the package does not have.
    """
    actor.require(Permission.POLICY_VIEW)
    package = package_in_use()
    _known("kind", kind, KINDS)
    _known("department", department, ("", *package.departments))
    _known("group", group, ("", *package.classes))
    on = screening_date(now)
    rows = []
    for name in package.order or package.policies:
        policy = package.policies[name]
        titles = " ".join(
            [name, *policy.title.values(), *(local for one in policy.local_titles.values() for local in one.values())]
        )
        wanted = department in ("", policy.department) and group in ("", policy.group) and text.strip().lower() in titles.lower()
        if policy.kind == kind and wanted:
            rows.append(_row(package, policy, on))
    return rows


def policy_get(actor: Actor, policy: str, *, now: datetime) -> PolicyPage:
    """Return one policy or warning with its rule in words.

    Raises:
        NotFoundError: ``policies.unknown``.
    """
    actor.require(Permission.POLICY_VIEW)
    package = package_in_use()
    found = package.policies.get(policy)
    if found is None:
        raise NotFoundError("policies.unknown", policy=policy)
    on = screening_date(now)
    titles = {name: other.title for name, other in package.policies.items()} | dict(found.derived_titles)
    wording = Wording(package.needs.vocabulary, package.figures, titles)
    return PolicyPage(
        row=_row(package, found, on),
        policy=found,
        package=package.id,
        version=package.version,
        conditions=[
            {"label": one.label, "rule": wording.both(one.node), "margin": _margin(one.margin, one.node)}
            for one in found.conditions
        ],
        amount=wording.both(found.amount.node) if found.amount else None,
        figures=[_figure(package, key, on) for key in figures_read(found)],
        reads=list(_reads(package, found)),
        excludes=[package.policies[name].title for name in found.excludes],
        tests=run_tests(package, policy),
        open_points=[{lang: point.text(lang) for lang in ("zh", "en")} for point in found.open_points],
    )


@dataclass(frozen=True, slots=True)
class PlaceCount:
    """Whom a policy touches in one place: who is eligible, receives, is missed or leaks, and what is payable (yuan of its unit).

    ``receiving``, ``missed`` and ``leaking`` are None where no dataset says who receives the policy.
    """

    region: str
    eligible: int
    receiving: int | None
    missed: int | None
    leaking: int | None
    payable: float | None


def policy_places(actor: Actor, policy: str) -> list[PlaceCount]:
    """Return whom a policy touches now, by the places right below the post's region, the most eligible first.

    From the latest kept screening; empty where nothing was screened yet with this package.
    """
    actor.require(Permission.POLICY_VIEW)
    path = configuration().lake_path
    if not path.is_dir():
        return []
    lake, package = Lake.open(path), package_in_use()
    state = (package.digest, latest_name(state_folder(lake, package)))
    rows = once("towns", state, lambda: kept_by_region(lake, package))
    prefix = region_prefix(actor.region)
    length = 6 if len(prefix) < 6 else 9
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        if row["policy"] == policy and actor.sees(row["region"] or ""):
            found.setdefault(row["region"][:length], []).append(row)
    counted = [_place_count(region, listed) for region, listed in found.items()]
    return sorted(counted, key=lambda place: (-place.eligible, place.region))


def _place_count(region: str, rows: Sequence[Mapping[str, Any]]) -> PlaceCount:
    compared = rows[0]["receiving"] is not None
    paid = [row["payable"] for row in rows if row["payable"] is not None]
    receiving, missed, leaking = (
        sum(row[name] for row in rows) if compared else None for name in ("receiving", "missed", "leaking")
    )
    return PlaceCount(region, sum(row["eligible"] for row in rows), receiving, missed, leaking, sum(paid) if paid else None)


def figures_read(policy: Policy) -> list[tuple[str, str]]:
    """Return (owner, name) of every figure that a policy's conditions and amount read, its own first."""
    nodes = [condition.node for condition in policy.conditions] + ([policy.amount.node] if policy.amount else [])
    keys = {(part.owner, part.name) for node in nodes for part in ir.walk(node) if isinstance(part, ir.Param)}
    return sorted(keys, key=lambda key: (key[0] != policy.id, key))


def figure_key(owner: str, name: str) -> str:
    """Return a figure's name as people set it: ``dibao.line``, or ``dibao_line`` for one that is shared."""
    return f"{owner}.{name}" if owner else name


def run_tests(package: Package, policy: str) -> Sequence[TestLine]:
    """Run the tests of a policy of the package in use through the independent evaluator, with the package's own figures."""
    return _tests(package.digest, policy)


@lru_cache(maxsize=256)
def _tests(_digest: str, policy: str) -> tuple[TestLine, ...]:
    return tuple(run_tests_with(package_in_use(), [policy]))


def run_tests_with(
    package: Package, policies: Sequence[str], figures: Mapping[tuple[str, str], Parameter] | None = None
) -> Iterator[TestLine]:
    """Run the tests of ``policies`` with ``figures`` in the place of the package's own (a change that is being tried)."""
    for test in read_tests(package, lambda _: None):
        if test.policy.id in policies:
            verdict = by_hand(test, package, figures)
            yield TestLine(test.name, test.on, test.expect.decision, tuple(differences(test, verdict)))


def _known(name: str, value: str, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise UsageError("web.filter-unknown", name=name, value=value, known=", ".join(item for item in allowed if item))


def _row(package: Package, policy: Policy, on: date) -> PolicyRow:
    figures = [package.figures[key] for key in figures_read(policy)]
    open_figures = sum(figure.status != "verified" for figure in figures)
    open_bases = sum(basis.get("status") != "verified" for basis in policy.basis)
    return PolicyRow(
        id=policy.id,
        kind=policy.kind,
        title=policy.title,
        department=policy.department,
        department_title=package.departments.get(policy.department, {"zh": policy.department, "en": policy.department}),
        group=package.classes.get(policy.group, {"zh": policy.group, "en": policy.group}),
        subject=policy.subject,
        in_force=policy.in_force(on),
        verified=open_figures + open_bases == 0,
        tests=len(policy.tests),
        illustrative=open_figures + open_bases,
    )


def _figure(package: Package, key: tuple[str, str], on: date) -> Figure:
    parameter = package.figures[key]
    title = parameter.sources.get("", {})
    value = figure_on(parameter, on)
    unit = {lang: unit_text(parameter.type, lang) for lang in ("zh", "en")}
    numeric = parameter.type.kind == "number"
    return Figure(
        key=figure_key(*key),
        title={lang: title.get(lang, key[1]) for lang in ("zh", "en")},
        value={lang: value_text(value, parameter.type, lang) for lang in ("zh", "en")},
        plain=plain_number(value).replace(",", "").lstrip("≈") if numeric and not isinstance(value, (str, bool)) else str(value),
        unit=unit,
        numeric=numeric,
        shared=not key[0],
        verified=parameter.status == "verified",
        history=list(_history(parameter, on)),
    )


def _history(parameter: Parameter, on: date) -> Iterator[FigureStep]:
    layers = [("", parameter.values), *sorted(parameter.regions.items())]
    for region, values in layers:
        told = parameter.sources.get(region, {})
        current = max((start for start in values if start <= on.isoformat()), default="")
        for start, value in sorted(values.items(), reverse=True):
            shown = {lang: value_text(value, parameter.type, lang) for lang in ("zh", "en")}
            yield FigureStep(start, region, shown, told.get("source", ""), told.get("status", ""), start == current)


def _reads(package: Package, policy: Policy) -> Iterator[ReadField]:
    nodes = [condition.node for condition in policy.conditions] + ([policy.amount.node] if policy.amount else [])
    seen: set[str] = set()
    vocabulary = package.needs.vocabulary
    for node in nodes:
        for part in ir.walk(node):
            if isinstance(part, ir.Var) and part.name not in seen and part.entity not in vocabulary.records:
                seen.add(part.name)
                variable = vocabulary.of(part.entity)[part.name]
                yield ReadField(part.name, variable.title, source_dataset(variable) if variable.source else "")
            elif isinstance(part, ir.Aggregate) and part.over in vocabulary.records and part.over not in seen:
                seen.add(part.over)
                table = vocabulary.records[part.over]
                yield ReadField(part.over, table.title, table.dataset)


def _margin(margin: Any, node: ir.Node) -> Words | None:
    if margin is None or not isinstance(node, ir.Compare):
        return None
    return {lang: value_text(margin, node.left.type, lang) for lang in ("zh", "en")}
