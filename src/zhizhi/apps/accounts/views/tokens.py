"""Tokens for programs: listed, issued and shown once, revoked."""

from __future__ import annotations

from datetime import timedelta

from django.contrib.messages import success
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from zhizhi.apps import gate
from zhizhi.apps.accounts.forms import TokenForm, may, tell
from zhizhi.apps.accounts.selectors.posts import post_seen
from zhizhi.apps.accounts.selectors.tokens import token_list
from zhizhi.apps.accounts.services.tokens import NEVER, token_issue, token_revoke
from zhizhi.apps.actors import Permission
from zhizhi.apps.wording import t
from zhizhi.kernel.errors import ZhizhiError


@gate.page(Permission.TOKEN_MANAGE)
@require_safe
def tokens(request: HttpRequest) -> HttpResponse:
    """List the tokens of posts in the administrator's subtree."""
    listed = [
        (token, [may(permission) for permission in token.permissions])
        for token in token_list(gate.who(request), now=timezone.now())
    ]
    return render(request, "accounts/tokens.html", {"tokens": listed})


@gate.page(Permission.TOKEN_MANAGE)
def token_new(request: HttpRequest, post_id: int) -> HttpResponse:
    """Issue a token for a post and show it, once."""
    actor, now = gate.who(request), timezone.now()
    post = post_seen(actor, post_id)
    form = TokenForm(post.role, NEVER, request.POST or None)
    if request.method == "POST" and form.is_valid():
        seen = form.cleaned_data
        try:
            _, secret = token_issue(
                actor,
                post_id=post_id,
                name=seen["name"],
                permissions=[Permission(value) for value in seen["permissions"]],
                expires_at=now + timedelta(days=seen["days"]),
                now=now,
            )
        except ZhizhiError as error:
            tell(form, error)
        else:
            return render(request, "accounts/token_shown.html", {"secret": secret, "name": seen["name"]})
    return render(request, "accounts/token_new.html", {"form": form, "post": post}, status=422 if form.errors else 200)


@gate.page(Permission.TOKEN_MANAGE)
@require_POST
def token_end(request: HttpRequest, token_id: int) -> HttpResponse:
    """Revoke a token at once."""
    token_revoke(gate.who(request), token_id=token_id, now=timezone.now())
    success(request, t("accounts.token-revoked"))
    return HttpResponseRedirect(reverse("accounts:tokens"))
