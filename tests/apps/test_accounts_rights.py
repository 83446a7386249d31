"""Rights: nobody gives herself any, none are given beyond one's own place or the installation's grades, somebody always can."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from zhizhi.apps.accounts.models import Post, Token, User
from zhizhi.apps.accounts.selectors.people import user_get, user_list
from zhizhi.apps.accounts.selectors.posts import actor_of, posts_of
from zhizhi.apps.accounts.selectors.regions import region_find, region_search
from zhizhi.apps.accounts.services.people import (
    password_reset,
    post_end,
    post_grant,
    user_create,
    user_stop,
)
from zhizhi.apps.accounts.services.tokens import token_issue, token_revoke
from zhizhi.apps.actors import PERMISSIONS, Actor, Permission, Role
from zhizhi.apps.configuration import Configuration, configuration
from zhizhi.apps.journal.models import Event
from zhizhi.kernel.errors import ConflictError, InvalidError, NotFoundError, RefusedError, ZhizhiError


@pytest.fixture
def administrator(actors: dict[Role, Actor]) -> Actor:
    """The administrator of 330100."""
    return actors[Role.ADMINISTRATOR]


@pytest.fixture
def county(users: dict[Role, int], system: Actor, now: datetime) -> Actor:
    """An administrator of the county 330106 alone."""
    user = user_create(system, username="county-admin", display_name="c", password=None, now=now, region="330106")
    post_grant(system, user_id=user, role=Role.ADMINISTRATOR, region="330106", grade=1, now=now)
    return actor_of(posts_of(user)[0])


def refused(code: str, family: type[ZhizhiError] = RefusedError) -> pytest.RaisesExc[ZhizhiError]:
    return pytest.raises(family, check=lambda error: error.code == code)


def test_making_a_person_and_giving_her_a_post_stand_in_the_journal(administrator: Actor, now: datetime) -> None:
    user = user_create(administrator, username=" WangFang ", display_name="王芳", password=None, now=now, region="330106")
    post = post_grant(administrator, user_id=user, role=Role.VILLAGE_WORKER, region="330106109", grade=2, now=now)
    made, given = Event.objects.filter(name__in=["accounts.user.created", "accounts.post.granted"]).order_by("-id")[:2][::-1]
    assert User.objects.get(pk=user).username == "wangfang"
    assert [s.subject for s in made.subjects.all()] == [f"user:{user}"]
    assert {s.subject for s in given.subjects.all()} == {f"user:{user}", f"post:{post}"}
    assert given.details == {"role": "village-worker", "department": "", "grade": 2}
    assert "王芳" not in f"{made.details}{given.details}{made.actor}{given.actor}"


@pytest.mark.parametrize("username", ["", "a", "has space", "-x", "x" * 65, "王芳", "a\x00b"])
def test_a_login_name_has_a_shape(username: str, administrator: Actor, now: datetime) -> None:
    with refused("accounts.username-unfit", InvalidError):
        user_create(administrator, username=username, display_name="n", password=None, now=now)


def test_a_login_name_is_taken_once_whatever_its_case(administrator: Actor, now: datetime) -> None:
    with refused("accounts.username-taken", ConflictError):
        user_create(administrator, username="AUDITOR", display_name="n", password=None, now=now)


def test_nobody_gives_herself_a_post(administrator: Actor, now: datetime) -> None:
    with refused("accounts.not-oneself"):
        post_grant(administrator, user_id=administrator.user_id or 0, role=Role.COUNTY_MANAGER, region="330106", now=now)


def test_a_post_lies_within_the_giver_s_own_place(users: dict[Role, int], county: Actor, now: datetime) -> None:
    with refused("accounts.outside-scope"):
        post_grant(county, user_id=users[Role.TOWN_OFFICER], role=Role.VILLAGE_WORKER, region="330102001", now=now)
    with refused("accounts.outside-scope"):
        post_grant(county, user_id=users[Role.TOWN_OFFICER], role=Role.VILLAGE_WORKER, region="330100", now=now)
    assert post_grant(county, user_id=users[Role.TOWN_OFFICER], role=Role.VILLAGE_WORKER, region="330106002", now=now)


def test_who_holds_a_post_above_is_not_changed_from_below(users: dict[Role, int], county: Actor, now: datetime) -> None:
    post_grant(Actor.system("t", "330000"), user_id=users[Role.AUDITOR], role=Role.AUDITOR, region="330106", now=now)
    assert not user_get(county, users[Role.AUDITOR], now=now).managed
    for act in (
        lambda: password_reset(county, user_id=users[Role.AUDITOR], now=now),
        lambda: user_stop(county, user_id=users[Role.AUDITOR], now=now),
        lambda: post_grant(county, user_id=users[Role.AUDITOR], role=Role.VILLAGE_WORKER, region="330106", now=now),
    ):
        with refused("accounts.beyond-you"):
            act()


def test_people_of_other_places_are_not_there(users: dict[Role, int], county: Actor, now: datetime) -> None:
    for act in (
        lambda: user_get(county, users[Role.AUDITOR], now=now),
        lambda: password_reset(county, user_id=users[Role.AUDITOR], now=now),
        lambda: post_end(county, post_id=Post.objects.get(user_id=users[Role.AUDITOR]).pk, now=now),
    ):
        with refused("web.not-found", NotFoundError):
            act()
    seen = {person.username for person in user_list(county, now=now)}
    assert seen == {"county-admin", "county-manager", "town-officer", "village-worker"}


def test_a_grade_above_what_the_installation_allows_is_refused(
    home: Configuration, administrator: Actor, users: dict[Role, int], now: datetime
) -> None:
    (home.home / "zhizhi.toml").write_text('region = "330100"\nhighest_grade = 3\n', encoding="utf-8")
    configuration.cache_clear()
    for grade in (0, 4, 99):
        with refused("accounts.grade-too-high", InvalidError):
            post_grant(administrator, user_id=users[Role.AUDITOR], role=Role.AUDITOR, region="330106", grade=grade, now=now)


def test_places_and_departments_that_do_not_exist_are_refused(
    administrator: Actor, users: dict[Role, int], now: datetime
) -> None:
    given = {"user_id": users[Role.AUDITOR], "role": Role.AUDITOR, "now": now}
    with refused("accounts.region-unknown", InvalidError):
        post_grant(administrator, region="330106999", **given)
    with refused("accounts.department-unknown", InvalidError):
        post_grant(administrator, region="330106", department="ministry-of-magic", **given)


def test_the_same_post_is_not_given_twice(administrator: Actor, users: dict[Role, int], now: datetime) -> None:
    with refused("accounts.post-twice", ConflictError):
        post_grant(administrator, user_id=users[Role.AUDITOR], role=Role.AUDITOR, region="330100", now=now)


def test_the_last_administrator_of_a_place_stays(
    administrator: Actor, county: Actor, users: dict[Role, int], system: Actor, now: datetime
) -> None:
    own = Post.objects.get(user_id=users[Role.ADMINISTRATOR])
    with refused("accounts.last-administrator"):
        post_end(system, post_id=own.pk, now=now)  # an administrator of one county does not stand in for the city's
    with refused("accounts.last-administrator"):
        user_stop(system, user_id=users[Role.ADMINISTRATOR], now=now)
    post_end(administrator, post_id=county.post_id or 0, now=now)  # the county is still looked after from the city
    second = user_create(system, username="second", display_name="s", password=None, now=now)
    post_grant(system, user_id=second, role=Role.ADMINISTRATOR, region="330000", now=now)
    post_end(system, post_id=own.pk, now=now)


def test_an_ended_post_lets_nothing_more_be_seen(users: dict[Role, int], administrator: Actor, now: datetime) -> None:
    client = Client()
    client.force_login(User.objects.get(pk=users[Role.AUDITOR]), backend="django.contrib.auth.backends.ModelBackend")
    assert client.get("/api/v1/accounts/me").status_code == 200
    post_end(administrator, post_id=Post.objects.get(user_id=users[Role.AUDITOR]).pk, now=now)
    assert client.get("/api/v1/accounts/me").json()["code"] == "accounts.no-post"


def test_only_administrators_look_after_people(actors: dict[Role, Actor], now: datetime) -> None:
    for role, actor in actors.items():
        if role is not Role.ADMINISTRATOR:
            with refused("accounts.refused"):
                user_list(actor, now=now)
            with refused("accounts.refused"):
                user_create(actor, username="x1", display_name="x", password=None, now=now)


def test_who_gives_out_rights_reads_no_files() -> None:
    held = PERMISSIONS[Role.ADMINISTRATOR]
    assert not held & {Permission.HOUSEHOLD_VIEW, Permission.CASE_VIEW, Permission.FINDING_VIEW, Permission.FINDING_EXPORT}
    givers = [role for role in Role if Permission.ACCOUNTS_MANAGE in PERMISSIONS[role]]
    assert givers == [Role.ADMINISTRATOR]


# --- drop-downs ---


def test_the_searchable_choice_of_places_offers_only_one_s_own(county: Actor, client_for: Callable[[Role], Client]) -> None:
    assert {place.code for place in region_search(county, "")} == {"330106", "330106002", "330106109"}
    assert region_search(county, "清波") == []
    assert region_find(county, "330102001 清波街道") == []
    assert [place.code for place in region_find(county, "三墩镇")] == ["330106109"]
    seen = client_for(Role.COUNTY_MANAGER).get("/api/v1/accounts/places?limit=200").json()["items"]
    assert {place["code"] for place in seen} == {"330106", "330106002", "330106109"}


def test_a_place_outside_is_refused_by_the_form_too(users: dict[Role, int], county: Actor) -> None:
    client = Client()
    client.force_login(User.objects.get(pk=county.user_id), backend="django.contrib.auth.backends.ModelBackend")
    given = {"role": "village-worker", "region": "330102001", "department": "", "grade": "2"}
    answer = client.post(f"/zh-hans/accounts/people/{users[Role.TOWN_OFFICER]}/posts", given)
    assert answer.status_code == 422
    assert "330102001" in answer.content.decode()
    assert not Post.objects.filter(user_id=users[Role.TOWN_OFFICER], region="330102001").exists()


# --- previews ---


def start_view(client: Client, post: int, purpose: str = "checking what a worker sees") -> object:
    return client.post(f"/zh-hans/accounts/posts/{post}/view-as", {"purpose": purpose})


def test_a_preview_sees_as_the_post_does_and_changes_nothing(
    users: dict[Role, int], client_for: Callable[[Role], Client]
) -> None:
    client, post = client_for(Role.ADMINISTRATOR), Post.objects.get(user_id=users[Role.COUNTY_MANAGER])
    assert start_view(client, post.pk, "no").status_code == 422, "a reason is asked for"
    assert start_view(client, post.pk).status_code == 302
    me = client.get("/api/v1/accounts/me").json()
    assert (me["role"], me["region"], me["viewing"], me["name"]) == ("county-manager", "330106", True, "administrator")
    assert me["grade"] == 1, "no data above the administrator's own grade"
    assert Permission.FINDING_EXPORT not in me["permissions"]
    page = client.get("/zh-hans/accounts/me").content.decode()
    assert "的视角查看" in page
    assert client.post("/zh-hans/accounts/me/post", {"post": post.pk}).status_code == 403
    assert client.get("/zh-hans/accounts/people").status_code == 403, "nor does she keep her own rights meanwhile"
    assert client.post("/zh-hans/accounts/view-as/end").status_code == 302
    assert client.get("/api/v1/accounts/me").json()["role"] == "administrator"
    started, ended = Event.objects.filter(name__startswith="accounts.view-as").order_by("id")
    assert (started.purpose, started.user_id) == ("checking what a worker sees", users[Role.ADMINISTRATOR])
    assert (ended.name, ended.role) == ("accounts.view-as.ended", "administrator")


def test_a_preview_ends_by_itself(users: dict[Role, int], client_for: Callable[[Role], Client]) -> None:
    client, post = client_for(Role.ADMINISTRATOR), Post.objects.get(user_id=users[Role.AUDITOR])
    start_view(client, post.pk)
    session = client.session
    session["view_until"] = timezone.now().timestamp() - 1
    session.save()
    assert client.get("/api/v1/accounts/me").json()["viewing"] is False


def test_a_preview_stays_within_one_s_own_place_and_shows_no_administrator(
    users: dict[Role, int], county: Actor, client_for: Callable[[Role], Client]
) -> None:
    client = Client()
    client.force_login(User.objects.get(pk=county.user_id), backend="django.contrib.auth.backends.ModelBackend")
    assert start_view(client, Post.objects.get(user_id=users[Role.AUDITOR]).pk).status_code == 404
    assert start_view(client_for(Role.ADMINISTRATOR), county.post_id or 0).status_code == 404
    assert start_view(client_for(Role.COUNTY_MANAGER), county.post_id or 0).status_code == 403


def test_a_post_number_written_into_the_session_gives_nobody_a_preview(
    users: dict[Role, int], client_for: Callable[[Role], Client]
) -> None:
    client = client_for(Role.VILLAGE_WORKER)
    session = client.session
    session["view_as"] = Post.objects.get(user_id=users[Role.COUNTY_MANAGER]).pk
    session["view_until"] = timezone.now().timestamp() + 600
    session["post"] = session["view_as"]
    session.save()
    assert client.get("/api/v1/accounts/me").json()["role"] == "village-worker"


# --- tokens ---


@pytest.fixture
def token(users: dict[Role, int], administrator: Actor) -> tuple[int, str]:
    """A token of the county manager's post that may only list cases."""
    return token_issue(
        administrator,
        post_id=Post.objects.get(user_id=users[Role.COUNTY_MANAGER]).pk,
        name="exchange",
        permissions=[Permission.SELF, Permission.CASE_VIEW],
        expires_at=timezone.now() + timedelta(days=1),
        now=timezone.now(),
    )


