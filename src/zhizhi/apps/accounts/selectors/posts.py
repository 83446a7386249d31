"""Posts of a person, and the actor that a post makes of her."""

from __future__ import annotations

from dataclasses import dataclass

from zhizhi.apps.accounts.models import Post
from zhizhi.apps.actors import PERMISSIONS, Actor, Permission, Role


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


def actor_of(post: PostView, *, view_as: int | None = None, via: str = "page") -> Actor:
    """Return the actor of a post; ``view_as`` is the post an administrator looks through.

    Her own name and post stay in it, so that the journal says who really looked.
    """
    seen, viewing = post, False
    if view_as is not None and Permission.VIEW_AS in PERMISSIONS[post.role]:
        other = post_get(view_as)
        if other is not None:
            seen, viewing = other, True
    return Actor(
        user_id=post.user_id,
        post_id=post.id,
        name=post.user_name,
        role=seen.role,
        region=seen.region,
        department=seen.department,
        grade=seen.grade,
        via=via,
        permissions=PERMISSIONS[seen.role],
        viewing=viewing,
    )


def _shown(post: Post) -> PostView:
    return PostView(post.pk, post.user_id, post.user.display_name, Role(post.role), post.region, post.department, post.grade)


def administrator_exists() -> bool:
    """Whether anybody holds an active post of administrator: asked by ``zhizhi init`` and ``zhizhi doctor``."""
    return Post.objects.filter(role=Role.ADMINISTRATOR.value, is_active=True, user__is_active=True).exists()
