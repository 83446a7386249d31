"""Decision tables say what their rows say, and a table that contradicts itself is refused."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from language import FIGURES, ON, VOCABULARY, case, environment
from openpyxl import Workbook

from zhizhi.engines.rules.checker import check_tree
from zhizhi.engines.rules.decision_table import table_expression, table_warnings
from zhizhi.engines.rules.evaluator import evaluate
from zhizhi.engines.rules.resolution import resolve
from zhizhi.kernel.errors import Place, PolicyError
from zhizhi.scenarios.decision_files import column_name, read_table

BANDS = [["[80..90)", 50], ["[90..100)", 200], [">= 100", 800]]


def outcome(table: dict[str, Any], subject: str = "household", **facts: Any) -> Any:
    at = Place("p.yaml", 20, 3)
    tree = check_tree(table_expression(table, at), environment(subject), at, expect="number")
    person = 0 if subject == "person" else None
    subject_facts = case([facts], person) if subject == "person" else case(**facts)
    return evaluate(resolve(tree, FIGURES, ON), subject_facts, ON, VOCABULARY).value


def table(rows: Sequence[Any], *inputs: str, **rest: Any) -> dict[str, Any]:
    return {"inputs": list(inputs) or ["assets"], "rows": rows, **rest}


@pytest.mark.parametrize(
    ("assets", "expected"), [(80, 50), (Fraction("89.99"), 50), (90, 200), (100, 800), (5000, 800), (79, None), (None, None)]
)
def test_bands(assets: object, expected: int | None) -> None:
    assert outcome(table(BANDS), assets=assets) == expected


@pytest.mark.parametrize(
    ("cell", "value", "hit"),
    [
        ('"male"', "male", True),
        ('"male","female"', "female", True),
        ('not("male")', "male", False),
        ('not("male")', "female", True),
        ("-", "male", True),
        ("", "male", True),
        (None, "male", True),
    ],
)
def test_cells_of_codes(cell: str | None, value: str, hit: bool) -> None:
    assert outcome(table([[cell, 1]], "sex"), "person", sex=value) == (1 if hit else None)


@pytest.mark.parametrize(
    ("cell", "hits"),
    [
        ("18", {18}),
        (18, {18}),
        ("= 18", {18}),
        ("!= 18", {17, 19}),
        ("not(18)", {17, 19}),
        ("< 18", {17}),
        ("<= 18", {17, 18}),
        ("(17..19)", {18}),
        ("[17..18]", {17, 18}),
        ("17,19", {17, 19}),
        ("< 18,> 18", {17, 19}),
        ("not([17..18])", {19}),
    ],
)
def test_cells_of_numbers(cell: object, hits: set[int]) -> None:
    assert {n for n in (17, 18, 19) if outcome(table([[cell, 1]]), assets=n) == 1} == hits


def test_a_cell_may_compare_with_a_variable_or_a_figure() -> None:
    assert outcome(table([["> param.line", 2]], "wage"), "person", wage=1201) == 2
    assert outcome(table([["> wage", 1]], "wage"), "person", wage=1201) is None


def test_dates_and_truth() -> None:
    rows = [['< @"2025-01-01"', 1], ['>= @"2025-01-01"', 2]]
    assert outcome(table(rows, "since"), since=date(2025, 1, 1)) == 2
    assert outcome(table([["true", 1], ["false", 2]], "rural"), rural=False) == 2
    assert outcome(table([[True, 1], [False, 2]], "rural"), rural=False) == 2


def test_two_inputs_where_one_is_missing() -> None:
    rows = [['"male"', ">= 80", 400], ['"female"', "-", 250]]
    assert outcome(table(rows, "sex", "wage"), "person", sex="female", wage=None) == 250
    assert outcome(table(rows, "sex", "wage"), "person", sex="male", wage=None) is None
    assert outcome(table(rows, "sex", "wage"), "person", sex=None, wage=90) is None


def test_outputs_may_be_expressions_and_a_default_answers_for_the_rest() -> None:
    rows = [["< 100", "assets * 2"], ["> 200", "param.line * 1"]]
    assert outcome(table([["< 100", "assets * 2"]]), assets=5) == 10
    assert outcome(table([["< 100", 3]], default=7), assets=500) == 7
    with pytest.raises(PolicyError) as caught:
        outcome(table(rows), assets=5)
    assert caught.value.code == "rules.unlike-units"


@pytest.mark.parametrize(
    ("hit", "expected"),
    [("first", 1), ("collect sum", 6), ("C+", 6), ("collect min", 1), ("collect max", 3), ("collect count", 3), ("C#", 3)],
)
def test_hit_policies(hit: str, expected: int) -> None:
    rows = [["> 10", 1], ["> 20", 2], ["> 30", 3]]
    assert outcome(table(rows, hit=hit), assets=35) == expected
    assert outcome(table(rows, hit=hit), assets=5) == (0 if "count" in hit or "#" in hit else None)


def test_any_does_not_mind_which_of_agreeing_rows_holds() -> None:
    rows = [["> 10", "-", 1], ["-", "> 2", 1]]
    assert outcome(table(rows, "assets", "rooms", hit="any"), assets=None, rooms=3) == 1
    assert outcome(table(rows, "assets", "rooms", hit="any"), assets=None, rooms=1) is None


@pytest.mark.parametrize(
    ("broken", "code"),
    [
        (table([["[80..90]", 1], ["[90..95]", 2]]), "rules.table-overlap"),
        (table([["-", 1], ["18", 2]]), "rules.table-overlap"),
        (table([['"male"', 1], ['not("female")', 2]], "sex"), "rules.table-overlap"),
        (table([["1", "> 5", 1], ["[0..2]", "-", 2]], "assets", "rooms"), "rules.table-overlap"),
        (table([["> 1", 1], ["> 2", 2]], hit="any"), "rules.table-disagree"),
        (table([["> 1", "assets"], ["> 2", 2]], hit="collect min"), "rules.table-literals"),
        (table([["> 1", 1]], hit="priority"), "rules.table-hit"),
        (table([["> 1"]]), "rules.table-width"),
        (table(["> 1"]), "rules.table-width"),
        (table([["> 1", None]]), "rules.table-output"),
        (table([]), "rules.table-empty"),
        (table([[str(n), n] for n in range(151)]), "rules.table-long"),
        (table([["[1..", 1]]), "rules.syntax"),
        (table([["> 1", "1 +"]]), "rules.syntax"),
    ],
)
def test_a_table_that_contradicts_itself_is_refused(broken: dict[str, Any], code: str) -> None:
    with pytest.raises(PolicyError) as caught:
        table_expression(broken, Place("p.yaml", 20, 3))
    assert caught.value.code == code
    assert caught.value.text("zh").startswith("p.yaml:20:3: ")
    assert code not in caught.value.text("en")


def test_rows_that_only_touch_do_not_overlap() -> None:
    table_expression(table([["[80..90)", 1], ["[90..95)", 2], ["> 95", 3], ["95", 4], ["< 80", 5]]))
    table_expression(table([["1", "> 5", 1], ["1", "<= 5", 2], ["2", "-", 3]], "assets", "rooms"))


def test_gaps_are_reported_but_not_refused() -> None:
    found = table_warnings(table([["[80..90)", 1], ["(90..95]", 2], ["> 96", 3]]))
    assert [(w.code, w.params) for w in found] == [
        ("rules.table-gap", {"low": "90", "high": "90"}),
        ("rules.table-gap", {"low": "95", "high": "96"}),
    ]
    codes = table_warnings(table([['"male"', 1]], "sex"), codes=["male", "female"])
    assert [w.params for w in codes] == [{"value": "female"}]
    assert [w.code for w in table_warnings(table([["> param.line", 1], ["< 5", 2]]))] == ["rules.table-unproved"]
    assert table_warnings(table([["> 1", 1]], default=0)) == []


def test_the_longest_table_still_compiles() -> None:
    rows = [[f"[{n}..{n + 1})", n] for n in range(150)]
    assert outcome(table(rows), assets=149) == 149


# workbooks ---------------------------------------------------------------------------------------------------------


def workbook(path: Path, rows: Sequence[Sequence[object]], title: str = "bands") -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = title
    for row in rows:
        sheet.append(list(row))
    book.save(path)


def test_a_workbook_is_read_as_the_office_keeps_it(tmp_path: Path) -> None:
    workbook(tmp_path / "t.xlsx", [[], [None, "assets", "rural", "amount"], [None, "< 100", "-", 0.1], [], [None, 100, True, 2]])
    read = read_table({"file": "t.xlsx", "hit": "unique"}, Place("p.yaml", 20, 3), tmp_path)
    assert read["inputs"] == ["assets", "rural"]
    assert read["rows"] == [["< 100", "-", Fraction(1, 10)], [Fraction(100), True, Fraction(2)]]
    assert outcome(read, assets=100, rural=True) == 2
    assert outcome(read, assets=5, rural=None) == Fraction(1, 10)


def test_a_fault_in_a_workbook_is_named_by_its_cell(tmp_path: Path) -> None:
    workbook(tmp_path / "t.xlsx", [["asets", "amount"], ["< 100", 1]])
    read = read_table({"file": "t.xlsx"}, Place("p.yaml"), tmp_path)
    with pytest.raises(PolicyError) as caught:
        outcome(read, assets=1)
    assert caught.value.text("en").startswith("t.xlsx[bands!A1]: “asets” in “asets” is not known.")
    workbook(tmp_path / "t.xlsx", [["assets", "amount"], ["< 100", 1], ["[100.. 5", 1]])
    with pytest.raises(PolicyError) as caught:
        outcome(read_table({"file": "t.xlsx"}, Place("p.yaml"), tmp_path))
    assert str(caught.value.place) == "t.xlsx[bands!A3]"


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    package = tmp_path / "package"
    package.mkdir()
    workbook(tmp_path / "outside.xlsx", [["assets", "amount"], ["1", 1]])
    workbook(package / "blank.xlsx", [["assets", "amount"]])
    (package / "text.xlsx").write_text("no workbook")
    for spec, code in [
        ({"file": "../outside.xlsx"}, "rules.table-file"),
        ({"file": "none.xlsx"}, "rules.table-file"),
        ({"file": "text.xlsx"}, "rules.table-file"),
        ({"file": "blank.xlsx"}, "rules.table-blank"),
        ({"file": "blank.xlsx", "sheet": "other"}, "rules.table-sheet"),
    ]:
        with pytest.raises(PolicyError) as caught:
            read_table(spec, Place("p.yaml", 2), package)
        assert caught.value.code == code


def test_columns_are_named_as_a_spreadsheet_names_them() -> None:
    assert [column_name(n) for n in (0, 25, 26, 701, 702)] == ["A", "Z", "AA", "ZZ", "AAA"]
