"""``zhizhi whatif``: set a figure otherwise and see who gains, who loses and what it costs before it takes effect."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from zhizhi.backends.lake import Lake
from zhizhi.backends.whatif import Effect, Outcome, totals, what_if
from zhizhi.cli.language import language
from zhizhi.cli.screen import DEFAULT_SCENARIO, LakeOption, LangOption, OnOption, ScenarioOption, as_of, unit_words
from zhizhi.cli.synthetic import synthetic_note
from zhizhi.kernel.errors import UsageError
from zhizhi.scenarios.package import Package, read_package
from zhizhi.scenarios.shipped import find_package


def register(app: typer.Typer) -> None:
    """Add this verb to ``app``."""
    app.command("whatif")(whatif)


def whatif(
    lake: LakeOption,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="POLICY.FIGURE=VALUE, or POLICY.FIGURE@REGION=VALUE; may be repeated.")
    ] = None,
    scenario: ScenarioOption = DEFAULT_SCENARIO,
    on: OnOption = "",
    out: Annotated[Path | None, typer.Option("--out", help="Folder for whatif.json.")] = None,
    lang: LangOption = None,
) -> None:
    """Compare the policies as they are with the same policies under other figures, over everybody."""
    tongue, day = language(lang), as_of(on)
    if not settings:
        raise UsageError("usage.set-missing")
    package = read_package(find_package(scenario))
    opened, started = Lake.open(lake), perf_counter()
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(WORDS[tongue]["running"])
        outcome = what_if(opened, package, day, settings, lambda step: bar.update(task, description=step))
    show(outcome, package, tongue, perf_counter() - started)
    if opened.synthetic:
        Console().print(synthetic_note(opened, tongue), style="yellow")
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / "whatif.json").write_text(
            json.dumps(asdict(outcome), default=str, ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
        )


def show(outcome: Outcome, package: Package, tongue: str, seconds: float) -> None:
    """Print the changes, the effects on each policy, and the spread of the first ones."""
    words, console = WORDS[tongue], Console()
    for change in outcome.changes:
        where = change.region or words["everywhere"]
        label = f"{change.owner}.{change.name}" if change.owner else change.name
        before, after = (
            f"{float(value):g}" if not isinstance(value, (str, bool)) else value for value in (change.before, change.after)
        )
        console.print(
            words["set"].format(name=label, before=before, after=after, unit=unit_words(change.unit, tongue), where=where)
        )
    if not outcome.effects:
        console.print(words["none"])
        return
    felt = [effect for effect in outcome.effects if effect.gainers or effect.losers or effect.cost[0] != effect.cost[1]]
    console.print(_effects(felt, package, tongue, console.width))
    if len(felt) < len(outcome.effects):
        console.print(words["unmoved"].format(count=len(outcome.effects) - len(felt)), highlight=False)
    for effect in outcome.effects[:1]:
        title = package.policies[effect.policy].title[tongue]
        console.print(_counties(effect, title, tongue))
        for rows, name in ((effect.by_age, "age"), (effect.by_sex, "sex")):
            if rows:
                parts = "; ".join(f"{words.get(label, label)} +{up:,} −{down:,}" for label, up, down in rows)
                console.print(f"{words[name]}: {parts}", highlight=False)
    for unit, difference in totals(outcome.effects).items():
        console.print(words["cost"].format(cost=f"{difference:+,.0f}", unit=unit_words(unit, tongue)), highlight=False)
    console.print(words["caution"].format(on=outcome.on, seconds=f"{seconds:.1f}"), highlight=False)


def _pair(values: tuple[int, int] | None) -> str:
    return "–" if values is None else f"{values[0]:,} → {values[1]:,}"


def _effects(effects: list[Effect], package: Package, tongue: str, width: int) -> Table:
    words = WORDS[tongue]
    errors = {"missed": [_pair(effect.missed) for effect in effects], "leaking": [_pair(effect.leaking) for effect in effects]}
    shown = [name for name in errors if width >= 100 or name == "missed"]
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column(words["policy"], overflow="fold", min_width=16)
    for name in ("eligible", "gain", "lose", *shown, "change"):
        table.add_column(words[name], justify="right", no_wrap=True)
    for index, effect in enumerate(effects):
        before, after = effect.cost
        cost = "–" if before is None or after is None else f"{after - before:+,.0f} {unit_words(effect.unit, tongue)}"
        table.add_row(
            package.policies[effect.policy].title[tongue],
            _pair(effect.eligible),
            f"{effect.gainers:,}",
            f"{effect.losers:,}",
            *(errors[name][index] for name in shown),
            cost,
        )
    return table


def _counties(effect: Effect, title: str, tongue: str) -> Table:
    words = WORDS[tongue]
    table = Table(title=words["by-county"].format(policy=title), title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for name in ("county", "gain", "lose", "change"):
        table.add_column(words[name], justify="left" if name == "county" else "right")
    for county, up, down, cost in effect.by_county:
        table.add_row(county, f"{up:,}", f"{down:,}", "–" if effect.cost[0] is None else f"{cost:+,.0f}")
    return table


WORDS = {
    "zh": {
        "running": "测算",
        "set": "{name}：{before} → {after} {unit}（{where}）",
        "everywhere": "全部地区",
        "none": "没有政策读取这些数值，结果不变。",
        "unmoved": "另有 {count} 项政策读取这些数值，但没有人受影响。",
        "policy": "政策",
        "eligible": "符合",
        "gain": "新增",
        "lose": "退出",
        "missed": "应享未享",
        "leaking": "不应享而享",
        "change": "金额变化",
        "county": "区县",
        "by-county": "各区县：{policy}",
        "age": "按年龄（人）",
        "sex": "按性别（人）",
        "male": "男",
        "female": "女",
        "cost": "合计变化 {cost} {unit}",
        "caution": "截至 {on} 的测算，未改动任何数据；用时 {seconds} 秒。",
    },
    "en": {
        "running": "working it out",
        "set": "{name}: {before} → {after} {unit} ({where})",
        "everywhere": "every region",
        "none": "No policy reads these figures: nothing changes.",
        "unmoved": "{count} more policies read these figures, but nobody is affected.",
        "policy": "Policy",
        "eligible": "Eligible",
        "gain": "Gain",
        "lose": "Lose",
        "missed": "Missed",
        "leaking": "Leaking",
        "change": "Cost",
        "county": "County",
        "by-county": "By county: {policy}",
        "age": "People by age",
        "sex": "People by sex",
        "cost": "Total change {cost} {unit}",
        "caution": "Worked out as of {on}; nothing was changed. {seconds} s.",
    },
}
