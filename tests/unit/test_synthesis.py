"""The synthetic region: who is in it, that the same seed gives the same, and that what was planted is what truth says."""

from __future__ import annotations

from collections import Counter
from datetime import date
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from zhizhi.engines.synthesis import Answers, Names, Region, clean_tables, exports, population_tables, region
from zhizhi.engines.synthesis.columns import date_column, money_column
from zhizhi.engines.synthesis.facts import day_number
from zhizhi.engines.synthesis.faults import check_character, next_number, next_uscc, no_such_date
from zhizhi.engines.synthesis.identifiers import sequence_numbers, uscc
from zhizhi.engines.synthesis.truth import Standards, dibao_amount, household_decisions, person_decisions

PEOPLE = 20_000
WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"


@cache
def drawn() -> Region:
    return region(PEOPLE, np.random.default_rng(7))


@cache
def tables() -> dict[str, pa.Table]:
    return clean_tables(drawn(), Names(drawn().facts))


def resident_id_is_right(text: str) -> bool:
    """The checksum as GB 11643 states it, digit by digit."""
    total = sum(int(digit) * weight for digit, weight in zip(text[:17], WEIGHTS, strict=True))
    return len(text) == 18 and text[17] == "10X98765432"[total % 11]


def uscc_is_right(text: str) -> bool:
    """The check character as GB 32100 states it."""
    total = sum(ALPHABET.index(letter) * pow(3, place, 31) for place, letter in enumerate(text[:17]))
    return len(text) == 18 and text[17] == ALPHABET[(31 - total % 31) % 31]


@pytest.mark.parametrize("people", [1_000, 1_001, 4_999, 20_000])
def test_a_region_has_exactly_the_people_asked_for(people: int) -> None:
    assert population_tables(people, np.random.default_rng(1))["population"].num_rows == people


@pytest.mark.parametrize("people", [0, 999, 12_000_001])
def test_a_region_of_a_size_that_cannot_be_drawn_is_refused(people: int) -> None:
    with pytest.raises(ValueError, match="1000 to 12000000"):
        region(people, np.random.default_rng(1))


def test_every_resident_id_is_valid_unique_and_says_birth_and_sex() -> None:
    people = tables()["population"]
    ids = people["resident_id"].to_pylist()
    assert len(set(ids)) == PEOPLE
    assert all(resident_id_is_right(text) for text in ids)
    assert [text[6:14] for text in ids] == [str(day).replace("-", "") for day in people["birth_date"].to_pylist()]
    assert ["male" if int(text[16]) % 2 else "female" for text in ids] == people["sex"].to_pylist()


def test_every_uscc_is_valid_and_no_two_businesses_share_one() -> None:
    codes = tables()["businesses"]["uscc"].to_pylist()
    assert len(set(codes)) == len(codes)
    assert all(uscc_is_right(text) for text in codes)
    assert all(uscc_is_right(text) for text in set(tables()["wages"]["employer_uscc"].to_pylist()))


def test_a_certificate_number_is_the_id_with_kind_and_grade() -> None:
    kinds = ["visual", "hearing", "speech", "physical", "intellectual", "mental", "multiple"]
    for row in tables()["disability"].to_pylist():
        assert row["certificate_no"] == f"{row['resident_id']}{kinds.index(row['kind']) + 1}{row['grade']}"


def test_the_same_seed_gives_the_same_tables_and_another_seed_others() -> None:
    again = population_tables(2_000, np.random.default_rng(11))
    assert all(again[name].equals(table) for name, table in population_tables(2_000, np.random.default_rng(11)).items())
    assert not again["population"].equals(population_tables(2_000, np.random.default_rng(12))["population"])


def test_every_record_is_about_somebody_in_the_population() -> None:
    people = tables()["population"]
    for name, table in tables().items():
        for field, known in (
            ("resident_id", people["resident_id"]),
            ("head_id", people["resident_id"]),
            ("household_no", people["household_no"]),
        ):
            if field in table.column_names:
                assert pc.all(pc.is_in(table[field], value_set=pc.unique(known))).as_py(), name


def test_every_household_has_one_head_whose_registration_stands() -> None:
    people = tables()["population"]
    heads = people.filter(pc.and_(pc.equal(people["relation"], "head"), pc.is_null(people["cancel_reason"])))
    assert heads.num_rows == len(set(people["household_no"].to_pylist())) == len(set(heads["household_no"].to_pylist()))


