"""What if: the same policies with other figures over the same population, and who gains, who loses, at what cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from difflib import get_close_matches
from fractions import Fraction
from typing import Any

from zhizhi.backends.lake import Lake
from zhizhi.backends.population import text
from zhizhi.backends.screening import Progress, Screening, open_screening, plan_package, policies_enrolled, quiet, stacking_of
from zhizhi.engines.rules.resolution import figure_on
from zhizhi.engines.rules.vocabulary import Parameter
from zhizhi.engines.screening.plan import Plan
from zhizhi.engines.screening.questions import Level, PlannedPolicy
from zhizhi.engines.screening.verdicts import decision, paid_table, taken
from zhizhi.kernel.errors import UsageError
from zhizhi.scenarios.package import Package

AGE_BANDS = ((0, 18), (18, 60), (60, 80), (80, 200))


@dataclass(frozen=True, slots=True)
class Change:
    """One figure set otherwise: its key, the value in force and the new one, for one region or ("" ) everywhere."""

    owner: str
    name: str
    region: str
    before: Any
    after: Fraction | str | bool
    unit: str


@dataclass(slots=True)
class Effect:
    """What a change does to one policy. Costs are in yuan of the policy's unit; errors are counts against enrolment."""

    policy: str
    unit: str | None
    eligible: tuple[int, int]
    gainers: int
    losers: int
    unsettled: int
    cost: tuple[float | None, float | None]
    missed: tuple[int, int] | None = None
    leaking: tuple[int, int] | None = None
    by_county: Sequence[tuple[str, int, int, float]] = ()
    by_age: Sequence[tuple[str, int, int]] = ()
    by_sex: Sequence[tuple[str, int, int]] = ()


@dataclass(slots=True)
class Outcome:
    """All changes and their effects on the policies that read them."""

    on: date
    changes: Sequence[Change]
    effects: list[Effect] = field(default_factory=list)


def parse_change(package: Package, setting: str, on: date) -> Change:
    """Read ``dibao.line=1200``, ``dibao_line=1200`` or ``dibao.line@330122=1200``.

    A policy's figure that is shared is found under ``<policy>_<name>`` too: ``dibao.line`` is the package's ``dibao_line``.

    Raises:
        UsageError: ``usage.set-form``, ``usage.set-unknown`` (with the nearest) or ``usage.set-value``.
    """
    key, equals, value = setting.partition("=")
    key, _, region = key.strip().partition("@")
    if not equals or not key or not value.strip():
        raise UsageError("usage.set-form", value=setting)
    owner, dot, name = key.partition(".")
    owner, name = (owner, name) if dot else ("", owner)
    found = next((k for k in ((owner, name), ("", f"{owner}_{name}"), ("", name)) if k in package.figures), None)
    if found is None:
        known = [f"{o}.{n}" if o else n for o, n in package.figures]
        near = get_close_matches(key, known, n=1, cutoff=0)
        raise UsageError("usage.set-unknown", name=key, nearest=near[0] if near else "")
    parameter = package.figures[found]
    try:
        after: Fraction | str | bool = Fraction(value.strip()) if parameter.type.kind == "number" else value.strip()
    except ValueError:
        raise UsageError("usage.set-value", name=key, value=value.strip(), type=parameter.type) from None
    if parameter.type.kind == "boolean":
        if after not in ("true", "false"):
            raise UsageError("usage.set-value", name=key, value=value.strip(), type=parameter.type)
        after = after == "true"
    return Change(*found, region, figure_on(parameter, on, region), after, str(parameter.type.unit))


def changed_figures(package: Package, changes: Sequence[Change], on: date) -> dict[tuple[str, str], Parameter]:
    """Return the package's figures with the changes in force on ``on``."""
    figures = dict(package.figures)
    for change in changes:
        parameter = figures[change.owner, change.name]
        if change.region:
            regions = {**parameter.regions, change.region: {on.isoformat(): change.after}}
            figures[change.owner, change.name] = replace(parameter, regions=regions)
        else:
            figures[change.owner, change.name] = replace(parameter, values={on.isoformat(): change.after}, regions={})
    return figures


