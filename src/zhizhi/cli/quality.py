"""``zhizhi quality``: what the data in the lake is worth, and who has to mend what."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from zhizhi.backends.lake import Lake
from zhizhi.backends.quality import DatasetReport, Task, quarantine, reports, tasks, write_quarantine
from zhizhi.backends.vault import Vault, key_path
from zhizhi.cli.language import language
from zhizhi.cli.quality_page import advice, page, status
from zhizhi.cli.synthetic import synthetic_note
from zhizhi.kernel.errors import LakeError, Place
from zhizhi.kernel.messages import render


def register(app: typer.Typer) -> None:
    """Add this verb to ``app``."""
    app.command("quality")(quality)


def quality(
    lake: Annotated[Path, typer.Option(help="Folder of the lake.")],
    out: Annotated[Path | None, typer.Option(help="Folder for quality.html, quarantine.csv and todo.csv.")] = None,
    reveal: Annotated[bool, typer.Option("--reveal", help="Show numbers and names in clear; needs the key.")] = False,
    key: Annotated[Path | None, typer.Option(help="Key file; default ZHIZHI_KEY_FILE, else <lake>.key.")] = None,
    lang: Annotated[str | None, typer.Option(help="zh or en.")] = None,
) -> None:
    """Report on every dataset: rows, rules passed, failed and not run, freshness, and the owners' to-do list."""
    speak = language(lang)
    opened = Lake.open(lake)
    vault = None
    if reveal:
        path = key_path(lake, key, os.environ)
        vault = Vault.open(path)
        if vault.fingerprint != opened.fingerprint:
            raise LakeError("lake.key-other", Place(str(path)))
    found = reports(opened, datetime.now(UTC))
    rows = quarantine(opened, vault)
    todo = tasks(opened, rows)
    masked = render("quality.revealed" if reveal else "quality.masked", speak, {})
    note = f"{synthetic_note(opened, speak)} {masked}".strip()
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        write_quarantine(rows, out / "quarantine.csv")
        _write_todo(todo, out / "todo.csv", speak)
        (out / "quality.html").write_text(page(found, todo, speak, note), encoding="utf-8")
    console = Console()
    console.print(_summary(found, speak))
    for report in found:
        if any(rule.status != "passed" or rule.outdated for rule in report.rules):
            console.print(_rules(report, speak))
    console.print(_todo(todo, speak) if todo else render("quality.nothing", speak, {}))
    if out is not None:
        console.print(render("quality.written", speak, {"folder": out}), markup=False, highlight=False, soft_wrap=True)
        console.print(note, markup=False, highlight=False, soft_wrap=True)


def _columns(table: Table, keys: Sequence[str], numbers: Sequence[str], speak: str) -> None:
    for name in keys:
        table.add_column(render(f"quality.{name}", speak, {}), justify="right" if name in numbers else "left", overflow="fold")


def _summary(found: Sequence[DatasetReport], speak: str) -> Table:
    table = Table(title=render("quality.title", speak, {}))
    figures = ("read", "good", "bad", "passed", "failed", "not-run", "version")
    _columns(table, ("dataset", "owner", *figures, "due"), figures, speak)
    for report in found:
        states = [rule.status for rule in report.rules]
        counts = [str(states.count(state)) for state in ("passed", "failed", "not run")]
        due = f"{report.due:%Y-%m-%d}" if report.due else "–"
        due += f" {render('quality.overdue', speak, {})}" if report.overdue else ""
        numbers = [f"{report.read:,}", f"{report.good:,}", f"{report.bad:,}", *counts, str(report.version)]
        table.add_row(report.contract.title(speak), report.contract.owner(speak), *numbers, due)
    return table


def _rules(report: DatasetReport, speak: str) -> Table:
    table = Table(title=report.contract.title(speak), title_justify="left")
    _columns(table, ("rule", "status", "rows"), ("rows",), speak)
    styles = {"failed": "red", "passed": "green", "idle": "yellow"}
    for rule in report.rules:
        words, style = status(rule.status, speak)
        table.add_row(rule.title(speak), f"[{styles[style]}]{words}[/]", f"{rule.rows:,}")
        if rule.outdated:
            table.add_row(render("quality.outdated", speak, {}), "", "", style="yellow")
    return table


def _todo(todo: Sequence[Task], speak: str) -> Table:
    table = Table(title=render("quality.todo", speak, {}))
    _columns(table, ("owner", "dataset", "rule", "rows", "first", "what"), ("rows",), speak)
    for task in todo:
        title = task.titles.get(speak) or task.rule
        table.add_row(
            task.owner.name(speak), task.contract.title(speak), title, f"{task.rows:,}", task.first, advice(task.check, speak)
        )
    return table


def _write_todo(todo: Sequence[Task], path: Path, speak: str) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([render(f"quality.{key}", speak, {}) for key in ("owner", "dataset", "rule", "rows", "first", "what")])
        for task in todo:
            title = task.titles.get(speak) or task.rule
            writer.writerow(
                [task.owner.name(speak), task.contract.title(speak), title, task.rows, task.first, advice(task.check, speak)]
            )
