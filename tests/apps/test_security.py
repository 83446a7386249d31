"""What every answer carries, what the content policy lets in, what a form and an upload may be."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings as installed
from django.template.loader import get_template
from django.test import Client, RequestFactory
from test_routes import GUARDED, ROUTES, anything

from conftest import PASSWORD
from zhizhi.apps.actors import PERMISSIONS, Actor, Role
from zhizhi.apps.configuration import Configuration, configuration
from zhizhi.web.limits import RequestCounter, seconds_to_wait
from zhizhi.web.middleware import client_address
from zhizhi.web.settings import CSRF_FAILURE_VIEW

INLINE = re.compile(
    r"<script(?![^>]*\bsrc=)[^>]*>|<style\b|\sstyle\s*=\s*[\"']|\son[a-z]+\s*=\s*[\"']|javascript:", re.IGNORECASE
)
SOURCE = Path(__file__).parents[2] / "src" / "zhizhi"


@pytest.mark.parametrize("path", ["/zh-hans/accounts/login", "/zh-hans/nowhere", "/api/v1/", "/alive"])
def test_every_answer_carries_the_headers_of_safety(path: str, db: None) -> None:
    answer = Client().get(path)
    policy = answer["Content-Security-Policy"]
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Referrer-Policy"] == "same-origin"
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "form-action 'self'" in policy
    assert "unsafe" not in policy


def test_no_template_has_an_inline_script_style_or_handler() -> None:
    wrong = [
        f"{path.relative_to(SOURCE)}: {found[0]}"
        for path in SOURCE.rglob("*.html")
        if (found := INLINE.search(path.read_text(encoding="utf-8")))
    ]
    assert wrong == []


def test_no_page_as_it_is_answered_has_an_inline_script_style_or_handler(client_for: Callable[[Role], Client]) -> None:
    wrong, seen = [], 0
    for role in (Role.ADMINISTRATOR, Role.COUNTY_MANAGER):
        client = client_for(role)
        for route in GUARDED:
            if route.is_api or route.gate is None or route.gate.permission not in PERMISSIONS[role]:
                continue
            answer = client.get(route.url(anything(route)))
            page = b"".join(answer) if answer.streaming else answer.content
            if "text/html" in answer.get("Content-Type", ""):
                seen += 1
                if found := INLINE.search(page.decode()):
                    wrong.append(f"{route}: {found[0]}")
    assert wrong == []
    assert seen > 15


def test_nothing_is_loaded_from_elsewhere() -> None:
    loads = re.compile(r"(?:src|href|action)=[\"'](?:https?:)?//", re.IGNORECASE)
    wrong = [str(path) for path in SOURCE.rglob("*.html") if loads.search(path.read_text(encoding="utf-8"))]
    assert wrong == []


def test_what_a_person_saw_is_not_left_behind_on_a_shared_computer(client_for: Callable[[Role], Client]) -> None:
    client = client_for(Role.AUDITOR)
    assert client.get("/zh-hans/accounts/me")["Cache-Control"] == "private, no-store"
    assert client.get("/api/v1/accounts/me")["Cache-Control"] == "no-store"
    assert "cache" in client.post("/zh-hans/accounts/logout")["Clear-Site-Data"]


def test_cookies_are_out_of_reach_of_scripts_and_of_other_sites(users: dict[Role, int]) -> None:
    client = Client()
    client.get("/zh-hans/accounts/login")
    client.post("/zh-hans/accounts/login", {"username": "auditor", "password": PASSWORD})
    for name in (installed.SESSION_COOKIE_NAME, installed.CSRF_COOKIE_NAME, "was-here", "language"):
        cookie = client.cookies[name]
        assert cookie["httponly"], name
        assert cookie["samesite"] == "Lax", name


def test_a_form_without_its_token_changes_nothing_and_says_so(users: dict[Role, int]) -> None:
    client = Client(enforce_csrf_checks=True)
    answer = client.post("/zh-hans/accounts/login", {"username": "auditor", "password": PASSWORD})
    assert answer.status_code == 403
    assert "表单已过期" in answer.content.decode()
    assert "sessionid" not in client.cookies
    assert CSRF_FAILURE_VIEW == "zhizhi.web.errors.refused"


def test_every_form_that_is_sent_carries_its_token() -> None:
    wrong = []
    for path in SOURCE.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        for form in re.findall(r"<form\b[^>]*method=[\"']post[\"'][^>]*>.*?</form>", text, re.IGNORECASE | re.DOTALL):
            if "csrf_token" not in form:
                wrong.append(str(path.relative_to(SOURCE)))
    assert wrong == []
    assert get_template("accounts/login.html")


def test_no_page_is_exempt_from_the_token_of_its_form() -> None:
    exempt = [str(path.relative_to(SOURCE)) for path in SOURCE.rglob("*.py") if "csrf_exempt" in path.read_text(encoding="utf-8")]
    assert exempt == []


def test_a_request_that_is_too_large_is_told_so(client_for: Callable[[Role], Client]) -> None:
    assert installed.DATA_UPLOAD_MAX_MEMORY_SIZE <= 3 * 1024 * 1024
    many = {f"f{n}": "x" for n in range(installed.DATA_UPLOAD_MAX_NUMBER_FIELDS + 1)}
    client = client_for(Role.AUDITOR)
    assert client.post("/zh-hans/accounts/me/password", many).status_code == 400
    large = client.post(
        "/zh-hans/accounts/me/password", {"old": "x" * 3_000_000}, content_type="application/x-www-form-urlencoded"
    )
    assert large.status_code == 413


def test_a_host_that_is_not_ours_is_not_answered(db: None) -> None:
    assert Client(SERVER_NAME="elsewhere.example").get("/zh-hans/accounts/login").status_code == 400


def test_the_address_of_the_caller_is_believed_only_from_the_proxy(home: Configuration) -> None:
    request = RequestFactory().get("/", headers={"x-forwarded-for": "6.6.6.6, 10.0.0.9"}, REMOTE_ADDR="127.0.0.1")
    assert client_address(request) == "127.0.0.1", "without a proxy anybody could write that header"
    (home.home / "zhizhi.toml").write_text("https = true\n", encoding="utf-8")
    configuration.cache_clear()
    assert client_address(request) == "10.0.0.9", "the address that the nearest proxy saw, not what it was told"


def test_the_secret_of_the_installation_is_its_own_file() -> None:
    text = (SOURCE / "web" / "settings.py").read_text(encoding="utf-8")
    assert "SECRET_KEY = secret_key(ZHIZHI)" in text
    assert "insecure" not in text


CALL = "import sys, pathlib; from zhizhi.web.limits import RequestCounter as C; c = C(pathlib.Path(sys.argv[1]))\n"


def test_requests_are_counted_across_processes(tmp_path: Path) -> None:
    code = CALL + "for _ in range(200): c.count('token:1', 7)"
    calls = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "requests")]) for _ in range(3)]
    assert [call.wait() for call in calls] == [0, 0, 0]
    counter = RequestCounter(tmp_path / "requests")
    assert counter.count("token:1", 7) == 601
    assert counter.count("token:1", 8) == 1, "a new minute begins anew"
    assert counter.count("token:2", 8) == 1


def test_where_nothing_can_be_counted_nobody_is_refused(tmp_path: Path) -> None:
    assert seconds_to_wait(tmp_path / "no" / "such" / "folder", "user:1", 1, 0.0) == 0


def test_a_preview_has_no_way_to_change_anything(actors: dict[Role, Actor]) -> None:
    ways = {str(route) for route in ROUTES if route.gate and route.gate.while_viewing}
    assert ways == {"accounts:view-as-end"}
