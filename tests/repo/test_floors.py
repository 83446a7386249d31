"""A folder's name is a promise: who may import whom, and what the lower floors must not touch."""

from __future__ import annotations

import ast
import json
import subprocess
import sys

import pytest
from source_tree import ROOT, Module, dotted, imported, modules

NO_WEB = {"django", "ninja", "flask", "fastapi", "sqlalchemy", "starlette"}
NO_DATA_ENGINE = {"duckdb", "deltalake", "psycopg", "pyspark"}
NO_NETWORK = {"requests", "httpx", "urllib3", "aiohttp", "pyarrow.fs", "pyarrow.flight", "fsspec", "boto3"}
NO_SCREEN = {"typer"}  # rich is loaded by ibis itself; an import contract keeps our own floors from it

IMPURE_IMPORTS = {
    "os", "time", "random", "secrets", "socket", "subprocess", "shutil", "tempfile", "glob", "io", "sqlite3", "threading",
    "urllib", "http", "asyncio", "multiprocessing", "locale", "getpass", "platform", "openpyxl", "python_calamine", "pyarrow.fs",
    "pyarrow.parquet", "pyarrow.csv", "pyarrow.dataset",
}  # fmt: skip
IMPURE_CALLS = {
    "open", "input", "print", "exec", "eval", "compile", "datetime.now", "datetime.utcnow", "datetime.today", "date.today",
    "datetime.datetime.now", "datetime.date.today", "time.time", "uuid.uuid1", "uuid.uuid4", "Path.cwd", "Path.home",
}  # fmt: skip
IMPURE_METHODS = {
    ".read_text",
    ".read_bytes",
    ".write_text",
    ".write_bytes",
    ".mkdir",
    ".unlink",
    ".exists",
    ".is_file",
    ".iterdir",
}
PACKAGE_DATA = {
    "zhizhi.kernel.messages.catalogue"
}  # lists the catalogue's files; importlib.resources.files(...) is allowed to all


def test_import_contracts_hold() -> None:
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports())"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def loaded_by(floors: set[str]) -> set[str]:
    """Import every module of the floors in a fresh interpreter; return the names of all that got loaded."""
    names = [module.name for module in modules() if module.floor in floors]
    assert names, f"no module in {floors}"
    code = f"import importlib, json, sys\nfor n in {names!r}: importlib.import_module(n)\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    ("floors", "banned"),
    [
        ({"kernel"}, NO_WEB | NO_DATA_ENGINE | NO_NETWORK | NO_SCREEN | {"numpy", "pyarrow", "ibis"}),
        ({"kernel", "engines"}, NO_WEB | NO_DATA_ENGINE | NO_NETWORK | NO_SCREEN),
        ({"kernel", "engines", "scenarios", "exchange"}, NO_WEB | NO_DATA_ENGINE | NO_SCREEN),
        ({"kernel", "engines", "scenarios", "exchange", "backends"}, NO_WEB | NO_SCREEN),
    ],
    ids=["kernel", "engines", "scenarios and exchange", "backends"],
)
def test_a_floor_loads_nothing_from_above(floors: set[str], banned: set[str]) -> None:
    assert loaded_by(floors) & banned == set()


def test_the_kernel_imports_the_standard_library_only() -> None:
    strangers = [
        f"{module.at(node)} imports {name}"
        for module in modules()
        if module.floor == "kernel"
        for name, node in imported(module.tree)
        if name.split(".")[0] not in sys.stdlib_module_names | {"zhizhi"}
    ]
    assert strangers == []


def impurities(module: Module) -> list[str]:
    """Every place where a pure module reads a clock, a file, the network, the environment or chance."""
    found = []
    for name, node in imported(module.tree):
        if name in IMPURE_IMPORTS or name.split(".")[0] in IMPURE_IMPORTS:
            found.append(f"{module.at(node)} imports {name}")
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.Call):
            continue
        name = dotted(node.func)
        method = f".{name.rsplit('.', 1)[-1]}" if isinstance(node.func, ast.Attribute) else ""
        own_data = any(isinstance(n, ast.Call) and dotted(n.func).endswith("files") for n in ast.walk(node.func))
        if name in IMPURE_CALLS or (method in IMPURE_METHODS and not own_data):
            found.append(f"{module.at(node)} calls {name}")
        if ".random." in f".{name}" and not (name.endswith(("default_rng", "SeedSequence", "Generator", "PCG64")) and node.args):
            found.append(f"{module.at(node)} takes unseeded chance from {name}")
    return found


def test_kernel_and_engines_read_no_clock_file_network_or_chance() -> None:
    pure = [m for m in modules() if m.floor in {"kernel", "engines"} and m.name not in PACKAGE_DATA]
    found = [line for module in pure for line in impurities(module)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "line",
    [
        "import os",
        "from random import choice",
        "from datetime import datetime\nnow = datetime.now()",
        "open('x')",
        "import numpy as np\nnp.random.default_rng()",
        "import numpy as np\nnp.random.rand(3)",
        "p.read_text()",
    ],
)
def test_the_purity_check_sees_what_it_should(line: str) -> None:
    module = Module("zhizhi.engines.example", ROOT / "example.py", ast.parse(line), 1)
    assert impurities(module)
