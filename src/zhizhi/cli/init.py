"""``zhizhi init``: make the home of an installation. It can be run again at any time; what stands is left alone."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from zhizhi.cli.desk import start_django
from zhizhi.cli.desk_home import alone, enter, make_folders, read_choices
from zhizhi.cli.language import language
from zhizhi.kernel.errors import UsageError
from zhizhi.kernel.messages import render

LangOption = Annotated[str | None, typer.Option("--lang", help="zh or en; default: the terminal's.")]
HomeOption = Annotated[Path | None, typer.Option("--home", help="The home; default: ZHIZHI_HOME, else ./home.")]


def register(app: typer.Typer) -> None:
    """Add this verb to ``app``."""
    app.command("init")(init)


def init(
    home: Annotated[Path, typer.Argument(metavar="HOME", help="Folder of the installation; new, empty, or already its own.")],
    region: Annotated[str, typer.Option(help="Code of the region that is served (GB/T 2260).")] = "330100",
    regions: Annotated[
        Path | None, typer.Option(help="CSV file of the regions: code,name_zh,name_en,parent,level,people. Default: the sample.")
    ] = None,
    setting: Annotated[list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A setting for zhizhi.toml.")] = None,
    admin: Annotated[
        str, typer.Option(help="Login name of the first administrator; the password then comes on standard input.")
    ] = "",
    lang: LangOption = None,
) -> None:
    """Make a home: settings, keys, tables, regions, working calendar, and the first administrator."""
    speak, folder = language(lang), home.absolute()
    chosen = {"region": region} | read_choices(setting or [])
    screen = Console(stderr=True)

    def say(code: str, style: str = "", **params: object) -> None:
        screen.print(render(code, speak, params), style=style or None, markup=False, highlight=False, soft_wrap=True)

    with alone(folder):
        left = make_folders(folder, chosen)
        if left:
            say("init.settings-stand", "yellow", names=", ".join(left))
        made = enter(folder)
        say("init.step-folders")
        start_django()
        making = import_module("zhizhi.cli.desk_making")  # its services need Django to be set up
        making.tables()
        say("init.step-database")
        say("init.step-regions", n=making.regions(regions))
        making.ledger()
        for name, years, fault in making.packages():
            if fault is None:
                say("init.step-package", name=name, n=years)
            else:
                say("init.package-fault", "red", name=name, reason=fault.text(speak))
        if making.administrator_exists():
            say("init.administrator-stands")
        elif made.demo and not admin:
            say("init.demo-next", home=home)
        else:
            name, password = (admin, _from_input()) if admin else _asked(speak, making.weaknesses)
            reasons = making.weaknesses(name, password, speak)
            if reasons:
                raise UsageError("init.password-weak", reasons=" ".join(reasons))
            making.administrator(name, password)
            say("init.administrator-made", name=name)
    typer.echo(render("init.done", speak, {"home": home}))


def _from_input() -> str:
    password = sys.stdin.readline().rstrip("\n")
    if not password:
        raise UsageError("init.no-password")
    return password


def _asked(speak: str, weaknesses: Callable[[str, str, str], list[str]]) -> tuple[str, str]:
    if not sys.stdin.isatty():
        raise UsageError("init.no-administrator")
    name = ""
    while not name:
        name = typer.prompt(render("init.ask-name", speak, {}), err=True).strip()
    while True:
        password = getpass.getpass(render("init.ask-password", speak, {}) + ": ")
        reasons = weaknesses(name, password, speak)
        if reasons:
            typer.echo(render("init.password-weak", speak, {"reasons": " ".join(reasons)}), err=True)
        elif getpass.getpass(render("init.ask-again", speak, {}) + ": ") != password:
            typer.echo(render("init.not-the-same", speak, {}), err=True)
        else:
            return name, password
