"""People as those who look after accounts see them: of their own subtree, and no further."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Prefetch, Q, QuerySet
from django_otp.plugins.otp_totp.models import TOTPDevice

from zhizhi.apps.accounts.models import Post, User
from zhizhi.apps.accounts.selectors.locks import locked_names, locked_until
from zhizhi.apps.actors import Actor, Permission, Role, in_scope
from zhizhi.kernel.errors import NotFoundError, RefusedError


@dataclass(frozen=True, slots=True)
class HeldPost:
    """A post of a person, as the pages of administration show it."""

    id: int
    role: Role
    region: str
    department: str
    grade: int
    is_active: bool
    created_at: datetime
    ended_at: datetime | None
    within: bool
    """Whether it lies in the subtree of who looks."""


@dataclass(frozen=True, slots=True)
class Person:
    """A person with her posts. ``managed`` says whether who looks may change her account."""

    id: int
    username: str
    name: str
    phone: str
    region: str
    is_active: bool
    is_demo: bool
    must_change_password: bool
    has_second_factor: bool
    last_login: datetime | None
    created_at: datetime
    locked_until: datetime | None
    posts: tuple[HeldPost, ...]
    managed: bool

    @property
    def active_posts(self) -> list[HeldPost]:
        """The posts that she holds now."""
        return [post for post in self.posts if post.is_active]


def _visible(actor: Actor) -> QuerySet[User]:
    posts = Post.objects.filter(in_scope(actor), is_active=True).values("user_id")
    return User.objects.filter(in_scope(actor) | Q(pk__in=posts))


def user_list(
    actor: Actor,
    *,
    now: datetime,
    q: str = "",
    role: Role | None = None,
    state: str = "",
    after: str = "",
    limit: int | None = None,
) -> list[Person]:
    """Return the people that an administrator looks after, by login name.

    Args:
        actor: who looks.
        now: at what moment locks are judged.
        q: part of a name or login name.
        role: only who holds such a post in the actor's subtree.
        state: ``active``, ``stopped``, ``locked``, ``no-post`` or empty for all.
        after: login name after which the page begins.
        limit: how many at most.
    """
    actor.require(Permission.ACCOUNTS_MANAGE)
    rows = _visible(actor)
    if q:
        rows = rows.filter(Q(username__icontains=q) | Q(display_name__icontains=q))
    held = Post.objects.filter(is_active=True)
    if role is not None:
        rows = rows.filter(pk__in=held.filter(in_scope(actor), role=role.value).values("user_id"))
    if state == "active":
        rows = rows.filter(is_active=True)
    elif state == "stopped":
        rows = rows.filter(is_active=False)
    elif state == "locked":
        rows = rows.filter(username__in=locked_names(now))
    elif state == "no-post":
        rows = rows.exclude(pk__in=held.values("user_id"))
    if after:
        rows = rows.filter(username__gt=after)
    rows = rows.order_by("username").prefetch_related(Prefetch("posts", Post.objects.order_by("-is_active", "id")))
    return _shown(actor, list(rows[:limit]), now)


def user_get(actor: Actor, user_id: int, *, now: datetime) -> Person:
    """Return one person of the actor's subtree.

    Raises:
        NotFoundError: there is none that the actor sees.
    """
    actor.require(Permission.ACCOUNTS_MANAGE)
    rows = _visible(actor).filter(pk=user_id).prefetch_related(Prefetch("posts", Post.objects.order_by("-is_active", "id")))
    found = _shown(actor, list(rows), now)
    if not found:
        raise NotFoundError("web.not-found")
    return found[0]


def _shown(actor: Actor, users: list[User], now: datetime) -> list[Person]:
    keys = [user.pk for user in users]
    factors = set(TOTPDevice.objects.filter(user_id__in=keys, confirmed=True).values_list("user_id", flat=True))
    locked = locked_names(now)
    people = []
    for user in users:
        posts = tuple(
            HeldPost(
                id=post.pk,
                role=Role(post.role),
                region=post.region,
                department=post.department,
                grade=post.grade,
                is_active=post.is_active,
                created_at=post.created_at,
                ended_at=post.ended_at,
                within=actor.sees(post.region),
            )
            for post in user.posts.all()
        )
        people.append(
            Person(
                id=user.pk,
                username=user.username,
                name=user.display_name,
                phone=user.phone,
                region=user.region,
                is_active=user.is_active,
                is_demo=user.is_demo,
                must_change_password=user.must_change_password,
                has_second_factor=user.pk in factors,
                last_login=user.last_login,
                created_at=user.created_at,
                locked_until=locked_until(user.username, now=now) if user.username in locked else None,
                posts=posts,
                managed=all(post.within for post in posts if post.is_active),
            )
        )
    return people


def user_over(actor: Actor, user_id: int, *, lock: bool = False) -> User:
    """Return the row of a person whose account the actor may change; for services of this app.

    Who holds a post outside the actor's subtree can be seen by her and not be changed: a new password for such a person would
    open what the actor herself may not open.

    Raises:
        NotFoundError: the actor sees no such person.
        RefusedError: ``accounts.beyond-you``.
    """
    user = _visible(actor).filter(pk=user_id).first()
    if user is None:
        raise NotFoundError("web.not-found")
    if lock:
        user = User.objects.select_for_update().get(pk=user.pk)
    held = Post.objects.filter(user_id=user.pk, is_active=True).values_list("region", flat=True)
    if not all(actor.sees(region) for region in held):
        raise RefusedError("accounts.beyond-you")
    return user


def user_of(actor: Actor, *, lock: bool = False) -> User:
    """Return the row of the actor's own account; for services of this app.

    Raises:
        RefusedError: ``accounts.no-account``: a job or the command has none.
    """
    rows = User.objects.select_for_update() if lock else User.objects.all()
    user = rows.filter(pk=actor.user_id).first() if actor.user_id is not None else None
    if user is None:
        raise RefusedError("accounts.no-account")
    return user
