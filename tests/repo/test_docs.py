"""The documentation describes what is: verbs, options, links and commands are held to the program."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from source_tree import ROOT, tracked_files
from typer.main import get_command

from zhizhi.cli.main import app

MADE_BY_MAKE = {".venv", "demo", "dist"}


def load(path: str) -> ModuleType:
    """The script at ``path`` as a module."""
    spec = importlib.util.spec_from_file_location(Path(path).stem, ROOT / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def cli_pages() -> ModuleType:
    return load("docs/reference/make_cli.py")


def verbs() -> dict[str, Any]:
    return dict(cli_pages().commands(get_command(app), "zhizhi"))


def options(command: Any) -> set[str]:
    return {name for p in command.params for name in (*p.opts, *p.secondary_opts)} | {"--help"}


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def markdown() -> list[str]:
    return [str(p.relative_to(ROOT)) for p in tracked_files() if p.suffix == ".md"]


def shell_lines(text: str) -> list[str]:
    """The commands of a page's code blocks, continued lines joined."""
    lines = []
    for _, block in re.findall(r"^```(sh|bash|shell|console)\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            lines.append(re.split(r"\s+#", line.removeprefix("$ "))[0].strip())
    return [line for line in lines if line and not line.startswith("#")]


def test_the_page_of_the_command_is_what_the_command_says() -> None:
    page = cli_pages()
    assert page.TARGET.read_text(encoding="utf-8") == page.page(), "run `make docs`"


def test_the_page_of_the_api_is_what_the_api_says() -> None:
    page = load("docs/reference/make_api.py")
    assert page.TARGET.read_text(encoding="utf-8") == page.page(), "run `make docs`"


def test_every_verb_and_option_says_what_it_is_for() -> None:
    silent = [path for path, command in verbs().items() if not (command.help or "").strip()]
    silent += [
        f"{path} {p.opts}"
        for path, command in verbs().items()
        for p in command.params
        if not (getattr(p, "help", "") or "").strip()
    ]
    assert not silent, "\n".join(silent)


@pytest.mark.parametrize("name", markdown())
def test_commands_in_the_documentation_exist(name: str) -> None:
    known, wrong = verbs(), []
    for line in shell_lines((ROOT / name).read_text(encoding="utf-8")):
        for part in re.split(r"&&|;|\|", line):
            words = [w for w in part.split() if not re.fullmatch(r"[A-Z_]+=\S*", w)]
            if words[:1] == ["make"]:
                wrong += [f"{line}: no make target {w}" for w in words[1:2] if w not in make_targets()]
            elif words and words[0].rsplit("/", 1)[-1] == "zhizhi":
                path = next(
                    (" ".join(["zhizhi", *words[1:n]]) for n in (3, 2) if " ".join(["zhizhi", *words[1:n]]) in known), None
                )
                if path is None:
                    if words[1:2] not in ([], ["--help"]):
                        wrong.append(f"{line}: no such verb")
                    continue
                given = {w.split("=")[0] for w in words if re.fullmatch(r"--?[a-z][a-z-]*(=.*)?", w)}
                wrong += [f"{line}: no option {option}" for option in sorted(given - options(known[path]))]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", markdown())
def test_links_in_the_documentation_lead_somewhere(name: str) -> None:
    page = ROOT / name
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        local = target.split("#")[0]
        if re.match(r"[a-z]+:", target) or not local or local.split("/")[0] in MADE_BY_MAKE:
            continue
        if not (page.parent / local).exists():
            broken.append(target)
    assert not broken, "\n".join(broken)


def test_the_index_lists_every_page() -> None:
    page = load("docs/make_index.py")
    assert page.TARGET.read_text(encoding="utf-8") == page.index(), "run `make docs`"
    listed = {str((ROOT / "docs" / t).resolve()) for t in re.findall(r"\]\(([^)\s]+)\)", page.index())}
    pages = {str(p.resolve()) for p in tracked_files() if p.suffix == ".md" and p.is_relative_to(ROOT / "docs")}
    assert pages - listed == {str(ROOT / "docs" / "README.md")}
