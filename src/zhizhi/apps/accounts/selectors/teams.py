"""Who works where: the posts of one role within a region."""

from __future__ import annotations

from zhizhi.apps.accounts.models import Post
from zhizhi.apps.accounts.selectors.posts import PostView
from zhizhi.apps.actors import Actor, Role, in_scope


def posts_in_role(actor: Actor, role: Role) -> list[PostView]:
    """Return the active posts of a role whose region the actor sees, by id."""
    rows = (
        Post.objects.filter(in_scope(actor), role=role.value, is_active=True, user__is_active=True)
        .select_related("user")
        .order_by("id")
    )
    return [PostView(row.pk, row.user_id, row.user.display_name, role, row.region, row.department, row.grade) for row in rows]
