"""The doctor names what is wrong and how to mend it, and the exit status says whether something is."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

ZHIZHI = str(Path(sys.executable).parent / "zhizhi")


def doctor(home: Path, **environment: str) -> tuple[int, dict[str, list[str]], str]:
    """Exit status, the codes of what is not good by check, and everything that was said."""
    done = subprocess.run(
        [ZHIZHI, "doctor", "--home", str(home), "--json"],
        env=os.environ | {"ZHIZHI_LANG": "en"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    rows = json.loads(done.stdout) if done.stdout else []
    wrong: dict[str, list[str]] = {}
    for row in rows:
        if row["state"] != "good":
            wrong.setdefault(row["check"], []).append(row["code"])
    return done.returncode, wrong, done.stdout + done.stderr


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("doctor") / "home"
    command = [ZHIZHI, "init", str(home), "--admin", "boss"]
    subprocess.run(command, input="nobody guesses this 47\n", text=True, check=True, capture_output=True)
    return home


@pytest.fixture
def home(original: Path, tmp_path: Path) -> Path:
    """A copy to break."""
    return Path(shutil.copytree(original, tmp_path / "home"))


def change(home: Path, line: str) -> None:
    with (home / "zhizhi.toml").open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")


def test_a_fresh_home_lacks_only_data_and_a_worker(home: Path) -> None:
    status, wrong, said = doctor(home)
    assert status == 1
    wrong.pop("pages", None)  # the chart library is built where there is npm
    wrong.pop("disk", None)  # depends on the machine
    assert wrong == {"lake": ["doctor.lake-none"], "worker": ["doctor.worker-none"]}
    assert "zhizhi load DIR" in said
    assert "zhizhi serve --work" in said


def test_keys_that_others_can_read(home: Path) -> None:
    (home / "keys" / "secret").chmod(0o644)
    _, wrong, said = doctor(home)
    assert wrong["keys"] == ["doctor.keys-open"]
    assert "chmod" in said


def test_missing_folders_and_secret(home: Path) -> None:
    shutil.rmtree(home / "files")
    (home / "keys" / "secret").unlink()
    _, wrong, _ = doctor(home)
    assert (wrong["home"], wrong["keys"]) == (["doctor.folder-missing"], ["doctor.secret-missing"])


def test_a_database_that_is_gone_does_not_stop_the_other_checks(home: Path) -> None:
    status, wrong, said = doctor(home, DATABASE_URL="postgresql://nobody@127.0.0.1:9/none")
    assert status == 1
    assert wrong["database"] in (["init.database-refused"], ["doctor.database-gone"])
    assert wrong["ledger"] == ["doctor.database-gone"]
    assert "home" not in wrong
    assert "Traceback" not in said


def test_tables_of_an_older_and_of_a_newer_version(home: Path) -> None:
    with sqlite3.connect(home / "db.sqlite3") as connection:
        connection.execute("INSERT INTO django_migrations (app, name, applied) VALUES ('jobs', '9999_later', '2030-01-01')")
    assert doctor(home)[1]["database"] == ["serve.database-newer"]
    with sqlite3.connect(home / "db.sqlite3") as connection:
        connection.execute("DELETE FROM django_migrations WHERE app = 'jobs'")
    assert doctor(home)[1]["database"] == ["serve.migrate-first"]


def test_a_clock_that_was_set_back(home: Path) -> None:
    ahead = (datetime.now(UTC) + timedelta(hours=3)).isoformat(sep=" ")
    with sqlite3.connect(home / "db.sqlite3") as connection:
        connection.execute("UPDATE journal_event SET at = ? WHERE id = (SELECT max(id) FROM journal_event)", [ahead])
    _, wrong, said = doctor(home)
    assert wrong["clock"] == ["doctor.clock-back"]
    assert "NTP" in said


def test_a_package_that_cannot_be_read(home: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "needs.yaml").write_text("nonsense: [", encoding="utf-8")
    change(home, f'packages = ["{broken}"]')
    _, wrong, said = doctor(home)
    assert wrong["packages"], said


def test_outside_hosts_without_https_and_demonstrations_that_are_open(home: Path) -> None:
    change(home, 'hosts = ["desk.example.gov.cn"]')
    assert doctor(home)[1]["safety"] == ["doctor.safety-no-https"]
    change(home, "https = true")
    assert "safety" not in doctor(home)[1]
    change(home, "demo = true")
    assert doctor(home)[1]["safety"] == ["doctor.safety-demo"]


def test_a_setting_that_is_misspelt_is_named(home: Path) -> None:
    change(home, "sesion_hours = 3")
    status, _, said = doctor(home)
    assert status == 1
    assert "sesion_hours" in said
    assert "Traceback" not in said
