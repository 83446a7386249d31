"""``zhizhi backup`` and ``zhizhi restore``: everything of an installation into a folder, and back."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from zhizhi.cli.desk import start_django
from zhizhi.cli.desk_home import enter
from zhizhi.cli.init import HomeOption, LangOption
from zhizhi.cli.language import language
from zhizhi.kernel.messages import render


def register(app: typer.Typer) -> None:
    """Add these verbs to ``app``."""
    app.command("backup")(backup)
    app.command("restore")(restore)


def backup(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of this backup; new or empty.")],
    home: HomeOption = None,
    keys: Annotated[
        Path | None, typer.Option(help="Folder for the keys, which ought to be another place. Default: DIR-keys, beside it.")
    ] = None,
    lang: LangOption = None,
) -> None:
    """Copy database, files, ledger and lake into DIR, consistent with one another, while the service runs; keys apart."""
    speak = language(lang)
    enter(home)
    start_django()
    made = import_module("zhizhi.cli.desk_backup").backup(folder.absolute(), keys.absolute() if keys else None)
    screen = Console()
    screen.print(render("backup.made", speak, made.params()), highlight=False, soft_wrap=True)
    screen.print(render("backup.keys-apart", speak, {"keys": made.keys}), style="yellow", highlight=False, soft_wrap=True)


def restore(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the backup.")],
    home: Annotated[Path, typer.Argument(metavar="HOME", help="Where the installation is put; new or empty.")],
    keys: Annotated[Path | None, typer.Option(help="Folder of the keys. Default: DIR-keys.")] = None,
    lang: LangOption = None,
) -> None:
    """Make a home of a backup: check every file against its digest, put all in place, upgrade the tables, verify the ledger."""
    speak = language(lang)
    unpacking = import_module("zhizhi.cli.desk_unpack")
    unpacked = unpacking.unpack(folder.absolute(), home.absolute(), keys.absolute() if keys else None)
    enter(home)
    start_django()
    seen = import_module("zhizhi.cli.desk_backup").awaken(unpacked)
    screen = Console()
    screen.print(render(seen.told, speak, seen.params()), highlight=False, soft_wrap=True)
    for sentence in seen.faults(speak):
        screen.print(sentence, style="red", markup=False, highlight=False, soft_wrap=True)
    if seen.verification.found:
        raise typer.Exit(1)
