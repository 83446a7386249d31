"""Gives every request its actor: the person in the post that she chose, or the post of a token; and the API its limits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language_from_path

from zhizhi.apps.accounts.schemas import IN_POST, IN_VIEW, IN_VIEW_UNTIL
from zhizhi.apps.accounts.selectors.posts import actor_of, posts_of
from zhizhi.apps.accounts.selectors.tokens import token_actor
from zhizhi.apps.actors import Actor
from zhizhi.apps.configuration import configuration
from zhizhi.apps.gate import Gate
from zhizhi.kernel.errors import RefusedError, UnavailableError, UsageError, ZhizhiError
from zhizhi.web.errors import error_page, of_status, problem
from zhizhi.web.limits import seconds_to_wait

API = "/api/"
Answer = Callable[[HttpRequest], HttpResponse]


def client_address(request: HttpRequest) -> str:
    """Return the address of the caller: behind a proxy, the one that the nearest proxy saw."""
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "") if configuration().https else ""
    return forwarded.rpartition(",")[2].strip() or str(request.META.get("REMOTE_ADDR", ""))


class ActorMiddleware:
    """Sets ``request.actor`` (an ``Actor`` or None), ``request.posts`` (the person's own posts) and ``request.token``.

    An administrator who views as another post acts with that post's sight and no right to change anything, for a while.
    """

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Put actor and posts on the request."""
        request.actor, request.posts, request.token = None, [], None  # type: ignore[attr-defined]
        if "\0" in request.path_info or "%00" in request.META.get("QUERY_STRING", ""):
            error = UsageError("web.bad-request")
            return problem(error) if request.path.startswith(API) else error_page(request, error)
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        if request.path.startswith(API) and scheme.lower() == "bearer":
            found = token_actor(secret.strip(), now=timezone.now())
            if found is None:
                return problem(RefusedError("accounts.token-refused"))
            request.user = AnonymousUser()
            request.token, request.actor = found  # type: ignore[attr-defined]
        elif request.user.is_authenticated and request.user.pk is not None:
            self._seat(request, request.user.pk)
        response = self.get_response(request)
        if request.actor is not None and "Cache-Control" not in response:  # type: ignore[attr-defined]
            response["Cache-Control"] = "private, no-store"  # what was shown is not left behind on a shared computer
        return response

    def _seat(self, request: HttpRequest, user_id: int) -> None:
        posts = posts_of(user_id)
        chosen = request.session.get(IN_POST)
        own = next((post for post in posts if post.id == chosen), posts[0] if posts else None)
        view_as = request.session.get(IN_VIEW)
        if view_as is not None and timezone.now().timestamp() >= request.session.get(IN_VIEW_UNTIL, 0):
            view_as = None
        request.posts = posts  # type: ignore[attr-defined]
        if own is not None:
            via = "api" if request.path.startswith(API) else "page"
            request.actor = actor_of(own, view_as=view_as, via=via)  # type: ignore[attr-defined]

    def process_view(self, request: HttpRequest, view: Any, _args: Any, _kwargs: Any) -> HttpResponse | None:
        """Send a person whose password was given to her by somebody else to choose her own first."""
        if not getattr(request.user, "must_change_password", False):
            return None
        gate: Gate | None = getattr(view, "gate", None)
        if gate is not None and (gate.permission is None or gate.before_password):
            return None
        if request.path.startswith(API):
            return problem(RefusedError("accounts.password-first"))
        return HttpResponseRedirect(reverse("accounts:password"))


class LanguageMiddleware:
    """Remembers the language of the page that was last opened, for addresses without one: the start, the API."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Set the cookie of the language where it has changed."""
        response = self.get_response(request)
        language = get_language_from_path(request.path_info)
        if language and request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME) != language:
            response.set_cookie(
                settings.LANGUAGE_COOKIE_NAME,
                language,
                max_age=365 * 86_400,
                httponly=True,
                samesite="Lax",
                secure=request.is_secure(),
            )
        return response


class ApiMiddleware:
    """Lets nobody who is unknown into the API, counts requests, and makes every error of it a problem."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer 401 or 429, or pass the request on."""
        if not request.path.startswith(API):
            return self.get_response(request)
        error = self._refusal(request)
        if error is not None:
            return problem(error)
        response = self.get_response(request)
        response["Cache-Control"] = "no-store"
        if response.status_code >= 400 and "problem+json" not in response.get("Content-Type", ""):
            told = problem(of_status(response.status_code))
            if response.has_header("Allow"):
                told["Allow"] = response["Allow"]
            told.status_code = response.status_code
            return told
        return response

    def _refusal(self, request: HttpRequest) -> ZhizhiError | None:
        actor: Actor | None = request.actor  # type: ignore[attr-defined]
        if actor is None and not request.user.is_authenticated:
            return RefusedError("accounts.login-needed")
        token: int | None = request.token  # type: ignore[attr-defined]
        caller = f"token:{token}" if token else f"user:{request.user.pk}"
        desk = configuration()
        wait = seconds_to_wait(desk.home, caller, desk.api_per_minute, timezone.now().timestamp())
        return UnavailableError("web.too-many", most=desk.api_per_minute, seconds=wait) if wait else None
