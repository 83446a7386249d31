"""Behind a proxy that speaks HTTPS: redirects, secure cookies, HSTS, and only the host names that were named."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ASK = """
import json, os
os.environ["DJANGO_SETTINGS_MODULE"] = "zhizhi.web.settings"
import django
django.setup()
from django.test import Client
seen = {}
def ask(name, path, **headers):
    client = Client(SERVER_NAME=headers.pop("host", "desk.example.gov.cn"), raise_request_exception=False)
    answer = client.get(path, headers=headers)
    cookies = {key: bool(cookie["secure"]) for key, cookie in answer.cookies.items()}
    seen[name] = {"status": answer.status_code, "headers": dict(answer.headers), "cookies": cookies}
ask("plain", "/en/accounts/login")
ask("proxied", "/en/accounts/login", **{"x-forwarded-proto": "https"})
ask("stranger", "/en/accounts/login", host="evil.example.com", **{"x-forwarded-proto": "https"})
ask("alive", "/alive")
print(json.dumps(seen))
"""


def ask(home: Path, https: bool) -> dict[str, dict[str, object]]:
    home.mkdir()
    text = f'hosts = ["desk.example.gov.cn"]\nhttps = {str(https).lower()}\n'
    (home / "zhizhi.toml").write_text(text, encoding="utf-8")
    surroundings = os.environ | {"ZHIZHI_HOME": str(home)}
    done = subprocess.run([sys.executable, "-c", ASK], env=surroundings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    seen: dict[str, dict[str, object]] = json.loads(done.stdout.splitlines()[-1])
    return seen


def test_with_https_nothing_travels_in_clear(tmp_path: Path) -> None:
    seen = ask(tmp_path / "h", https=True)
    assert seen["plain"]["status"] == 301
    headers = seen["plain"]["headers"]
    assert isinstance(headers, dict)
    assert headers["Location"] == "https://desk.example.gov.cn/en/accounts/login"
    assert seen["proxied"]["status"] == 200
    proxied = seen["proxied"]["headers"]
    assert isinstance(proxied, dict)
    assert int(proxied["Strict-Transport-Security"].split("=")[1].split(";")[0]) >= 31_536_000
    assert seen["proxied"]["cookies"]
    assert all(seen["proxied"]["cookies"].values()), seen["proxied"]["cookies"]  # type: ignore[attr-defined]
    assert seen["stranger"]["status"] == 400
    assert seen["alive"]["status"] == 200, "the proxy asks over plain HTTP whether the process lives"


def test_without_https_a_forged_header_of_a_proxy_counts_for_nothing(tmp_path: Path) -> None:
    seen = ask(tmp_path / "h", https=False)
    headers = seen["proxied"]["headers"]
    assert isinstance(headers, dict)
    assert "Strict-Transport-Security" not in headers
    assert seen["plain"]["status"] == 200


@pytest.mark.parametrize("name", ["nginx.conf", "Caddyfile"])
def test_the_proxies_of_the_how_to_pass_on_what_the_program_asks_for(name: str) -> None:
    text = (Path(__file__).parents[2] / "docs" / "how-to" / "https.md").read_text(encoding="utf-8")
    assert name in text
    assert "X-Forwarded-Proto" in text
    assert "proxy_set_header Host $host" in text
