"""The sample's folder: marked synthetic, the same bytes for a seed, departments' encodings, and no folder lost to it."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from python_calamine import CalamineWorkbook

from zhizhi.backends.sample_files import write_sample
from zhizhi.engines.synthesis import LAYOUTS
from zhizhi.kernel.errors import InputError, UsageError


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("sample") / "region"
    write_sample(2_000, 5, out)
    return out


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_the_same_seed_writes_the_same_bytes(sample: Path, tmp_path: Path) -> None:
    write_sample(2_000, 5, tmp_path / "again")
    assert digests(tmp_path / "again") == digests(sample)


def test_another_seed_writes_another_region(sample: Path, tmp_path: Path) -> None:
    write_sample(2_000, 6, tmp_path / "other")
    assert digests(tmp_path / "other")["公安_常住人口.csv"] != digests(sample)["公安_常住人口.csv"]


def test_the_folder_says_that_it_is_synthetic(sample: Path) -> None:
    assert json.loads((sample / "SYNTHETIC").read_text(encoding="utf-8"))["synthetic"] is True
    assert "合成数据" in (sample / "说明_合成数据.txt").read_text(encoding="utf-8")
    for layout in LAYOUTS:
        if layout.kind == "xlsx":
            title = CalamineWorkbook.from_path(sample / layout.file).get_sheet_by_index(0).to_python()[0][0]
            assert "合成数据" in title


def test_exports_have_the_departments_encodings_and_headers(sample: Path) -> None:
    for layout in LAYOUTS:
        headers = [column.header for column in layout.columns]
        if layout.kind == "csv":
            data = (sample / layout.file).read_bytes()
            assert data.startswith(b"\xef\xbb\xbf") == (layout.encoding == "utf-8-sig")
            assert data.decode(layout.encoding).splitlines()[0].split(",") == headers
        elif layout.kind == "xlsx":
            assert CalamineWorkbook.from_path(sample / layout.file).get_sheet_by_index(0).to_python()[1] == headers
        else:
            assert pq.read_schema(sample / layout.file).names == headers


def test_the_recipients_end_with_a_total_row_that_is_listed_as_bad(sample: Path) -> None:
    rows = CalamineWorkbook.from_path(sample / "民政_在享救助.xlsx").get_sheet_by_index(0).to_python()
    with (sample / "truth" / "truth_bad_rows.csv").open(encoding="utf-8") as file:
        bad = [(row["row"], row["rule"]) for row in csv.DictReader(file) if row["file"] == "民政_在享救助.xlsx"]
    assert rows[-1][0] == "合计"
    assert (str(len(rows)), "total row, not data") in bad


def test_a_sample_may_be_written_over_an_earlier_one(sample: Path, tmp_path: Path) -> None:
    write_sample(1_000, 1, tmp_path)
    write_sample(2_000, 5, tmp_path)
    assert digests(tmp_path) == digests(sample)


def test_a_folder_with_something_else_is_left_alone_unless_forced(tmp_path: Path) -> None:
    (tmp_path / "letters.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match="not empty"):
        write_sample(1_000, 1, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["letters.txt"]
    write_sample(1_000, 1, tmp_path, force=True)
    assert (tmp_path / "letters.txt").read_text(encoding="utf-8") == "mine"


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("", encoding="utf-8")
    with pytest.raises(InputError, match="not a folder"):
        write_sample(1_000, 1, tmp_path / "out")


@pytest.mark.parametrize(("people", "seed"), [(999, 1), (-5, 1), (12_000_001, 1), (1_000, -1), (1_000, 2**63)])
def test_sizes_and_seeds_out_of_bounds_are_refused_and_write_nothing(people: int, seed: int, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        write_sample(people, seed, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_run_that_stops_in_the_middle_leaves_no_complete_looking_folder(tmp_path: Path) -> None:
    def stop(what: str) -> None:
        if what.startswith("医保"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_sample(1_000, 1, tmp_path / "out", progress=stop)
    assert not (tmp_path / "out" / "SYNTHETIC").exists()
    write_sample(1_000, 1, tmp_path / "out")
    assert (tmp_path / "out" / "SYNTHETIC").exists()
