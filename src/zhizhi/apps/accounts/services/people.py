"""People, posts and the tree of regions: made, changed and ended with their events.

Nobody gives herself a post, nor one outside her own region, nor a grade that the installation does not know.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta

from axes.models import AccessAttempt
from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from zhizhi.apps.accounts import schemas
from zhizhi.apps.accounts.models import Post, Region, User
from zhizhi.apps.accounts.selectors.departments import departments
from zhizhi.apps.accounts.selectors.people import user_of, user_over
from zhizhi.apps.accounts.selectors.regions import Place
from zhizhi.apps.accounts.services.administrators import keep_an_administrator
from zhizhi.apps.actors import Actor, Permission, Role
from zhizhi.apps.configuration import configuration
from zhizhi.apps.recording import happened
from zhizhi.kernel.errors import ConflictError, InvalidError, NotFoundError, RefusedError

USERNAME = re.compile(r"[a-z0-9][a-z0-9._@-]{1,63}")
TEMPORARY_FOR = timedelta(hours=72)
_SYLLABLES = [first + last for first in "bdfghjkmnprstvwz" for last in ("a", "e", "i", "o", "u", "an", "ei", "on")]


def user_create(
    actor: Actor,
    *,
    username: str,
    display_name: str,
    password: str | None,
    now: datetime,
    demo: bool = False,
    must_change: bool = False,
    region: str = "",
    phone: str = "",
    temporary: bool = False,
) -> int:
    """Make a user who can log in (``password`` None: she cannot until one is set) and return her id.

    Args:
        actor: who makes her.
        username: login name; stored in small letters.
        display_name: her name as others see it.
        password: what she logs in with.
        now: when.
        demo: an account of the demonstration.
        must_change: she chooses a password of her own before anything else.
        region: where she belongs, so that the administrators of that place may look after her; empty: the actor's own.
        phone: how she is reached.
        temporary: the password ends after ``TEMPORARY_FOR``.

    Raises:
        ConflictError: ``accounts.username-taken``.
        InvalidError: ``accounts.username-unfit``, ``accounts.name-needed``.
    """
    actor.require(Permission.ACCOUNTS_MANAGE)
    home = region or actor.region
    actor.require_sight(home)
    name = username.strip().lower()
    if not USERNAME.fullmatch(name):
        raise InvalidError("accounts.username-unfit", field="username")
    if not display_name.strip():
        raise InvalidError("accounts.name-needed", field="display_name")
    try:
        with transaction.atomic():
            if User.objects.filter(username=name).exists():
                raise ConflictError("accounts.username-taken", username=name)
            user = User.objects.create(
                username=name,
                display_name=display_name.strip(),
                phone=phone.strip(),
                password=make_password(password),
                created_at=now,
                region=home,
                is_demo=demo,
                must_change_password=must_change,
                temporary_until=now + TEMPORARY_FOR if temporary else None,
            )
            happened(actor, schemas.USER_CREATED, now=now, subjects=[f"user:{user.pk}"], region=home, details={"demo": demo})
    except IntegrityError as error:
        raise ConflictError("accounts.username-taken", username=name) from error
    return user.pk


def temporary_password() -> str:
    """Return a password that can be read out over the telephone: five words of two syllables, 70 bits of chance."""
    # Chance is no argument here: a password that a caller could choose would not be one.
    return "-".join("".join(secrets.choice(_SYLLABLES) for _ in range(2)) for _ in range(5))


def password_reset(actor: Actor, *, user_id: int, now: datetime) -> str:
    """Give a user a temporary password, to be shown once to the administrator, and return it.

    She must choose her own when she logs in with it; it ends after ``TEMPORARY_FOR``, and all her sessions end now.
    """
    actor.require(Permission.ACCOUNTS_MANAGE)
    with transaction.atomic():
        user = user_over(actor, user_id, lock=True)
        if user.pk == actor.user_id:
            raise RefusedError("accounts.not-oneself")
        given = temporary_password()
        user.password = make_password(given)
        user.must_change_password = True
        user.temporary_until = now + TEMPORARY_FOR
        user.save(update_fields=["password", "must_change_password", "temporary_until"])
        happened(actor, schemas.PASSWORD_RESET, now=now, subjects=[f"user:{user.pk}"], region=user.region)
    return given


def password_change(actor: Actor, *, old: str, new: str, now: datetime) -> None:
    """Change one's own password; all other sessions of the person end.

    Raises:
        InvalidError: ``accounts.password-wrong``, ``accounts.password-same``, ``accounts.password-weak``; each names its field.
    """
    with transaction.atomic():
        user = user_of(actor, lock=True)
        if not user.check_password(old):
            raise InvalidError("accounts.password-wrong", field="old")
        if new == old:
            raise InvalidError("accounts.password-same", field="new")
        try:
            validate_password(new, user)
        except ValidationError as error:
            raise InvalidError("accounts.password-weak", field="new", why=" ".join(error.messages)) from error
        user.password = make_password(new)
        user.must_change_password = False
        user.temporary_until = None
        user.save(update_fields=["password", "must_change_password", "temporary_until"])
        happened(actor, schemas.PASSWORD_CHANGED, now=now, subjects=[f"user:{user.pk}"], region=user.region)


def user_stop(actor: Actor, *, user_id: int, now: datetime) -> None:
    """Close a person's account: she cannot log in, her sessions and tokens end; her posts stay as they were.

    Raises:
        RefusedError: ``accounts.not-oneself``, ``accounts.last-administrator``.
    """
    actor.require(Permission.ACCOUNTS_MANAGE)
    with transaction.atomic():
        user = user_over(actor, user_id, lock=True)
        if user.pk == actor.user_id:
            raise RefusedError("accounts.not-oneself")
        if not user.is_active:
            return
        keep_an_administrator(without_user=user.pk)
        user.is_active = False
        user.save(update_fields=["is_active"])
        happened(actor, schemas.USER_STOPPED, now=now, subjects=[f"user:{user.pk}"], region=user.region)


def user_unlock(actor: Actor, *, user_id: int, now: datetime) -> None:
    """Let a person who was locked out after too many wrong passwords try again at once."""
    actor.require(Permission.ACCOUNTS_MANAGE)
    with transaction.atomic():
        user = user_over(actor, user_id)
        AccessAttempt.objects.filter(username=user.username).delete()
        happened(actor, schemas.USER_UNLOCKED, now=now, subjects=[f"user:{user.pk}"], region=user.region)


def user_resume(actor: Actor, *, user_id: int, now: datetime) -> None:
    """Open a closed account again."""
    actor.require(Permission.ACCOUNTS_MANAGE)
    with transaction.atomic():
        user = user_over(actor, user_id, lock=True)
        if user.is_active:
            return
        user.is_active = True
        user.save(update_fields=["is_active"])
        happened(actor, schemas.USER_RESUMED, now=now, subjects=[f"user:{user.pk}"], region=user.region)


def post_grant(
    actor: Actor, *, user_id: int, role: Role, region: str, now: datetime, department: str = "", grade: int = 2
) -> int:
    """Give a user a post and return its id.

    Raises:
        RefusedError: ``accounts.not-oneself``, ``accounts.outside-scope``, ``accounts.beyond-you``.
        InvalidError: ``accounts.region-unknown``, ``accounts.department-unknown``, ``accounts.grade-too-high``.
        ConflictError: ``accounts.post-twice``.
    """
    actor.require(Permission.ACCOUNTS_MANAGE)
    actor.require_sight(region)
    if actor.user_id is not None:  # the command founds the first post, before there are regions
        if user_id == actor.user_id:
            raise RefusedError("accounts.not-oneself")
        if not Region.objects.filter(pk=region).exists():
            raise InvalidError("accounts.region-unknown", field="region", region=region)
        if department and department not in departments():
            raise InvalidError("accounts.department-unknown", field="department", department=department)
    highest = configuration().highest_grade
    if not 1 <= grade <= highest:
        raise InvalidError("accounts.grade-too-high", field="grade", grade=grade, highest=highest)
    with transaction.atomic():
        user = user_over(actor, user_id, lock=True)
        same = Post.objects.filter(user_id=user.pk, role=role.value, region=region, department=department, is_active=True)
        if same.exists():
            raise ConflictError("accounts.post-twice")
        post = Post.objects.create(
            user_id=user.pk, role=role.value, region=region, department=department, grade=grade, created_at=now
        )
        happened(
            actor,
            schemas.POST_GRANTED,
            now=now,
            subjects=[f"user:{user.pk}", f"post:{post.pk}"],
            region=region,
            details={"role": role.value, "department": department, "grade": grade},
        )
    return post.pk


def post_end(actor: Actor, *, post_id: int, now: datetime) -> None:
    """End a post: who holds it loses what it let her see and do at once, and its tokens stop.

    Raises:
        NotFoundError: the actor does not see such a post.
        RefusedError: ``accounts.last-administrator``, ``accounts.beyond-you``.
    """
    actor.require(Permission.ACCOUNTS_MANAGE)
    with transaction.atomic():
        post = Post.objects.select_for_update().filter(pk=post_id).first()
        if post is None or not actor.sees(post.region):
            raise NotFoundError("web.not-found")
        if not post.is_active:
            return
        if post.role == Role.ADMINISTRATOR.value:
            keep_an_administrator(without_post=post.pk)
        post.is_active, post.ended_at = False, now
        post.save(update_fields=["is_active", "ended_at"])
        happened(
            actor,
            schemas.POST_ENDED,
            now=now,
            subjects=[f"user:{post.user_id}", f"post:{post.pk}"],
            region=post.region,
            details={"role": post.role},
        )


def regions_put(actor: Actor, *, places: Iterable[Place]) -> int:
    """Put places into the tree, replacing those of the same code; return how many."""
    actor.require(Permission.ACCOUNTS_MANAGE)
    rows = [Region(code=p.code, name_zh=p.zh, name_en=p.en, parent=p.parent, level=p.level, people=p.people) for p in places]
    with transaction.atomic():
        Region.objects.bulk_create(
            rows,
            batch_size=2_000,
            update_conflicts=True,
            unique_fields=["code"],
            update_fields=["name_zh", "name_en", "parent", "level", "people"],
        )
    return len(rows)
