"""The nightly tidying: SQLite knows its tables afterwards, and answers the backlog from one index."""

from __future__ import annotations

from itertools import count

import pytest
from casework_world import SANDUN, draft, shipped
from django.db import connection
from django.utils import timezone

from zhizhi.apps.actors import Actor
from zhizhi.apps.casework.jobs import tidy
from zhizhi.apps.casework.services.cases import case_open_many
from zhizhi.apps.casework.services.workflows import package_install

pytestmark = pytest.mark.django_db


def test_tidying_leaves_statistics_for_the_planner(region_tree: object, system: Actor) -> None:
    now = timezone.now()
    package_install(system, package=shipped(), now=now)
    numbers = count(1)
    case_open_many(system, drafts=[draft(next(numbers), region=SANDUN) for _ in range(300)], now=now)
    assert tidy.func().startswith("rows ")
    if connection.vendor != "sqlite":
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM sqlite_stat1 WHERE tbl = 'casework_case'")
        assert cursor.fetchone()[0] > 0
        cursor.execute(
            "EXPLAIN QUERY PLAN SELECT count(region) FILTER (WHERE opened_on >= '2026-01-01' AND due < '2026-01-02') "
            "FROM casework_case WHERE closed_at IS NULL AND region >= '3301' AND region < '3302'"
        )
        assert "casework_open_region" in " ".join(str(row) for row in cursor.fetchall())