def with_token(secret: str, path: str = "/api/v1/accounts/me") -> object:
    return Client().get(path, headers={"authorization": f"Bearer {secret}"})


def test_a_token_acts_in_its_post_with_its_own_permissions(token: tuple[int, str]) -> None:
    me = with_token(token[1]).json()
    assert (me["role"], me["region"], me["posts"]) == ("county-manager", "330106", [])
    assert me["permissions"] == ["accounts.self", "casework.case.view"]
    assert with_token(token[1], "/api/v1/accounts/people").json()["code"] == "accounts.refused"
    assert Token.objects.get().last_used_at is not None


def test_only_the_digest_of_a_token_is_kept(token: tuple[int, str]) -> None:
    row = Token.objects.values().get()
    assert token[1] not in str(row)
    assert len(token[1]) >= 43
    assert row["digest"] != token[1]
    assert Event.objects.filter(name="accounts.token.issued").count() == 1
    assert not any(token[1][8:] in str(details) for details in Event.objects.values_list("details", flat=True))


def test_a_token_stops_when_revoked_expired_or_its_post_ends(
    token: tuple[int, str], administrator: Actor, users: dict[Role, int], now: datetime
) -> None:
    def code() -> str:
        return str(with_token(token[1]).json().get("code", "ok"))

    assert code() == "ok"
    Token.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert code() == "accounts.token-refused"
    Token.objects.update(expires_at=timezone.now() + timedelta(days=1))
    user_stop(administrator, user_id=users[Role.COUNTY_MANAGER], now=now)
    assert code() == "accounts.token-refused"
    User.objects.update(is_active=True)
    assert code() == "ok"
    token_revoke(administrator, token_id=token[0], now=now)
    assert code() == "accounts.token-refused"
    assert with_token("zz_guess").status_code == 401
    assert with_token("").status_code == 401