def what_if(
    lake: Lake, package: Package, on: date, settings: Sequence[str], progress: Progress = quiet, within: str = ""
) -> Outcome:
    """Screen the latest snapshot twice, as it is and with the figures set otherwise, and compare.

    Args:
        lake: the lake.
        package: the checked package.
        on: the as-of date.
        settings: figures set otherwise, as `parse_change` reads them.
        progress: is told the name of each step.
        within: only subjects whose region code begins so are compared; inside one county the places are its towns.
    """
    changes = [parse_change(package, setting, on) for setting in settings]
    before = open_screening(lake, package, on)
    _run(before, progress, "before")
    after = Screening(
        before.connection, package, plan_package(package, on, changed_figures(package, changes, on)), before.snapshot, on
    )
    _run(after, progress, "after")
    outcome = Outcome(on, changes)
    covered = policies_enrolled(before.snapshot, package)
    for old, new in zip((before.plan.household, before.plan.person), (after.plan.household, after.plan.person), strict=True):
        for a, b in zip(old.policies, new.policies, strict=True):
            if _asks(before.plan, old, a) != _asks(after.plan, new, b):
                outcome.effects.append(_effect(before, old, a, b, a.policy.id in covered, within))
    named = [setting.partition("=")[0].partition("@")[0].partition(".")[0].strip() for setting in settings]
    outcome.effects.sort(key=lambda effect: (effect.policy not in named, -effect.gainers - effect.losers, effect.policy))
    return outcome


def _asks(plan: Plan, level: Level, item: PlannedPolicy) -> Any:
    amount = dict(plan.amount_nodes).get((level.subject, item.amount or ""))
    return [level.conditions[bit].node for bit in item.bits], amount


def _run(run: Screening, progress: Progress, side: str) -> None:
    run.base()
    run.build(progress)
    run.decide(progress)
    stacking = stacking_of(run.package)
    for level in run.levels():
        tests = taken(level, stacking)
        columns = [f'{decision(item, level)} AS "decision_{item.policy.id}"' for item in level.policies]
        columns += [f'coalesce({tests[item.policy.id]}, false) AS "due_{item.policy.id}"' for item in level.policies]
        paid = [f'"payable_{item.policy.id}"' for item in level.policies if item.amount]
        household = ", household" if level.subject == "person" else ""
        run.connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {side}_{level.subject} AS SELECT {level.subject}{household}, region, "
            f"{', '.join(columns + paid)} FROM ({paid_table(level, stacking, level.subject + '_bits')})"
        )


def _effect(run: Screening, level: Level, a: PlannedPolicy, b: PlannedPolicy, covered: bool, within: str) -> Effect:
    name, subject = a.policy.id, level.subject
    paid = bool(a.amount and b.amount)
    cost = (f'coalesce(o."payable_{name}", 0)', f'coalesce(n."payable_{name}", 0)') if paid else ("0", "0")
    run.connection.execute(
        f"CREATE OR REPLACE TEMP TABLE compared AS SELECT o.{subject} AS subject, o.region, "
        f'o."decision_{name}" AS was, n."decision_{name}" AS becomes, o."due_{name}" AS was_due, n."due_{name}" AS is_due, '
        f"{cost[0]} AS paid_before, {cost[1]} AS paid_after, r.subject IS NOT NULL AS receives "
        f"FROM before_{subject} AS o JOIN after_{subject} AS n ON n.{subject} = o.{subject} LEFT JOIN "
        f"(SELECT subject FROM receipts WHERE kind = '{subject}' AND policy = {text(name)}) AS r ON r.subject = o.{subject}"
        f" WHERE starts_with(coalesce(o.region, ''), {text(within)})"
    )
    gains, loses = "(becomes = 'eligible' AND was <> 'eligible')", "(was = 'eligible' AND becomes <> 'eligible')"
    row = run.connection.execute(
        f"SELECT count(*) FILTER (was = 'eligible'), count(*) FILTER (becomes = 'eligible'), count(*) FILTER ({gains}), "
        f"count(*) FILTER ({loses}), count(*) FILTER (becomes = 'unknown' AND was <> 'unknown'), "
        "sum(paid_before), sum(paid_after), "
        "count(*) FILTER (was_due AND NOT receives), count(*) FILTER (is_due AND NOT receives), "
        "count(*) FILTER (was = 'not eligible' AND receives), "
        "count(*) FILTER (becomes = 'not eligible' AND receives) FROM compared"
    ).fetchone()
    assert row is not None
    effect = Effect(
        policy=name,
        unit=str(a.policy.amount.unit) if a.policy.amount else None,
        eligible=(row[0], row[1]),
        gainers=row[2],
        losers=row[3],
        unsettled=row[4],
        cost=(float(row[5] or 0) / 100, float(row[6] or 0) / 100) if paid else (None, None),
        missed=(row[7], row[8]) if covered else None,
        leaking=(row[9], row[10]) if covered else None,
    )
    effect.by_county = run.connection.execute(
        f"SELECT substr(region, 1, {6 if len(within) < 6 else 9}) AS county, "
        f"count(*) FILTER ({gains}), count(*) FILTER ({loses}), "
        "CAST(sum(paid_after - paid_before) AS DOUBLE) / 100 FROM compared GROUP BY county ORDER BY county"
    ).fetchall()
    _spread(run, subject, effect, gains, loses)
    return effect


