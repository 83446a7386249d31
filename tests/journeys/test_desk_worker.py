"""The real worker: killed in a job, stopped in a job, two of them, and the server that keeps one."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from desk_server import free_port

SERVER = os.environ.get("ZHIZHI_TEST_POSTGRES", "")
HERE = Path(__file__).parent
ZHIZHI = str(Path(sys.executable).parent / "zhizhi")
ENQUEUE = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "zhizhi.web.settings"
import django
django.setup()
import slow_job
for _ in range(int(sys.argv[3])):
    slow_job.slowly.enqueue(sys.argv[1], float(sys.argv[2])) if sys.argv[1] else slow_job.badly.enqueue()
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("worker") / "home"
    subprocess.run([ZHIZHI, "init", str(made), "--set", "demo=true"], check=True, capture_output=True)
    return made


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Processes to be ended after the test."""
    processes: list[subprocess.Popen[bytes]] = []
    yield processes
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.wait(30)


def surroundings(home: Path) -> dict[str, str]:
    return os.environ | {"ZHIZHI_HOME": str(home), "PYTHONPATH": str(HERE), "ZHIZHI_LANG": "en"}


def enqueue(home: Path, notes: Path | None, seconds: float = 0, times: int = 1) -> None:
    given = [str(notes or ""), str(seconds), str(times)]
    subprocess.run([sys.executable, "-c", ENQUEUE, *given], check=True, env=surroundings(home), capture_output=True)


def work(home: Path, *given: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([ZHIZHI, "work", "--home", str(home), *given], env=surroundings(home))


def ask(home: Path, query: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(home / "db.sqlite3", timeout=30) as connection:
        return connection.execute(query).fetchall()


def until(true: Callable[[], object], seconds: float = 180) -> None:
    ends = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < ends, "it took too long"
        time.sleep(0.1)


def lines(notes: Path) -> list[str]:
    return notes.read_text(encoding="utf-8").split() if notes.exists() else []


def test_a_worker_killed_in_a_job_loses_nothing(home: Path, tmp_path: Path, started: list[subprocess.Popen[bytes]]) -> None:
    notes = tmp_path / "notes"
    enqueue(home, notes, seconds=2)
    started.append(work(home, "--lease", "3"))
    until(lambda: lines(notes) == ["began"])
    started[0].send_signal(signal.SIGKILL)
    started[0].wait()
    assert ask(home, "SELECT status FROM django_tasks_database_dbtaskresult") == [("RUNNING",)]
    started.append(work(home, "--lease", "3"))
    until(lambda: ask(home, "SELECT status FROM django_tasks_database_dbtaskresult") == [("SUCCESSFUL",)])
    assert lines(notes) == ["began", "began", "ended"]
    assert ask(home, "SELECT attempts, failure FROM jobs_lease") == [(2, "")]
    assert ask(home, "SELECT count(*) FROM journal_event WHERE name = 'jobs.task.returned'") == [(1,)]
    started[1].terminate()
    assert started[1].wait(30) == 0


def test_told_to_stop_it_ends_its_job_first_and_told_twice_gives_it_back(
    home: Path, tmp_path: Path, started: list[subprocess.Popen[bytes]]
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    enqueue(home, first, seconds=1.5)
    started.append(work(home))
    until(lambda: lines(first) == ["began"])
    started[0].terminate()
    assert started[0].wait(30) == 0
    assert lines(first) == ["began", "ended"]
    enqueue(home, second, seconds=60)
    started.append(work(home))
    until(lambda: lines(second) == ["began"])
    started[1].terminate()
    time.sleep(0.5)
    started[1].terminate()
    assert started[1].wait(30) == 0
    waiting = "SELECT count(*) FROM django_tasks_database_dbtaskresult WHERE status = 'READY'"
    assert ask(home, waiting) == [(1,)]
    with sqlite3.connect(home / "db.sqlite3") as connection:
        connection.execute("DELETE FROM django_tasks_database_dbtaskresult WHERE status = 'READY'")


def test_two_workers_do_every_job_once(home: Path, tmp_path: Path, started: list[subprocess.Popen[bytes]]) -> None:
    notes = tmp_path / "notes"
    enqueue(home, notes, seconds=0.05, times=20)
    enqueue(home, None)
    started += [work(home, "--once"), work(home, "--once")]
    assert [process.wait(90) for process in started] == [0, 0]
    assert lines(notes).count("ended") == 20
    failed = "SELECT exception_class_path FROM django_tasks_database_dbtaskresult WHERE status = 'FAILED'"
    assert ask(home, failed) == [("builtins.ZeroDivisionError",)]


def test_the_server_keeps_its_worker_and_stops_with_it(home: Path, started: list[subprocess.Popen[bytes]]) -> None:
    port = free_port()
    command = [ZHIZHI, "serve", "--home", str(home), "--port", str(port), "--work"]
    server = subprocess.Popen(command, env=surroundings(home), start_new_session=True)
    started.append(server)

    def answers() -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/alive", timeout=5) as answer:
                return bool(answer.read() == b"ok")
        except OSError:
            return False

    def workers() -> list[int]:
        return [
            int(str(pid)) for (pid,) in ask(home, "SELECT pid FROM jobs_worker WHERE stopped_at IS NULL") if alive(int(str(pid)))
        ]

    until(lambda: answers() and workers())
    (before,) = workers()
    os.kill(before, signal.SIGKILL)
    until(lambda: workers() and workers() != [before])
    (after,) = workers()
    server.terminate()
    assert server.wait(60) == 0
    until(lambda: not alive(after))
    assert not answers()


@pytest.mark.skipif(not SERVER, reason="no PostgreSQL: ZHIZHI_TEST_POSTGRES names none")
def test_a_worker_outlives_a_database_that_goes_away(tmp_path: Path, started: list[subprocess.Popen[bytes]]) -> None:
    name, notes, home = f"zhizhi_{uuid.uuid4().hex[:10]}", tmp_path / "notes", tmp_path / "home"
    with psycopg.connect(SERVER, autocommit=True) as server:
        server.execute(f'CREATE DATABASE "{name}"')
        there = surroundings(home) | {"DATABASE_URL": f"{SERVER.rpartition('/')[0]}/{name}"}
        subprocess.run([ZHIZHI, "init", str(home), "--set", "demo=true"], check=True, env=there, capture_output=True)
        started.append(subprocess.Popen([ZHIZHI, "work", "--home", str(home), "--lease", "10"], env=there))
        enqueue = [sys.executable, "-c", ENQUEUE, str(notes), "2", "1"]
        subprocess.run(enqueue, check=True, env=there, capture_output=True)
        until(lambda: lines(notes) == ["began"])
        server.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        gone = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
        server.execute(gone, [name])
        until(lambda: lines(notes) == ["began", "ended"])
        time.sleep(2)
        assert started[0].poll() is None, "it waits for the database to come back"
        server.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
        with psycopg.connect(f"{SERVER.rpartition('/')[0]}/{name}", autocommit=True) as inside:
            status = "SELECT status FROM django_tasks_database_dbtaskresult"
            until(lambda: inside.execute(status).fetchall() == [("SUCCESSFUL",)])
        started[0].terminate()
        assert started[0].wait(30) == 0


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
