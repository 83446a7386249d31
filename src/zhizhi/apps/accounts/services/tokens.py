"""API tokens: issued for one post with some of its permissions, shown once, revoked."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction

from zhizhi.apps.accounts import schemas
from zhizhi.apps.accounts.models import Post, Token
from zhizhi.apps.accounts.selectors.people import user_over
from zhizhi.apps.accounts.selectors.tokens import MARK, digest_of
from zhizhi.apps.actors import PERMISSIONS, Actor, Permission, Role
from zhizhi.apps.recording import happened
from zhizhi.kernel.errors import InvalidError, NotFoundError

LONGEST = timedelta(days=366)
NEVER = frozenset({Permission.ACCOUNTS_MANAGE, Permission.TOKEN_MANAGE, Permission.VIEW_AS})
"""No program gives out rights: these are for people who have logged in."""


def token_issue(
    actor: Actor, *, post_id: int, name: str, permissions: Iterable[Permission], expires_at: datetime, now: datetime
) -> tuple[int, str]:
    """Issue a token for a post; return its id and its secret, which is shown once and not kept.

    Raises:
        NotFoundError: the actor does not see such a post.
        InvalidError: ``accounts.token-name-needed``, ``accounts.token-permissions``, ``accounts.token-expiry``.
    """
    actor.require(Permission.TOKEN_MANAGE)
    wanted = frozenset(permissions)
    if not name.strip():
        raise InvalidError("accounts.token-name-needed", field="name")
    if not now < expires_at <= now + LONGEST:
        raise InvalidError("accounts.token-expiry", field="expires", days=LONGEST.days)
    # Chance is no argument here: a secret that a caller could choose would not be one.
    secret = MARK + secrets.token_urlsafe(32)
    with transaction.atomic():
        post = Post.objects.filter(pk=post_id, is_active=True).first()
        if post is None or not actor.sees(post.region):
            raise NotFoundError("web.not-found")
        user_over(actor, post.user_id)
        if not wanted or not wanted <= PERMISSIONS[Role(post.role)] - NEVER:
            raise InvalidError("accounts.token-permissions", field="permissions")
        token = Token.objects.create(
            name=name.strip(),
            post=post,
            permissions=sorted(permission.value for permission in wanted),
            digest=digest_of(secret),
            prefix=secret[:8],
            created_at=now,
            created_by=actor.user_id,
            expires_at=expires_at,
        )
        happened(
            actor,
            schemas.TOKEN_ISSUED,
            now=now,
            subjects=[f"token:{token.pk}", f"post:{post.pk}"],
            region=post.region,
            details={"permissions": token.permissions, "expires": expires_at.isoformat()},
        )
    return token.pk, secret


def token_revoke(actor: Actor, *, token_id: int, now: datetime) -> None:
    """Make a token useless at once.

    Raises:
        NotFoundError: the actor does not see such a token.
    """
    actor.require(Permission.TOKEN_MANAGE)
    with transaction.atomic():
        token = Token.objects.select_for_update(of=("self",)).select_related("post").filter(pk=token_id).first()
        if token is None or not actor.sees(token.post.region):
            raise NotFoundError("web.not-found")
        if token.revoked_at is not None:
            return
        token.revoked_at = now
        token.save(update_fields=["revoked_at"])
        happened(
            actor,
            schemas.TOKEN_REVOKED,
            now=now,
            subjects=[f"token:{token.pk}", f"post:{token.post_id}"],
            region=token.post.region,
        )
