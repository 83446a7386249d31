"""The clean facts as typed Arrow tables, one a dataset, with the field names of the shipped contracts."""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from zhizhi.engines.synthesis import codes
from zhizhi.engines.synthesis.codes import codes_of
from zhizhi.engines.synthesis.columns import code_column, date_column, money_column, number_text, prefixed, with_digits
from zhizhi.engines.synthesis.facts import NONE, TODAY, Facts, Ints
from zhizhi.engines.synthesis.health import HOSPITALS
from zhizhi.engines.synthesis.identifiers import Digits, fixed_text, resident_ids, uscc
from zhizhi.engines.synthesis.people import COUNTY_CODES, TOWNS
from zhizhi.engines.synthesis.region import Region, region

MONTH: Final = "2025-08-01"
SURNAMES: Final = tuple(
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严"
)
GIVEN: Final = tuple(
    "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉兰红梅建国文斌波辉婷雪宇浩晨欣怡佳俊凯思雨子涵梓轩一诺可馨嘉"
)


class Names:
    """The identifiers of a region, made once: resident ids and household numbers."""

    def __init__(self, facts: Facts) -> None:
        folk, homes = facts.people, facts.households
        self.letters: Digits = resident_ids(folk.origin, folk.born, folk.sex)
        self.ids = fixed_text(self.letters)
        starts = np.searchsorted(homes.town, np.arange(len(TOWNS)))
        serial = np.arange(len(homes)) - starts[homes.town] + 1
        self.household_numbers = TOWNS[homes.town].astype(np.int64) * 1_000_000 + serial
        self.households = number_text(self.household_numbers, 15)

    def persons(self, at: Ints) -> pa.Array:
        """Return the resident ids of the people at positions ``at``."""
        return fixed_text(self.letters[at])

    def numbers(self, at: Ints) -> pa.Array:
        """Return the household numbers of the households at positions ``at``."""
        return number_text(self.household_numbers[at], 15)


def population_tables(people: int, rng: np.random.Generator) -> dict[str, pa.Table]:
    """Draw a region and return its clean tables by dataset: no faults, no files.

    Args:
        people: how many registered people, 1,000 to 12,000,000.
        rng: seeded generator.

    Returns:
        Arrow tables with dates, DECIMAL(18, 2) money and string codes; identifiers in clear.
    """
    drawn = region(people, rng)
    return clean_tables(drawn, Names(drawn.facts))


def clean_tables(drawn: Region, names: Names) -> dict[str, pa.Table]:
    """Return the facts of ``drawn`` as typed tables by dataset."""
    facts = drawn.facts
    return {
        "population": population(facts, names),
        "moves": moves(facts, names),
        "aid_register": aid_register(drawn, names),
        "aid_recipients": aid_recipients(drawn, names),
        "medical_claims": medical_claims(facts, names),
        "serious_illness": serious_illness(facts, names),
        "disability": disability(facts, names),
        "disability_benefits": disability_benefits(drawn, names),
        "wages": wages(facts, names),
        "pensions": pensions(facts, names),
        "education": education(facts, names),
        "homes": homes(facts, names),
        "vehicles": vehicles(facts, names),
        "businesses": businesses(facts, names),
        "incidents": incidents(facts, names),
    }


def given_names(born: Ints, household: Ints) -> pa.Array:
    """Return made-up names: members of a household mostly share the surname, people of one day seldom the given name."""
    mixed = born.astype(np.int64) * 7_919 + household.astype(np.int64) * 104_729
    surname = pc.take(pa.array(SURNAMES), pa.array((household.astype(np.int64) * 31 + (mixed % 5 == 0)) % len(SURNAMES)))
    pairs = pa.array([one + other for one in GIVEN for other in ("", *GIVEN)])
    given = pc.take(pairs, pa.array(mixed % len(pairs)))
    return pc.binary_join_element_wise(surname, given, "")


def population(facts: Facts, names: Names) -> pa.Table:
    """One row a registered person, in household order."""
    folk, home = facts.people, facts.people.household
    return pa.table({
        "resident_id": names.ids,
        "name": given_names(folk.born, home),
        "household_no": names.numbers(home),
        "relation": code_column(folk.relation, codes_of(codes.RELATION)),
        "sex": code_column(folk.sex, codes_of(codes.SEX)),
        "birth_date": date_column(folk.born, blank=False),
        "marital_status": code_column(folk.marital, codes_of(codes.MARITAL)),
        "hukou_region": number_text(folk.hukou, 6),
        "residence_region": number_text(TOWNS[facts.households.town][home], 9),
        "registered_on": date_column(folk.registered),
        "cancel_reason": code_column(folk.cancelled, codes_of(codes.CANCEL)),
    })  # fmt: skip


