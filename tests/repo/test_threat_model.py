"""Every threat of the threat model names a control, a default, and tests that exist."""

from __future__ import annotations

import ast
import re

from source_tree import ROOT

DOCUMENT = ROOT / "docs" / "explanation" / "threat-model.md"
NAMED = re.compile(r"`((?:[a-z_]+/)*test_[a-z0-9_]+\.py)::(test_[a-z0-9_]+)`")


def rows() -> list[list[str]]:
    """The cells of the table, row by row."""
    lines = [line for line in DOCUMENT.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def names_in(path: str) -> set[str]:
    """Names of the tests of a file; without a folder, of tests/apps."""
    file = ROOT / "tests" / (path if "/" in path else f"apps/{path}")
    tree = ast.parse(file.read_text(encoding="utf-8")) if file.is_file() else ast.Module([], [])
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_threat_has_a_control_a_default_and_a_test() -> None:
    wrong = [row[0] for row in rows() if len(row) != 4 or not all(row) or not NAMED.search(row[3])]
    assert wrong == []
    assert len(rows()) > 30


def test_every_test_that_is_named_exists() -> None:
    named = [found for row in rows() for found in NAMED.findall(row[3])]
    assert [f"{path}::{name}" for path, name in named if name not in names_in(path)] == []
    assert len(named) == sum(row[3].count("::") for row in rows()), "a test is named in another way than the others"
