"""Write docs/reference/cli.md from the command itself: ``make docs``."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer.main import get_command

from zhizhi.cli.main import app

TARGET = Path(__file__).with_name("cli.md")
HEAD = """\
# The `zhizhi` command

Made from the command itself by `make docs`; a test compares. Every verb also answers to `--help`.
It ends with status 0 when it did what was asked, 1 with one sentence on stderr when it could not, 2 when the call was wrong.
"""


def commands(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    """(``zhizhi scenario check``, command) of every verb that does something, in the order of ``--help``."""
    children = getattr(command, "commands", {})
    if not children:
        yield path, command
    for name, child in children.items():
        if not getattr(child, "hidden", False):
            yield from commands(child, f"{path} {name}")


def cell(text: str | None) -> str:
    """One line, safe in a table."""
    return re.sub(r"\s+", " ", text or "").strip().replace("|", "\\|")


def names(parameter: Any) -> str:
    """``--out, -o`` of an option, ``FILE`` of an argument."""
    if parameter.param_type_name == "argument":
        return str(parameter.metavar or parameter.name).upper()
    return ", ".join([*parameter.opts, *parameter.secondary_opts])


def default(parameter: Any) -> str:
    """What holds when the option is not given."""
    if parameter.required:
        return "required"
    value = parameter.default
    if value is None or value == () or callable(value) or value is False or "Sentinel" in type(value).__name__:
        return ""
    return f"`{value}`"


def section(path: str, command: Any) -> str:
    """The part of the page about one verb."""
    positional = [p for p in command.params if p.param_type_name == "argument"]
    usage = " ".join([path, *(names(p) if p.required else f"[{names(p)}]" for p in positional), "[OPTIONS]"])
    rows = [
        f"| `{names(p)}` | {cell(p.help)} | {cell(default(p))} |"
        for p in command.params
        if "--help" not in p.opts and not getattr(p, "hidden", False)
    ]
    table = ["| | | default |", "|---|---|---|", *rows] if rows else []
    text = inspect.cleandoc(command.help or "").replace("\f", "").replace("\b", "")
    return "\n".join([f"## {path}", "", text, "", "```", usage, "```", "", *table]).rstrip() + "\n"


def page() -> str:
    """The whole page."""
    parts = [section(path, command) for path, command in commands(get_command(app), "zhizhi")]
    return "\n".join([HEAD, *parts])


if __name__ == "__main__":
    TARGET.write_text(page(), encoding="utf-8")
    print(f"wrote {TARGET.name}", file=sys.stderr)
