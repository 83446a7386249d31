"""``zhizhi population``: who lives where, as the lake has it, with every variable that a package reads."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from zhizhi.backends.duckdb import connect
from zhizhi.backends.lake import Lake
from zhizhi.backends.population import PopulationViews, Snapshot, text
from zhizhi.cli.language import language
from zhizhi.cli.screen import DEFAULT_SCENARIO, LakeOption, LangOption, OnOption, ScenarioOption, as_of
from zhizhi.cli.synthetic import synthetic_note
from zhizhi.scenarios.package import read_package
from zhizhi.scenarios.shipped import find_package

VIEWS = ("person", "household", "member")


def register(app: typer.Typer) -> None:
    """Add this verb to ``app``."""
    app.command("population")(population)


def population(
    lake: LakeOption,
    scenario: ScenarioOption = DEFAULT_SCENARIO,
    on: OnOption = "",
    out: Annotated[Path | None, typer.Option("--out", help="Folder for person, household and member as Parquet.")] = None,
    lang: LangOption = None,
) -> None:
    """Show the population over the lake, and who was claimed by two households."""
    words, day = WORDS[language(lang)], as_of(on)
    opened, package = Lake.open(lake), read_package(find_package(scenario))
    with connect() as connection:
        snapshot = Snapshot.latest(opened)
        PopulationViews(connection, snapshot, package.needs, day).create()
        table = Table(box=SIMPLE_HEAD, pad_edge=False)
        for name in ("view", "rows", "columns"):
            table.add_column(words[name], justify="left" if name == "view" else "right")
        for view in VIEWS:
            columns = len(connection.execute(f"DESCRIBE {view}").fetchall())
            count = connection.execute(f"SELECT count(*) FROM {view}").fetchone() or (0,)
            table.add_row(view, f"{count[0]:,}", str(columns))
            if out is not None:
                out.mkdir(parents=True, exist_ok=True)
                connection.execute(f"COPY (FROM {view}) TO {text(str(out / f'{view}.parquet'))} (FORMAT parquet)")
    console = Console()
    console.print(table)
    dataset = package.needs.population.dataset
    rules = {rule.name: rule.title(language(lang)) for rule in snapshot.contract(dataset).table.rules if rule.check == "one-per"}
    found = [row for row in opened.rows("quarantine", f"dataset = '{dataset}'") if row["rule"] in rules]
    console.print(words["claimed"].format(count=len(found)), highlight=False)
    if opened.synthetic:
        console.print(synthetic_note(opened, language(lang)), style="yellow")
    for rule in sorted(rules):
        console.print(words["rule"].format(rule=rules[rule]), highlight=False)


WORDS = {
    "zh": {
        "view": "视图",
        "rows": "行数",
        "columns": "列数",
        "claimed": "被两户同时登记的人：{count} 行转入隔离区，按契约规则保留一户。",
        "rule": "规则：{rule}",
    },
    "en": {
        "view": "View",
        "rows": "Rows",
        "columns": "Columns",
        "claimed": "People claimed by two households: {count} rows are in quarantine; the contract's rule keeps one.",
        "rule": "rule: {rule}",
    },
}
