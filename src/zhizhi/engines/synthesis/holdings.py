"""What people own: homes, cars, businesses."""

from __future__ import annotations

import numpy as np

from zhizhi.engines.synthesis.facts import NONE, TODAY, Businesses, Facts, Holdings, Households, People
from zhizhi.engines.synthesis.hangzhou import COUNTIES
from zhizhi.engines.synthesis.people import HEAD, SPOUSE


def holdings(homes: Households, folk: People, rng: np.random.Generator) -> Holdings:
    """Draw homes (most households own one, one in nine two, few three) and cars (four households in ten)."""
    count = len(folk)
    chance = rng.random(count, dtype=np.float32)
    owner = folk.relation == HEAD
    owned = np.where(owner, np.select([chance < 0.16, chance < 0.88, chance < 0.985], [0, 1, 2], 3), 0)
    owned = np.where((folk.relation == SPOUSE) & (chance < 0.02), 1, owned).astype(np.int8)
    size = 45 + 110 * rng.beta(2.0, 3.0, count)
    area = np.where(owned > 0, np.round(size * 100) * owned, 0).astype(np.int32)
    rural = np.array([1.45 - place.wage for place in COUNTIES], np.float32)[homes.county[folk.household]]
    checked = rng.random(count, dtype=np.float32)
    grade = np.searchsorted((0.55, 0.86, 0.96), rng.random(count), side="right")
    # Most homes are recorded as sound (A); one in a thousand was never graded, and its cell is blank.
    grade = np.where(checked < 0.12 * rural, grade, np.where(checked > 0.999, NONE, 0))
    car = (np.isin(folk.relation, (HEAD, SPOUSE))) & (rng.random(count, dtype=np.float32) < 0.27) & (folk.born > TODAY - 27_000)
    price = np.exp(11.6 + 0.55 * rng.standard_normal(count, dtype=np.float32))
    # Whole thousands of yuan, so that ten thousands with one decimal carry it exactly.
    in_fen = np.clip(np.round(price, -3), 15_000, 1_800_000) * 100
    since = TODAY - 60 - (3_600 * rng.random(count, dtype=np.float32)).astype(np.int32)
    return Holdings(
        homes=owned,
        area=area,
        unsafe=np.where(owned > 0, grade, NONE).astype(np.int8),
        car_price=np.where(car, in_fen, 0).astype(np.int32),
        car_since=np.where(car, since, NONE).astype(np.int32),
    )


def settle_holdings(facts: Facts, poor: np.ndarray, rng: np.random.Generator) -> None:
    """Take cars and second homes from most of the ``poor`` households, so that income is what decides them."""
    folk, own = facts.people, facts.holdings
    most = poor & (rng.random(len(poor)) < 0.93)
    whom = most[folk.household]
    own.car_price[whom] = 0
    own.car_since[whom] = NONE
    second = whom & (own.homes > 1)
    own.area[second] = own.area[second] // own.homes[second]
    own.homes[second] = 1


def businesses(folk: People, rng: np.random.Generator) -> Businesses:
    """Draw businesses: about three for a hundred adults, their capital in whole hundreds of yuan."""
    age = folk.ages()
    owner = np.flatnonzero((age >= 20) & (age < 70) & (folk.cancelled == NONE) & (rng.random(len(folk), dtype=np.float32) < 0.03))
    kind = np.searchsorted((0.68, 0.97), rng.random(len(owner)), side="right").astype(np.int8)
    middle = np.array([10.6, 13.3, 12.5])[kind]
    capital = np.clip(np.round(np.exp(middle + 0.8 * rng.standard_normal(len(owner))), -2), 1_000, 20_000_000)
    status = np.searchsorted((0.86, 0.90), rng.random(len(owner)), side="right").astype(np.int8)
    return Businesses(person=owner, kind=kind, capital=(capital * 100).astype(np.int64), status=status)
