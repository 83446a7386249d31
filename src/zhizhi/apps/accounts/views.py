"""Login and logout."""

from __future__ import annotations

from django.contrib.auth import logout
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from zhizhi.apps.gate import everybody

login_page = everybody("where people log in")(
    LoginView.as_view(template_name="accounts/login.html", redirect_authenticated_user=True)
)


@everybody("ends the session of whoever calls it")
def logout_page(request: HttpRequest) -> HttpResponse:
    """End the session (POST only) and return to the login."""
    if request.method == "POST":
        logout(request)
    return HttpResponseRedirect(reverse("accounts:login"))