def moves(facts: Facts, names: Names) -> pa.Table:
    """One row a move: into the county of residence, and out of it for those whose registration was cancelled for that."""
    folk = facts.people
    into = np.flatnonzero(folk.moved_in != NONE)
    out = np.flatnonzero(folk.cancelled == 1)
    who = np.concatenate((into, out))
    county = COUNTY_CODES[facts.households.county[folk.household[who]]]
    is_in = np.arange(len(who)) < len(into)
    away = np.where(folk.origin[who] != county, folk.origin[who], 340825)
    # Somebody who left did so after she had come.
    left = np.maximum(folk.registered[who] + 1, TODAY - 30 - (who % 700)).clip(max=TODAY)
    day = np.where(is_in, folk.moved_in[who], left)
    return pa.table({
        "resident_id": names.persons(who),
        "moved_on": date_column(day),
        "from_region": number_text(np.where(is_in, away, county), 6),
        "to_region": number_text(np.where(is_in, county, away), 6),
        "kind": code_column(np.where(is_in, 0, 1), codes_of(codes.MOVE)),
    })  # fmt: skip


def aid_register(drawn: Region, names: Names) -> pa.Table:
    """One row a household in the register of aid."""
    kept = drawn.register
    return pa.table({
        "household_no": names.numbers(kept.household),
        "registered_on": date_column(kept.registered),
        "hardship_type": code_column(kept.hardship, codes_of(codes.HARDSHIP)),
        "verified_on": date_column(kept.verified),
    })  # fmt: skip


def aid_recipients(drawn: Region, names: Names) -> pa.Table:
    """One row a household and kind of aid that it receives today, under its head's resident id."""
    paid = drawn.household_aid
    return pa.table({
        "head_id": names.persons(drawn.facts.households.first[paid.subject]),
        "programme": pa.array(paid.policy.tolist(), pa.string()),
        "people": pa.array(paid.people.astype(np.int64)),
        "monthly_amount": money_column(paid.amount),
        "since": date_column(paid.since),
    })  # fmt: skip


def medical_claims(facts: Facts, names: Names) -> pa.Table:
    """One row a settled claim of 24 months; total = fund_paid + self_paid."""
    rows = facts.claims
    return pa.table({
        "claim_id": prefixed("HZ", np.arange(1, len(rows.person) + 1), 10),
        "resident_id": names.persons(rows.person),
        "settled_on": date_column(rows.day),
        "total": money_column(rows.total),
        "fund_paid": money_column(rows.total - rows.own),
        "self_paid": money_column(rows.own),
        "kind": code_column(rows.kind, codes_of(codes.CLAIM)),
        "hospital": code_column(rows.hospital, list(HOSPITALS)),
    })  # fmt: skip


def serious_illness(facts: Facts, names: Names) -> pa.Table:
    """One row a diagnosis."""
    body = facts.health
    who = np.flatnonzero(body.illness >= 0)
    return pa.table({
        "resident_id": names.persons(who),
        "disease": code_column(body.illness[who], codes_of(codes.ILLNESS)),
        "diagnosed_on": date_column(body.diagnosed[who]),
    })  # fmt: skip


def disability(facts: Facts, names: Names) -> pa.Table:
    """One row a certificate; its number is the resident id, a digit of kind (1-7) and a digit of grade (1-4)."""
    body, folk = facts.health, facts.people
    who = np.flatnonzero(body.grade > 0)
    return pa.table({
        "certificate_no": with_digits(names.letters[who], body.kind[who] + 1, body.grade[who]),
        "resident_id": names.persons(who),
        "name": given_names(folk.born[who], folk.household[who]),
        "kind": code_column(body.kind[who], codes_of(codes.DISABILITY)),
        "grade": pa.array(body.grade[who].astype(np.int64)),
        "certified_on": date_column(body.certified[who]),
    })  # fmt: skip


def disability_benefits(drawn: Region, names: Names) -> pa.Table:
    """One row a person and allowance."""
    paid = drawn.person_aid
    return pa.table({
        "resident_id": names.persons(paid.subject),
        "programme": pa.array(paid.policy.tolist(), pa.string()),
        "monthly_amount": money_column(paid.amount),
        "since": date_column(paid.since),
    })  # fmt: skip