def test_shares_are_those_of_a_real_region_within_wide_bounds() -> None:
    facts, all_tables = drawn().facts, tables()
    size = PEOPLE / len(facts.households)
    dibao = np.mean(household_decisions(facts, Standards())["dibao"] == 2)
    assert 2.2 < size < 3.0
    assert 0.012 < dibao < 0.025
    assert 0.045 < all_tables["disability"].num_rows / PEOPLE < 0.075
    assert 0.7 < all_tables["medical_claims"].num_rows / PEOPLE < 1.3
    assert 0.01 < np.mean(~facts.members()) < 0.03
    assert 0.12 < np.mean(facts.people.ages() >= 65) < 0.30
    assert len(set(pc.utf8_slice_codeunits(all_tables["population"]["residence_region"], 0, 6).to_pylist())) == 13


def test_claims_add_up_and_lie_in_their_24_months() -> None:
    claims = tables()["medical_claims"]
    assert pc.all(pc.equal(pc.add(claims["fund_paid"], claims["self_paid"]), claims["total"])).as_py()
    days = pc.min_max(claims["settled_on"]).as_py()
    assert str(days["min"]) >= "2023-09-01"
    assert str(days["max"]) <= "2025-09-01"


def test_everybody_has_a_date_of_birth_even_on_the_last_day_of_1969() -> None:
    before_the_epoch = np.array([-1, 0, day_number(date(2000, 2, 29))])
    assert [str(day) for day in date_column(before_the_epoch, blank=False).to_pylist()] == [
        "1969-12-31",
        "1970-01-01",
        "2000-02-29",
    ]
    assert date_column(np.array([-1])).to_pylist() == [None]
    assert tables()["population"]["birth_date"].null_count == 0


def test_money_keeps_fen_signs_and_blanks() -> None:
    assert [str(value) for value in money_column(np.array([120_050, -1, -250, 0])).to_pylist()] == [
        "1200.50",
        "-0.01",
        "-2.50",
        "0.00",
    ]
    assert money_column(np.array([-1, 5]), blank=True).to_pylist()[0] is None


def test_sequence_digits_run_out_with_an_error_and_not_with_equal_ids() -> None:
    same = np.zeros(501, np.int32)
    with pytest.raises(ValueError, match="sequence digits"):
        sequence_numbers(same + 330102, same, same)
    assert len(set(sequence_numbers(same[:500] + 330102, same[:500], same[:500]).tolist())) == 500


def decided() -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    of_households = household_decisions(drawn().facts, Standards())
    return of_households, person_decisions(drawn().facts, Standards(), of_households)


@pytest.mark.parametrize(
    ("situation", "policy", "value"),
    [
        ("dibao-missed", "dibao", 2),
        ("dibao-leaking-income", "dibao", 0),
        ("dibao-leaking-car", "dibao", 0),
        ("dibao-leaking-homes", "dibao", 0),
        ("dibao-unknown-wage", "dibao", 1),
        ("dibao-decided-in-spite-of-unknown-wage", "dibao", 0),
        ("dibao-near", "dibao", 0),
        ("dibao-near", "edge", 2),
        ("tekun", "tekun", 2),
        ("medical-spending", "medical-spending", 2),
        ("income-drop", "income-drop", 2),
        ("incident", "incident", 2),
    ],
)
def test_a_planted_household_is_decided_as_planted(situation: str, policy: str, value: int) -> None:
    planted = drawn().facts.planted[situation]
    assert len(planted)
    assert set(decided()[0][policy][planted].tolist()) == {value}


@pytest.mark.parametrize("situation", ["serious-illness", "newly-disabled", "dropout", "lost-job", "severe-care-missed"])
def test_a_planted_person_is_decided_as_planted(situation: str) -> None:
    facts = drawn().facts
    hit = np.flatnonzero(decided()[1][situation.removesuffix("-missed")] == 2)
    allowed = facts.planted[situation]
    if situation == "severe-care-missed":  # only a person who is registered here has the right
        local = facts.people.hukou[facts.households.first[allowed]] // 100 == 3301
        allowed = allowed[local]
    assert set(allowed.tolist()) <= set(facts.people.household[hit].tolist())


