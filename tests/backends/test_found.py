"""The list of findings held against the same rows filtered and counted in plain Python."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from zhizhi.backends import found as module
from zhizhi.backends.findings import KINDS
from zhizhi.backends.found import DIMENSIONS, ORDERS, Found, FoundReader, Sight, Wanted, open_found, prefix_of
from zhizhi.backends.lake import Lake
from zhizhi.backends.screening import FORMAT, state_folder
from zhizhi.kernel.errors import UsageError
from zhizhi.scenarios.package import Package, read_package

ROOT = Path(__file__).parents[2]
PLACES = ["330106002", "330106109", "330102001", "330206001", "310101001", "3301061090", "33010610901"]
CITY = Sight("3301")


@pytest.fixture(scope="module")
def package() -> Package:
    return read_package(ROOT / "scenarios" / "social-assistance")


def rows_of(package: Package, seed: int, number: int) -> list[Found]:
    chance = Random(seed)
    policies = sorted(package.policies)
    rows = []
    for place in range(number):
        household = f"{chance.randrange(60):024x}"
        kind = chance.choice(["household", "person"])
        payable = chance.choice([None, Decimal(chance.randrange(5_000)).quantize(Decimal("0.01"))])
        finding = chance.choice(KINDS)
        rows.append(
            Found(
                household if kind == "household" else f"{place + 1000:024x}",
                kind,
                chance.choice(policies),
                finding,
                payable,
                None if finding == "missed" else payable,
                ("pension", "wage") if finding == "unknown" else (),
                "人力资源和社会保障局" if finding == "unknown" else "",
                household,
                chance.choice(PLACES),
                chance.choice(["", "high", "medium", "low"]),
                chance.choice(["", "new"]),
            )
        )
    return list({(row.subject, row.policy, row.finding): row for row in rows}.values())


def keep(lake: Path, package: Package, rows: list[Found], name: str) -> None:
    folder = state_folder(Lake(lake), package)
    run = folder / f"run-{name}"
    run.mkdir(parents=True)
    table = pa.table(
        {
            **{key: [getattr(row, key) or None for row in rows] for key in ("subject", "kind", "policy", "finding", "household")},
            **{key: [getattr(row, key) or None for row in rows] for key in ("owner", "region", "severity", "since_last")},
            **{key: pa.array([getattr(row, key) for row in rows], pa.decimal128(18, 2)) for key in ("payable", "receives")},
            "missing": [";".join(row.missing) or None for row in rows],
        }
    )
    pq.write_table(table, run / "findings.parquet")
    (run / "run.json").write_text(json.dumps({"format": FORMAT, "on": "2025-09-01"}), encoding="utf-8")
    (folder / "latest.json").write_text(json.dumps({"run": name, "previous": None}), encoding="utf-8")


@pytest.fixture(scope="module")
def rows(package: Package) -> list[Found]:
    return rows_of(package, 7, 700)


@pytest.fixture(scope="module")
def reader(package: Package, rows: list[Found], tmp_path_factory: pytest.TempPathFactory) -> Iterator[FoundReader]:
    lake = tmp_path_factory.mktemp("lake")
    keep(lake, package, rows, "aa")
    found = open_found(Lake(lake), package)
    assert found is not None
    yield found
    module._open.clear()


def passes(row: Found, sight: Sight, wanted: Wanted, package: Package, without: str = "") -> bool:
    department = package.policies[row.policy].department
    if not sight.prefix or not row.region.startswith(sight.prefix) or (sight.department and department != sight.department):
        return False
    for name in ("finding", "policy", "severity", "kind", "since_last"):
        chosen = getattr(wanted, name)
        if name != without and chosen and getattr(row, name) not in chosen:
            return False
    if without != "department" and wanted.department and department not in wanted.department:
        return False
    return not wanted.region or row.region.startswith(prefix_of(wanted.region))


WANTED = [
    Wanted(),
    Wanted(finding=("missed", "leaking")),
    Wanted(finding=("unknown",), region="330106", severity=("high",)),
    Wanted(policy=("dibao", "edge"), kind=("household",)),
    Wanted(department=("civil-affairs",), since_last=("new",)),
    Wanted(region="330106109"),
]


@pytest.mark.parametrize("wanted", WANTED)
@pytest.mark.parametrize("sight", [CITY, Sight("330106"), Sight("33", "health"), Sight("")])
def test_list_and_counts_are_those_of_the_rows(
    reader: FoundReader, rows: list[Found], package: Package, sight: Sight, wanted: Wanted
) -> None:
    expected = [row for row in rows if passes(row, sight, wanted, package)]
    assert sorted(map(str, reader.every(sight, wanted))) == sorted(map(str, expected))
    counts = reader.counts(sight, wanted)
    assert (counts.total, counts.households) == (len(expected), len({row.household for row in expected}))
    assert reader.count(sight, wanted) == len(expected)
    for name in ("finding", "policy", "severity", "kind", "since_last"):
        others = Counter(getattr(row, name) for row in rows if passes(row, sight, wanted, package, without=name))
        assert getattr(counts, name) == {value: n for value, n in others.items() if value}, name


def test_regions_are_counted_one_level_below_and_add_up(reader: FoundReader, rows: list[Found]) -> None:
    assert reader.counts(Sight("33"), Wanted()).regions == Counter(
        row.region[:4] + "00" for row in rows if row.region[:2] == "33"
    )
    counted = reader.counts(CITY, Wanted(region="330106"))
    assert set(counted.regions) <= {"330106002", "330106109"}
    assert sum(counted.regions.values()) == counted.total


@pytest.mark.parametrize("order", [*ORDERS, "-payable", "-region"])
def test_pages_follow_each_other_without_gap_or_overlap(reader: FoundReader, order: str) -> None:
    paged = [row for offset in range(0, 800, 90) for row in reader.page(CITY, Wanted(), order, offset=offset, limit=90)]
    assert paged == list(reader.every(CITY, Wanted(), order))


def test_the_dearest_comes_first_and_blank_last(reader: FoundReader) -> None:
    paid = [row.payable for row in reader.every(CITY, Wanted(), "-payable")]
    known = [value for value in paid if value is not None]
    assert known == sorted(known, reverse=True)
    assert paid == known + [None] * (len(paid) - len(known))


def test_text_finds_titles_owners_and_the_beginning_of_an_id(reader: FoundReader, rows: list[Found]) -> None:
    assert {row.policy for row in reader.every(CITY, Wanted(text="边缘家庭"))} == {"edge"}
    assert {row.finding for row in reader.every(CITY, Wanted(text="人力资源"))} == {"unknown"}
    one = next(row for row in rows if row.region.startswith("3301"))
    assert all(one.household in (row.household, row.subject) for row in reader.every(CITY, Wanted(text=one.household)))
    assert not list(reader.every(CITY, Wanted(text="' OR 1=1 --")))


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted(finding=("mised",)),
        Wanted(policy=("dibao", "nothing")),
        Wanted(severity=("grave",)),
        Wanted(region="3301"),
        Wanted(since_last=("old",)),
    ],
)
def test_a_filter_that_names_nothing_is_an_error_and_never_everything(reader: FoundReader, wanted: Wanted) -> None:
    with pytest.raises(UsageError) as error:
        reader.page(CITY, wanted)
    assert error.value.code == "screening.filter-unknown"
    with pytest.raises(UsageError):
        reader.counts(CITY, wanted)
    with pytest.raises(UsageError):
        reader.page(CITY, Wanted(), "score; DROP TABLE found")


def test_one_household_and_chosen_rows_stay_within_the_sight(reader: FoundReader, rows: list[Found]) -> None:
    outside = next(row for row in rows if row.region == "310101001")
    inside = next(row for row in rows if row.region == "330106002")
    keys = [(row.subject, row.policy, row.finding) for row in (outside, inside)]
    assert reader.some(CITY, keys) == [inside]
    assert all(row.region.startswith("3301") for row in reader.of_household(CITY, outside.household))
    assert reader.page(CITY, Wanted(households=())) == []


def test_a_newer_run_takes_the_place_of_the_older(package: Package, tmp_path: Path) -> None:
    assert open_found(Lake(tmp_path), package) is None
    first = rows_of(package, 1, 20)
    keep(tmp_path, package, first, "aa")
    old = open_found(Lake(tmp_path), package)
    assert old is not None
    assert open_found(Lake(tmp_path), package) is old
    keep(tmp_path, package, [replace(row, region="330106002") for row in first[:5]], "bb")
    new = open_found(Lake(tmp_path), package)
    assert new is not None
    assert new.count(Sight("33"), Wanted()) == 5


def test_every_filter_is_named_once() -> None:
    assert DIMENSIONS == ("finding", "policy", "department", "severity", "kind", "since_last", "region", "text", "households")


def test_each_region_has_its_findings_households_and_people(reader: FoundReader, rows: list[Found], package: Package) -> None:
    for sight in (Sight("33"), CITY, Sight("330106"), Sight("33", "health"), Sight("")):
        for wanted in (Wanted(), Wanted(finding=("missed",)), Wanted(finding=("missed",), region="330106")):
            digits = reader._below(sight, wanted)
            hit = [row for row in rows if passes(row, sight, wanted, package)]
            expected: dict[str, list[Found]] = {}
            for row in hit:
                expected.setdefault(row.region[:digits] if digits >= 6 else row.region[:digits].ljust(6, "0"), []).append(row)
            seen = reader.by_region(sight, wanted)
            assert {code: (n.findings, n.households) for code, n in seen.items()} == {
                code: (len(found), len({row.household for row in found})) for code, found in expected.items()
            }


def test_a_region_where_people_live_and_nothing_was_found_is_counted_too(package: Package, tmp_path: Path) -> None:
    keep(tmp_path, package, [row for row in rows_of(package, 3, 40) if row.region == "330106002"], "bb")
    run = state_folder(Lake(tmp_path), package) / "run-bb"
    places = ["330106002"] * 5 + ["330106109"] * 3 + ["310101001"]
    pq.write_table(pa.table({"person": [f"{n:024x}" for n in range(9)], "region": places}), run / "person_bits.parquet")
    found = open_found(Lake(tmp_path), package)
    assert found is not None
    seen = found.by_region(Sight("330106"), Wanted())
    assert {code: n.people for code, n in seen.items()} == {"330106002": 5, "330106109": 3}
    assert seen["330106109"].findings == 0
    assert seen["330106002"].findings > 0
    module._open.clear()
