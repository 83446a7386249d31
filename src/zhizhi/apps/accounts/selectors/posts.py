"""Posts of a person, and the actor that a post makes of her."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from zhizhi.apps.accounts.models import Post
from zhizhi.apps.actors import PERMISSIONS, Actor, Permission, Role, region_prefix
from zhizhi.kernel.errors import NotFoundError

NOT_WHILE_VIEWING = frozenset({Permission.FINDING_EXPORT, Permission.JOURNAL_EXPORT})
"""What a preview does not let through: nothing leaves the building in another's name."""


@dataclass(frozen=True, slots=True)
class PostView:
    """A post as it is shown and switched to."""

    id: int
    user_id: int
    user_name: str
    role: Role
    region: str
    department: str
    grade: int


def posts_of(user_id: int) -> list[PostView]:
    """Return the active posts of an active user, oldest first."""
    rows = Post.objects.filter(user_id=user_id, is_active=True, user__is_active=True).select_related("user").order_by("id")
    return [_shown(post) for post in rows]


def post_get(post_id: int) -> PostView | None:
    """Return one active post of an active user, or None."""
    post = Post.objects.filter(pk=post_id, is_active=True, user__is_active=True).select_related("user").first()
    return _shown(post) if post else None


def post_seen(actor: Actor, post_id: int) -> PostView:
    """Return an active post of the actor's subtree.

    Raises:
        NotFoundError: the actor sees no such post.
    """
    post = post_get(post_id)
    if post is None or not actor.sees(post.region):
        raise NotFoundError("web.not-found")
    return post


def actor_of(post: PostView, *, view_as: int | None = None, via: str = "page") -> Actor:
    """Return the actor of a post; ``view_as`` is the post an administrator looks through.

    Her own name and post stay in it, so that the journal says who really looked (``via`` is ``view-as``). She sees that post's
    pages and places, but no data of a higher grade than her own: who gives out rights does not read files by giving them.
    """
    other = viewed(post, view_as)
    seen = other or post
    return Actor(
        user_id=post.user_id,
        post_id=post.id,
        name=post.user_name,
        role=seen.role,
        region=seen.region,
        department=seen.department,
        grade=min(post.grade, seen.grade),
        via="view-as" if other else via,
        permissions=PERMISSIONS[seen.role] - (NOT_WHILE_VIEWING if other else frozenset()),
        viewing=other is not None,
    )


def viewed(own: PostView, view_as: int | None) -> PostView | None:
    """Return the post that the holder of ``own`` may look through: below her, and no administrator's; or None."""
    if view_as is None or Permission.VIEW_AS not in PERMISSIONS[own.role]:
        return None
    other = post_get(view_as)
    if other is None or other.role is Role.ADMINISTRATOR or not actor_of(own).sees(other.region):
        return None
    return other


def _shown(post: Post) -> PostView:
    return PostView(post.pk, post.user_id, post.user.display_name, Role(post.role), post.region, post.department, post.grade)


def administrator_exists() -> bool:
    """Whether anybody holds an active post of administrator: asked by ``zhizhi init`` and ``zhizhi doctor``."""
    return Post.objects.filter(role=Role.ADMINISTRATOR.value, is_active=True, user__is_active=True).exists()


def posts_covering(region: str, roles: Sequence[Role]) -> list[PostView]:
    """Return the active posts of these roles whose subtree holds ``region``, the most local first, then by name."""
    codes = {region[:2] + "0000", region[:4] + "00", region[:6], region[:9], region}
    rows = Post.objects.filter(
        region__in=codes, role__in=[role.value for role in roles], is_active=True, user__is_active=True
    ).select_related("user")
    listed = [_shown(post) for post in rows if region.startswith(region_prefix(post.region))]
    return sorted(listed, key=lambda post: (-len(region_prefix(post.region)), post.user_name, post.id))
