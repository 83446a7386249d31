"""Making a home: once, twice, twice at once, after a kill, and in places where it must not be made."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

ZHIZHI = str(Path(sys.executable).parent / "zhizhi")
PASSWORD = "nobody guesses this 47"


def init(home: Path, *given: str, password: str = PASSWORD, lang: str = "en") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ZHIZHI, "init", str(home), *given],
        input=f"{password}\n",
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"ZHIZHI_LANG": lang},
    )


def ask(home: Path, query: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(home / "db.sqlite3") as connection:
        return connection.execute(query).fetchall()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("init") / "home"
    done = init(home, "--admin", "Boss")
    assert done.returncode == 0, done.stderr
    return home


def test_a_new_home_has_its_settings_keys_tables_regions_and_administrator(made: Path) -> None:
    assert (made / "keys").stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o077 == 0 for path in (made / "keys").iterdir() if path.suffix != ".vkey")
    assert (made / "db.sqlite3").stat().st_mode & 0o077 == 0
    text = (made / "zhizhi.toml").read_text(encoding="utf-8")
    assert 'region = "330100"' in text
    assert "# session_hours = 8" in text, "every setting is told, with its default"
    assert "登录会话时长" in text
    assert ask(made, "SELECT username FROM accounts_user") == [("boss",)]
    assert ask(made, "SELECT role, region FROM accounts_post") == [("administrator", "330100")]
    (regions,) = ask(made, "SELECT count(*) FROM accounts_region")[0]
    assert regions > 200
    ((stored,),) = ask(made, "SELECT password FROM accounts_user")
    assert str(stored).startswith("argon2")


def test_doing_it_again_changes_nothing_and_needs_no_password(made: Path) -> None:
    before = {path: path.read_bytes() for path in [made / "zhizhi.toml", *(made / "keys").iterdir()]}
    done = init(made, "--admin", "other", password="")
    assert done.returncode == 0, done.stderr
    assert "no account was changed" in done.stderr
    assert {path: path.read_bytes() for path in before} == before
    assert ask(made, "SELECT count(*) FROM accounts_user") == [(1,)]


def test_a_setting_is_never_overwritten_by_a_second_run(made: Path) -> None:
    done = init(made, "--set", "session_hours=2")
    assert "session_hours" in done.stderr
    assert "session_hours = 2" not in (made / "zhizhi.toml").read_text(encoding="utf-8")


def test_a_folder_of_somebody_elses_is_refused_and_untouched(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine", encoding="utf-8")
    done = init(tmp_path, "--admin", "boss", lang="zh")
    assert done.returncode == 1
    assert "不是本系统的主目录" in done.stderr
    assert [path.name for path in tmp_path.iterdir() if path.name != ".init.lock"] == ["thesis.txt"]


@pytest.mark.parametrize(
    ("given", "password", "told"),
    [
        ((), PASSWORD, "no default password"),
        (("--admin", "boss"), "", "No password came"),
        (("--admin", "boss"), "short", "cannot be used"),
        (("--admin", "boss"), "password123", "cannot be used"),
        (("--admin", "boss"), "boss and some more", "login name"),
        (("--admin", "boss", "--set", "sesion_hours=2"), PASSWORD, "no setting 'sesion_hours'"),
        (("--admin", "boss", "--set", "session_hours=long"), PASSWORD, "session_hours"),
        (("--admin", "boss", "--region", "440100"), PASSWORD, "--regions"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, given: tuple[str, ...], password: str, told: str) -> None:
    done = init(tmp_path / "home", *given, password=password)
    assert done.returncode == 1
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_a_region_of_ones_own_comes_from_a_file(tmp_path: Path) -> None:
    table = tmp_path / "regions.csv"
    table.write_text(
        "code,name_zh,name_en\n440000,广东省,Guangdong\n440100,广州市,\n440103,荔湾区,Liwan\n440103001,沙面街道,\n", "utf-8"
    )
    home = tmp_path / "home"
    done = init(home, "--admin", "boss", "--region", "440100", "--regions", str(table))
    assert done.returncode == 0, done.stderr
    assert ask(home, "SELECT code, parent, level FROM accounts_region ORDER BY code") == [
        ("440000", "", "province"),
        ("440100", "440000", "city"),
        ("440103", "440100", "county"),
        ("440103001", "440103", "town"),
    ]
    table.write_text("code,name_zh\n44A103,荔湾区\n", "utf-8")
    done = init(home, "--region", "440100", "--regions", str(table))
    assert (done.returncode, "Row 2" in done.stderr) == (1, True)


def test_two_at_once_end_with_one_home(tmp_path: Path) -> None:
    home = tmp_path / "home"
    command = [ZHIZHI, "init", str(home), "--admin", "boss"]
    both = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for process in both:  # both, before waiting for either: the first to hold the home waits for its password
        assert process.stdin is not None
        process.stdin.write(f"{PASSWORD}\n")
        process.stdin.close()
        process.stdin = None
    ended = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], ended
    assert ask(home, "SELECT count(*) FROM accounts_user") == [(1,)]


@pytest.mark.parametrize("after", [0.9, 1.6, 2.3])
def test_killed_at_any_point_it_goes_on_where_it_was(tmp_path: Path, after: float) -> None:
    home = tmp_path / "home"
    process = subprocess.Popen(
        [ZHIZHI, "init", str(home), "--admin", "boss"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdin is not None
    process.stdin.write(f"{PASSWORD}\n")
    process.stdin.flush()
    time.sleep(after)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = init(home, "--admin", "boss")
    assert done.returncode == 0, done.stderr
    assert ask(home, "SELECT count(*) FROM accounts_user") == [(1,)]
    assert ask(home, "SELECT role FROM accounts_post") == [("administrator",)]


def test_serving_says_what_is_missing(tmp_path: Path) -> None:
    done = subprocess.run(
        [ZHIZHI, "serve", "--home", str(tmp_path / "none"), "--lang", "en"],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"ZHIZHI_LANG": "en"},
    )
    assert done.returncode == 1
    assert "zhizhi init" in done.stderr
