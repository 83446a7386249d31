"""The one gate to every route: who may call it. A test walks all routes and finds the gate on each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponseBase

from zhizhi.apps.actors import Actor, Permission
from zhizhi.kernel.errors import RefusedError

View = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Gate:
    """What a route asks of its caller: a permission, or a reason why it is open to everybody."""

    permission: Permission | None
    open_because: str = ""
    while_viewing: bool = False


def page(permission: Permission, *, while_viewing: bool = False) -> Callable[[View], View]:
    """Guard a page: anonymous callers are sent to the login, others must hold ``permission``.

    While an administrator views as somebody else nothing can be changed, but for routes with ``while_viewing``.
    """

    def guard(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            actor: Actor | None = getattr(request, "actor", None)
            if actor is None:
                if request.user.is_authenticated:
                    raise RefusedError("accounts.no-post")
                return redirect_to_login(request.get_full_path())
            _refuse_while_viewing(actor, request.method or "GET", while_viewing)
            actor.require(permission)
            return view(request, *args, **kwargs)  # type: ignore[no-any-return]

        guarded.gate = Gate(permission, while_viewing=while_viewing)  # type: ignore[attr-defined]
        return guarded

    return guard


def everybody(because: str) -> Callable[[View], View]:
    """Leave a page open to people who are not logged in; the list of these is short and held by a test."""

    def mark(view: View) -> View:
        view.gate = Gate(None, because)  # type: ignore[attr-defined]
        return view

    return mark


def api(permission: Permission) -> Callable[[View], View]:
    """Guard an API operation (placed under the router's decorator): the caller's post or token must hold ``permission``."""

    def guard(operation: View) -> View:
        @wraps(operation)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            actor: Actor | None = getattr(request, "actor", None)
            if actor is None:
                raise RefusedError("accounts.no-post")
            _refuse_while_viewing(actor, request.method or "GET", False)
            actor.require(permission)
            return operation(request, *args, **kwargs)

        guarded.gate = Gate(permission)  # type: ignore[attr-defined]
        return guarded

    return guard


def _refuse_while_viewing(actor: Actor, method: str, allowed: bool) -> None:
    if actor.viewing and not allowed and method not in ("GET", "HEAD", "OPTIONS"):
        raise RefusedError("accounts.only-viewing")
