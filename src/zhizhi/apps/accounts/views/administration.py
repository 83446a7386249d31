"""Administration: people, their posts, previews, the table of roles, the settings."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.messages import success
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from zhizhi.apps import gate
from zhizhi.apps.accounts.forms import PersonForm, PostForm, PurposeForm, may, tell
from zhizhi.apps.accounts.schemas import IN_VIEW, IN_VIEW_UNTIL
from zhizhi.apps.accounts.selectors.people import Person, user_get, user_list
from zhizhi.apps.accounts.selectors.profile import permission_table
from zhizhi.apps.accounts.selectors.regions import region_search
from zhizhi.apps.accounts.selectors.settings import settings_shown
from zhizhi.apps.accounts.services import people, second_factor, sessions
from zhizhi.apps.accounts.views.sentences import abilities
from zhizhi.apps.actors import Permission, Role
from zhizhi.apps.wording import t
from zhizhi.kernel.errors import NotFoundError, UsageError, ZhizhiError

STATES = ("active", "stopped", "locked", "no-post")
VIEW_FOR = timedelta(minutes=30)
HOURS = int(people.TEMPORARY_FOR.total_seconds() // 3600)


@gate.page(Permission.ACCOUNTS_MANAGE)
@require_safe
def administration(request: HttpRequest) -> HttpResponse:
    """Show what an administrator looks after."""
    found = user_list(gate.who(request), now=timezone.now())
    context = {"people": len(found), "locked": sum(person.locked_until is not None for person in found)}
    return render(request, "accounts/administration.html", context)


@gate.page(Permission.ACCOUNTS_MANAGE, filters={"q", "role", "state"})
@require_safe
def people_page(request: HttpRequest) -> HttpResponse:
    """List the people of the administrator's own subtree."""
    q, role, state = (request.GET.get(name, "").strip() for name in ("q", "role", "state"))
    if role and role not in set(Role):
        raise UsageError("web.filter-unknown", name=role, known=", ".join(Role))
    if state and state not in STATES:
        raise UsageError("web.filter-unknown", name=state, known=", ".join(STATES))
    found = user_list(gate.who(request), now=timezone.now(), q=q, role=Role(role) if role else None, state=state)
    context = {"found": found, "q": q, "role": role, "state": state, "roles": list(Role), "states": STATES}
    return render(request, "accounts/people.html", context)


@gate.page(Permission.ACCOUNTS_MANAGE)
def person_new(request: HttpRequest) -> HttpResponse:
    """Make an account and show its temporary password, once."""
    actor = gate.who(request)
    form = PersonForm(actor, request.POST or None)
    if request.method == "POST" and form.is_valid():
        seen = form.cleaned_data
        given = people.temporary_password()
        try:
            user = people.user_create(
                actor,
                username=seen["username"],
                display_name=seen["display_name"],
                phone=seen["phone"],
                region=seen["region"].code,
                password=given,
                must_change=True,
                temporary=True,
                now=timezone.now(),
            )
        except ZhizhiError as error:
            if error.code == "accounts.username-taken":
                error.params["field"] = "username"
            tell(form, error)
        else:
            return _temporary(request, user, given)
    return render(request, "accounts/person_new.html", {"form": form}, status=422 if form.errors else 200)


def _temporary(request: HttpRequest, user_id: int, given: str) -> HttpResponse:
    person = user_get(gate.who(request), user_id, now=timezone.now())
    return render(request, "accounts/temporary.html", {"person": person, "given": given, "hours": HOURS})


@gate.page(Permission.ACCOUNTS_MANAGE)
@require_safe
def person(request: HttpRequest, user_id: int) -> HttpResponse:
    """Show a person: her account, her posts, and in sentences what they let her see and do."""
    actor = gate.who(request)
    return _person(request, user_get(actor, user_id, now=timezone.now()), PostForm(actor))


def _person(request: HttpRequest, found: Person, form: PostForm, status: int = 200) -> HttpResponse:
    actor = gate.who(request)
    context = {
        "person": found,
        "held": [
            (post, abilities(post.role, post.region, post.department, post.grade), _may_view(actor.user_id, found, post))
            for post in found.active_posts
        ],
        "past": [post for post in found.posts if not post.is_active],
        "form": form,
        "oneself": found.id == actor.user_id,
        "locked_time": timezone.localtime(found.locked_until).strftime("%H:%M") if found.locked_until else "",
    }
    return render(request, "accounts/person.html", context, status=status)


def _may_view(user_id: int | None, found: Person, post: Any) -> bool:
    return bool(post.within and post.role is not Role.ADMINISTRATOR and found.is_active and found.id != user_id)


