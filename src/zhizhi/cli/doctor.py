"""``zhizhi doctor``: look at everything that an installation stands on, name what is wrong, and how to mend it."""

from __future__ import annotations

import json
from importlib import import_module
from typing import Annotated

import typer
from rich.console import Console

from zhizhi.cli.desk import start_django
from zhizhi.cli.desk_home import enter
from zhizhi.cli.init import HomeOption, LangOption
from zhizhi.cli.language import language
from zhizhi.kernel.messages import render

SIGNS = {"good": ("✓", "green"), "attention": ("!", "yellow"), "bad": ("✗", "red")}


def register(app: typer.Typer) -> None:
    """Add this verb to ``app``."""
    app.command("doctor")(doctor)


def doctor(
    home: HomeOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for monitoring.")] = False,
    lang: LangOption = None,
) -> None:
    """Say what is wrong with an installation and how to mend it. Exit status 1 if something does not work."""
    speak = language(lang)
    enter(home)
    start_django()
    found = list(import_module("zhizhi.cli.desk_doctor").look())  # needs Django to be set up
    if as_json:
        rows = [{"check": f.name, "state": f.state, "code": f.code, "sentence": f.text(speak)} for f in found]
        typer.echo(json.dumps(rows, ensure_ascii=False, indent=1))
    else:
        out = Console()
        for finding in found:
            sign, style = SIGNS[finding.state]
            title = render(f"doctor.check-{finding.name}", speak, {})
            out.print(f"{sign} {title}: {finding.text(speak)}", style=style, markup=False, highlight=False, soft_wrap=True)
        counts = {state: sum(f.state == state for f in found) for state in SIGNS}
        out.print(render("doctor.summary", speak, counts), highlight=False)
    if any(f.state == "bad" for f in found):
        raise typer.Exit(1)
