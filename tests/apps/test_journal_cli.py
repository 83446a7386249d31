"""``zhizhi ledger``: seal, verify, export, prove, and check without an installation."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest
from journal_world import HOUSEHOLD, write
from typer.testing import CliRunner, Result

from zhizhi.apps.actors import Actor
from zhizhi.apps.configuration import Configuration
from zhizhi.apps.journal.models import Event
from zhizhi.cli.main import app
from zhizhi.kernel.errors import ZhizhiError

pytestmark = pytest.mark.django_db


def ledger(home: Configuration, *words: object, lang: str = "en") -> Result:
    offline = words[0] == "verify-receipt" or (words[0] == "verify" and len(words) > 1)
    given = [] if offline else ["--home", str(home.home)]
    return CliRunner().invoke(app, ["ledger", *map(str, words), *given, "--lang", lang])


def sentence(result: Result) -> str:
    """What the entry point would print of the error that ended a command."""
    assert isinstance(result.exception, ZhizhiError), result.output
    return result.exception.text("en")


@pytest.fixture
def exported(home: Configuration, system: Actor, now: datetime, tmp_path: Path) -> Path:
    """The export of a ledger of 300 events."""
    write(system, range(300), now)
    assert "Sealed 300 events" in ledger(home, "seal").output
    folder = tmp_path / "export"
    done = ledger(home, "export", folder)
    assert (done.exit_code, "Exported 300 entries" in done.output) == (0, True)
    return folder


def test_a_home_is_verified_with_its_journal(exported: Path, home: Configuration) -> None:
    sound = ledger(home, "verify")
    assert (sound.exit_code, "Verified: the ledger's 300 entries" in sound.output) == (0, True)
    Event.objects.filter(leaf=7).update(actor="somebody else")
    changed = ledger(home, "verify", lang="zh")
    assert changed.exit_code == 1
    assert "账本第 7 条" in changed.output
    assert "核验不通过" in changed.output


def test_an_export_is_verified_by_its_files_alone(exported: Path, home: Configuration) -> None:
    shutil.rmtree(home.home)
    own_key = ledger(home, "verify", exported)
    assert own_key.exit_code == 0
    assert "taken from the export itself" in own_key.output
    key = (exported / "ledger.vkey").read_text().strip()
    given = ledger(home, "verify", exported, "--key", key)
    assert (given.exit_code, "taken from" in given.output) == (0, False)
    assert "Verified: the 300 entries of zhizhi.local/330100" in given.output
    data = bytearray((exported / "tile/entries/000").read_bytes())
    data[1000] ^= 1
    (exported / "tile/entries/000").write_bytes(data)
    changed = ledger(home, "verify", exported, "--key", key)
    assert changed.exit_code == 1
    assert "tile/0/000" in changed.output
    stranger = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    assert "PeterNeumann has not signed it" in sentence(ledger(home, "verify", exported, "--key", stranger))
    (exported / "checkpoint").unlink()
    assert "no checkpoint in this folder" in sentence(ledger(home, "verify", exported, "--key", key))


def test_an_export_goes_on_where_it_was(exported: Path, home: Configuration, system: Actor, now: datetime) -> None:
    full = exported / "tile" / "0" / "000"
    before = full.stat().st_mtime_ns
    write(system, range(300), now)
    ledger(home, "seal")
    assert ledger(home, "export", exported).exit_code == 0
    assert full.stat().st_mtime_ns == before
    again = ledger(home, "verify", exported)
    assert (again.exit_code, "Verified: the 601 entries" in again.output) == (0, True)  # the first export is an event too


def test_a_case_is_proved_and_the_proof_checked_elsewhere(exported: Path, home: Configuration, tmp_path: Path) -> None:
    out = tmp_path / "case.tlog-proof"
    assert ledger(home, "prove", "12", "--out", out).exit_code == 0
    assert out.read_bytes().startswith(b"c2sp.org/tlog-proof@v1\nextra ")
    assert HOUSEHOLD.encode() not in out.read_bytes()
    # on another machine: no home, no database, no Django
    key = (home.keys / "ledger.vkey").read_text().strip()
    code = (
        "import sys; from zhizhi.cli import ledger; import typer; app = typer.Typer(); ledger.register(app)\n"
        "try: app(sys.argv[1:], standalone_mode=False)\n"
        "finally:\n"
        "    import django.apps\n"
        "    assert not django.apps.apps.ready\n"
    )
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "COLUMNS": "140"}
    words = [sys.executable, "-c", code, "ledger", "verify-receipt", str(out), "--key", key, "--lang", "en"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "The receipt holds: 1 of 1 entries are in the ledger of 300 that zhizhi.local/330100 signed" in done.stdout
    out.write_bytes(out.read_bytes().replace(b"index 12\n", b"index 13\n"))
    assert "not a receipt" in sentence(ledger(home, "verify-receipt", out, "--key", key))


def test_what_goes_wrong_is_said(exported: Path, home: Configuration, tmp_path: Path) -> None:
    assert "holds nothing about case:999" in sentence(ledger(home, "prove", "999", "--out", tmp_path / "x"))
    assert "neither the number of a case" in sentence(ledger(home, "prove", "twelve", "--out", tmp_path / "x"))
    nowhere = ["--home", tmp_path / "none"]
    assert "give the ledger's public key" in sentence(ledger(home, "verify-receipt", exported / "checkpoint", *nowhere))
    key = exported / "ledger.vkey"
    assert "cannot be read" in sentence(ledger(home, "verify-receipt", tmp_path / "none", "--key", key))
    assert "is not one" in sentence(ledger(home, "verify-receipt", exported / "checkpoint", "--key", tmp_path / "none"))
    assert "not a public key line" in sentence(ledger(home, "verify-receipt", exported / "checkpoint", "--key", "a+b+c"))


def test_a_lost_folder_is_made_again(exported: Path, home: Configuration) -> None:
    shutil.rmtree(home.ledger)
    assert "Made 300 entries again" in ledger(home, "rebuild").output
    assert ledger(home, "verify").exit_code == 0


def test_a_receipt_opened_shows_the_whole_event(exported: Path, home: Configuration, tmp_path: Path) -> None:
    out = tmp_path / "open.tlog-proof"
    assert ledger(home, "prove", "case:5", "--out", out, "--open").exit_code == 0
    shown = CliRunner().invoke(
        app, ["ledger", "verify-receipt", str(out), "--key", str(exported / "ledger.vkey")], env={"COLUMNS": "160"}
    )
    assert shown.exit_code == 0
    assert HOUSEHOLD[:20] in shown.output
