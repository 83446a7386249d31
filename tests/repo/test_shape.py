"""Names and sizes: what a reader meets when opening a file."""

from __future__ import annotations

import ast
from collections import Counter

from source_tree import ROOT, SOURCE, Module, modules, parse

DRAWERS = {"utils", "helpers", "common", "misc", "core", "base", "manager", "info"}
MODULE_CAP = 600
TEST_CAP = 1000
FUNCTION_CAP = 60


def body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its docstring."""
    first = node.body[0]
    doc = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    docstring = (first.end_lineno or 0) - first.lineno + 1 if doc else 0
    return (node.end_lineno or 0) - node.lineno + 1 - docstring


def functions(module: Module) -> list[tuple[int, str, str]]:
    """(lines, name, place) of every function, nested ones too."""
    return [
        (body_lines(node), node.name, module.at(node))
        for node in ast.walk(module.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def test_no_module_has_a_drawer_name() -> None:
    names = {part for path in SOURCE.rglob("*") if path.suffix in ("", ".py") for part in (path.stem,)}
    assert names & DRAWERS == set()


def test_modules_stay_readable() -> None:
    assert [f"{m.path.relative_to(ROOT)} has {m.lines} lines" for m in modules() if m.lines > MODULE_CAP] == []
    tests = [parse(path, path.stem) for path in sorted((ROOT / "tests").rglob("*.py"))]
    assert [f"{m.path.relative_to(ROOT)} has {m.lines} lines" for m in tests if m.lines > TEST_CAP] == []


def test_functions_stay_readable() -> None:
    long = [f"{place} {name} has {lines} lines" for m in modules() for lines, name, place in functions(m) if lines > FUNCTION_CAP]
    assert not long, "\n".join(long)


def test_an_init_only_re_exports() -> None:
    def harmless(node: ast.stmt) -> bool:
        if isinstance(node, ast.Import | ast.ImportFrom):
            return True
        if isinstance(node, ast.Expr):
            return isinstance(node.value, ast.Constant)
        return isinstance(node, ast.Assign) and all(isinstance(t, ast.Name) and t.id.startswith("__") for t in node.targets)

    busy = [m.at(node) for m in modules() if m.path.name == "__init__.py" for node in m.tree.body if not harmless(node)]
    assert busy == []


def test_no_two_test_files_share_a_name() -> None:
    names = Counter(path.name for path in (ROOT / "tests").rglob("*.py") if path.name not in {"__init__.py", "conftest.py"})
    assert [name for name, times in names.items() if times > 1] == []


def report() -> None:
    """Print the longest modules and functions: ``python tests/repo/test_shape.py``."""
    for module in sorted(modules(), key=lambda m: -m.lines)[:15]:
        print(f"{module.lines:5}  {module.path.relative_to(ROOT)}")
    print()
    for lines, name, place in sorted((f for m in modules() for f in functions(m)), reverse=True)[:15]:
        print(f"{lines:5}  {name}  {place}")


if __name__ == "__main__":
    report()
