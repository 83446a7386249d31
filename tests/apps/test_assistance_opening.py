"""Findings made into cases: screened once, given out within budgets, nothing twice, nobody's word undone."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from assistance_world import COUNTIES, install, places, worker

from zhizhi.apps.accounts.selectors.posts import posts_of
from zhizhi.apps.actors import Actor
from zhizhi.apps.assistance.selectors.runs import (
    missed_by_place,
    opening_latest,
    run_latest,
    run_trend,
    screening_due,
    waiting_count,
    waiting_list,
)
from zhizhi.apps.assistance.services.opening import COUNTED, alerts_give_out
from zhizhi.apps.assistance.services.runs import screening_do
from zhizhi.apps.casework.schemas import CaseFilter
from zhizhi.apps.casework.selectors.cases import case_count, case_list
from zhizhi.apps.casework.selectors.counts import reconcile

pytestmark = pytest.mark.django_db


@pytest.fixture
def ready(desk_lake: Path, region_tree: object, system: Actor, now: datetime) -> Actor:
    places(system)
    install(system, now)
    return system


def add_up(actor: Actor) -> None:
    made = opening_latest(actor)
    assert made is not None
    assert made.alerts == sum(getattr(made, name) for name in COUNTED[1:])


def test_screened_once_and_given_out(ready: Actor, now: datetime) -> None:
    assert screening_due(now=now)
    run = screening_do(ready, now=now)
    assert screening_do(ready, now=now + timedelta(hours=1)) == run
    assert not screening_due(now=now)
    assert alerts_give_out(ready, now=now) == 0  # nobody is there to go
    made = opening_latest(ready)
    assert made is not None
    assert made.nobody == made.alerts > 0
    assert waiting_count(ready) == made.alerts
    add_up(ready)
