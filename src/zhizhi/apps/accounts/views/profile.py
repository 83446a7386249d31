"""One's own account: posts, password, second factor; and the page of help."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import segno
from django.contrib.auth import update_session_auth_hash
from django.contrib.messages import success
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from zhizhi.apps import gate
from zhizhi.apps.accounts.forms import CodeForm, OwnPasswordForm, PasswordForm, tell
from zhizhi.apps.accounts.schemas import IN_POST
from zhizhi.apps.accounts.selectors.profile import profile_get
from zhizhi.apps.accounts.selectors.regions import region_names
from zhizhi.apps.accounts.services import second_factor
from zhizhi.apps.accounts.services.people import password_change
from zhizhi.apps.accounts.services.sessions import post_chosen
from zhizhi.apps.accounts.views.sentences import abilities
from zhizhi.apps.actors import Actor, Permission
from zhizhi.apps.configuration import configuration
from zhizhi.apps.wording import lang, t
from zhizhi.kernel.errors import ZhizhiError


def _own(actor: Actor) -> int:
    return actor.user_id or 0


@gate.page(Permission.SELF)
def profile(request: HttpRequest) -> HttpResponse:
    """Show a person her account: who she is, her posts and what they let her do, how the account is kept safe."""
    actor = gate.who(request)
    posts = getattr(request, "posts", [])
    context = {
        "profile": profile_get(_own(actor)),
        "held": [
            (post, abilities(post.role, post.region, post.department, post.grade, own=True), post.id == actor.post_id)
            for post in posts
        ],
    }
    return render(request, "accounts/profile.html", context)


@gate.page(Permission.SELF, before_password=True)
@sensitive_post_parameters("old", "new", "again")
def password(request: HttpRequest) -> HttpResponse:
    """Change one's own password; a person who must do so first sees nothing else."""
    actor = gate.who(request)
    first = profile_get(_own(actor)).must_change_password
    form = PasswordForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            password_change(actor, old=form.cleaned_data["old"], new=form.cleaned_data["new"], now=timezone.now())
        except ZhizhiError as error:
            tell(form, error)
        else:
            assert request.user.is_authenticated  # the gate has let her through
            request.user.refresh_from_db()
            update_session_auth_hash(request, request.user)
            success(request, t("accounts.password-done"))
            return HttpResponseRedirect(reverse("start" if first else "accounts:profile"))
    context = {"form": form, "first": first}
    return render(request, "accounts/password.html", context, status=422 if form.errors else 200)


@gate.page(Permission.SELF)
def factor(request: HttpRequest) -> HttpResponse:
    """Look after the second factor: what it is, or that it is on."""
    shown = profile_get(_own(gate.who(request)))
    return render(request, "accounts/second_factor.html", {"profile": shown, "form": OwnPasswordForm()})


@gate.page(Permission.SELF)
@require_POST
def factor_new(request: HttpRequest) -> HttpResponse:
    """Show the QR code of a new second factor, and confirm it with a code from it."""
    actor = gate.who(request)
    form = CodeForm(request.POST if "code" in request.POST else None)
    if form.is_bound and form.is_valid():
        try:
            codes = second_factor.factor_confirm(actor, code=form.cleaned_data["code"], now=timezone.now())
        except ZhizhiError as error:
            tell(form, error)
        else:
            return render(request, "accounts/recovery_codes.html", {"codes": codes})
    address = second_factor.factor_begin(actor)
    context = {"form": form, "qr": _qr(address), "secret": parse_qs(urlsplit(address).query)["secret"][0]}
    return render(request, "accounts/second_factor_new.html", context, status=422 if form.errors else 200)


def _qr(address: str) -> SafeString:
    """Return the QR code as inline SVG: no file, no data address, nothing that the content policy would have to allow."""
    drawn = segno.make(address, error="m").svg_inline(
        scale=5, border=4, dark="#1b2430", light="#ffffff", svgclass="qr", lineclass=None, title=t("accounts.factor-qr")
    )
    return SafeString(drawn)


@gate.page(Permission.SELF)
@require_POST
@sensitive_post_parameters("password")
def factor_end(request: HttpRequest) -> HttpResponse:
    """Take one's own second factor away, or make new recovery codes; both ask for the password again."""
    actor = gate.who(request)
    form = OwnPasswordForm(request.POST)
    if form.is_valid():
        given = {"password": form.cleaned_data["password"], "now": timezone.now()}
        try:
            if "renew" in request.POST:
                return render(
                    request, "accounts/recovery_codes.html", {"codes": second_factor.recovery_codes_renew(actor, **given)}
                )
            second_factor.factor_end(actor, **given)
        except ZhizhiError as error:
            tell(form, error)
        else:
            success(request, t("accounts.factor-ended"))
            return HttpResponseRedirect(reverse("accounts:profile"))
    context = {"profile": profile_get(_own(actor)), "form": form}
    return render(request, "accounts/second_factor.html", context, status=422)


@gate.page(Permission.SELF)
@require_POST
def post_switch(request: HttpRequest) -> HttpResponse:
    """Work in another of one's own posts from now on, and stay on the page where that is possible."""
    chosen = request.POST.get("post", "")
    post = post_chosen(gate.who(request), post_id=int(chosen) if chosen.isdecimal() else 0, now=timezone.now())
    request.session[IN_POST] = post.id
    place = region_names({post.region}, lang())[post.region]
    success(request, t("accounts.post-used", role=t(f"accounts.role-{post.role.value}"), region=place))
    return HttpResponseRedirect(reverse("start"))


@gate.page(Permission.SELF, before_password=True)
def help_page(request: HttpRequest) -> HttpResponse:
    """Say whom to call and how to do the usual things."""
    return render(request, "accounts/help.html", {"contact": configuration().contact})
