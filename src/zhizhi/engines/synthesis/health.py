"""Disability, serious illness and the claims that medical insurance settles."""

from __future__ import annotations

from typing import Final

import numpy as np

from zhizhi.engines.synthesis.facts import CLAIMS_START, NONE, TODAY, Claims, Health, People

OUTPATIENT, INPATIENT, SPECIAL = range(3)
HOSPITALS: Final = (
    "市第一人民医院", "市第二人民医院", "市第三人民医院", "市中医院", "市儿童医院", "市老年病医院", "区人民医院",
    "区中医院", "县人民医院", "县中医院", "城东社区卫生服务中心", "城西社区卫生服务中心", "城南社区卫生服务中心",
    "城北社区卫生服务中心", "中心卫生院", "乡镇卫生院",
)  # fmt: skip
"""Made-up kinds of hospital, not the names of any."""


def health(folk: People, rng: np.random.Generator) -> Health:
    """Draw disability (about 6 % of the people, more of the old) and serious illness (about 0.6 %)."""
    count = len(folk)
    age = folk.ages()
    disabled = rng.random(count, dtype=np.float32) < np.where(age > 60, 0.14, np.where(age > 18, 0.052, 0.02))
    grade = np.searchsorted((0.12, 0.34, 0.63), rng.random(count), side="right") + 1
    kind = np.searchsorted((0.14, 0.36, 0.38, 0.76, 0.84, 0.95), rng.random(count), side="right")
    lived = TODAY - folk.born
    certified = TODAY - (np.clip(lived - 400, 0, 5_400) * rng.random(count, dtype=np.float32)).astype(np.int32)
    disabled &= lived > 600
    ill = (rng.random(count, dtype=np.float32) < np.where(age > 50, 0.011, 0.003)) & (lived > 700)
    illness = np.searchsorted((0.56, 0.67, 0.80, 0.83, 0.84, 0.88), rng.random(count), side="right")
    diagnosed = TODAY - (np.clip(lived - 600, 0, 1_000) * rng.random(count, dtype=np.float32)).astype(np.int32)
    return Health(
        grade=np.where(disabled, grade, 0).astype(np.int8),
        kind=np.where(disabled, kind, NONE).astype(np.int8),
        certified=np.where(disabled, certified, NONE).astype(np.int32),
        illness=np.where(ill, illness, NONE).astype(np.int8),
        diagnosed=np.where(ill, diagnosed, NONE).astype(np.int32),
    )


def claims(folk: People, body: Health, rng: np.random.Generator) -> Claims:
    """Draw about one claim a person over 24 months: counts heavy-tailed, costs lognormal by kind."""
    count = len(folk)
    age = folk.ages()
    need = np.where(age < 6, 1.1, np.where(age < 40, 0.45, np.where(age < 60, 0.9, 2.1))).astype(np.float32)
    need *= np.where(body.illness >= 0, 3.5, 1.0) * np.where(body.grade > 0, 1.4, 1.0)
    number = rng.poisson(need * rng.gamma(0.55, 1 / 0.55, count))
    return claims_for(np.repeat(np.arange(count, dtype=np.int32), np.minimum(number, 60)), folk, body, rng)


def claims_for(person: np.ndarray, folk: People, body: Health, rng: np.random.Generator) -> Claims:
    """Draw one claim for each entry of ``person`` (positions in ``folk``)."""
    number = len(person)
    earliest = np.maximum(CLAIMS_START, folk.born[person])
    day = earliest + ((TODAY + 1 - earliest) * rng.random(number)).astype(np.int32)
    chance = rng.random(number, dtype=np.float32)
    special = (body.illness[person] >= 0) & (chance > 0.5)
    kind = np.where(special, SPECIAL, np.where(chance < 0.13, INPATIENT, OUTPATIENT)).astype(np.int8)
    middle = np.array([5.4, 8.9, 7.2], np.float32)[kind]
    spread = np.array([0.8, 0.75, 0.8], np.float32)[kind]
    cost = np.exp(middle + spread * rng.standard_normal(number, dtype=np.float32))
    total = (np.clip(cost, 12, 400_000) * 100).astype(np.int32)
    share = np.clip(
        np.array([0.42, 0.24, 0.2], np.float32)[kind] + 0.1 * rng.standard_normal(number, dtype=np.float32), 0.03, 0.95
    )
    own = (total * share).astype(np.int32)
    hospital = rng.integers(0, len(HOSPITALS), number, dtype=np.int8)
    return Claims(
        person=person.astype(np.int32),
        day=np.minimum(day, TODAY).astype(np.int32),
        total=total,
        own=own,
        kind=kind,
        hospital=hospital,
    )


def join(one: Claims, other: Claims) -> Claims:
    """Return the claims of both, in that order."""
    return Claims(*(np.concatenate((getattr(one, name), getattr(other, name))) for name in Claims.__slots__))
