"""``zhizhi screen``: hold the whole population against every policy and warning of a package."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from zhizhi.backends import findings as found
from zhizhi.backends.lake import Lake
from zhizhi.backends.screening import Screening, policy_titles
from zhizhi.backends.screening_run import Finished, screen_lake
from zhizhi.backends.vault import Vault, key_path
from zhizhi.cli.language import language
from zhizhi.cli.synthetic import synthetic_note
from zhizhi.kernel.errors import UsageError
from zhizhi.scenarios.package import Package, read_package
from zhizhi.scenarios.shipped import find_package

LakeOption = Annotated[Path, typer.Option("--lake", help="Folder of the lake.")]
ScenarioOption = Annotated[Path, typer.Option("--scenario", help="Folder of the scenario package.")]
OnOption = Annotated[str, typer.Option("--on", help="As-of date, e.g. 2025-09-01; default: today.")]
KeyOption = Annotated[Path | None, typer.Option("--key", help="Key file; default: ZHIZHI_KEY_FILE, else LAKE.key.")]
LangOption = Annotated[str | None, typer.Option("--lang", help="zh or en; default: the terminal's.")]
DEFAULT_SCENARIO = Path("scenarios/social-assistance")


def as_of(text: str) -> date:
    """Return the as-of date of an option; empty means today.

    Raises:
        UsageError: ``usage.date`` for anything but a date that exists.
    """
    if not text:
        return datetime.now().date()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError("usage.date", value=text) from None


def register(app: typer.Typer) -> None:
    """Add this verb to ``app``."""
    app.command("screen")(screen)


def screen(
    lake: LakeOption,
    scenario: ScenarioOption = DEFAULT_SCENARIO,
    on: OnOption = "",
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for decisions.parquet, findings.parquet, findings.xlsx.")
    ] = None,
    reveal: Annotated[bool, typer.Option("--reveal", help="Show ids in clear; needs the key.")] = False,
    decisions: Annotated[
        bool, typer.Option("--decisions/--no-decisions", help="Write decisions.parquet: every subject, every policy.")
    ] = True,
    full: Annotated[bool, typer.Option("--full", help="Screen everybody again and prove that the increments equal it.")] = False,
    key: KeyOption = None,
    lang: LangOption = None,
) -> None:
    """Find who should be helped and is not: all policies and warnings, over everybody, on a date."""
    tongue, day = language(lang), as_of(on)
    package = read_package(find_package(scenario))
    opened = Lake.open(lake)
    vault = Vault.open(key_path(lake, key)) if reveal else None
    console = Console(stderr=True)
    started = perf_counter()
    with Progress(SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), console=console, transient=True) as bar:
        task = bar.add_task(WORDS[tongue]["reading"])
        run = screen_lake(opened, package, day, full, lambda step: bar.update(task, description=step))
        bar.update(task, description=WORDS[tongue]["writing"])
        if out is not None:
            write_results(run, out, vault, tongue, decisions)
    show_counts(run, package, tongue, perf_counter() - started)


def write_results(run: Finished, out: Path, vault: Vault | None, tongue: str, decisions: bool = True) -> None:
    """Write decisions, findings, the workbook, the counts and the record of the run into ``out``."""
    out.mkdir(parents=True, exist_ok=True)
    reveal = vault is not None
    if vault is not None:
        found.clear_names(run.screening, vault)
    if decisions:
        found.write_parquet(run.screening, "decisions", found.DECISION_COLUMNS, out / "decisions.parquet", reveal)
    found.write_parquet(run.screening, "findings", found.FINDING_COLUMNS, out / "findings.parquet", reveal)
    if run.changes:
        found.write_parquet(run.screening, "changes", found.CHANGE_COLUMNS, out / "changes.parquet", reveal)
    found.write_regions(found.by_region(run.screening), out / "regions.csv")
    titles = policy_titles(run.screening.package.policies, tongue)
    note = synthetic_note(run.screening.snapshot.lake, tongue) + WORDS[tongue]["note"].format(
        on=run.screening.on, package=run.screening.package.title[tongue]
    )
    left = found.write_workbook(run.screening, out / "findings.xlsx", titles, tongue, reveal, note)
    if left:
        Console(stderr=True).print(WORDS[tongue]["too-many"].format(left=left), style="yellow")
    (out / "run.json").write_text(json.dumps(run.record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (out / "counts.json").write_text(
        json.dumps(found.counts(run.screening), indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )


def show_counts(run: Finished, package: Package, tongue: str, seconds: float) -> None:
    """Print what was found, a line a policy."""
    words = WORDS[tongue]
    console = Console()
    screening: Screening = run.screening
    households, persons = run.subjects
    for kind in ("policy", "warning"):
        rows = [row for row in found.counts(screening) if row["kind"] == kind]
        rows.sort(key=lambda row: (not row["compared"], -row["missed"], -row["eligible"]))
        if rows:
            console.print(_table(rows, package, tongue, kind, console.width))
    console.print(
        words["summary"].format(
            on=screening.on, households=f"{households:,}", persons=f"{persons:,}", seconds=f"{seconds:.1f}", mode=words[run.mode]
        ),
        highlight=False,
    )
    if run.proved is not None:
        console.print(words["proved" if run.proved else "not-proved"], style="green" if run.proved else "red")
    if screening.snapshot.lake.synthetic:
        console.print(synthetic_note(screening.snapshot.lake, tongue), style="yellow")
    for line in found.notes(screening, tongue):
        console.print(line, highlight=False)


def _table(rows: list[dict[str, Any]], package: Package, tongue: str, kind: str, width: int) -> Table:
    words = WORDS[tongue]
    names = ["eligible", "receiving", "missed", "leaking", "near_miss", "unknown"] if kind == "policy" else ["warning", "unknown"]
    names = [name for name in names if any(row[name] for row in rows)] or names[:1]
    if width < 100 and kind == "policy":
        names.remove("receiving")
    table = Table(title=words[f"title-{kind}"], title_justify="left", box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column(words["policy"], overflow="fold", min_width=18)
    for name in names:
        table.add_column(words[name], justify="right", no_wrap=True)
    if kind == "policy":
        table.add_column(words["payable"], justify="right", no_wrap=True)
    for row in rows:
        cells = [package.policies[row["policy"]].title[tongue]]
        for name in names:
            value = row[name]
            hidden = name in ("missed", "leaking") and not row["compared"]
            cells.append("–" if hidden or value is None else f"{value:,}")
        if kind == "policy":
            cells.append("–" if row["payable"] is None else f"{row['payable']:,.0f} {unit_words(row['unit'], tongue)}")
        table.add_row(*cells)
    return table


def unit_words(unit: str | None, tongue: str) -> str:
    """Return a unit as people say it."""
    if not unit:
        return ""
    if tongue == "zh":
        return unit.replace("CNY", "元").replace("/month", "/月").replace("/year", "/年")
    return unit.replace("CNY", "¥").replace("/month", "/mo").replace("/year", "/yr")


WORDS = {
    "zh": {
        "reading": "读取数据",
        "writing": "写出结果",
        "note": "{package} · 截至 {on}。机器只作提示，由人决定。",
        "too-many": "工作表容纳不下，另有 {left} 条只在 findings.parquet 中",
        "title-policy": "政策核对结果",
        "title-warning": "预警",
        "policy": "政策",
        "eligible": "符合",
        "receiving": "在享",
        "missed": "应享未享",
        "leaking": "不应享而享",
        "near_miss": "临界",
        "unknown": "数据不足",
        "warning": "预警",
        "payable": "应发金额",
        "summary": "截至 {on}：{households} 户、{persons} 人，用时 {seconds} 秒（{mode}）。"
        "“–”表示没有部门提供领取名单，未作比对。",
        "full": "全量",
        "incremental": "增量",
        "unchanged": "数据与政策未变，沿用上次结果",
        "proved": "已证明：增量结果与全量结果逐位一致。",
        "not-proved": "增量结果与全量结果不一致，已改用全量结果；请报告此问题。",
    },
    "en": {
        "reading": "reading",
        "writing": "writing results",
        "note": "{package} · as of {on}. The machine points; people decide.",
        "too-many": "the sheet is full; {left} more findings are in findings.parquet only",
        "title-policy": "Policies",
        "title-warning": "Warnings",
        "policy": "Policy",
        "eligible": "Eligible",
        "receiving": "Receiving",
        "missed": "Missed",
        "leaking": "Leaking",
        "near_miss": "Near",
        "unknown": "Unknown",
        "warning": "Warned",
        "payable": "Payable",
        "summary": "As of {on}: {households} households, {persons} people in {seconds} s ({mode}). "
        "– = no department says who receives it, so nothing was compared.",
        "full": "everybody",
        "incremental": "only what changed",
        "unchanged": "nothing changed, last result kept",
        "proved": "Proved: the increments equal the full run, bit by bit.",
        "not-proved": "The increments differ from the full run; the full result was kept. Please report this.",
    },
}