def test_a_token_opens_no_page_and_needs_no_csrf(token: tuple[int, str]) -> None:
    client = Client(enforce_csrf_checks=True)
    assert client.get("/zh-hans/accounts/me", headers={"authorization": f"Bearer {token[1]}"}).status_code == 302
    answer = client.post("/api/v1/accounts/tokens", "{}", "application/json", headers={"authorization": f"Bearer {token[1]}"})
    assert answer.json()["code"] == "accounts.refused", "refused for want of the permission, not of a CSRF token"


@pytest.mark.parametrize("permission", [Permission.ACCOUNTS_MANAGE, Permission.TOKEN_MANAGE, Permission.VIEW_AS])
def test_no_token_gives_out_rights(
    permission: Permission, administrator: Actor, system: Actor, users: dict[Role, int], now: datetime
) -> None:
    post = Post.objects.get(user_id=users[Role.ADMINISTRATOR])
    with refused("accounts.token-permissions", InvalidError):
        token_issue(system, post_id=post.pk, name="x", permissions=[permission], expires_at=now + timedelta(days=1), now=now)


def test_a_token_may_no_more_than_its_post_and_not_for_ever(administrator: Actor, users: dict[Role, int], now: datetime) -> None:
    post = Post.objects.get(user_id=users[Role.AUDITOR]).pk
    given = {"post_id": post, "name": "x", "now": now}
    with refused("accounts.token-permissions", InvalidError):
        token_issue(administrator, permissions=[Permission.CASE_OPEN], expires_at=now + timedelta(days=1), **given)
    with refused("accounts.token-expiry", InvalidError):
        token_issue(administrator, permissions=[Permission.SELF], expires_at=now + timedelta(days=400), **given)
