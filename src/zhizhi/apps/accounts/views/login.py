"""Login in one or two steps, the page of a lock, and logout."""

from __future__ import annotations

from datetime import timedelta
from math import ceil
from typing import Any

from django.contrib.auth import authenticate, login, logout
from django.contrib.auth.backends import ModelBackend
from django.contrib.messages import success
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from zhizhi.apps.accounts.forms import CodeForm, LoginForm, tell
from zhizhi.apps.accounts.selectors.locks import cool_off, locked_until
from zhizhi.apps.accounts.selectors.profile import demo_accounts, second_factor_of
from zhizhi.apps.accounts.services.second_factor import factor_check
from zhizhi.apps.accounts.services.sessions import login_failed, session_ended, session_started
from zhizhi.apps.configuration import configuration
from zhizhi.apps.gate import everybody
from zhizhi.apps.wording import t
from zhizhi.kernel.errors import InvalidError

WAITING = "login_waiting"
WAIT = timedelta(minutes=5)
WAS_HERE = "was-here"
BACKEND = "django.contrib.auth.backends.ModelBackend"


def _after_login(request: HttpRequest, wanted: str) -> str:
    allowed = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if wanted and allowed else reverse("start")


@everybody("where people log in")
@sensitive_post_parameters("password")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def login_page(request: HttpRequest) -> HttpResponse:
    """Ask for login name and password; a wrong pair is told in one sentence, whichever of the two is wrong."""
    wanted = request.POST.get("next") or request.GET.get("next", "")
    if request.method != "POST":
        if request.user.is_authenticated:
            return HttpResponseRedirect(_after_login(request, wanted))
        return _login_form(request, LoginForm(initial={"username": request.GET.get("as", "")}), wanted)
    form = LoginForm(request.POST)
    if not form.is_valid():
        return _login_form(request, form, wanted, 422)
    now = timezone.now()
    username = form.cleaned_data["username"]
    user: Any = authenticate(request, username=username, password=form.cleaned_data["password"])
    if user is None:
        address = getattr(request, "axes_ip_address", "")
        if not _was_locked_before(request):
            login_failed(username=username, address=address, now=now)
        form.add_error(None, t("accounts.login-wrong"))
        return _login_form(request, form, wanted, 422)
    if user.temporary_until is not None and now >= user.temporary_until:
        form.add_error(None, t("accounts.temporary-over"))
        return _login_form(request, form, wanted, 422)
    if second_factor_of(user.pk):
        request.session.cycle_key()
        request.session[WAITING] = {"user": user.pk, "at": now.timestamp(), "next": wanted}
        return HttpResponseRedirect(reverse("accounts:login-code"))
    return _enter(request, user, wanted, "")


def _was_locked_before(request: HttpRequest) -> bool:
    """Whether django-axes refused without looking at the password: such a try is no failure of its own."""
    return bool(getattr(request, "axes_locked_out", False)) and not getattr(request, "axes_failures_since_start", 0)


def _login_form(request: HttpRequest, form: LoginForm, wanted: str, status: int = 200) -> HttpResponse:
    settings = configuration()
    context = {
        "form": form,
        "next": wanted,
        "over": bool(wanted) and request.method != "POST" and request.COOKIES.get(WAS_HERE) == "1",
        "contact": settings.contact,
        "demo_accounts": demo_accounts() if settings.demo else [],
    }
    return render(request, "accounts/login.html", context, status=status)


@everybody("second step of the login; does nothing without the first")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def code_page(request: HttpRequest) -> HttpResponse:
    """Ask for the code of the second factor."""
    waiting = request.session.get(WAITING)
    now = timezone.now()
    if waiting is None or now.timestamp() - waiting["at"] > WAIT.total_seconds():
        request.session.pop(WAITING, None)
        success(request, t("accounts.code-too-late"))
        return HttpResponseRedirect(reverse("accounts:login"))
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            how = factor_check(user_id=waiting["user"], code=form.cleaned_data["code"], now=now)
        except InvalidError as error:
            tell(form, error)
        else:
            user = ModelBackend().get_user(waiting["user"])
            request.session.pop(WAITING, None)
            if user is not None:
                return _enter(request, user, waiting["next"], how)
            return HttpResponseRedirect(reverse("accounts:login"))
    return render(request, "accounts/login_code.html", {"form": form}, status=422 if form.errors else 200)


def _enter(request: HttpRequest, user: Any, wanted: str, how: str) -> HttpResponse:
    login(request, user, backend=BACKEND)
    session_started(user_id=user.pk, second_factor=how, now=timezone.now())
    response = HttpResponseRedirect(_after_login(request, wanted))
    response.set_cookie(WAS_HERE, "1", max_age=30 * 86_400, httponly=True, samesite="Lax", secure=request.is_secure())
    return response


def locked_page(request: HttpRequest, _response: HttpResponse | None, credentials: dict[str, Any] | None) -> HttpResponse:
    """Answer a person who is locked out: why, until when, whom to call. The same whether the login name exists or not."""
    now = timezone.now()
    username = str((credentials or {}).get("username") or "")
    until = locked_until(username, now=now, address=getattr(request, "axes_ip_address", None)) or now + cool_off()
    seconds = max(1, ceil((until - now).total_seconds()))
    context = {
        "time": timezone.localtime(until).strftime("%H:%M"),
        "minutes": ceil(seconds / 60),
        "contact": configuration().contact,
    }
    response = render(request, "accounts/locked.html", context, status=429)
    response["Retry-After"] = str(seconds)
    return response


@everybody("ends the session of whoever calls it")
@require_POST
def logout_page(request: HttpRequest) -> HttpResponse:
    """End the session and return to the login."""
    if request.user.is_authenticated:
        session_ended(getattr(request, "actor", None), user_id=request.user.pk, now=timezone.now())
    logout(request)
    success(request, t("accounts.logged-out"))
    response = HttpResponseRedirect(reverse("accounts:login"))
    response.delete_cookie(WAS_HERE, samesite="Lax")
    response["Clear-Site-Data"] = '"cache"'
    return response
