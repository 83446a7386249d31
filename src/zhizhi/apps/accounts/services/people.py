"""People, posts and the tree of regions: made, changed and ended with their events."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.contrib.auth.hashers import make_password
from django.db import transaction

from zhizhi.apps.accounts.models import Post, Region, User
from zhizhi.apps.accounts.selectors.regions import Place
from zhizhi.apps.actors import Actor, Permission, Role
from zhizhi.kernel.errors import ConflictError


def user_create(
    actor: Actor,
    *,
    username: str,
    display_name: str,
    password: str | None,
    now: datetime,
    demo: bool = False,
    must_change: bool = False,
) -> int:
    """Make a user who can log in (``password`` None: she cannot until one is set) and return her id.

    Raises:
        ConflictError: ``accounts.username-taken``.
    """
    actor.require(Permission.ACCOUNTS_MANAGE)
    with transaction.atomic():
        if User.objects.filter(username__iexact=username).exists():
            raise ConflictError("accounts.username-taken", username=username)
        user = User.objects.create(
            username=username,
            display_name=display_name,
            password=make_password(password),
            created_at=now,
            is_demo=demo,
            must_change_password=must_change,
        )
    return user.pk


def post_grant(
    actor: Actor, *, user_id: int, role: Role, region: str, now: datetime, department: str = "", grade: int = 2
) -> int:
    """Give a user a post and return its id."""
    actor.require(Permission.ACCOUNTS_MANAGE)
    actor.require_sight(region)
    with transaction.atomic():
        post = Post.objects.create(
            user_id=user_id, role=role.value, region=region, department=department, grade=grade, created_at=now
        )
    return post.pk


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
