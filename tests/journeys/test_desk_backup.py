"""A backup of a desk in use, restored elsewhere: the same people, the same ledger; and what a damaged one leads to."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import uuid
from pathlib import Path

import psycopg
import pytest
from desk_server import PASSWORD_OF_FIRST, Desk, run, start, stop
from playwright.sync_api import Page

ZHIZHI = str(Path(sys.executable).parent / "zhizhi")
SERVER = os.environ.get("ZHIZHI_TEST_POSTGRES", "")


def zhizhi(*given: str, **environment: str) -> subprocess.CompletedProcess[str]:
    surroundings = os.environ | {"ZHIZHI_LANG": "en"} | environment
    return subprocess.run([ZHIZHI, *given], env=surroundings, capture_output=True, text=True, check=False)


@pytest.fixture(scope="session")
def saved(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup of the desk, made while it serves and works."""
    folder = tmp_path_factory.mktemp("backup") / "monday"
    run("backup", str(folder), "--home", str(desk.home))
    return folder


@pytest.fixture
def copy(saved: Path, tmp_path: Path) -> Path:
    """A copy of the backup and its keys, to damage."""
    shutil.copytree(saved.with_name("monday-keys"), tmp_path / "copy-keys")
    return Path(shutil.copytree(saved, tmp_path / "copy"))


def test_keys_lie_apart_from_data(saved: Path) -> None:
    keys = saved.with_name("monday-keys")
    assert {"lake.key", "keys", "zhizhi.toml"} <= {path.name for path in keys.iterdir()}
    assert keys.stat().st_mode & 0o077 == 0
    secret = (keys / "lake.key").read_bytes().split()[-1]
    assert not [path for path in saved.rglob("*") if path.is_file() and secret in path.read_bytes()]


def test_a_restored_home_has_the_same_people_and_a_ledger_that_verifies(
    desk: Desk, saved: Path, tmp_path: Path, desktop: Page
) -> None:
    home = tmp_path / "home"
    done = zhizhi("restore", str(saved), str(home))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "entries of the ledger were verified" in done.stdout
    process, url = start(home)
    try:
        Desk(url, home, desk.password, desk.accounts).login(desktop, "auditor", "en")
        assert "/accounts/login" not in desktop.url
    finally:
        stop(process)
    with sqlite3.connect(home / "db.sqlite3") as restored:
        (users,) = restored.execute("SELECT count(*) FROM accounts_user").fetchone()
        assert users >= len(desk.accounts)
    assert "doctor.lake" not in zhizhi("doctor", "--home", str(home), "--json").stdout.replace("doctor.lake-good", "")


def test_a_changed_file_is_named_and_nothing_is_written(copy: Path, tmp_path: Path) -> None:
    database = copy / "db.sqlite3"
    content = bytearray(database.read_bytes())
    content[-1] ^= 1
    database.write_bytes(content)
    done = zhizhi("restore", str(copy), str(tmp_path / "home"))
    assert done.returncode == 1
    assert "db.sqlite3" in done.stderr
    assert not (tmp_path / "home").exists()


def test_without_its_keys_a_backup_says_so(copy: Path, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "copy-keys")
    done = zhizhi("restore", str(copy), str(tmp_path / "home"))
    assert (done.returncode, "--keys" in done.stderr) == (1, True)
    assert not (tmp_path / "home").exists()


def test_nothing_is_written_over(desk: Desk, saved: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine", encoding="utf-8")
    for given in (("backup", str(tmp_path), "--home", str(desk.home)), ("restore", str(saved), str(tmp_path))):
        done = zhizhi(*given)
        assert done.returncode == 1
        assert "not empty" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_full_disk_leaves_no_half_of_a_backup(desk: Desk, tmp_path: Path) -> None:
    limited = f"ulimit -f 64; exec {ZHIZHI} backup {tmp_path / 'b'} --home {desk.home}"  # 64 blocks: the database does not fit
    done = subprocess.run(
        ["bash", "-c", limited], env=os.environ | {"ZHIZHI_LANG": "en"}, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "Traceback" not in done.stderr, done.stderr
    assert not (tmp_path / "b").exists()


@pytest.mark.skipif(not SERVER, reason="no PostgreSQL: ZHIZHI_TEST_POSTGRES names none")
@pytest.mark.skipif(shutil.which("pg_dump") is None, reason="no pg_dump here")
def test_postgresql_is_dumped_and_restored_into_an_empty_database(tmp_path: Path) -> None:
    names = [f"zhizhi_{uuid.uuid4().hex[:10]}" for _ in range(2)]
    with psycopg.connect(SERVER, autocommit=True) as server:
        for name in names:
            server.execute(f'CREATE DATABASE "{name}"')
    old, new = (f"{SERVER.rpartition('/')[0]}/{name}" for name in names)
    home = tmp_path / "home"
    command = [ZHIZHI, "init", str(home), "--admin", "boss"]
    surroundings = os.environ | {"DATABASE_URL": old}
    subprocess.run(command, input=f"{PASSWORD_OF_FIRST}\n", text=True, check=True, env=surroundings, capture_output=True)
    done = zhizhi("backup", str(tmp_path / "b"), "--home", str(home), DATABASE_URL=old)
    assert done.returncode == 0, done.stderr
    refused = zhizhi("restore", str(tmp_path / "b"), str(tmp_path / "one"), DATABASE_URL=old)
    assert (refused.returncode, "has tables" in refused.stderr) == (1, True)
    done = zhizhi("restore", str(tmp_path / "b"), str(tmp_path / "two"), DATABASE_URL=new)
    assert done.returncode == 0, done.stdout + done.stderr
    with psycopg.connect(new) as restored:
        assert restored.execute("SELECT username FROM accounts_user").fetchall() == [("boss",)]
