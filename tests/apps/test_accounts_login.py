"""Login: in one step or two, refusals that tell nothing, locks that end, sessions that end, passwords that must be changed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.contrib.sessions.models import Session
from django.test import Client, override_settings
from django.utils import timezone
from django_otp.oath import TOTP
from django_otp.plugins.otp_static.models import StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from conftest import PASSWORD
from zhizhi.apps.accounts.services import second_factor
from zhizhi.apps.accounts.services.people import password_reset, user_create, user_stop
from zhizhi.apps.actors import Actor, Role
from zhizhi.apps.journal.models import Event
from zhizhi.kernel.errors import InvalidError
from zhizhi.web import settings as installed

LOGIN = "/zh-hans/accounts/login"
CODE = "/zh-hans/accounts/login/code"


def log_in(client: Client, username: str, password: str = PASSWORD, **more: str) -> object:
    return client.post(LOGIN, {"username": username, "password": password, **more})


def events(name: str) -> int:
    return Event.objects.filter(name=name).count()


def test_a_person_logs_in_whatever_the_case_of_her_login_name_and_goes_where_she_wanted(users: dict[Role, int]) -> None:
    answer = log_in(Client(), "AUDITOR", next="/zh-hans/accounts/help")
    assert (answer.status_code, answer["Location"]) == (302, "/zh-hans/accounts/help")
    assert events("accounts.session.started") == 1


@pytest.mark.parametrize("wanted", ["https://elsewhere.example/", "//elsewhere.example/", "javascript:alert(1)"])
def test_the_login_leads_to_no_other_site(wanted: str, users: dict[Role, int]) -> None:
    assert log_in(Client(), "auditor", next=wanted)["Location"] == "/"


def test_the_password_is_kept_with_argon2() -> None:
    with override_settings(PASSWORD_HASHERS=installed.PASSWORD_HASHERS):  # the tests use a faster one
        assert make_password(PASSWORD).startswith("argon2$argon2id$")


def test_a_wrong_password_and_an_unknown_name_are_told_in_the_same_words(users: dict[Role, int], system: Actor) -> None:
    user_stop(system, user_id=users[Role.DATA_STEWARD], now=timezone.now())
    answers = [
        log_in(Client(), "auditor", "wrong"),
        log_in(Client(), "nobody-here", "wrong"),
        log_in(Client(), "data-steward"),  # the right password of a closed account
    ]
    pages = [answer.content.decode() for answer in answers]
    said = [page[page.index('role="alert"') : page.index("</ul>", page.index('role="alert"'))] for page in pages]
    assert [answer.status_code for answer in answers] == [422, 422, 422]
    assert said[0] == said[1] == said[2]
    assert "登录名或密码不对" in said[0]


def test_a_failure_stands_in_the_journal_without_the_name_that_was_typed(users: dict[Role, int]) -> None:
    log_in(Client(), "auditor", "wrong")
    log_in(Client(), "nobody-here", "wrong")
    event = Event.objects.get(name="accounts.login.failed")
    assert [subject.subject for subject in event.subjects.all()] == [f"user:{users[Role.AUDITOR]}"]
    assert "auditor" not in f"{event.actor}{event.details}{event.purpose}"


def test_five_wrong_passwords_lock_the_name_for_fifteen_minutes_and_the_page_says_so(users: dict[Role, int]) -> None:
    client = Client()
    answers = [log_in(client, "Auditor" if n % 2 else "auditor", "wrong") for n in range(5)]
    assert [answer.status_code for answer in answers] == [422, 422, 422, 422, 429]
    right = log_in(client, "auditor")
    page = right.content.decode()
    assert right.status_code == 429
    assert "以后可以再试" in page
    assert "系统管理员" in page
    assert 0 < int(right["Retry-After"]) <= 900
    assert events("accounts.login.failed") == 4
    assert events("accounts.login.locked") == 1
    assert log_in(Client(REMOTE_ADDR="10.1.2.3"), "auditor").status_code == 302, "from elsewhere she can still log in"
    assert log_in(client, "reform-office").status_code == 302, "others on the same network can still log in"


def test_trying_while_locked_does_not_make_the_lock_longer(users: dict[Role, int]) -> None:
    client = Client()
    for _ in range(5):
        log_in(client, "auditor", "wrong")
    from axes.models import AccessAttempt  # noqa: PLC0415

    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=14, seconds=58))
    assert log_in(client, "auditor", "wrong").status_code == 429
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=15, seconds=2))
    assert log_in(client, "auditor").status_code == 302


def test_an_unknown_name_is_locked_like_a_known_one(users: dict[Role, int]) -> None:
    client = Client()
    assert [log_in(client, "nobody-here", "wrong").status_code for _ in range(6)] == [422, 422, 422, 422, 429, 429]


def test_an_administrator_unlocks_at_once(users: dict[Role, int], client_for: Callable[[Role], Client]) -> None:
    client = Client()
    for _ in range(5):
        log_in(client, "auditor", "wrong")
    administrator = client_for(Role.ADMINISTRATOR)
    assert "已锁定" in administrator.get("/zh-hans/accounts/people?state=locked").content.decode()
    administrator.post(f"/zh-hans/accounts/people/{users[Role.AUDITOR]}/unlock")
    assert log_in(client, "auditor").status_code == 302
    assert events("accounts.user.unlocked") == 1


def test_a_session_that_has_ended_is_told_and_leads_back(users: dict[Role, int]) -> None:
    client = Client()
    log_in(client, "auditor")
    session = Session.objects.get(session_key=client.cookies[settings.SESSION_COOKIE_NAME].value)
    assert timedelta(hours=7) < session.expire_date - timezone.now() <= timedelta(hours=8)
    session.expire_date = timezone.now() - timedelta(seconds=1)
    session.save()
    sent = client.get("/zh-hans/accounts/me")
    assert sent["Location"] == f"{LOGIN}?next=/zh-hans/accounts/me"
    assert "登录已过期" in client.get(sent["Location"]).content.decode()
    assert "登录已过期" not in Client().get(sent["Location"]).content.decode(), "a stranger had no session"
    assert log_in(client, "auditor", next="/zh-hans/accounts/me")["Location"] == "/zh-hans/accounts/me"


def test_a_form_that_is_sent_after_the_session_leads_back_to_the_page_of_the_form(db: None) -> None:
    headers = {"referer": "http://testserver/zh-hans/accounts/me/password?text=large"}
    sent = Client().post("/zh-hans/accounts/me/password", {"old": "x"}, headers=headers)
    assert sent["Location"] == f"{LOGIN}?next=/zh-hans/accounts/me/password%3Ftext%3Dlarge"
    foreign = Client().post("/zh-hans/accounts/me/password", {}, headers={"referer": "http://elsewhere.example/x"})
    assert foreign["Location"] == LOGIN


def test_a_part_of_a_page_that_is_asked_for_after_the_session_loads_the_login_as_a_whole(db: None) -> None:
    headers = {"hx-request": "true", "hx-current-url": "http://testserver/zh-hans/accounts/people/new"}
    sent = Client().get("/zh-hans/accounts/places?q=x", headers=headers)
    assert (sent.status_code, sent["HX-Redirect"]) == (200, f"{LOGIN}?next=/zh-hans/accounts/people/new")


def test_logging_out_ends_the_session_and_its_notice(users: dict[Role, int]) -> None:
    client = Client()
    log_in(client, "auditor")
    assert client.get("/zh-hans/accounts/logout").status_code == 405, "a link cannot log anybody out"
    client.post("/zh-hans/accounts/logout")
    assert client.get("/zh-hans/accounts/me").status_code == 302
    assert events("accounts.session.ended") == 1
    assert "登录已过期" not in client.get(f"{LOGIN}?next=/zh-hans/accounts/me").content.decode()


def test_the_session_gets_a_new_key_at_the_login(users: dict[Role, int]) -> None:
    client = Client()
    client.session.save()
    before = client.session.session_key
    log_in(client, "auditor")
    assert client.session.session_key != before


def test_a_given_password_must_be_changed_before_anything_else(users: dict[Role, int], actors: dict[Role, Actor]) -> None:
    given = password_reset(actors[Role.ADMINISTRATOR], user_id=users[Role.AUDITOR], now=timezone.now())
    client = Client()
    assert log_in(client, "auditor").status_code == 422, "the old one is void"
    log_in(client, "auditor", given)
    assert client.get("/zh-hans/accounts/me")["Location"] == "/zh-hans/accounts/me/password"
    assert client.get("/api/v1/accounts/me").json()["code"] == "accounts.password-first"
    weak = {"old": given, "new": "short", "again": "short"}
    assert client.post("/zh-hans/accounts/me/password", weak).status_code == 422
    new = {"old": given, "new": "a wholly different one 4", "again": "a wholly different one 4"}
    assert client.post("/zh-hans/accounts/me/password", new).status_code == 302
    assert client.get("/zh-hans/accounts/me").status_code == 200, "the session goes on"
    assert events("accounts.password.changed") == 1


def test_a_temporary_password_ends(users: dict[Role, int], actors: dict[Role, Actor]) -> None:
    early = timezone.now() - timedelta(hours=73)
    given = password_reset(actors[Role.ADMINISTRATOR], user_id=users[Role.AUDITOR], now=early)
    answer = log_in(Client(), "auditor", given)
    assert answer.status_code == 422
    assert "临时密码已过期" in answer.content.decode()


def test_a_new_password_ends_the_sessions_elsewhere(users: dict[Role, int]) -> None:
    here, elsewhere = Client(), Client()
    log_in(here, "auditor")
    log_in(elsewhere, "auditor")
    new = {"old": PASSWORD, "new": "a wholly different one 4", "again": "a wholly different one 4"}
    here.post("/zh-hans/accounts/me/password", new)
    assert here.get("/zh-hans/accounts/me").status_code == 200
    assert elsewhere.get("/zh-hans/accounts/me").status_code == 302


def test_a_closed_account_loses_its_session_at_once(users: dict[Role, int], actors: dict[Role, Actor]) -> None:
    client = Client()
    log_in(client, "auditor")
    user_stop(actors[Role.ADMINISTRATOR], user_id=users[Role.AUDITOR], now=timezone.now())
    assert client.get("/zh-hans/accounts/me").status_code == 302


# --- the second factor ---


def code_of(user_id: int, ahead: int = 0) -> str:
    device = TOTPDevice.objects.get(user_id=user_id)
    totp = TOTP(device.bin_key, device.step, device.t0, device.digits, device.drift + ahead)
    totp.time = timezone.now().timestamp()
    return f"{totp.token():06d}"


@pytest.fixture
def factor(users: dict[Role, int], actors: dict[Role, Actor], now: datetime) -> list[str]:
    """The auditor has a second factor; her recovery codes."""
    second_factor.factor_begin(actors[Role.AUDITOR])
    return second_factor.factor_confirm(actors[Role.AUDITOR], code=code_of(users[Role.AUDITOR]), now=timezone.now())


def test_the_second_factor_is_set_up_with_a_code_that_is_drawn_without_any_file(client_for: Callable[[Role], Client]) -> None:
    client = client_for(Role.AUDITOR)
    page = client.post("/zh-hans/accounts/me/second-factor/new").content.decode()
    assert "<svg" in page
    assert "style=" not in page
    device = TOTPDevice.objects.get()
    assert not device.confirmed
    assert client.post("/zh-hans/accounts/me/second-factor/new", {"code": "000000"}).status_code == 422
    TOTPDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)
    codes = client.post("/zh-hans/accounts/me/second-factor/new", {"code": code_of(device.user_id)}).content.decode()
    assert codes.count("<li>") >= 8
    assert events("accounts.second-factor.confirmed") == 1


def test_with_a_second_factor_the_password_alone_opens_nothing(users: dict[Role, int], factor: list[str]) -> None:
    client = Client()
    assert log_in(client, "auditor", next="/zh-hans/accounts/help")["Location"] == CODE
    assert client.get("/zh-hans/accounts/me").status_code == 302
    assert client.post(CODE, {"code": "123"}).status_code == 422
    TOTPDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)
    entered = client.post(CODE, {"code": code_of(users[Role.AUDITOR], ahead=1)})
    assert entered["Location"] == "/zh-hans/accounts/help"
    assert Event.objects.get(name="accounts.session.started").details == {"second-factor": "code"}
    assert events("accounts.second-factor.failed") == 1


def test_a_code_works_once(users: dict[Role, int], factor: list[str]) -> None:
    code = code_of(users[Role.AUDITOR], ahead=1)
    for wanted in (302, 422):
        client = Client()
        log_in(client, "auditor")
        assert client.post(CODE, {"code": code}).status_code == wanted


def test_wrong_codes_slow_down_the_next(users: dict[Role, int], factor: list[str]) -> None:
    client = Client()
    log_in(client, "auditor")
    client.post(CODE, {"code": "000000"})
    answer = client.post(CODE, {"code": code_of(users[Role.AUDITOR], ahead=1)})
    assert answer.status_code == 422
    assert "秒后再试" in answer.content.decode()


def test_a_recovery_code_works_once_and_is_not_stored(users: dict[Role, int], factor: list[str]) -> None:
    assert len(factor) == 8
    stored = set(StaticToken.objects.values_list("token", flat=True))
    assert not stored & {code.replace("-", "") for code in factor}
    for wanted in (302, 422):
        client = Client()
        log_in(client, "auditor")
        assert client.post(CODE, {"code": factor[0].upper()}).status_code == wanted
    assert events("accounts.recovery-code.used") == 1


def test_the_second_step_waits_five_minutes(users: dict[Role, int], factor: list[str]) -> None:
    client = Client()
    log_in(client, "auditor")
    session = client.session
    session["login_waiting"] = {**session["login_waiting"], "at": timezone.now().timestamp() - 301}
    session.save()
    assert client.post(CODE, {"code": code_of(users[Role.AUDITOR], ahead=1)})["Location"] == LOGIN


def test_the_second_factor_is_taken_away_only_with_the_password(actors: dict[Role, Actor], factor: list[str]) -> None:
    with pytest.raises(InvalidError):
        second_factor.factor_end(actors[Role.AUDITOR], password="not it", now=timezone.now())
    second_factor.factor_end(actors[Role.AUDITOR], password=PASSWORD, now=timezone.now())
    assert not TOTPDevice.objects.exists()
    assert not StaticToken.objects.exists()


def test_a_person_without_a_post_is_told_so(system: Actor, region_tree: list[object], now: datetime) -> None:
    user_create(system, username="postless", display_name="p", password=PASSWORD, now=now)
    client = Client()
    log_in(client, "postless")
    answer = client.get("/zh-hans/accounts/me")
    assert answer.status_code == 403
    assert "还没有岗位" in answer.content.decode()