def wages(facts: Facts, names: Names) -> pa.Table:
    """One row an insured person for 2025-08; a null wage is one that the department does not know."""
    life = facts.living
    who = np.flatnonzero(life.status >= 0)
    employers = int(life.employer.max(initial=0)) + 1
    serial = np.arange(employers)
    listed = uscc(b"91", COUNTY_CODES[serial % len(COUNTY_CODES)], serial + 10_000_000)
    return pa.table({
        "resident_id": names.persons(who),
        "employer_uscc": fixed_text(listed[life.employer[who]]),
        "status": code_column(life.status[who], codes_of(codes.EMPLOYMENT)),
        "wage": money_column(life.wage[who], blank=True),
        "previous_wage": money_column(life.previous[who], blank=True),
        "month": _month(len(who)),
        "job_ended_on": date_column(life.job_ended[who]),
    })  # fmt: skip


def _month(rows: int) -> pa.Array:
    return pa.array(np.full(rows, np.datetime64(MONTH, "D")))


def pensions(facts: Facts, names: Names) -> pa.Table:
    """One row a pensioner for 2025-08."""
    life = facts.living
    who = np.flatnonzero(life.pension > 0)
    return pa.table({
        "resident_id": names.persons(who),
        "kind": code_column(life.pension_kind[who], codes_of(codes.PENSION)),
        "pension": money_column(life.pension[who]),
        "month": _month(len(who)),
    })  # fmt: skip


def education(facts: Facts, names: Names) -> pa.Table:
    """One row a pupil or student."""
    life = facts.living
    who = np.flatnonzero(life.stage >= 0)
    return pa.table({
        "resident_id": names.persons(who),
        "stage": code_column(life.stage[who], codes_of(codes.STAGE)),
        "school_type": code_column(life.school_type[who], codes_of(codes.SCHOOL_TYPE)),
        "status": code_column(life.school_status[who], codes_of(codes.SCHOOL_STATUS)),
        "status_since": date_column(life.school_since[who]),
    })  # fmt: skip


def homes(facts: Facts, names: Names) -> pa.Table:
    """One row an owner: how many homes, their area together, and the grade of the assessed one."""
    own = facts.holdings
    who = np.flatnonzero(own.homes > 0)
    return pa.table({
        "resident_id": names.persons(who),
        "certificate_no": prefixed("33012025", who + 1, 9),
        "homes": pa.array(own.homes[who].astype(np.int64)),
        "area": money_column(own.area[who]),
        "unsafe_grade": code_column(own.unsafe[who], codes_of(codes.UNSAFE)),
    })  # fmt: skip


def vehicles(facts: Facts, names: Names) -> pa.Table:
    """One row a car; the price is in yuan."""
    own = facts.holdings
    who = np.flatnonzero(own.car_price > 0)
    plate = pc.binary_join_element_wise(pa.scalar("浙A"), number_text(np.arange(len(who)) + 1, 6), "")
    return pa.table({
        "resident_id": names.persons(who),
        "plate": plate,
        "price": money_column(own.car_price[who]),
        "registered_on": date_column(own.car_since[who]),
    })  # fmt: skip


def businesses(facts: Facts, names: Names) -> pa.Table:
    """One row a business."""
    rows = facts.businesses
    county = COUNTY_CODES[facts.households.county[facts.people.household[rows.person]]]
    return pa.table({
        "uscc": fixed_text(uscc(b"92", county, np.arange(len(county)) + 50_000_000)),
        "resident_id": names.persons(rows.person),
        "kind": code_column(rows.kind, codes_of(codes.BUSINESS)),
        "registered_capital": money_column(rows.capital),
        "status": code_column(rows.status, codes_of(codes.BUSINESS_STATUS)),
    })  # fmt: skip


def incidents(facts: Facts, names: Names) -> pa.Table:
    """One row an accident or disaster."""
    rows = facts.incidents
    return pa.table({
        "household_no": names.numbers(rows.household),
        "kind": code_column(rows.kind, codes_of(codes.INCIDENT)),
        "occurred_on": date_column(rows.day),
        "loss": money_column(rows.loss),
        "injured": pa.array(rows.injured.astype(np.int64)),
        "deaths": pa.array(rows.deaths.astype(np.int64)),
    })  # fmt: skip
