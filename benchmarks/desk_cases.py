"""The desk with 1,000,000 cases: lists with filters and exact counts, a case's page, the cockpit cold, 20,000 cases opened.

Run: ``python benchmarks/desk_cases.py [--cases 1000000] [--json FILE]``. With ``DATABASE_URL`` the database is that PostgreSQL (a
test database of its own is made there), else SQLite in a file as the product uses it. One case in ten is open. Rows of the past
are written by SQL; everything that is measured goes through the selectors and services of the product.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from desk_ledger import django_in, tidy

NOW = datetime(2026, 3, 4, 2, 0, tzinfo=UTC)
DAYS, COUNTIES, TOWNS = 400, 13, 15
POLICIES = 34
FINDINGS = [{"policy": "medical-aid", "finding": "missed", "amount": "300", "reason": "医疗自付超过收入"}]
CARD = {"name": "王**", "age": 72, "address": "三墩镇某村某组", "reason": {"zh": "药费高", "en": "High cost of medicine"}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=30)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="zhizhi-cases-") as folder:
        home = Path(folder)
        (home / "zhizhi.toml").write_text('region = "330100"\n', encoding="utf-8")
        django_in(home)
        try:
            measured = measure(asked.cases, asked.repeat)
        finally:
            tidy()
    print(json.dumps(measured, indent=2))
    if asked.json:
        asked.json.write_text(json.dumps(measured, indent=2) + "\n", encoding="utf-8")


def measure(cases: int, repeat: int) -> dict[str, Any]:
    from django.db import connection  # noqa: PLC0415 - after Django is set up

    from zhizhi.apps.accounts.selectors.regions import Place  # noqa: PLC0415
    from zhizhi.apps.accounts.services.people import regions_put  # noqa: PLC0415
    from zhizhi.apps.actors import PERMISSIONS, Actor, Role  # noqa: PLC0415
    from zhizhi.apps.casework.schemas import CaseDraft  # noqa: PLC0415
    from zhizhi.apps.casework.selectors.counts import reconcile  # noqa: PLC0415
    from zhizhi.apps.casework.services.cases import case_open_many  # noqa: PLC0415
    from zhizhi.apps.casework.services.workflows import package_install  # noqa: PLC0415
    from zhizhi.scenarios.package import read_package  # noqa: PLC0415
    from zhizhi.scenarios.shipped import find_package  # noqa: PLC0415

    system = Actor.system("benchmark", "330000", via="cli")
    package_install(system, package=read_package(find_package("social-assistance")), now=NOW)
    towns = [f"3301{county:02d}{town:03d}" for county in range(2, 2 + COUNTIES) for town in range(1, 1 + TOWNS)]
    counties = sorted({town[:6] for town in towns})
    places = [Place("330100", "杭州市", "Hangzhou", "city", "", None)]
    places += [Place(code, code, code, "county", "330100", None) for code in counties]
    places += [Place(code, code, code, "town", code[:6], None) for code in towns]
    regions_put(system, places=places)
    began = time.perf_counter()
    fill(cases, towns)
    made = time.perf_counter() - began

    def who(role: Role, region: str, post: int) -> Actor:
        return Actor(1, post, role.value, role, region, grade=3, permissions=PERMISSIONS[role])

    people = {
        "city": who(Role.COUNTY_MANAGER, "330100", 1),
        "county": who(Role.COUNTY_MANAGER, counties[3], 2),
        "town": who(Role.TOWN_OFFICER, towns[40], 3),
        "worker": who(Role.VILLAGE_WORKER, towns[40], 4),
    }
    found = {
        "database": connection.vendor,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "cases": cases,
        "filled_seconds": round(made, 1),
        "milliseconds": times(people, repeat),
    }
    held = reconcile(people["city"])
    assert all(one == other for one, other in held.values()), held
    drafts = [
        CaseDraft(f"{number:024x}", towns[number % len(towns)], "新发现", "Newly found", severity=2, findings=FINDINGS, card=CARD)
        for number in range(10**9, 10**9 + 20_000)
    ]
    began = time.perf_counter()
    case_open_many(system, drafts=drafts, now=NOW)
    return found | {"open_20000_seconds": round(time.perf_counter() - began, 2)}


def times(people: dict[str, Any], repeat: int) -> dict[str, dict[str, float]]:
    """Return p50, p95 and the first (cold: after a fresh connection) of each question, in milliseconds."""
    from django.db import connection  # noqa: PLC0415

    from zhizhi.apps.casework.schemas import CaseFilter  # noqa: PLC0415
    from zhizhi.apps.casework.selectors.cases import case_count, case_list  # noqa: PLC0415
    from zhizhi.apps.casework.selectors.counts import backlog, by_place, counts, outcomes_by_policy, trend  # noqa: PLC0415
    from zhizhi.apps.casework.selectors.detail import case_get  # noqa: PLC0415
    from zhizhi.apps.casework.selectors.doors import doors  # noqa: PLC0415

    def cockpit(actor: Any) -> None:
        counts(actor, now=NOW)
        backlog(actor, now=NOW)
        trend(actor, now=NOW, days=84)
        by_place(actor, region=actor.region, now=NOW)

    def deep(actor: Any) -> None:
        case_list(actor, wanted=CaseFilter(status="closed"), now=NOW, after=cursors[actor.region], count=False)

    asked: dict[str, Callable[[], object]] = {}
    cursors: dict[str, str] = {}
    month = {"closed_from": (NOW - timedelta(days=20)).date(), "closed_to": NOW.date()}
    lists = {
        "open": CaseFilter(),
        "overdue": CaseFilter(status="overdue"),
        "mine": CaseFilter(status="mine"),
        "unassigned severe": CaseFilter(status="unassigned", severity=3),
        "step by need": CaseFilter(state="assess", sort="score"),
        "open of a policy": CaseFilter(policy="policy-7"),
        "closed": CaseFilter(status="closed"),
        "closed this month granted": CaseFilter(status="closed", outcome="granted", **month),
        "closed severe": CaseFilter(status="closed", severity=3),
        "closed of a policy": CaseFilter(status="closed", policy="policy-7"),
        "all": CaseFilter(status="all"),
        "words": CaseFilter(q="医疗救助7"),
    }
    for name in ("city", "county", "town"):
        actor = people[name]
        cursor = ""
        for _ in range(40):
            cursor = (
                case_list(actor, wanted=CaseFilter(status="closed"), now=NOW, after=cursor, size=200, count=False).after or cursor
            )
        cursors[actor.region] = cursor
        for title, wanted in lists.items():
            asked[f"list {title}, {name}"] = lambda actor=actor, wanted=wanted: case_list(actor, wanted=wanted, now=NOW)
        asked[f"list closed page 160, {name}"] = lambda actor=actor: deep(actor)
        asked[f"cockpit, {name}"] = lambda actor=actor: cockpit(actor)
        asked[f"outcomes by policy, {name}"] = lambda actor=actor: outcomes_by_policy(actor)
    asked["doors, worker"] = lambda: doors(people["worker"], now=NOW)
    some = [row.id for row in case_list(people["city"], wanted=CaseFilter(status="all"), now=NOW, size=200).rows]
    turn = iter(some * 50)
    asked["case page, city"] = lambda: case_get(people["city"], case_id=next(turn), now=NOW)
    assert case_count(people["city"], wanted=CaseFilter(status="all"), now=NOW)
    return {name: spread(ask, repeat, connection) for name, ask in asked.items()}


def spread(ask: Callable[[], object], repeat: int, connection: Any) -> dict[str, float]:
    connection.close()
    taken = []
    for _ in range(repeat):
        began = time.perf_counter()
        ask()
        taken.append((time.perf_counter() - began) * 1000)
    first, ranked = taken[0], sorted(taken)
    return {
        "first": round(first, 1),
        "p50": round(ranked[len(ranked) // 2], 1),
        "p95": round(ranked[min(len(ranked) - 1, int(len(ranked) * 0.95))], 1),
    }


def fill(cases: int, towns: list[str]) -> None:
    """Write cases, findings, timeline and tallies of the past by SQL; the same arithmetic on both databases."""
    from django.db import connection, transaction  # noqa: PLC0415

    from zhizhi.apps.casework.models import WorkflowVersion  # noqa: PLC0415
    from zhizhi.apps.casework.selectors.calendars import calendar_now  # noqa: PLC0415
    from zhizhi.engines.workflow.deadlines import due  # noqa: PLC0415
    from zhizhi.engines.workflow.definition import TimeLimit  # noqa: PLC0415

    calendar, version = calendar_now(), WorkflowVersion.objects.get().pk
    days = []
    for age in range(DAYS):
        opened = NOW - timedelta(days=DAYS - 1 - age)
        closed = min(opened + timedelta(days=12), NOW)
        moments = (opened, calendar.day_of(opened), closed, calendar.day_of(closed), due(TimeLimit(5), opened, calendar))
        days.append((age, *(value.isoformat(sep=" ") if isinstance(value, datetime) else value.isoformat() for value in moments)))
    json_of = "CAST('{}' AS jsonb)" if connection.vendor == "postgresql" else "'{}'"
    stamp = "timestamptz" if connection.vendor == "postgresql" else "text"
    day = "date" if connection.vendor == "postgresql" else "text"
    month = "CAST(date_trunc('month', closed_on) AS date)" if stamp == "timestamptz" else "date(closed_on, 'start of month')"
    number = f"WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {cases})"
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMP TABLE b_day (d integer PRIMARY KEY, o {stamp}, od {day}, c {stamp}, cd {day}, u {stamp})")
        cursor.executemany("INSERT INTO b_day VALUES (%s, %s, %s, %s, %s, %s)", days)
        cursor.execute("CREATE TEMP TABLE b_town (t integer PRIMARY KEY, code varchar(12))")
        cursor.executemany("INSERT INTO b_town VALUES (%s, %s)", list(enumerate(towns)))
        cursor.execute(f"CREATE TEMP TABLE b AS {number} SELECT n, (CAST(n AS bigint) * 48271) % 2147483647 AS h FROM s")
        cursor.execute(
            CASES.format(json=json_of, version=version, days=DAYS, towns=len(towns)), [json.dumps(FINDINGS), json.dumps(CARD)]
        )
        cursor.execute(
            "INSERT INTO casework_casefinding (case_id, policy, finding, region, is_open)"
            f" SELECT n, 'policy-' || (h % {POLICIES}), 'missed', region, closed_on IS NULL FROM b JOIN casework_case ON id = n"
        )
        cursor.execute(ENTRIES.format(json=json_of))
        cursor.execute("INSERT INTO casework_tally (measure, key, policy, day, region, count)"
                       " SELECT 'opened', '', '', opened_on, region, COUNT(*)"
                       " FROM casework_case GROUP BY opened_on, region")  # fmt: skip
        cursor.execute("INSERT INTO casework_tally (measure, key, policy, day, region, count)"
                       " SELECT 'closed', outcome, '', closed_on, region, COUNT(*) FROM casework_case"
                       " WHERE closed_on IS NOT NULL GROUP BY outcome, closed_on, region")  # fmt: skip
        cursor.execute("INSERT INTO casework_tally (measure, key, policy, day, region, count)"
                       f" SELECT 'policy', outcome, policy, {month}, casework_case.region, COUNT(*) FROM casework_case"
                       " JOIN casework_casefinding ON case_id = casework_case.id WHERE closed_on IS NOT NULL"
                       " GROUP BY 2, 3, 4, 5")  # fmt: skip
        if connection.vendor == "postgresql":
            for table in ("case", "casefinding", "entry", "tally"):
                name = f"casework_{table}"
                cursor.execute(f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), (SELECT MAX(id) FROM {name}))")
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")


CASES = """
INSERT INTO casework_case (
  id, kind, workflow_id, package_version, household, region, title_zh, title_en, findings, card, severity, score, state, role,
  holder_post, holder_user, holder_name, hands, version, opened_at, opened_on, step_started, due, pause_reason, pauses,
  escalated_to, outcome, closed_at, closed_on, reopened, changed_at)
