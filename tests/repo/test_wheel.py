"""What is installed from a wheel finds what it needs without the checkout."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from source_tree import ROOT, imported, modules

ASK = """
from zhizhi.scenarios.shipped import find_package, shipped_packages
from zhizhi.kernel.messages import catalogue
import zhizhi
print(zhizhi.__file__)
print(",".join(shipped_packages()))
print(find_package("scenarios/social-assistance"))
print(len(catalogue()))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel's files, unpacked in a folder."""
    pytest.importorskip("hatchling", reason="hatchling builds the wheel; it comes with make setup")
    folder = tmp_path_factory.mktemp("wheel")
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def ask(installed: Path, cwd: Path) -> list[str]:
    code = f"import sys; sys.path.insert(0, {str(installed)!r})\n{ASK}"
    done = subprocess.run([sys.executable, "-c", code], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_an_installed_zhizhi_carries_the_shipped_packages(installed: Path, tmp_path: Path) -> None:
    where, packages, found, messages = ask(installed, tmp_path)
    assert Path(where).is_relative_to(installed)
    assert "social-assistance" in packages.split(",")
    assert Path(found).is_relative_to(installed)
    assert int(messages) > 0


def test_a_folder_of_the_users_own_comes_first(installed: Path, tmp_path: Path) -> None:
    own = tmp_path / "scenarios" / "social-assistance"
    own.mkdir(parents=True)
    assert ask(installed, tmp_path)[2] == "scenarios/social-assistance"


def test_the_wheel_carries_every_data_file_of_the_package(installed: Path) -> None:
    data = [
        p.relative_to(ROOT / "src")
        for p in (ROOT / "src").rglob("*")
        if p.is_file() and p.suffix in {".toml", ".yaml", ".lark", ".json"}
    ]
    assert data
    assert [str(p) for p in data if not (installed / p).is_file()] == []


def test_whatever_the_package_imports_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = [
        *project["dependencies"],
        *project["optional-dependencies"]["postgres"],
        *project["optional-dependencies"]["spark"],
    ]
    names = {normal(re.split(r"[\[<>=! ]", line)[0]) for line in declared}
    providers = packages_distributions()
    strangers = []
    for module in modules():
        for name, node in imported(module.tree):
            top = name.split(".")[0]
            if not top or top in sys.stdlib_module_names or top == "zhizhi":
                continue
            if not {normal(d) for d in providers.get(top, [top])} & names:
                strangers.append(f"{module.at(node)} imports {top}")
    assert not strangers, "\n".join(strangers)


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
