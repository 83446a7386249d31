"""The ``zhizhi`` command: argv to the engines and back. Each verb lives in a module of its name."""

from __future__ import annotations

import sys
from importlib.metadata import version

import typer
from rich.console import Console

from zhizhi.cli import (
    backup,
    demo,
    doctor,
    explain,
    init,
    ledger,
    load,
    population,
    quality,
    sample,
    scenario,
    screen,
    serve,
    whatif,
)
from zhizhi.cli.language import language
from zhizhi.kernel.errors import ZhizhiError

app = typer.Typer(
    name="zhizhi",
    help="智治 — departments' files in, explained findings out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"zhizhi {version('zhizhi')}")
        raise typer.Exit


@app.callback()
def main(
    show_version: bool = typer.Option(
        False, "--version", help="Say which version this is.", callback=_show_version, is_eager=True
    ),
) -> None:
    """智治 — departments' files in, explained findings out."""


for verb in (sample, load, quality, population, screen, explain, whatif, scenario, init, serve, demo, doctor, backup, ledger):
    verb.register(app)


def run() -> None:
    """Entry point: known errors become one sentence on stderr and exit status 1."""
    try:
        app()
    except ZhizhiError as error:
        Console(stderr=True).print(error.text(language()), style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)


if __name__ == "__main__":
    run()
