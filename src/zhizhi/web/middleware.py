"""Gives every request its actor: the person in the post that she chose."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from zhizhi.apps.accounts.selectors.posts import actor_of, posts_of

POST, VIEW_AS = "post", "view_as"


class ActorMiddleware:
    """Sets ``request.actor`` (an ``Actor`` or None) and ``request.posts`` (the person's own posts).

    An administrator who views as another post acts with that post's sight and no right to change anything.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Put actor and posts on the request."""
        request.actor = None  # type: ignore[attr-defined]
        request.posts = []  # type: ignore[attr-defined]
        if request.user.is_authenticated and request.user.pk is not None:
            posts = posts_of(request.user.pk)
            request.posts = posts  # type: ignore[attr-defined]
            chosen = request.session.get(POST)
            own = next((post for post in posts if post.id == chosen), posts[0] if posts else None)
            if own is not None:
                request.actor = actor_of(own, view_as=request.session.get(VIEW_AS))  # type: ignore[attr-defined]
        return self.get_response(request)
