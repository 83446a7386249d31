"""One idea, one word, one Chinese term."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator

from source_tree import ROOT, modules


def rows() -> list[dict[str, str]]:
    """The glossary's table."""
    lines = [line for line in (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [dict(zip(table[0], row, strict=True)) for row in table[2:]]


def identifiers() -> Iterator[tuple[str, str]]:
    """(name, place) of everything that the source names: functions, classes, arguments, variables, modules."""
    for module in modules():
        yield module.path.stem, str(module.path.relative_to(ROOT))
        for node in ast.walk(module.tree):
            match node:
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name) | ast.arg(arg=name):
                    yield name, module.at(node)
                case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                    yield name, module.at(node)


def words(name: str) -> str:
    """``HouseholdFile`` and ``household_file`` as ``_household_file_``."""
    return "_" + re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().strip("_") + "_"


def test_every_term_has_both_languages_and_a_meaning() -> None:
    assert rows()
    assert [
        row["English"] for row in rows() if not (row["English"] and row["中文"] and row["identifier"] and row["meaning"])
    ] == []


def test_no_two_ideas_share_a_word() -> None:
    for column in ("English", "中文"):
        twice = [term for term, times in Counter(row[column] for row in rows()).items() if times > 1]
        assert twice == []


def test_the_table_is_in_order() -> None:
    terms = [row["English"] for row in rows()]
    initials = [term[0] for term in terms]
    assert initials == sorted(initials)


def test_no_second_word_for_the_same_idea_is_used_in_the_source() -> None:
    banned = {f"_{word}_": row["identifier"] for row in rows() for word in row["not"].split()}
    wrong = [
        f"{place}: {name} should be {right}"
        for name, place in identifiers()
        for word, right in banned.items()
        if word in words(name)
    ]
    assert not wrong, "\n".join(wrong)
