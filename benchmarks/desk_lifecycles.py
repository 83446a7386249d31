"""Lives of cases a second through the API of the real server: opened, assigned, five steps, closed, by 200 users at once.

Run: ``python benchmarks/desk_lifecycles.py [--seconds 20] [--users 200] [--cases 0] [--json FILE]``. ``DATABASE_URL`` names a
PostgreSQL; without it the home's SQLite is used. The server is that of ``zhizhi serve``; every user is a connection that is
kept, a request a real HTTP request with a token of the role that acts. One life is seven requests: open, assign, respond,
assess, feed back, dispatch, close. All users begin at once: that is the burst. Whoever asks runs on the server's own machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

from desk_ledger import django_in

PORT = 18_733
WAYS: list[tuple[str, str, dict[str, Any]]] = [
    ("village-worker", "reached", {"reached_by": "visit", "met": "head", "agrees": "yes", "urgent": "no"}),
    ("village-worker", "assessed", {
        "visited_on": "2026-03-04", "members_present": "2", "income": "850", "needs": ["medical"], "severity": "severe",
        "data_right": "yes", "finding": "药费负担重，建议医疗救助"}),
    ("town-officer", "approve", {"decision": "give", "decision_reason": "收入低于标准", "told_how": "in-person",
                                     "told_on": "2026-03-05"}),
    ("county-manager", "dispatched", {"departments": ["medical-insurance"], "aid": "医疗救助，每月报销"}),
    ("town-officer", "done", {"arrived": "yes", "received_on": "2026-03-10", "closing_note": "已经领到医疗救助"}),
]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--users", type=int, default=200)
    parser.add_argument("--cases", type=int, default=0, help="cases that are there before")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="zhizhi-lives-") as folder:
        home = Path(folder)
        (home / "zhizhi.toml").write_text('region = "330100"\napi_per_minute = 100000000\n', encoding="utf-8")
        away = fresh_database()
        try:
            django_in(home) if away is None else django_on(home)
            world = prepare(asked.cases)
            measured = run(home, world, asked)
        finally:
            if away is not None:
                away()
    print(json.dumps(measured, indent=2))
    if asked.json:
        asked.json.write_text(json.dumps(measured, indent=2) + "\n", encoding="utf-8")


def fresh_database() -> Any:
    """Make a database of one's own on the server that ``DATABASE_URL`` names, point at it, and return what drops it again."""
    url = os.environ.get("DATABASE_URL", "")
    if not url:
        return None
    import psycopg  # noqa: PLC0415 - only where a server is used

    name = f"zhizhi_lives_{os.getpid()}"
    with psycopg.connect(url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
    os.environ["DATABASE_URL"] = url.rsplit("/", 1)[0] + f"/{name}"

    def drop() -> None:
        with psycopg.connect(url, autocommit=True) as server:
            server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    return drop


def django_on(home: Path) -> None:
    os.environ["ZHIZHI_HOME"] = str(home)
    os.environ["DJANGO_SETTINGS_MODULE"] = "zhizhi.web.settings"
    import django  # noqa: PLC0415 - after the home is known
    from django.core.management import call_command  # noqa: PLC0415

    django.setup()
    call_command("migrate", verbosity=0)


def prepare(cases: int) -> dict[str, Any]:
    """Make towns, a worker, an officer and a manager for each, and their tokens; return who acts where."""
    from django.utils import timezone  # noqa: PLC0415 - after Django is set up

    from zhizhi.apps.accounts.selectors.posts import posts_of  # noqa: PLC0415
    from zhizhi.apps.accounts.selectors.regions import Place  # noqa: PLC0415
    from zhizhi.apps.accounts.services.people import post_grant, regions_put, user_create  # noqa: PLC0415
    from zhizhi.apps.accounts.services.tokens import token_issue  # noqa: PLC0415
    from zhizhi.apps.actors import PERMISSIONS, Actor, Role  # noqa: PLC0415
    from zhizhi.apps.casework.services.workflows import package_install  # noqa: PLC0415
    from zhizhi.scenarios.package import read_package  # noqa: PLC0415
    from zhizhi.scenarios.shipped import find_package  # noqa: PLC0415

    now = timezone.now()
    until = now + timedelta(days=1)
    system = Actor.system("benchmark", "330000", via="cli")
    package_install(system, package=read_package(find_package("social-assistance")), now=now)
    towns = [f"330106{town:03d}" for town in range(1, 11)]
    places = [
        Place("330100", "杭州市", "Hangzhou", "city", "", None),
        Place("330106", "西湖区", "Xihu", "county", "330100", None),
    ]
    regions_put(system, places=places + [Place(code, code, code, "town", "330106", None) for code in towns])

    def token(role: Role, region: str) -> tuple[str, int]:
        user = user_create(
            system, username=f"{role.value}-{region}", display_name=f"{role.value} {region}", password=None, now=now
        )
        post_grant(system, user_id=user, role=role, region=region, grade=3, now=now)
        post = posts_of(user)[0].id
        made = token_issue(system, post_id=post, name="bench", permissions=sorted(PERMISSIONS[role]), now=now, expires_at=until)
        return made[1], post

    manager = token(Role.COUNTY_MANAGER, "330106")
    world = {
        town: {
            "village-worker": token(Role.VILLAGE_WORKER, town),
            "town-officer": token(Role.TOWN_OFFICER, town),
            "county-manager": manager,
        }
        for town in towns
    }
    if cases:
        from desk_cases import fill  # noqa: PLC0415

        fill(cases, towns)
    return world


def run(home: Path, world: dict[str, Any], asked: argparse.Namespace) -> dict[str, Any]:
    environment = {**os.environ, "ZHIZHI_HOME": str(home)}
    command = [sys.executable, "-m", "zhizhi.cli.serving", "--port", str(PORT), "--workers", str(asked.workers)]
    server = subprocess.Popen([*command, "--threads", str(asked.threads)], env=environment)
    try:
        wait_for(server)
        return asyncio.run(burst(world, asked))
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)