SELECT n, 'assistance', {version}, '1.0.0', 'h' || n, b_town.code, '可能应享未享：医疗救助' || h %% 34,
  'May be missing: medical aid', %s, %s, 1 + h %% 3, (h %% 1000) / 10.0,
  CASE WHEN h %% 10 > 0 THEN 'closed' WHEN (h / 10) %% 3 = 0 THEN 'respond'
       WHEN (h / 10) %% 3 = 1 THEN 'assess' ELSE 'dispatch' END,
  CASE WHEN h %% 10 = 0 THEN 'village-worker' ELSE '' END,
  CASE WHEN h %% 10 = 0 AND h %% 4 <> 0 THEN 1 + h %% 400 END, NULL, '', {json}, 3, b_day.o, b_day.od, b_day.o,
  CASE WHEN h %% 10 = 0 AND h %% 70 <> 0 THEN b_day.u END, '', '[]', '',
  CASE WHEN h %% 10 = 0 THEN '' WHEN h %% 7 < 4 THEN 'granted' WHEN h %% 7 = 4 THEN 'moved' WHEN h %% 7 = 5 THEN 'declined'
       ELSE 'data-wrong' END,
  CASE WHEN h %% 10 <> 0 THEN b_day.c END, CASE WHEN h %% 10 <> 0 THEN b_day.cd END, 0, b_day.o
FROM b
JOIN b_day ON d = CASE WHEN h %% 10 = 0 THEN {days} - 1 - (h / 10) %% 40 ELSE (h / 10) %% {days} END
JOIN b_town ON t = (h / 7) %% {towns}
"""

ENTRIES = """
INSERT INTO casework_entry (case_id, kind, at, actor, role, state_from, state_to, way, outcome, note, answers, details, version)
SELECT n, k, o, 'w', 'village-worker', 'respond', 'assess', 'reached', '', '', {json}, {json}, 1
FROM b JOIN b_day ON d = h % 400 CROSS JOIN (SELECT 'opened' AS k UNION ALL SELECT 'moved' UNION ALL SELECT 'closed') AS kinds
"""


if __name__ == "__main__":
    main()
