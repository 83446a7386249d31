"""The SQL that reads cells and checks identifiers agrees with the plain Python that states the same."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import duckdb
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from zhizhi.backends.duckdb import connect
from zhizhi.engines.quality import cells, scalar
from zhizhi.engines.quality.declared import Field, Owner
from zhizhi.kernel import identifiers

MARKED = 1
OWNER = Owner("public-security", "公安局", "Public security bureau")


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with connect(threads=1) as opened:
        yield opened


def evaluate(connection: duckdb.DuckDBPyConnection, expression: str, values: list[str]) -> list[object]:
    table = pa.table({"n": list(range(len(values))), "c": pa.array(values, pa.string()), "_marks": [MARKED] * len(values)})
    connection.register("given", table)
    found = connection.sql(f"SELECT {expression} FROM (SELECT n, {cells.tidy('c', 0)} AS t FROM given) ORDER BY n").fetchall()
    return [row[0] for row in found]


digits = st.text("0123456789", min_size=17, max_size=17).map(lambda d: "3" + d[1:])
dressed = st.sampled_from(["{}", " {}", "{}\u3000", "\t{} ", "{}\u00a0"])
wide = st.booleans()


def widened(text: str, on: bool) -> str:
    return text.translate(str.maketrans(cells.NARROW, cells.WIDE)) if on else text


@given(st.lists(st.tuples(digits, st.sampled_from("0123456789Xx"), dressed, wide), min_size=20, max_size=40))
@settings(max_examples=30, deadline=None)
def test_resident_ids_read_and_checked_alike(
    connection: duckdb.DuckDBPyConnection, drawn: list[tuple[str, str, str, bool]]
) -> None:
    values = [frame.format(widened(body + check, on)) for body, check, frame, on in drawn]
    identifier = cells.identifier("t")
    read = evaluate(connection, identifier, values)
    assert read == [scalar.read_identifier(value) for value in values]
    known = [str(value) for value in read]
    assert evaluate(connection, cells.resident_check(*cells.halves("t")), known) == [
        identifiers.resident_id_check(value) for value in known
    ]
    assert evaluate(connection, cells.resident_birth("t"), known) == [identifiers.resident_id_birth(value) for value in known]


@given(st.lists(st.text("0123456789", min_size=14, max_size=16).map(lambda d: "3" + d[1:]), min_size=10, max_size=20))
@settings(max_examples=20, deadline=None)
def test_fifteen_digits_upgraded_alike(connection: duckdb.DuckDBPyConnection, values: list[str]) -> None:
    assert evaluate(connection, cells.upgraded("t"), values) == [identifiers.resident_id_upgrade(value) for value in values]


@given(st.lists(st.text(identifiers.USCC_ALPHABET, min_size=18, max_size=18), min_size=10, max_size=30))
@settings(max_examples=20, deadline=None)
def test_credit_codes_checked_alike(connection: duckdb.DuckDBPyConnection, values: list[str]) -> None:
    item = Field("uscc", "统一社会信用代码", "string", {}, OWNER, format="uscc")
    assert evaluate(connection, cells.uscc_check("t"), values) == [identifiers.uscc_check(value) for value in values]
    assert evaluate(connection, cells.shape(item, "t"), values) == [identifiers.uscc_shaped(value) for value in values]


any_day = st.dates(date(1, 1, 1), date(9999, 12, 31))
forms = st.sampled_from(
    [
        "{0:04}-{1:02}-{2:02}",
        "{0:04}/{1}/{2}",
        "{0:04}.{1}.{2}",
        "{0:04}{1:02}{2:02}",
        "{0:04}年{1}月{2}日",
        "{0:04}年{1:02}月",
        "{0:04}{1:02}",
        "{0:04}-{1:02}",
        "{0:04}-{1:02}-{2:02} 08:30:00",
        "{0:04}-{1:02}-{2:02}T08:30",
        "{0:04}{1:02}{2:02} 8:30",
    ]
)
parts = st.tuples(st.integers(0, 9999), st.integers(0, 13), st.integers(0, 32))


@given(
    st.lists(
        st.one_of(st.builds(lambda p, f: f.format(*p), parts, forms), st.text("0123456789-/.年月日: T", max_size=12)),
        min_size=30,
        max_size=60,
    )
)
@settings(max_examples=40, deadline=None)
@example(
    [
        "45901",
        "45901.5",
        "2025-02-30",
        "20250230",
        "0000-01-01",
        "",
        "9999-12-31",
        "２０２５年９月１日",
        "2024-02-29",
        "1900-02-29",
    ]
)
def test_dates_read_alike(connection: duckdb.DuckDBPyConnection, values: list[str]) -> None:
    assert evaluate(connection, cells.day("t"), values) == [scalar.read_date(value) for value in values]


money = st.one_of(
    st.decimals(-(10**9), 10**9, places=3).map(str),
    st.decimals(0, 10**9, places=2).map(lambda d: f"￥{d:,}"),
    st.decimals(0, 10**6, places=2).map(lambda d: f"({d:,})"),
    st.decimals(0, 10**4, places=4).map(lambda d: f"{d}万元"),
    st.text("0123456789,.￥-()万元 ", max_size=10),
)


@given(st.lists(money, min_size=30, max_size=60), st.sampled_from([1, 10000]), st.sampled_from([0, 2, 4]))
@settings(max_examples=40, deadline=None)
@example(
    ["￥1,200.00", "¥1200", "1,2", "1,200", "-500.00", "1200元", "1e3", ".5", "5.", "+3", "", "９．９", "0.005", "-0.005"], 1, 2
)
def test_money_read_alike(connection: duckdb.DuckDBPyConnection, values: list[str], factor: int, scale: int) -> None:
    found = evaluate(connection, cells.number("t", scale, factor), values)
    assert [None if v is None else Decimal(str(v)) for v in found] == [
        scalar.read_number(value, scale, factor) for value in values
    ]


def test_whole_numbers_only(connection: duckdb.DuckDBPyConnection) -> None:
    values = ["3", "3.0", "3.5", "1,200", "-2", "two", "３", ""]
    assert evaluate(connection, cells.integer("t"), values) == [3, 3, None, 1200, -2, None, 3, None]


def test_codes_accept_what_is_written_and_the_code_itself(connection: duckdb.DuckDBPyConnection) -> None:
    item = Field("grade", "残疾等级", "integer", {}, OWNER, codes={"一级": 1, "二级（重）": 2})
    assert evaluate(connection, cells.code(item, "t"), ["一级", " 一级 ", "二级(重)", "2", "五级", ""]) == [
        1,
        1,
        2,
        2,
        None,
        None,
    ]
    loose = Field("relation", "关系", "string", {}, OWNER, codes={"户主": "head"}, otherwise="other")
    assert evaluate(connection, cells.code(loose, "t"), ["户主", "女婿", ""]) == ["head", "other", None]
