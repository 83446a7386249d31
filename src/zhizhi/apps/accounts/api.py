"""People, posts, tokens and places through the API: what the pages of administration do."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from django.utils import timezone
from ninja import Field, Query, Router, Schema

from zhizhi.apps import gate
from zhizhi.apps.accounts.selectors.people import user_get, user_list
from zhizhi.apps.accounts.selectors.posts import posts_of
from zhizhi.apps.accounts.selectors.profile import permission_table
from zhizhi.apps.accounts.selectors.regions import region_search
from zhizhi.apps.accounts.selectors.settings import settings_shown
from zhizhi.apps.accounts.selectors.tokens import token_list
from zhizhi.apps.accounts.services import people, second_factor
from zhizhi.apps.accounts.services.tokens import token_issue, token_revoke
from zhizhi.apps.actors import Permission, Role
from zhizhi.apps.paging import Cursor, Limit, Page, Sent, cursor_read, page_of

router = Router()
Name = Annotated[str, Field(min_length=1, max_length=64)]
RegionCode = Annotated[str, Field(pattern=r"^[0-9]{6}([0-9]{3}([0-9]{3})?)?$", description="GB/T 2260 or GB/T 10114 code.")]
Typed = Annotated[str, Query("", max_length=64)]


class PostOut(Schema):
    """A post that somebody holds."""

    id: int
    role: Role
    region: str
    department: str
    grade: int


class Me(Schema):
    """Who the session or the token acts for."""

    name: str
    role: Role | None
    region: str
    department: str
    grade: int
    viewing: bool
    permissions: list[Permission]
    posts: list[PostOut]


class HeldPostOut(PostOut):
    """A post of a person, with its beginning and end."""

    is_active: bool
    created_at: datetime
    ended_at: datetime | None


class PersonOut(Schema):
    """A person whom the caller looks after. ``managed`` says whether the caller may change the account."""

    id: int
    username: str
    name: str
    phone: str
    region: str
    is_active: bool
    must_change_password: bool
    has_second_factor: bool
    locked_until: datetime | None
    last_login: datetime | None
    created_at: datetime
    managed: bool
    posts: list[HeldPostOut]


class PersonIn(Sent):
    """A new account."""

    username: str = Field(pattern=people.USERNAME.pattern.join(("^", "$")))
    name: Name
    phone: str = Field("", max_length=32)
    region: RegionCode


class Temporary(Schema):
    """A temporary password, told once; the person must choose her own at the login."""

    id: int
    temporary_password: str
    ends_after_hours: int


class PostIn(Sent):
    """A post to be given."""

    role: Role
    region: RegionCode
    department: str = Field("", max_length=48)
    grade: int = Field(2, ge=1, le=4)


class PostMade(Schema):
    """The post that was given."""

    id: int


class TokenIn(Sent):
    """A token to be issued for a post."""

    post: int = Field(ge=1, lt=2**63)
    name: Name
    permissions: list[Permission] = Field(min_length=1, max_length=len(Permission))
    expires_at: datetime


class TokenMade(Schema):
    """A new token; its secret is told once."""

    id: int
    secret: str


class TokenOut(Schema):
    """A token as it is listed."""

    id: int
    name: str
    prefix: str
    user_name: str
    role: Role
    region: str
    permissions: list[Permission]
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None
    state: Literal["valid", "expired", "revoked", "post-ended"]


class PlaceOut(Schema):
    """A region of the caller's subtree."""

    code: str
    zh: str
    en: str
    level: str
    parent: str
    people: int | None


class RoleOut(Schema):
    """A role and all that it may do."""

    role: Role
    permissions: list[Permission]


class SettingOut(Schema):
    """A setting; ``value`` is null where it is kept secret."""

    name: str
    zh: str
    en: str
    value: str | None
    origin: Literal["default", "file", "environment"]


@router.get("/me", response=Me, summary="Who am I")
@gate.api(Permission.SELF)
def me(request: HttpRequest) -> dict[str, Any]:
    """Say who the session or token acts for, and what it may do."""
    actor = gate.who(request)
    names = ("name", "role", "region", "department", "grade", "viewing")
    posts = posts_of(actor.user_id) if actor.user_id is not None and not getattr(request, "token", None) else []
    return {name: getattr(actor, name) for name in names} | {"permissions": sorted(actor.permissions), "posts": posts}


@router.get("/people", response=Page[PersonOut], summary="People")
@gate.api(Permission.ACCOUNTS_MANAGE)
def people_get(
    request: HttpRequest,
    limit: Limit = 50,
    cursor: Cursor = "",
    q: Typed = "",
    role: Role | None = None,
    state: Literal["", "active", "stopped", "locked", "no-post"] = "",
) -> dict[str, Any]:
    """List the people of the caller's subtree, by login name."""
    after = cursor_read(cursor, str)
    found = user_list(
        gate.who(request), now=timezone.now(), q=q, role=role, state=state, after=after[0] if after else "", limit=limit + 1
    )
    return page_of(found, limit, lambda person: (person.username,))


@router.post("/people", response={201: Temporary}, summary="Make an account")
@gate.api(Permission.ACCOUNTS_MANAGE)
def people_post(request: HttpRequest, body: PersonIn) -> dict[str, Any]:
    """Make an account with a temporary password."""
    given = people.temporary_password()
    user = people.user_create(
        gate.who(request),
        username=body.username,
        display_name=body.name,
        phone=body.phone,
        region=body.region,
        password=given,
        must_change=True,
        temporary=True,
        now=timezone.now(),
    )
    return _temporary(user, given)


