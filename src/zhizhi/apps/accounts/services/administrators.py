"""The rule that somebody can always give out rights: the last administrator of a place stays."""

from __future__ import annotations

from zhizhi.apps.accounts.models import Post
from zhizhi.apps.actors import Role, region_prefix
from zhizhi.kernel.errors import RefusedError


def keep_an_administrator(*, without_user: int | None = None, without_post: int | None = None) -> None:
    """Refuse to end posts of administrator that nobody else's post covers; called inside the transaction that ends them.

    Locks all posts of administrators, so that two who end each other at the same moment do not both succeed.

    Raises:
        RefusedError: ``accounts.last-administrator``.
    """
    posts = Post.objects.filter(role=Role.ADMINISTRATOR.value, is_active=True, user__is_active=True)
    held = list(posts.select_for_update(of=("self",)).order_by("pk").values_list("pk", "user_id", "region"))
    ending = [region for pk, user, region in held if pk == without_post or user == without_user]
    staying = [region_prefix(region) for pk, user, region in held if pk != without_post and user != without_user]
    if any(not any(prefix and region.startswith(prefix) for prefix in staying) for region in ending):
        raise RefusedError("accounts.last-administrator")