def wait_for(server: subprocess.Popen[bytes]) -> None:
    import urllib.error  # noqa: PLC0415
    import urllib.request  # noqa: PLC0415

    for _ in range(300):
        if server.poll() is not None:
            raise SystemExit("the server ended")
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{PORT}/alive", timeout=2)
            return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.2)
    raise SystemExit("the server does not answer")


class Caller:
    """One kept connection."""

    def __init__(self) -> None:
        self.reader: Any = None
        self.writer: Any = None

    async def post(self, path: str, token: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if self.writer is None:
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", PORT)
        raw = json.dumps(body).encode()
        head = (
            f"POST /api/v1/casework{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(raw)}\r\n\r\n"
        )
        self.writer.write(head.encode() + raw)
        answer = await self.reader.readuntil(b"\r\n\r\n")
        status = int(answer[9:12])
        length = 0
        for line in answer.split(b"\r\n"):
            if line.lower().startswith(b"content-length:"):
                length = int(line[15:])
        content = await self.reader.readexactly(length) if length else b"{}"
        return status, json.loads(content)


async def burst(world: dict[str, Any], asked: argparse.Namespace) -> dict[str, Any]:
    times: list[float] = []
    lives: list[float] = []
    errors: Counter[str] = Counter()
    stop = time.perf_counter() + asked.seconds
    towns = sorted(world)

    async def user(number: int) -> None:
        chance = random.Random(number)
        caller = Caller()
        while time.perf_counter() < stop:
            town = towns[chance.randrange(len(towns))]
            began = time.perf_counter()
            if await life(caller, world[town], town, f"{chance.getrandbits(96):024x}"):
                lives.append(time.perf_counter() - began)

    async def life(caller: Caller, people: dict[str, Any], town: str, household: str) -> bool:
        async def ask(path: str, role: str, body: dict[str, Any]) -> dict[str, Any] | None:
            began = time.perf_counter()
            try:
                status, answer = await caller.post(path, people[role][0], body)
            except (ConnectionError, asyncio.IncompleteReadError) as error:
                errors[type(error).__name__] += 1
                caller.writer = None
                return None
            times.append(time.perf_counter() - began)
            if status >= 400:
                errors[f"{status} {answer.get('code')}"] += 1
                return None
            return answer

        opened = await ask("/cases", "town-officer", {
            "household": household, "region": town, "title_zh": "可能应享未享：医疗救助",
            "title_en": "May be missing: medical aid", "severity": 2,
            "findings": [{"policy": "medical-aid", "finding": "missed"}]})  # fmt: skip
        if opened is None:
            return False
        case = opened["id"]
        seen = await ask(f"/cases/{case}/assign", "town-officer", {"version": 1, "post": people["village-worker"][1]})
        for role, way, answers in WAYS:
            if seen is None:
                return False
            body = {"version": seen["version"], "way": way, "answers": answers, "key": f"{household}-{way}"}
            seen = await ask(f"/cases/{case}/moves", role, {**body, **({"outcome": "granted"} if way == "done" else {})})
        return seen is not None

    began = time.perf_counter()
    await asyncio.gather(*(user(number) for number in range(asked.users)))
    took = time.perf_counter() - began
    ranked = sorted(times)
    return {
        "database": "postgresql" if os.environ.get("DATABASE_URL") else "sqlite",
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, server and caller on it",
        "cases_before": asked.cases,
        "users": asked.users,
        "workers": asked.workers,
        "threads": asked.threads,
        "seconds": round(took, 1),
        "lifecycles": len(lives),
        "lifecycles_a_second": round(len(lives) / took, 1),
        "requests_a_second": round(len(times) / took, 1),
        "errors": dict(errors),
        "errors_percent": round(100 * sum(errors.values()) / max(1, len(times)), 3),
        "request_ms": {name: round(1000 * ranked[min(len(ranked) - 1, int(len(ranked) * share))], 1)
                       for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))} if ranked else {},
    }  # fmt: skip


if __name__ == "__main__":
    main()
