"""``zhizhi demo``: accounts for each role and open cases in a home that says it is a demonstration."""

from __future__ import annotations

import json
from collections.abc import Iterable
from importlib import import_module
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from zhizhi.cli.desk import start_django
from zhizhi.cli.desk_home import enter
from zhizhi.cli.init import HomeOption, LangOption
from zhizhi.cli.language import language
from zhizhi.kernel.errors import RefusedError
from zhizhi.kernel.messages import render


def register(app: typer.Typer) -> None:
    """Add this verb to ``app``."""
    app.command("demo")(demo)


def demo(
    home: HomeOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print accounts and password as JSON, for scripts.")] = False,
    lang: LangOption = None,
) -> None:
    """Make demo accounts with one new random password, and open cases. Only where zhizhi.toml says demo = true."""
    speak = language(lang)
    if not enter(home).demo:
        raise RefusedError("demo.not-a-demo")
    start_django()
    making = import_module("zhizhi.cli.desk_demo")  # its services need Django to be set up
    screen = Console(stderr=True)

    def say(lines: Iterable[Any]) -> None:
        for line in lines:
            screen.print(render(line.code, speak, line.params), highlight=False, soft_wrap=True)

    say(making.fill())
    accounts, password = making.accounts()
    say(making.cases())
    if as_json:
        typer.echo(
            json.dumps({"password": password, "accounts": [account.as_json() for account in accounts]}, ensure_ascii=False)
        )
        return
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in ("login", "role", "place"):
        table.add_column(render(f"demo.{column}", speak, {}))
    for account in accounts:
        table.add_row(account.username, render(f"accounts.role-{account.role}", speak, {}), account.place(speak))
    out = Console()
    out.print(table)
    out.print(render("demo.password", speak, {"password": password}), highlight=False, soft_wrap=True)
