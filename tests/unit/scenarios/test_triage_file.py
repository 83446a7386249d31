"""What `triage.yaml` and `projects.yaml` may say, and that whatever is wrong in them is named with its place."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest

from zhizhi.kernel.errors import ZhizhiError
from zhizhi.scenarios.inspection import inspect
from zhizhi.scenarios.package import package_digest, read_package
from zhizhi.scenarios.projects_file import read_projects
from zhizhi.scenarios.shipped import find_package
from zhizhi.scenarios.triage_file import VISIT, read_triage


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(find_package("social-assistance"), tmp_path / "p"))


def changed(folder: Path, name: str, old: str, new: str) -> ZhizhiError:
    """Change a file of the package and return what is wrong now."""
    path = folder / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    (fault,) = inspect(folder)[1]
    return fault


def test_the_shipped_triage_is_whole(folder: Path) -> None:
    package, faults = inspect(folder)
    assert package is not None
    assert faults == []
    triage = read_triage(package)
    weights = triage.weights(date(2025, 9, 1))
    assert max(weights.severity.values()) + weights.further_most + weights.depth_most + weights.vulnerable_most == 100
    assert triage.kinds["missed"] == triage.kinds["warning"] == VISIT
    assert triage.cooldown(package.policies["serious-illness"], date(2025, 9, 1)) == 180  # the warning's own
    assert triage.cooldown(package.policies["dibao"], date(2025, 9, 1)) == 90
    assert {parameter.status for parameter in triage.figures.values()} == {"illustrative", "verified"}
    assert len(read_projects(package).groups) == 25


@pytest.mark.parametrize(
    ("name", "old", "new", "code"),
    [
        ("triage.yaml", "missed: visit", "missed: pay", "package.value"),
        ("triage.yaml", "default: medium", "default: medium, colour: red", "package.yaml"),
        ("triage.yaml", "dibao: high", "dibo: high", "package.policy-unknown"),
        ("triage.yaml", "{2024-07-01: 40}", "{2024-07-01: -1}", "package.triage-points"),
        ("triage.yaml", "{2024-07-01: 40}", "{2024-07-01: 4.5}", "package.triage-points"),
        ("triage.yaml", "/ param.dibao_line", "", "package.triage-share"),
        ("triage.yaml", "members.illness", "members.ilness", "rules.name-unknown-near"),
        ("triage.yaml", "points: alone, if", "points: lonely, if", "package.triage-figure"),
        ("triage.yaml", "  further:", "  father:", "package.triage-figure"),
        ("triage.yaml", "class: ability, points: 3, answer", "class: abilities, points: 3, answer", "package.class-unknown"),
        ("triage.yaml", "answer: {needs: company}", "answer: {needs: company}, findings: [dibao]", "package.triage-clue"),
        ("projects.yaml", "class: health, zh: 康复", "class: body, zh: 康复", "package.class-unknown"),
        ("projects.yaml", "[public-rental,", "[public-rentals,", "package.policy-unknown"),
        ("projects.yaml", "[public-rental,", "[public-rental, dibao,", "package.projects-twice"),
        ("projects.yaml", "kind: goods, zh: 米面油物资包", "kind: food, zh: 米面油物资包", "package.value"),
    ],
)
def test_a_fault_is_named_with_its_place(folder: Path, name: str, old: str, new: str, code: str) -> None:
    fault = changed(folder, name, old, new)
    assert fault.code == code
    assert fault.place is not None
    assert (fault.place.file, bool(fault.place.line)) == (name, True)
    assert "{" not in fault.text("zh") or code == "package.value"


def test_a_warning_that_merges_by_something_else_is_refused(folder: Path) -> None:
    fault = changed(folder, "policies/dropout.yaml", "merge: household", "merge: person")
    assert fault.code == "package.triage-merge"


def test_weights_do_not_decide_so_they_do_not_change_what_decides(folder: Path) -> None:
    before = package_digest(folder)
    path = folder / "triage.yaml"
    old = read_triage(read_package(folder)).digest
    path.write_text(path.read_text(encoding="utf-8").replace("{2024-07-01: 40}", "{2024-07-01: 39}", 1), encoding="utf-8")
    assert package_digest(folder) == before
    assert read_triage(read_package(folder)).digest != old
