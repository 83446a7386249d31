"""A real disk that is full, a lake with a hole, a package that cannot be read: what is told, what goes on; nothing is lost."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from http.cookiejar import CookieJar
from pathlib import Path

import pytest
from desk_server import PASSWORD_OF_FIRST, Desk, run, start, stop

ZHIZHI = str(Path(sys.executable).parent / "zhizhi")


class Visitor:
    """A browser without a window."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.cookies = CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies))

    def open(self, path: str, form: dict[str, str] | None = None) -> tuple[int, str]:
        """Status and text of a page; a form is posted with its CSRF token."""
        data = None
        if form is not None:
            token = next((cookie.value or "" for cookie in self.cookies if cookie.name == "csrftoken"), "")
            data = urllib.parse.urlencode(form | {"csrfmiddlewaretoken": token}).encode()
        request = urllib.request.Request(f"{self.url}{path}", data, {"Referer": self.url})
        try:
            with self.opener.open(request, timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def login(self, name: str, password: str) -> tuple[int, str]:
        """Log in; the first page."""
        self.open("/zh-hans/accounts/login")
        return self.open("/zh-hans/accounts/login", {"username": name, "password": password, "next": "/"})


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 24 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(place)], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("no right to make a small disk here (mount needs root)")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def fill(disk: Path, leave: int) -> Path:
    """Fill a disk up to ``leave`` bytes; the file that fills it."""
    filler = disk / "filler"
    with filler.open("wb") as file:
        file.write(b"\0" * max(0, shutil.disk_usage(disk).free - leave))
    return filler


def ask(home: Path, query: str) -> object:
    with sqlite3.connect(f"file:{home / 'db.sqlite3'}?mode=ro", uri=True, timeout=30) as connection:
        return connection.execute(query).fetchone()[0]


def until(true: object, seconds: float = 60) -> None:
    ends = time.monotonic() + seconds
    while not true():  # type: ignore[operator]
        assert time.monotonic() < ends, "it took too long"
        time.sleep(0.3)


def test_a_full_disk_is_told_loses_nothing_and_heals_by_itself(small_disk: Path) -> None:
    home = small_disk / "home"
    run("init", str(home), "--admin", "boss")
    process, url = start(home, "--work")
    try:
        visitor = Visitor(url)
        visitor.login("boss", PASSWORD_OF_FIRST)
        until(lambda: ask(home, "SELECT count(*) FROM journal_event WHERE leaf IS NULL") == 0)
        before = ask(home, "SELECT count(*) FROM journal_event")
        filler = fill(small_disk, 0)
        person = {"username": "newcomer", "display_name": "新来的", "region": "330100"}
        seen = []
        for number in range(40):  # what is free inside the files of the database is used up first
            status, page = visitor.open("/zh-hans/accounts/people/new", person | {"username": f"newcomer{number}"})
            seen.append(status)
            if status == 503:
                break
        assert seen[-1] == 503, seen
        assert "磁盘已满" in page
        people = ask(home, "SELECT count(*) FROM accounts_user")
        assert people == len(seen), "each that was told done is there, the refused one is not"
        told = subprocess.run([ZHIZHI, "doctor", "--home", str(home), "--json"], capture_output=True, text=True, check=False)
        assert "doctor.disk-full" in told.stdout
        filler.unlink()
        status, _ = visitor.open("/zh-hans/accounts/people/new", person)
        assert status == 200
        assert ask(home, "SELECT count(*) FROM accounts_user") == int(str(people)) + 1
        until(lambda: ask(home, "SELECT count(*) FROM journal_event WHERE leaf IS NULL") == 0)
        assert int(str(ask(home, "SELECT count(*) FROM journal_event"))) > int(str(before))
    finally:
        stop(process)
    verified = run("ledger", "verify", "--home", str(home))
    assert verified