def _spread(run: Screening, subject: str, effect: Effect, gains: str, loses: str) -> None:
    """Count the people who gain and lose (members, for a household's policy) by age and sex where the package reads them."""
    columns = {row[0] for row in run.connection.execute("DESCRIBE person_file").fetchall()}
    people = f"FROM compared AS c JOIN person_file AS p ON p.{subject} = c.subject"
    if "birth_date" in columns:
        on = run.on.year * 10_000 + run.on.month * 100 + run.on.day
        age = f"(({on} - p.birth_date) // 10000)"
        band = " ".join(f"WHEN {age} >= {a} AND {age} < {b} THEN '{a}–{b - 1}'" for a, b in AGE_BANDS[:-1])
        effect.by_age = run.connection.execute(
            f"SELECT CASE WHEN p.birth_date IS NULL THEN '?' {band} ELSE '{AGE_BANDS[-1][0]}+' END AS band, "
            f"count(*) FILTER ({gains}), count(*) FILTER ({loses}) {people} GROUP BY band ORDER BY min({age})"
        ).fetchall()
    if "sex" in columns:
        effect.by_sex = run.connection.execute(
            f"SELECT coalesce(p.sex, '?') AS sex, count(*) FILTER ({gains}), count(*) FILTER ({loses}) {people} "
            "GROUP BY 1 ORDER BY 1"
        ).fetchall()


def totals(effects: Sequence[Effect]) -> Mapping[str, float]:
    """Return the change of cost by unit, over all effects."""
    found: dict[str, float] = {}
    for effect in effects:
        before, after = effect.cost
        if effect.unit and before is not None and after is not None:
            found[effect.unit] = found.get(effect.unit, 0.0) + after - before
    return found


@dataclass(frozen=True, slots=True)
class Point:
    """What one value of a figure would find: subjects and their households, and subjects that cannot be decided."""

    value: float
    subjects: int
    households: int
    unknown: int


def curve(
    lake: Lake,
    package: Package,
    on: date,
    policy: str,
    figure: str,
    values: Sequence[Fraction],
    within: str = "",
    progress: Progress = quiet,
) -> list[Point]:
    """Return what one policy or warning would find at each value of one of its own figures; nothing else is decided.

    Args:
        lake: the lake.
        package: the checked package.
        on: the as-of date.
        policy: id of the policy or warning.
        figure: name of a figure that it owns.
        values: the values to try.
        within: only subjects whose region code begins so are counted.
        progress: is told the name of each step.
    """
    alone = replace(package, policies={policy: package.policies[policy]}, order=(policy,), ceilings=())
    base = open_screening(lake, alone, on)
    points = []
    for value in values:
        change = Change(policy, figure, "", None, value, "")
        plan = plan_package(alone, on, changed_figures(alone, [change], on))
        run = Screening(base.connection, alone, plan, base.snapshot, on)
        _run(run, progress, "curve")
        level = next(level for level in run.levels() if level.policies)
        row = run.connection.sql(
            f"SELECT count(*) FILTER (found), count(DISTINCT household) FILTER (found), count(*) FILTER (unsure) FROM ("
            f"SELECT household, \"decision_{policy}\" = 'eligible' AS found, \"decision_{policy}\" = 'unknown' AS unsure "
            f"FROM curve_{level.subject} WHERE starts_with(region, {text(within)}))"
        ).fetchall()[0]
        points.append(Point(float(value), int(row[0]), int(row[1]), int(row[2])))
    return points
