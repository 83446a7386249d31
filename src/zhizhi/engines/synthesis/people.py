"""Households and the people in them: kinds of household, ages, sexes, places."""

from __future__ import annotations

from typing import Final

import numpy as np

from zhizhi.engines.synthesis.facts import NONE, TODAY, Households, Ints, People
from zhizhi.engines.synthesis.hangzhou import COUNTIES, ELSEWHERE

HEAD, SPOUSE, CHILD, GRANDCHILD, PARENT, OTHER = range(6)
SINGLE, MARRIED, WIDOWED, DIVORCED = range(4)

KINDS: Final[tuple[tuple[float, bool, tuple[int, ...]], ...]] = (
    (0.055, True, (HEAD,)),  # an old person alone
    (0.130, False, (HEAD,)),  # an adult alone
    (0.105, True, (HEAD, SPOUSE)),
    (0.150, False, (HEAD, SPOUSE)),
    (0.270, False, (HEAD, SPOUSE, CHILD)),
    (0.090, False, (HEAD, SPOUSE, CHILD, CHILD)),
    (0.040, False, (HEAD, CHILD)),
    (0.090, False, (HEAD, SPOUSE, CHILD, PARENT, PARENT)),
    (0.015, True, (HEAD, SPOUSE, GRANDCHILD)),
    (0.055, False, (HEAD, SPOUSE, CHILD)),  # with a grown-up child
)
"""Share of households, whether the head is old, and the members' relations. Illustrative shares."""
HEAD_AGES: Final = ((60, 36), (22, 37), (60, 32), (23, 36), (27, 25), (28, 23), (28, 24), (30, 24), (60, 18), (46, 16))
"""Youngest age and spread of the head's age, by kind of household."""
SIZES: Final = np.array([len(roles) for _, _, roles in KINDS], np.int8)
ROLES: Final = np.array([list(roles) + [OTHER] * (5 - len(roles)) for _, _, roles in KINDS], np.int8)
TOWNS: Final = np.array([int(county.code + town) for county in COUNTIES for town, _ in county.towns], np.int32)
TOWN_COUNTY: Final = np.array([index for index, county in enumerate(COUNTIES) for _ in county.towns], np.int8)
COUNTY_CODES: Final = np.array([int(county.code) for county in COUNTIES], np.int32)
YEAR: Final = 365.2425


def households(people: int, rng: np.random.Generator) -> Households:
    """Draw households that hold exactly ``people`` registrations.

    Args:
        people: how many registrations, at least 1.
        rng: seeded source of chance.
    """
    expected = int(people / 2.3) + 50
    weights = np.array([county.people for county in COUNTIES])
    per_county = np.bincount(TOWN_COUNTY)
    towns = rng.choice(len(TOWNS), expected, p=(weights / per_county / weights.sum())[TOWN_COUNTY]).astype(np.int16)
    towns.sort()
    county = TOWN_COUNTY[towns]
    chance = rng.random(expected)
    kind = np.empty(expected, np.int8)
    for index, place in enumerate(COUNTIES):
        shares = np.array([share * (place.old if old else 1.0) for share, old, _ in KINDS])
        limits = np.cumsum(shares / shares.sum())[:-1]
        here = slice(*np.searchsorted(county, (index, index + 1)))
        kind[here] = np.searchsorted(limits, chance[here], side="right")
    # Towns are in order: dropping a random set keeps every town; dropping the tail would lose the last county.
    keep = _enough(SIZES[kind].astype(np.int64), people, rng)
    kind, towns, county = kind[keep], towns[keep], county[keep]
    size = SIZES[kind].astype(np.int64)
    size, kind, towns, county = _fill(size, kind, towns, county, people)
    first = np.concatenate(([0], np.cumsum(size)[:-1]))
    return Households(kind=kind, town=towns, county=county, first=first, size=size.astype(np.int8))


def _enough(size: Ints, people: int, rng: np.random.Generator) -> Ints:
    order = rng.permutation(len(size))
    inside = np.cumsum(size[order]) <= people
    return np.sort(order[inside])


def _fill(size: Ints, kind: Ints, towns: Ints, county: Ints, people: int) -> tuple[Ints, Ints, Ints, Ints]:
    """Add adults living alone until the registrations are exactly ``people``."""
    missing = people - int(size.sum())
    if missing == 0:
        return size, kind, towns, county
    at = np.minimum(np.arange(missing), max(len(towns) - 1, 0))
    more_towns = towns[at] if len(towns) else np.zeros(missing, np.int16)
    towns = np.append(towns, more_towns)
    order = np.argsort(towns, kind="stable")
    return (
        np.append(size, np.ones(missing, np.int64))[order],
        np.append(kind, np.ones(missing, np.int8))[order],
        towns[order].astype(np.int16),
        TOWN_COUNTY[towns[order]],
    )


