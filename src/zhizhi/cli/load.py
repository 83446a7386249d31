"""``zhizhi load``: a folder of departments' files into the lake."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from zhizhi.backends.lake import SYNTHETIC
from zhizhi.backends.loading import Loader
from zhizhi.backends.loading_folder import Matching, Outcome, load_folder, match_files, open_for_loading
from zhizhi.backends.vault import key_path
from zhizhi.cli.language import language
from zhizhi.cli.synthetic import synthetic_note
from zhizhi.exchange.contract import SUFFIX, read_contracts
from zhizhi.kernel.messages import render
from zhizhi.scenarios.shipped import find_package

_SCENARIO = "social-assistance"


def register(app: typer.Typer) -> None:
    """Add this verb to ``app``."""
    app.command("load")(load)


def load(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder with the departments' exports.")],
    lake: Annotated[Path, typer.Option(help="Folder of the lake; made if it is not there.")],
    contracts: Annotated[
        Path | None, typer.Option(help="Folder of the contracts; default DIR/contracts, else the shipped scenario's.")
    ] = None,
    key: Annotated[
        Path | None, typer.Option(help="Key file; default ZHIZHI_KEY_FILE, else <lake>.key; made at the first load.")
    ] = None,
    memory: Annotated[str, typer.Option(help="Memory limit of the engine, e.g. 2GB.")] = "",
    again: Annotated[bool, typer.Option("--again", help="Load files that the lake already holds once more.")] = False,
    lang: Annotated[str | None, typer.Option(help="zh or en.")] = None,
) -> None:
    """Load every export in DIR under its contract: good rows into the lake, bad rows into quarantine."""
    speak = language(lang)
    agreed = read_contracts(contracts or default_contracts(folder))
    matching = match_files(folder, agreed)
    opened, vault = open_for_loading(lake, key_path(lake, key, os.environ), key is not None)
    console = Console(stderr=True)
    outcomes: list[Outcome] = []
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    ) as progress:
        task = progress.add_task("", total=len(matching.jobs))
        names = iter(path.name for path, _ in matching.jobs)
        current = next(names, "")

        def stage(step: str) -> None:
            progress.update(task, description=f"{current} · {render(f'load.stage-{step}', speak, {})}")

        loader = Loader(opened, vault, datetime.now(UTC), memory, again, stage)
        for outcome in load_folder(loader, matching.jobs):
            outcomes.append(outcome)
            current = next(names, "")
            progress.advance(task)
    if (folder / SYNTHETIC).exists():
        opened.mark_synthetic()
    _report(outcomes, matching, speak)
    if opened.synthetic:
        console.print(synthetic_note(opened, speak), style="yellow")
    if any(outcome.error for outcome in outcomes):
        raise typer.Exit(1)


def default_contracts(folder: Path) -> Path:
    """Return DIR/contracts if it holds contracts, else those of the shipped scenario."""
    if any((folder / "contracts").glob(f"*{SUFFIX}")):
        return folder / "contracts"
    return find_package(_SCENARIO) / "contracts"


def _report(outcomes: list[Outcome], matching: Matching, speak: str) -> None:
    def say(key: str, **params: object) -> str:
        return render(f"load.{key}", speak, params)

    table = Table(title=say("title"))
    table.add_column(say("dataset"))
    table.add_column(say("file"), overflow="fold")
    for name in ("read", "good", "bad", "version"):
        table.add_column(say(name), justify="right")
    table.add_column(say("state"), overflow="fold")
    for outcome in outcomes:
        done = outcome.loaded
        if done is None:
            table.add_row(outcome.contract.title(speak), outcome.path.name, "", "", "", "", say("refused"), style="red")
            continue
        state = [say("unchanged")] if done.unchanged else [say("loaded")]
        state += [say("not-run", rules="、".join(done.not_run))] if done.not_run else []
        numbers = [f"{done.read:,}", f"{done.good:,}", f"{done.bad:,}", str(done.version)]
        table.add_row(outcome.contract.title(speak), outcome.path.name, *numbers, "; ".join(state))
    Console().print(table)
    console = Console(stderr=True)
    lines = [(outcome.error.text(speak), "red") for outcome in outcomes if outcome.error]
    lines += [
        (say("unnamed", file=o.loaded.file, columns="、".join(o.loaded.unnamed)), "yellow")
        for o in outcomes
        if o.loaded and o.loaded.unnamed
    ]
    lines += [(say("stranger", file=path.name), "yellow") for path in matching.strangers]
    lines += [(say("absent", dataset=contract.title(speak), file=contract.file), "yellow") for contract in matching.absent]
    if any(o.loaded and o.loaded.bad for o in outcomes):
        lines.append((say("next"), ""))
    for line, style in lines:
        console.print(line, style=style or None, markup=False, highlight=False, soft_wrap=True)