def _temporary(user_id: int, given: str) -> dict[str, Any]:
    hours = int(people.TEMPORARY_FOR.total_seconds() // 3600)
    return {"id": user_id, "temporary_password": given, "ends_after_hours": hours}


@router.get("/people/{int:user_id}", response=PersonOut, summary="A person")
@gate.api(Permission.ACCOUNTS_MANAGE)
def person_get(request: HttpRequest, user_id: int) -> Any:
    """Return one person of the caller's subtree."""
    return user_get(gate.who(request), user_id, now=timezone.now())


@router.post("/people/{int:user_id}/password", response=Temporary, summary="Reset a password")
@gate.api(Permission.ACCOUNTS_MANAGE)
def person_password_post(request: HttpRequest, user_id: int) -> dict[str, Any]:
    """Give a person a temporary password; her sessions end."""
    return _temporary(user_id, people.password_reset(gate.who(request), user_id=user_id, now=timezone.now()))


@router.post("/people/{int:user_id}/posts", response={201: PostMade}, summary="Give a post")
@gate.api(Permission.ACCOUNTS_MANAGE)
def person_post_post(request: HttpRequest, user_id: int, body: PostIn) -> dict[str, Any]:
    """Give a person a post within the caller's own region."""
    given = people.post_grant(
        gate.who(request),
        user_id=user_id,
        role=body.role,
        region=body.region,
        department=body.department,
        grade=body.grade,
        now=timezone.now(),
    )
    return {"id": given}


@router.post("/people/{int:user_id}/{change}", response={204: None}, summary="Unlock, stop, resume, end the second factor")
@gate.api(Permission.ACCOUNTS_MANAGE)
def person_change_post(
    request: HttpRequest, user_id: int, change: Literal["unlock", "stop", "resume", "second-factor-end"]
) -> None:
    """Change the state of an account."""
    act = {
        "unlock": people.user_unlock,
        "stop": people.user_stop,
        "resume": people.user_resume,
        "second-factor-end": second_factor.factor_take_away,
    }[change]
    act(gate.who(request), user_id=user_id, now=timezone.now())


@router.post("/posts/{int:post_id}/end", response={204: None}, summary="End a post")
@gate.api(Permission.ACCOUNTS_MANAGE)
def post_end_post(request: HttpRequest, post_id: int) -> None:
    """End a post at once."""
    people.post_end(gate.who(request), post_id=post_id, now=timezone.now())


@router.get("/tokens", response=Page[TokenOut], summary="Tokens")
@gate.api(Permission.TOKEN_MANAGE)
def tokens_get(request: HttpRequest, limit: Limit = 50, cursor: Cursor = "") -> dict[str, Any]:
    """List the tokens of posts in the caller's subtree, newest first."""
    before = cursor_read(cursor, int)
    found = token_list(gate.who(request), now=timezone.now(), before=before[0] if before else None, limit=limit + 1)
    return page_of(found, limit, lambda token: (token.id,))


@router.post("/tokens", response={201: TokenMade}, summary="Issue a token")
@gate.api(Permission.TOKEN_MANAGE)
def tokens_post(request: HttpRequest, body: TokenIn) -> dict[str, Any]:
    """Issue a token for a post; no token can do so, only a person."""
    expires = body.expires_at if body.expires_at.tzinfo else timezone.make_aware(body.expires_at)
    made, secret = token_issue(
        gate.who(request),
        post_id=body.post,
        name=body.name,
        permissions=body.permissions,
        expires_at=expires,
        now=timezone.now(),
    )
    return {"id": made, "secret": secret}


@router.post("/tokens/{int:token_id}/revoke", response={204: None}, summary="Revoke a token")
@gate.api(Permission.TOKEN_MANAGE)
def token_revoke_post(request: HttpRequest, token_id: int) -> None:
    """Make a token useless at once."""
    token_revoke(gate.who(request), token_id=token_id, now=timezone.now())


@router.get("/places", response=Page[PlaceOut], summary="Places")
@gate.api(Permission.SELF)
def places_get(request: HttpRequest, limit: Limit = 50, cursor: Cursor = "", q: Typed = "") -> dict[str, Any]:
    """List regions of the caller's subtree whose name contains, or whose code begins with, ``q``."""
    after = cursor_read(cursor, str)
    found = region_search(gate.who(request), q, after=after[0] if after else "", limit=limit + 1)
    return page_of(found, limit, lambda place: (place.code,))


@router.get("/roles", response=list[RoleOut], summary="Roles and permissions")
@gate.api(Permission.ACCOUNTS_MANAGE)
def roles_get(request: HttpRequest) -> list[dict[str, Any]]:
    """Return what each role may do."""
    table = permission_table()
    return [{"role": role, "permissions": [p for p, held in table if held[n]]} for n, role in enumerate(Role)]


@router.get("/settings", response=list[SettingOut], summary="Settings")
@gate.api(Permission.ACCOUNTS_MANAGE)
def settings_get(request: HttpRequest) -> Any:
    """Return every setting with its value and where it comes from."""
    return settings_shown(gate.who(request))