@gate.page(Permission.ACCOUNTS_MANAGE)
@require_POST
def person_change(request: HttpRequest, user_id: int, change: str) -> HttpResponse:
    """Reset the password, unlock, close or open the account, take the second factor away."""
    actor, now = gate.who(request), timezone.now()
    if change == "reset":
        return _temporary(request, user_id, people.password_reset(actor, user_id=user_id, now=now))
    if change == "unlock":
        people.user_unlock(actor, user_id=user_id, now=now)
        said = t("accounts.person-unlocked")
    elif change == "stop":
        people.user_stop(actor, user_id=user_id, now=now)
        said = t("accounts.person-stopped")
    elif change == "resume":
        people.user_resume(actor, user_id=user_id, now=now)
        said = t("accounts.person-resumed")
    elif change == "second-factor":
        second_factor.factor_take_away(actor, user_id=user_id, now=now)
        said = t("accounts.factor-ended")
    else:
        raise NotFoundError("web.not-found")
    success(request, said)
    return HttpResponseRedirect(reverse("accounts:person", args=[user_id]))


@gate.page(Permission.ACCOUNTS_MANAGE)
@require_POST
def post_new(request: HttpRequest, user_id: int) -> HttpResponse:
    """Give a person a post within the administrator's own region."""
    actor, now = gate.who(request), timezone.now()
    found = user_get(actor, user_id, now=now)
    form = PostForm(actor, request.POST)
    if form.is_valid():
        seen = form.cleaned_data
        try:
            people.post_grant(
                actor,
                user_id=user_id,
                role=Role(seen["role"]),
                region=seen["region"].code,
                department=seen["department"],
                grade=seen["grade"],
                now=now,
            )
        except ZhizhiError as error:
            tell(form, error)
        else:
            success(request, t("accounts.post-given"))
            return HttpResponseRedirect(reverse("accounts:person", args=[user_id]))
    return _person(request, found, form, 422)


@gate.page(Permission.ACCOUNTS_MANAGE)
@require_POST
def post_end(request: HttpRequest, user_id: int, post_id: int) -> HttpResponse:
    """End a post at once."""
    actor, now = gate.who(request), timezone.now()
    if post_id not in {post.id for post in user_get(actor, user_id, now=now).posts}:
        raise NotFoundError("web.not-found")
    people.post_end(actor, post_id=post_id, now=now)
    success(request, t("accounts.post-ended"))
    return HttpResponseRedirect(reverse("accounts:person", args=[user_id]))


@gate.page(Permission.VIEW_AS)
def view_as(request: HttpRequest, post_id: int) -> HttpResponse:
    """Begin to look through another post, for a reason that stands in the journal."""
    actor, now = gate.who(request), timezone.now()
    other = sessions.view_as_post(actor, post_id=post_id)
    form = PurposeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            sessions.view_as_start(actor, post_id=post_id, purpose=form.cleaned_data["purpose"], now=now)
        except ZhizhiError as error:
            tell(form, error)
        else:
            request.session[IN_VIEW] = other.id
            request.session[IN_VIEW_UNTIL] = (now + VIEW_FOR).timestamp()
            return HttpResponseRedirect(reverse("start"))
    return render(request, "accounts/view_as.html", {"form": form, "other": other}, status=422 if form.errors else 200)


@gate.page(Permission.SELF, while_viewing=True)
@require_POST
def view_as_end(request: HttpRequest) -> HttpResponse:
    """End the preview and return to administration."""
    seen = request.session.pop(IN_VIEW, None)
    request.session.pop(IN_VIEW_UNTIL, None)
    if seen is not None:
        sessions.view_as_end(gate.who(request), post_id=seen, now=timezone.now())
        success(request, t("accounts.view-as-ended"))
    return HttpResponseRedirect(reverse("start"))


@gate.page(Permission.ACCOUNTS_MANAGE, filters={"q", "region"})
@require_safe
def places(request: HttpRequest) -> HttpResponse:
    """Answer the options of a searchable choice of places: only those of the administrator's own subtree."""
    typed = request.GET.get("q") or request.GET.get("region", "")
    return render(request, "accounts/places.html", {"places": region_search(gate.who(request), typed)})


@gate.page(Permission.ACCOUNTS_MANAGE)
@require_safe
def roles(request: HttpRequest) -> HttpResponse:
    """Show the table of roles and permissions."""
    table = [(may(permission), permission.value, held) for permission, held in permission_table()]
    return render(request, "accounts/roles.html", {"roles": list(Role), "table": table})


@gate.page(Permission.ACCOUNTS_MANAGE)
@require_safe
def settings_page(request: HttpRequest) -> HttpResponse:
    """Show every setting with its value and where it comes from."""
    return render(request, "accounts/settings.html", {"settings": settings_shown(gate.who(request))})
