"""The database is busy or gone: every door says so in a sentence with 503, nothing is half written, and it works again after."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client

from zhizhi.apps.actors import Actor, Role

SQLITE = "sqlite" in settings.DATABASES["default"]["ENGINE"]
NOBODY_THERE = "postgresql://nobody@127.0.0.1:9/none"
ASK = """
import json, os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "zhizhi.web.settings"
import django
django.setup()
from django.test import Client
client = Client(raise_request_exception=False, SERVER_NAME="localhost")
assert client.get("/alive").content == b"ok", "the process lives without its database"
client.cookies["sessionid"] = "a" * 32
client.cookies["language"] = "zh-hans"
said = []
for method, path in json.loads(sys.argv[1]):
    answer = getattr(client, method)(path, {"username": "boss", "password": "x"} if method == "post" else {})
    told = answer.headers
    said.append([path, answer.status_code, told.get("Retry-After"), told["Content-Type"], answer.content.decode()])
print(json.dumps(said))
"""


@pytest.fixture
def writer() -> Iterator[sqlite3.Connection]:
    """Another process in the middle of a long write; our own writers give up after a fifth of a second instead of twenty."""
    with closing(sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)) as other:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA busy_timeout = 200")
        yield other
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout = 20000")


@pytest.mark.skipif(not SQLITE, reason="PostgreSQL locks rows, not the database")
@pytest.mark.django_db(transaction=True)
def test_a_locked_database_is_told_and_the_same_form_goes_through_afterwards(
    writer: sqlite3.Connection, client_for: Callable[[Role], Client], actors: dict[Role, Actor]
) -> None:
    client = client_for(Role.ADMINISTRATOR)
    client.raise_request_exception = False
    form = {"username": "newcomer", "display_name": "新来的", "region": "330100"}
    writer.execute("BEGIN IMMEDIATE")
    refused = client.post("/zh-hans/accounts/people/new", form)
    assert refused.status_code == 503
    assert refused.headers["Retry-After"]
    assert "数据库正忙" in refused.content.decode()
    assert client.get("/zh-hans/accounts/people").status_code == 200, "reading goes on while another writes"
    writer.execute("ROLLBACK")
    assert writer.execute("SELECT count(*) FROM accounts_user WHERE username = 'newcomer'").fetchone() == (0,)
    assert client.post("/zh-hans/accounts/people/new", form).status_code in (200, 302)
    assert writer.execute("SELECT count(*) FROM accounts_user WHERE username = 'newcomer'").fetchone() == (1,)


@pytest.mark.skipif(not SQLITE, reason="PostgreSQL locks rows, not the database")
@pytest.mark.django_db(transaction=True)
def test_logging_in_while_the_database_is_locked_is_told_as_well(writer: sqlite3.Connection, users: dict[Role, int]) -> None:
    client = Client(raise_request_exception=False)
    writer.execute("BEGIN IMMEDIATE")
    refused = client.post("/en/accounts/login", {"username": "auditor", "password": "a long enough secret 7"})
    writer.execute("ROLLBACK")
    assert refused.status_code == 503
    assert "database is busy" in refused.content.decode()
    accepted = client.post("/en/accounts/login", {"username": "auditor", "password": "a long enough secret 7"})
    assert accepted.status_code == 302


def test_a_database_that_is_gone_is_told_at_every_door() -> None:
    doors = [
        ["get", "/zh-hans/cases/"],
        ["get", "/zh-hans/assistance/cockpit"],
        ["post", "/zh-hans/accounts/login"],
        ["get", "/api/v1/jobs/"],
        ["get", "/"],
    ]
    done = subprocess.run(
        [sys.executable, "-c", ASK, json.dumps(doors)],
        env=os.environ | {"DATABASE_URL": NOBODY_THERE},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for path, status, again, kind, content in json.loads(done.stdout):
        assert (path, status, bool(again)) == (path, 503, True)
        if path.startswith("/api/"):
            assert kind == "application/problem+json"
            assert json.loads(content)["code"] == "web.database-gone"
        else:
            assert "连不上数据库" in content, path
            assert "zhizhi doctor" in content
