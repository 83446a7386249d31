"""What departments' files really look like, and the right answer to each."""

from __future__ import annotations

import io
import re
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from small_town import HEADER, Town, people_text, person, wages_text

from zhizhi.kernel.errors import ZhizhiError
from zhizhi.kernel.identifiers import resident_id_upgrade


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


def refused(town: Town, name: str) -> ZhizhiError:
    """Load; ``name`` must be refused whole and its dataset must not exist."""
    outcome = town.load()[name]
    assert outcome.error is not None
    assert outcome.loaded is None
    assert outcome.contract.dataset not in town.lake.datasets()
    return outcome.error


def counts(town: Town, name: str) -> tuple[int, int, int]:
    outcome = town.load()[name]
    assert outcome.error is None, outcome.error
    assert outcome.loaded is not None
    return outcome.loaded.read, outcome.loaded.good, outcome.loaded.bad


def test_good_files_load(town: Town) -> None:
    outcomes = town.load()
    assert [outcomes[name].loaded.good for name in ("人口.csv", "工资.csv")] == [5, 5]  # type: ignore[union-attr]
    assert town.lake.versions() == {"population": 0, "wages": 0}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_encodings_are_found_out(town: Town, encoding: str) -> None:
    town.write("人口.csv", people_text(), encoding)
    assert counts(town, "人口.csv") == (5, 5, 0)


def test_renamed_column_refuses_the_file_and_names_the_nearest(town: Town) -> None:
    town.write("工资.csv", wages_text().replace("月工资（元）", "月工资"))
    error = refused(town, "工资.csv")
    assert error.code == "input.column-renamed"
    for lang in ("zh", "en"):
        assert "月工资（元）" in error.text(lang)
        assert "月工资" in error.text(lang).replace("月工资（元）", "")
    assert town.lake.datasets() == ["population"], "a refused file must not stop the others"


def test_missing_column_refuses_the_file(town: Town) -> None:
    town.write("工资.csv", re.sub(r",202508|,所属期", "", wages_text()))
    assert refused(town, "工资.csv").code == "input.column-missing"


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", b"\n\n\n"])
def test_empty_file_is_refused(town: Town, content: bytes) -> None:
    town.write("工资.csv", content)
    assert refused(town, "工资.csv").code == "input.empty"


def test_header_without_rows_is_refused_as_empty(town: Town) -> None:
    town.write("工资.csv", "身份证号,月工资（元）,所属期\n")
    assert refused(town, "工资.csv").code == "input.empty"


def test_last_record_cut_off_is_half_written(town: Town) -> None:
    town.write("工资.csv", wages_text().rstrip("\n")[: -len(',"1,004.00",202508')])
    error = refused(town, "工资.csv")
    assert error.code == "input.half-written"
    assert error.place is not None
    assert error.place.line == 6


def test_open_quotation_mark_at_the_end_is_refused(town: Town) -> None:
    town.write("工资.csv", wages_text() + f'{person(4)},"1,0\n')
    assert refused(town, "工资.csv").code in ("input.quote-open", "input.half-written")


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_character_cut_in_half_at_the_end_is_half_written(town: Town, encoding: str) -> None:
    data = (people_text() + f"{person(7)},赵七").encode(encoding)
    town.write("人口.csv", data[:-1])
    assert refused(town, "人口.csv").code == "input.half-written"


def test_broken_bytes_in_the_middle_are_refused_with_their_line(town: Town) -> None:
    lines = people_text().encode().splitlines(keepends=True)
    lines[3] = lines[3].replace("赵".encode(), b"\xff\xfe\x80")
    town.write("人口.csv", b"".join(lines))
    error = refused(town, "人口.csv")
    assert error.code == "input.encoding"
    assert error.place is not None
    assert error.place.line == 4


def test_another_file_under_the_name_is_refused(town: Town) -> None:
    town.write("工资.csv", "a,b\n1,2\n")
    assert refused(town, "工资.csv").code == "input.header-none"


def test_rows_keep_spreadsheet_numbers_past_blank_short_and_many_line_records(town: Town) -> None:
    lines = people_text(8).splitlines()
    lines[3] = lines[3].replace("赵2", '"赵\n二"')
    lines.insert(2, "")
    lines.insert(5, "太,短")
    lines[8] = lines[8].replace(person(5), person(5)[:-1] + ("0" if person(5)[-1] != "0" else "1"))
    town.write("人口.csv", "\n".join(lines) + "\n")
    assert counts(town, "人口.csv") == (9, 7, 2)
    assert [entry for entry in town.bad() if entry[0] == "人口.csv"] == [
        ("人口.csv", 6, "wrong number of columns"),
        ("人口.csv", 9, "resident id checksum"),
    ]


def test_title_rows_and_separators_are_found_out(town: Town) -> None:
    text = people_text().replace(",", ";")
    town.write("人口.csv", "某镇人口表\n制表：某人;2025年\n" + text)
    assert counts(town, "人口.csv") == (5, 5, 0)


def test_header_over_two_rows_is_read(town: Town) -> None:
    rows = wages_text().splitlines()[1:]
    town.write("工资.csv", "身份证号,工资情况,\n,月工资（元）,所属期\n" + "\n".join(rows) + "\n")
    assert counts(town, "工资.csv") == (5, 5, 0)


def test_columns_in_another_order_and_columns_more(town: Town) -> None:
    rows = [line.split(",") for line in people_text().splitlines()]
    town.write("人口.csv", "\n".join(",".join([*row[::-1], "备注"]) for row in rows) + "\n")
    outcome = town.load()["人口.csv"]
    assert outcome.loaded is not None
    assert (outcome.loaded.good, outcome.loaded.unnamed) == (5, ("备注",))