def test_planted_missed_and_leaking_households_are_among_the_findings() -> None:
    answers = Answers(drawn(), Names(drawn().facts))
    for row in answers.households().to_pylist():
        if row["situation"] == "dibao-missed":
            assert "dibao: missed" in row["findings"]
        if row["situation"].startswith("dibao-leaking"):
            assert "dibao: leaking" in row["findings"]
        if row["situation"] == "dibao-unknown-wage":
            assert "dibao" in row["unknown"]
    counted = Counter((row["policy"], row["finding"]) for row in answers.findings().to_pylist())
    assert counted["severe-care", "leaking"]
    assert counted["severe-care", "missed"]


def test_the_amount_of_dibao_is_what_the_household_lacks_in_whole_yuan() -> None:
    rows = [row for row in Answers(drawn(), Names(drawn().facts)).decisions().to_pylist() if row["policy"] == "dibao"]
    paid = [row["amount"] for row in rows if row["decision"] == "eligible"]
    assert all(amount is not None and amount > 0 and amount % 1 == 0 for amount in paid)
    assert {row["amount"] for row in rows if row["decision"] == "unknown"} == {None}


def test_bad_rows_stand_where_the_list_says_and_good_rows_are_all_there() -> None:
    for export in exports(tables(), np.random.default_rng(3)):
        clean = tables()[export.layout.dataset].num_rows
        in_file = [bad for bad in export.bad if bad.rule != "total row, not data"]
        assert len({bad.row for bad in export.bad}) == len(export.bad)
        if "更正" not in export.file:
            assert export.table.num_rows == clean + len(in_file)
        for bad in in_file:
            row = export.table.slice(bad.row - export.layout.first_row, 1).to_pylist()[0]
            if bad.rule == "resident id checksum":
                person = next(
                    column.header
                    for column in export.layout.columns
                    if column.field in ("resident_id", "head_id", "certificate_no")
                )
                assert not resident_id_is_right(row[person][:18])
            if bad.rule == "duplicate row":
                before = export.table.slice(0, bad.row - export.layout.first_row)
                assert before.num_rows


def test_corrections_give_the_true_wage_where_the_first_file_was_wrong() -> None:
    files = {
        export.file: export.table for export in exports(tables(), np.random.default_rng(3)) if export.layout.dataset == "wages"
    }
    true = dict(zip(tables()["wages"]["resident_id"].to_pylist(), tables()["wages"]["wage"].to_pylist(), strict=True))
    corrections = files["人社_就业工资_更正.csv"]
    assert corrections.num_rows >= 5
    for row in corrections.to_pylist():
        person = "".join(row["身份证号"].split()).translate(str.maketrans("０１２３４５６７８９Ｘx", "0123456789XX"))
        said = (
            row["月工资（元）"].translate(str.maketrans("０１２３４５６７８９．，", "0123456789.,")).strip("￥").replace(",", "")
        )
        assert float(said) == float(true[person])


def test_faults_break_one_thing_only() -> None:
    rng = np.random.default_rng(5)
    assert uscc_is_right(next_uscc("92330102500000007H", rng))
    assert next_number("HZ0000000001", rng)[:3] == "HZ9"
    assert next_number("浙A000001", rng)[:3] == "浙A9"
    assert len(next_number("33012025000000001", rng)) == 17
    row: dict[str, str | None] = {"day": "2024年05月06日"}
    no_such_date("day")(row, rng)
    assert row["day"] in ("2024年06月31日", "2024年02月30日", "2024年13月05日")
    assert check_character("11010519491231002") == "X"
    assert uscc_is_right(bytes(uscc(b"91", np.array([330102]), np.array([12_345_678]))[0]).decode())


@pytest.mark.parametrize(
    ("yuan", "members", "due"), [(2830, 3, 591), (340, 3, 3081), (2180, 3, 1240), (1840, 3, 1580), (3470, 4, 1090)]
)
def test_amounts_are_those_that_a_made_up_town_was_given(yuan: int, members: int, due: int) -> None:
    """Incomes and amounts of households of the three-bridges town, whose truth was made apart from this generator."""
    facts = drawn().facts
    size = np.bincount(facts.people.household[facts.members()])
    home = int(np.flatnonzero((size == members) & (facts.households.size == members))[0])
    first = int(facts.households.first[home])
    life = facts.living
    kept = life.wage.copy(), life.pension.copy()
    life.wage[first : first + members], life.pension[first : first + members] = 0, 0
    life.wage[first] = yuan * 100
    try:
        assert dibao_amount(facts, Standards(line=114_000), np.array([home])).tolist() == [due * 100]
    finally:
        life.wage[:], life.pension[:] = kept