def test_a_load_onto_a_full_disk_leaves_the_lake_as_it_was(small_disk: Path, tmp_path: Path) -> None:
    run("sample", "--people", "1000", "--seed", "7", "--out", str(tmp_path / "exports"))
    lake = small_disk / "lake"
    first = tmp_path / "first"
    shutil.copytree(
        tmp_path / "exports", first, ignore=lambda _, names: [n for n in names if "迁移" not in n and "odcs" not in n]
    )
    run("load", str(first), "--lake", str(lake))
    versions = subprocess.run([ZHIZHI, "quality", "--lake", str(lake)], capture_output=True, text=True, check=False).stdout
    filler = fill(small_disk, 8_192)
    done = subprocess.run(
        [ZHIZHI, "load", str(tmp_path / "exports"), "--lake", str(lake), "--lang", "en"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr, done.stderr[-2000:]
    filler.unlink()
    again = subprocess.run([ZHIZHI, "quality", "--lake", str(lake)], capture_output=True, text=True, check=False).stdout
    assert versions[:500] == again[:500]
    run("load", str(tmp_path / "exports"), "--lake", str(lake))


@pytest.fixture(scope="module")
def broken(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A restored copy of the desk's home, to break."""
    folder = tmp_path_factory.mktemp("broken")
    run("backup", str(folder / "b"), "--home", str(desk.home))
    run("restore", str(folder / "b"), str(folder / "home"))
    return folder / "home"


def pages(home: Path, desk: Desk, role: str, *paths: str) -> dict[str, tuple[int, str]]:
    """Status and text of pages of a home, as one of its people sees them."""
    process, url = start(home)
    try:
        visitor = Visitor(url)
        visitor.login(desk.accounts[role]["login"], desk.password)
        return {path: visitor.open(path) for path in paths}
    finally:
        stop(process)


def words(page: str) -> str:
    return re.sub(r"<[^>]+>|\s+", " ", page)


def test_a_hole_in_the_lake_stops_only_what_needs_it(broken: Path, desk: Desk) -> None:
    county = desk.accounts["county-manager"]["region"]
    household = str(ask(broken, f"SELECT household FROM casework_case WHERE region LIKE '{county}%' LIMIT 1"))
    taken = list((broken / "lake" / "datasets" / "population").glob("*.parquet"))
    assert taken
    kept = {path: path.read_bytes() for path in taken}
    for path in taken:
        path.unlink()
    file = f"/en/assistance/households/{household}"
    seen = pages(broken, desk, "county-manager", "/en/cases/", "/en/assistance/policies", file)
    assert seen["/en/cases/"][0] == 200
    assert seen["/en/assistance/policies"][0] == 200
    status, page = seen[file]
    assert status == 503, words(page)[:500]
    assert "backup" in words(page) or "doctor" in words(page)
    doctor = subprocess.run([ZHIZHI, "doctor", "--home", str(broken), "--json"], capture_output=True, text=True, check=False)
    assert "doctor.lake-files-gone" in doctor.stdout
    for path, content in kept.items():
        path.write_bytes(content)


def test_a_package_that_cannot_be_read_stops_only_what_needs_it(broken: Path, desk: Desk, tmp_path: Path) -> None:
    package = tmp_path / "social-assistance"
    shutil.copytree(Path(__file__).parents[2] / "scenarios" / "social-assistance", package)
    (package / "policies" / "dibao.yaml").write_text("policy: dibao\nno: [", encoding="utf-8")
    settings = broken / "zhizhi.toml"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(f"{text}\npackages = {json.dumps([str(package)])}\n", encoding="utf-8")
    seen = pages(broken, desk, "county-manager", "/en/cases/", "/en/cases/1", "/en/assistance/policies", "/en/accounts/me")
    assert seen["/en/cases/"][0] == 200
    assert seen["/en/accounts/me"][0] == 200
    status, page = seen["/en/assistance/policies"]
    assert (status, "dibao.yaml" in words(page)) == (503, True) or "dibao" in words(page), words(page)[:500]
    settings.write_text(text, encoding="utf-8")