def workbook(rows: list[list[object]], merge: str = "") -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(row)
    if merge:
        sheet.merge_cells(merge)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def wages_rows() -> list[list[object]]:
    return [["身份证号", "月工资（元）", "所属期"], *([person(n), 1000.5 + n, "2025年8月"] for n in range(3))]


def test_excel_with_title_merged_header_dates_and_total_row(town: Town) -> None:
    (town.files / "工资.csv").unlink()
    rows = [["某镇工资表（2025年8月）", None, None], *wages_rows(), ["合 计", 3003, None]]
    town.write("工资.xlsx", workbook(rows, merge="A1:C1"))
    assert counts(town, "工资.xlsx") == (4, 3, 1)
    assert town.bad() == [("工资.xlsx", 6, "total row, not data")]


def test_excel_truncated_or_empty_is_refused(town: Town) -> None:
    (town.files / "工资.csv").unlink()
    data = workbook(wages_rows())
    path = town.write("工资.xlsx", data[: len(data) // 2])
    assert refused(town, "工资.xlsx").code == "input.damaged"
    path.write_bytes(workbook([]))
    assert refused(town, "工资.xlsx").code == "input.empty"


def test_parquet_loads_and_truncated_parquet_is_refused(town: Town) -> None:
    (town.files / "工资.csv").unlink()
    table = pa.table({"身份证号": [person(n) for n in range(4)], "月工资（元）": [1000.5] * 4, "所属期": ["202508"] * 4})
    path = town.files / "工资.parquet"
    pq.write_table(table, path)
    assert counts(town, "工资.parquet") == (4, 4, 0)
    (town.files / "another").mkdir()
    path.write_bytes(path.read_bytes()[:-40])
    outcome = town.load()["工资.parquet"]
    assert outcome.error is not None
    assert outcome.error.code == "input.damaged"
    assert town.lake.versions()["wages"] == 0, "the version before stands"


def test_fifteen_digit_ids_are_named_or_made_into_eighteen(tmp_path: Path) -> None:
    old = person(3)[:6] + person(3)[8:17]
    assert resident_id_upgrade(old) == person(3)
    for policy, expected in (("reject", [("人口.csv", 5, "15-digit id")]), ("upgrade", [])):
        root = tmp_path / policy
        root.mkdir()
        town = Town(root, fifteen=policy)
        (town.files / "工资.csv").unlink()
        town.write("人口.csv", people_text().replace(person(3), old))
        town.load()
        assert town.bad() == expected


def test_three_identical_faulty_rows_have_one_fault_each(town: Town) -> None:
    row = f"{person(9, '19800230')},钱,000000000009,1980-02-30,2010/01/01\n"
    town.write("人口.csv", people_text() + row * 3)
    town.load()
    assert [entry[1:] for entry in town.bad()] == [(n, "impossible date") for n in (7, 8, 9)]


def test_later_registration_wins_and_ties_go_to_the_first(town: Town) -> None:
    lines = [
        f"{person(1)},赵,H1,1980-01-01,2012-01-01",
        f"{person(1)},赵,H2,1980-01-01,2015-01-01",
        f"{person(2)},钱,H1,1980-01-01,2012-01-01",
        f"{person(2)},钱,H2,1980-01-01,2012-01-01",
        f"{person(3)},孙,H1,1980-01-01,",
        f"{person(3)},孙,H2,1980-01-01,2001-01-01",
    ]
    town.write("人口.csv", "\n".join([HEADER, *lines]) + "\n")
    town.load()
    assert [entry[1:] for entry in town.bad() if entry[0] == "人口.csv"] == [(n, "earlier registration") for n in (2, 5, 6)]


def test_duplicates_are_compared_after_reading_but_not_by_serial_number(town: Town) -> None:
    wide = person(1).translate(str.maketrans("0123456789", "０１２３４５６７８９"))
    lines = [
        f"1,{person(1)},赵,H1,1980-01-01,2012-01-01",
        f"2, {wide} ,赵,H1,1980年1月1日,20120101",
        f"3,{person(2)},钱,H1,19800101,2012/1/1",
    ]
    town.write("人口.csv", "\n".join(["序号," + HEADER, *lines]) + "\n")
    town.load()
    assert ("人口.csv", 3, "duplicate row") in town.bad()
    assert town.load()["人口.csv"].loaded.good == 2  # type: ignore[union-attr]


def test_rule_against_a_dataset_that_is_not_there_is_not_run_and_runs_once_it_is(town: Town) -> None:
    people = (town.files / "人口.csv").read_bytes()
    (town.files / "人口.csv").unlink()
    town.write("工资.csv", wages_text(6))
    outcome = town.load()["工资.csv"]
    assert outcome.loaded is not None
    assert outcome.loaded.not_run == ("unknown person",)
    assert [row["status"] for row in town.lake.rows("results", "rule = 'unknown person'")] == ["not run"]
    town.write("人口.csv", people)
    again = town.load()["工资.csv"].loaded
    assert again is not None
    assert (again.good, again.bad, again.not_run) == (5, 1, ())


def test_two_files_for_a_dataset_that_is_replaced_are_refused(town: Town) -> None:
    town.write("工资_旧.csv", wages_text())
    outcomes = town.load()
    assert {o.error.code for name, o in outcomes.items() if "工资" in name and o.error} == {"input.two-files"}
