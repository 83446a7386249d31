"""Pages of people and posts."""

from django.urls import URLPattern, path

from zhizhi.apps.accounts import views

app_name = "accounts"
prefix = "accounts/"

urlpatterns: list[URLPattern] = [
    path("login", views.login_page, name="login"),
    path("logout", views.logout_page, name="logout"),
]
