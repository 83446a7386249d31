"""Sessions as the journal tells them: begun, ended, refused, and the previews of administrators."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from zhizhi.apps.accounts import schemas
from zhizhi.apps.accounts.models import User
from zhizhi.apps.accounts.selectors.locks import locked_until
from zhizhi.apps.accounts.selectors.posts import PostView, actor_of, post_get, posts_of, viewed
from zhizhi.apps.actors import Actor, Permission
from zhizhi.apps.configuration import configuration
from zhizhi.apps.recording import happened
from zhizhi.kernel.errors import InvalidError, NotFoundError


def _nobody() -> Actor:
    """Return who stands in the journal while it is not known who asks."""
    return Actor(None, None, "login", None, configuration().region)


def _person(user_id: int) -> Actor:
    posts = posts_of(user_id)
    if posts:
        return actor_of(posts[0])
    user = User.objects.get(pk=user_id)
    return Actor(user.pk, None, user.display_name, None, user.region)


def session_started(*, user_id: int, second_factor: str, now: datetime) -> None:
    """Record that a person has logged in; ``second_factor`` is ``code``, ``recovery-code`` or empty."""
    actor = _person(user_id)
    with transaction.atomic():
        happened(
            actor,
            schemas.SESSION_STARTED,
            now=now,
            subjects=[f"user:{user_id}"],
            region=actor.region,
            details={"second-factor": second_factor},
        )


def session_ended(actor: Actor | None, *, user_id: int, now: datetime) -> None:
    """Record that a person has logged out."""
    who = actor or _person(user_id)
    with transaction.atomic():
        happened(who, schemas.SESSION_ENDED, now=now, subjects=[f"user:{user_id}"], region=who.region)


def login_failed(*, username: str, address: str, now: datetime) -> None:
    """Record a wrong password for a login name that exists; of others nothing is kept but django-axes' count.

    The last failure before a lock is told as the lock.
    """
    user = User.objects.filter(username=username).first()
    if user is None:
        return
    name = schemas.LOGIN_LOCKED if locked_until(username, now=now, address=address) else schemas.LOGIN_FAILED
    with transaction.atomic():
        happened(_nobody(), name, now=now, subjects=[f"user:{user.pk}"], region=user.region)


def post_chosen(actor: Actor, *, post_id: int, now: datetime) -> PostView:
    """Record that a person works in another of her posts from now on, and return it.

    Raises:
        NotFoundError: it is not hers.
    """
    chosen = next((post for post in posts_of(actor.user_id or 0) if post.id == post_id), None)
    if chosen is None:
        raise NotFoundError("web.not-found")
    with transaction.atomic():
        happened(actor_of(chosen), schemas.POST_CHOSEN, now=now, subjects=[f"post:{chosen.id}"], region=chosen.region)
    return chosen


def view_as_post(actor: Actor, *, post_id: int) -> PostView:
    """Return the post that an administrator wants to look through.

    Raises:
        NotFoundError: the actor does not see such a post, it is an administrator's, or it is her own.
    """
    actor.require(Permission.VIEW_AS)
    own = post_get(actor.post_id) if actor.post_id and not actor.viewing else None
    other = viewed(own, post_id) if own else None
    if other is None or other.user_id == actor.user_id:
        raise NotFoundError("web.not-found")
    return other


def view_as_start(actor: Actor, *, post_id: int, purpose: str, now: datetime) -> PostView:
    """Begin to look through another post, for a reason that stands in the journal; return that post.

    Raises:
        NotFoundError: see ``view_as_post``.
        InvalidError: ``accounts.purpose-needed``.
    """
    other = view_as_post(actor, post_id=post_id)
    if len(purpose.strip()) < 4:
        raise InvalidError("accounts.purpose-needed", field="purpose")
    with transaction.atomic():
        happened(
            actor,
            schemas.VIEW_AS_STARTED,
            now=now,
            subjects=[f"post:{other.id}", f"user:{other.user_id}"],
            region=other.region,
            purpose=purpose.strip()[:200],
            details={"role": other.role.value},
        )
    return other


def view_as_end(actor: Actor, *, post_id: int, now: datetime) -> None:
    """Record that a preview is over; ``actor`` is who looked, in her own post or still in the other."""
    own = post_get(actor.post_id) if actor.post_id else None
    who = actor_of(own) if own else actor
    with transaction.atomic():
        happened(who, schemas.VIEW_AS_ENDED, now=now, subjects=[f"post:{post_id}"], region=who.region)
