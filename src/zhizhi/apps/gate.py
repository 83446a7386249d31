"""The one gate to every route: who may call it. A test walks all routes and finds the gate on each."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial, wraps
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import resolve_url

from zhizhi.apps.actors import Actor, Permission
from zhizhi.kernel.errors import RefusedError, UsageError

View = Callable[..., Any]
ON_EVERY_PAGE = frozenset({"text"})
"""Query parameters that the frame itself understands: the size of the text."""


@dataclass(frozen=True, slots=True)
class Gate:
    """What a route asks of its caller: a permission, or a reason why it is open to everybody."""

    permission: Permission | None
    open_because: str = ""
    while_viewing: bool = False
    filters: frozenset[str] = frozenset()
    before_password: bool = False
    """Open also to a person who must first choose a password of her own."""


def who(request: HttpRequest) -> Actor:
    """Return the actor of a request that has passed its gate.

    Raises:
        RefusedError: ``accounts.no-post``.
    """
    actor: Actor | None = getattr(request, "actor", None)
    if actor is None:
        raise RefusedError("accounts.no-post")
    return actor


def page(
    permission: Permission, *, filters: Iterable[str] = (), while_viewing: bool = False, before_password: bool = False
) -> Callable[[View], View]:
    """Guard a page: anonymous callers are sent to the login, others must hold ``permission``.

    ``filters`` are the names of the query parameters that the page understands; any other is an error (400), so that a filter
    that was mistyped never shows the whole list. While an administrator views as somebody else nothing can be changed, but for
    routes with ``while_viewing``.
    """
    known = ON_EVERY_PAGE | frozenset(filters)
    gate = Gate(permission, while_viewing=while_viewing, filters=known, before_password=before_password)

    def guard(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if getattr(request, "actor", None) is None and not request.user.is_authenticated:
                return _to_login(request)
            _pass(request, gate)
            return view(request, *args, **kwargs)  # type: ignore[no-any-return]

        guarded.gate = gate  # type: ignore[attr-defined]
        return guarded

    return guard


def _to_login(request: HttpRequest) -> HttpResponseBase:
    """Send a stranger to the login, and from there back to where she was: for a form that she sent, to the page of the form."""
    htmx = request.headers.get("HX-Request") == "true"
    wanted = request.get_full_path()
    if htmx or request.method not in ("GET", "HEAD"):
        seen = urlsplit(request.headers.get("HX-Current-URL" if htmx else "Referer", ""))
        wanted = seen._replace(scheme="", netloc="").geturl() if seen.netloc == request.get_host() else ""
    answer = redirect_to_login(wanted) if wanted else HttpResponseRedirect(resolve_url(settings.LOGIN_URL))
    if htmx:  # a redirect would put the login into the middle of the page
        return HttpResponse(headers={"HX-Redirect": answer.url})
    return answer


def everybody(because: str) -> Callable[[View], View]:
    """Leave a page open to people who are not logged in; the list of these is short and held by a test."""

    def mark(view: View) -> View:
        view.gate = Gate(None, because)  # type: ignore[attr-defined]
        return view

    return mark


def api(permission: Permission) -> Callable[[View], View]:
    """Guard an API operation (placed right under the router's decorator): the caller's post or token must hold ``permission``.

    Permission and names of filters are looked at before what was sent is read: who may not call is told so, and learns nothing
    about what the operation expects.
    """

    def guard(operation: View) -> View:
        @wraps(operation)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            return operation(request, *args, **kwargs)

        # The annotations are strings of the module that wrote the operation; ninja would look for them here.
        guarded.__signature__ = inspect.signature(operation, eval_str=True)  # type: ignore[attr-defined]
        guarded.gate = Gate(permission)  # type: ignore[attr-defined]
        guarded._ninja_contribute_to_operation = [partial(_in_front, permission)]  # type: ignore[attr-defined]
        return guarded

    return guard


def _in_front(permission: Permission, operation: Any) -> None:
    """Put the gate in front of a ninja operation, so that it also stands in the copies that ninja makes of it."""
    known = {
        name
        for model in operation.models
        if model.__ninja_param_source__ == "query"
        for name in getattr(model, "__ninja_flatten_map__", {})
    }
    gate = Gate(permission, filters=frozenset(known))

    def before(run: View) -> View:
        @wraps(run)
        def checked(request: HttpRequest, **kwargs: Any) -> Any:
            if request.user.is_authenticated or getattr(request, "actor", None) is not None:
                _pass(request, gate)
            return run(request, **kwargs)  # who is nobody is answered 401 by the API's own authentication

        return checked

    operation._run_decorators = [*getattr(operation, "_run_decorators", []), before]
    operation.run = before(operation.run)


def _pass(request: HttpRequest, gate: Gate) -> None:
    actor = who(request)
    if actor.viewing and not gate.while_viewing and request.method not in ("GET", "HEAD", "OPTIONS"):
        raise RefusedError("accounts.only-viewing")
    if gate.permission is not None:
        actor.require(gate.permission)
    unknown = set(request.GET) - gate.filters
    if unknown:
        raise UsageError("web.filter-unknown", name=min(unknown), known=", ".join(sorted(gate.filters)) or "-")
