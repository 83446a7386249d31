"""API tokens: whose they are, what they may do, and the actor that one makes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from zhizhi.apps.accounts.models import Post, Token, User
from zhizhi.apps.accounts.selectors.posts import PostView, actor_of
from zhizhi.apps.actors import Actor, Permission, Role, in_scope

MARK = "zz_"
"""What every token begins with, so that one left in a file is recognised."""
USED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class TokenView:
    """A token as it is listed; its secret is known to nobody but its holder."""

    id: int
    name: str
    prefix: str
    user_name: str
    role: Role
    region: str
    permissions: tuple[Permission, ...]
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None
    state: str
    """``valid``, ``expired``, ``revoked`` or ``post-ended``."""


def digest_of(secret: str) -> str:
    """Return what is stored of a secret. It has 256 bits of chance in it, so one round of SHA-256 is enough."""
    return hashlib.sha256(secret.encode()).hexdigest()


_LIVE = f"""
    SELECT t.*, p.user_id AS user_id, u.display_name AS user_name, p.role AS role, p.region AS region,
           p.department AS department, p.grade AS grade
    FROM {Token._meta.db_table} t
    JOIN {Post._meta.db_table} p ON p.id = t.post_id AND p.is_active
    JOIN {User._meta.db_table} u ON u.id = p.user_id AND u.is_active
    WHERE t.digest = %s AND t.revoked_at IS NULL
"""
"""Written out because every request of a program begins with it: building the query anew costs more than running it."""


def token_actor(secret: str, *, now: datetime) -> tuple[int, Actor] | None:
    """Return the id of a valid token and the actor that it makes, or None."""
    if not secret.startswith(MARK):
        return None
    token: Any = next(iter(Token.objects.raw(_LIVE, [digest_of(secret)])), None)
    if token is None or token.expires_at <= now:
        return None
    if token.last_used_at is None or now - token.last_used_at >= USED_EVERY:
        Token.objects.filter(pk=token.pk).update(last_used_at=now)
    post = PostView(token.post_id, token.user_id, token.user_name, Role(token.role), token.region, token.department, token.grade)
    actor = actor_of(post, via="api")
    return token.pk, replace(actor, permissions=actor.permissions & frozenset(token.permissions))


def token_list(actor: Actor, *, now: datetime, before: int | None = None, limit: int | None = None) -> list[TokenView]:
    """Return the tokens of posts in the actor's subtree, newest first; ``before`` is the id after which a page begins."""
    actor.require(Permission.TOKEN_MANAGE)
    rows = Token.objects.filter(in_scope(actor, "post__region")).select_related("post__user").order_by("-id")
    if before is not None:
        rows = rows.filter(pk__lt=before)
    return [_shown(token, now) for token in rows[:limit]]


def _shown(token: Token, now: datetime) -> TokenView:
    post: Post = token.post
    return TokenView(
        id=token.pk,
        name=token.name,
        prefix=token.prefix,
        user_name=post.user.display_name,
        role=Role(post.role),
        region=post.region,
        permissions=tuple(sorted(Permission(name) for name in token.permissions)),
        created_at=token.created_at,
        expires_at=token.expires_at,
        last_used_at=token.last_used_at,
        revoked_at=token.revoked_at,
        state=_state(token, now),
    )


def _state(token: Token, now: datetime) -> str:
    if token.revoked_at is not None:
        return "revoked"
    if not token.post.is_active or not token.post.user.is_active:
        return "post-ended"
    return "expired" if token.expires_at <= now else "valid"