def people(homes: Households, rng: np.random.Generator) -> People:
    """Draw the people of ``homes``: relation, sex, birth, marriage, registration, and who is cancelled."""
    count = int(homes.size.sum())
    household = np.repeat(np.arange(len(homes), dtype=np.int32), homes.size)
    slot = (np.arange(count) - homes.first[household]).astype(np.int8)
    kind = homes.kind[household]
    relation = ROLES[kind, slot]
    youngest, spread = np.array(HEAD_AGES, np.float32).T
    head_age = (youngest[homes.kind] + spread[homes.kind] * rng.beta(1.2, 1.7, len(homes)).astype(np.float32))[household]
    age = _ages(relation, kind, head_age, rng)
    born = (TODAY - np.floor(age * YEAR)).astype(np.int32) - rng.integers(0, 2, count, dtype=np.int32)
    head_sex = (rng.random(len(homes)) < 0.72)[household]
    chance = rng.random(count, dtype=np.float32)
    sex = np.where(relation == HEAD, head_sex, np.where(relation == SPOUSE, ~head_sex, chance < 0.51))
    sex = np.where((relation == PARENT), slot == 3, sex).astype(np.int8)
    origin, hukou = _registrations(homes.county[household], rng)
    moved = hukou != COUNTY_CODES[homes.county[household]]
    registered = (born + (TODAY - born) * rng.random(count, dtype=np.float32) ** 1.5).astype(np.int32)
    registered = np.clip(registered, np.maximum(born, 8_000), TODAY - 1)
    moved_in = np.where(moved | (rng.random(count, dtype=np.float32) < 0.01), registered, NONE).astype(np.int32)
    return People(
        household=household,
        relation=relation,
        sex=sex,
        born=born,
        marital=_marital(relation, kind, age, rng),
        hukou=hukou,
        origin=origin,
        registered=registered,
        cancelled=_cancelled(relation, age, rng),
        moved_in=moved_in,
    )


def _ages(relation: Ints, kind: Ints, head_age: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    count = len(relation)
    gap = rng.random(count, dtype=np.float32)
    age = head_age.copy()
    spouse = relation == SPOUSE
    other = rng.random(count, dtype=np.float32)
    # Where a bound would pile people up on one day (and use up its resident ids), an age is drawn beside it instead.
    spouse = relation == SPOUSE
    age[spouse] = head_age[spouse] - 5 + 8 * gap[spouse]
    age = np.where(spouse & (age < 21), 21 + 4 * other, age)
    child = relation == CHILD
    age[child] = head_age[child] - 23 - 12 * gap[child]
    age = np.where(child & (age < 0.3), 0.05 + 8 * other, age)
    age[child & (kind != 9)] %= 21.5
    grown = child & (kind == 9)
    age[grown] = head_age[grown] - 23 - 6 * gap[grown]
    age = np.where(grown & (age < 18.5), 18.5 + 6 * other, age)
    parent = relation == PARENT
    age[parent] = head_age[parent] + 22 + 10 * gap[parent]
    age = np.where(parent & (age > 92), 72 + 20 * other, age)
    grandchild = relation == GRANDCHILD
    age[grandchild] = 1 + 16 * gap[grandchild]
    return age


def _registrations(county: Ints, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Return the county of first registration (it stands in the resident id) and that of today's registration."""
    count = len(county)
    elsewhere = np.array([int(code) for code in ELSEWHERE], np.int32)
    away = elsewhere[rng.integers(0, len(elsewhere), count)]
    here = COUNTY_CODES[county]
    other = COUNTY_CODES[rng.integers(0, len(COUNTY_CODES), count)]
    chance = rng.random(count, dtype=np.float32)
    origin = np.where(chance < 0.72, here, np.where(chance < 0.80, other, away)).astype(np.int32)
    # Most of those who came have moved their registration here; about a tenth of the people has it elsewhere still.
    hukou = np.where((chance > 0.90), away, np.where((chance > 0.72) & (chance < 0.74), other, here)).astype(np.int32)
    return origin, hukou


def _marital(relation: Ints, kind: Ints, age: np.ndarray, rng: np.random.Generator) -> Ints:
    chance = rng.random(len(relation), dtype=np.float32)
    married = (relation == SPOUSE) | (relation == PARENT) | ((relation == HEAD) & ~np.isin(kind, (0, 1, 6)))
    alone = np.where(chance < 0.72, WIDOWED, np.where(chance < 0.88, DIVORCED, SINGLE))
    alone_young = np.where(chance < 0.2, DIVORCED, SINGLE)
    parent_alone = np.where(chance < 0.8, DIVORCED, WIDOWED)
    marital = np.where(kind == 0, alone, np.where(kind == 6, parent_alone, alone_young))
    marital = np.where((relation == CHILD) | (relation == GRANDCHILD), SINGLE, marital)
    return np.where(married, MARRIED, marital).astype(np.int8)


def _cancelled(relation: Ints, age: np.ndarray, rng: np.random.Generator) -> Ints:
    """Draw cancelled registrations: about 2 % of the people, never a head (a household keeps one)."""
    chance = rng.random(len(relation), dtype=np.float32)
    dead = chance < np.where(age > 70, 0.10, 0.004)
    left = chance > np.where((age > 18) & (age < 40), 0.965, 0.995)
    cancelled = np.where(dead, 0, np.where(left, 1, NONE))
    return np.where(relation == HEAD, NONE, cancelled).astype(np.int8)
