"""Identifiers one at a time, and where a header stands."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhizhi.engines.quality import scalar
from zhizhi.engines.quality.layout import find_header
from zhizhi.kernel import identifiers
from zhizhi.kernel.errors import InputError, Place

PLACE = Place("工资.csv")
NEEDED = ["身份证号", "月工资（元）"]


@pytest.mark.parametrize("module", [identifiers, scalar], ids=lambda module: module.__name__)
def test_examples_in_the_documentation_hold(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]


@given(st.dates().filter(lambda day: day.year >= 1000), st.integers(0, 999), st.integers(0, 16), st.integers(1, 9))
def test_one_wrong_digit_never_passes(born: object, number: int, place: int, change: int) -> None:
    digits = f"330106{born:%Y%m%d}{number:03}"
    right = digits + identifiers.resident_id_check(digits)
    assert identifiers.resident_id_valid(right)
    wrong = right[:place] + str((int(right[place]) + change) % 10) + right[place + 1 :]
    assert not identifiers.resident_id_valid(wrong)


@given(st.text(identifiers.USCC_ALPHABET, min_size=17, max_size=17), st.integers(0, 16), st.integers(1, 30))
def test_one_wrong_character_of_a_credit_code_never_passes(body: str, place: int, change: int) -> None:
    right = body + identifiers.uscc_check(body)
    assert identifiers.uscc_valid(right)
    alphabet = identifiers.USCC_ALPHABET
    other = alphabet[(alphabet.index(right[place]) + change) % 31]
    assert not identifiers.uscc_valid(right[:place] + other + right[place + 1 :])


def test_a_masked_number_and_the_birth_date_do_not_give_the_number_back() -> None:
    shown = identifiers.masked("person", "33010619990313292X")
    assert shown == "330106" + "*" * 12
    assert identifiers.masked("name", "欧阳测试") == "欧***"


@pytest.mark.parametrize(
    ("top", "above"),
    [
        ([["身份证号", "月工资（元）"]], 1),
        ([["某镇"], ["制表", ""], ["身份证号 ", "月工资(元)"]], 3),
        ([["身份证号", "工资情况"], ["", "月工资（元）"]], 2),
        ([["月工资（元）", "备注", "身份证号"]], 1),
    ],
)
def test_headers_are_found(top: list[list[str]], above: int) -> None:
    header = find_header(top, NEEDED, PLACE)
    assert header.rows_above == above
    assert set(NEEDED) <= set(header.columns)


@pytest.mark.parametrize(
    ("top", "code"),
    [
        ([[""], ["", ""]], "input.empty"),
        ([["a", "b"], ["1", "2"]], "input.header-none"),
        ([["身份证号", "月工资"]], "input.column-renamed"),
        ([["身份证号", "单位"]], "input.column-missing"),
        ([["身份证号", "月工资（元）", "月工资（元）"]], "input.column-twice"),
    ],
)
def test_files_without_their_header_are_refused(top: list[list[str]], code: str) -> None:
    with pytest.raises(InputError) as raised:
        find_header(top, NEEDED, PLACE)
    assert raised.value.code == code
    assert "{" not in raised.value.text("zh")
