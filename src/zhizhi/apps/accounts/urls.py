"""Pages of login, account and administration."""

from django.urls import URLPattern, path

from zhizhi.apps.accounts.views import administration, login, profile, tokens

app_name = "accounts"
prefix = "accounts/"

urlpatterns: list[URLPattern] = [
    path("login", login.login_page, name="login"),
    path("login/code", login.code_page, name="login-code"),
    path("logout", login.logout_page, name="logout"),
    path("me", profile.profile, name="profile"),
    path("me/password", profile.password, name="password"),
    path("me/second-factor", profile.factor, name="second-factor"),
    path("me/second-factor/new", profile.factor_new, name="second-factor-new"),
    path("me/second-factor/end", profile.factor_end, name="second-factor-end"),
    path("me/post", profile.post_switch, name="post-switch"),
    path("help", profile.help_page, name="help"),
    path("administration", administration.administration, name="administration"),
    path("people", administration.people_page, name="people"),
    path("people/new", administration.person_new, name="person-new"),
    path("people/<int:user_id>", administration.person, name="person"),
    path("people/<int:user_id>/posts", administration.post_new, name="post-new"),
    path("people/<int:user_id>/posts/<int:post_id>/end", administration.post_end, name="post-end"),
    path("people/<int:user_id>/<slug:change>", administration.person_change, name="person-change"),
    path("posts/<int:post_id>/view-as", administration.view_as, name="view-as"),
    path("posts/<int:post_id>/token", tokens.token_new, name="token-new"),
    path("view-as/end", administration.view_as_end, name="view-as-end"),
    path("places", administration.places, name="places"),
    path("roles", administration.roles, name="roles"),
    path("settings", administration.settings_page, name="settings"),
    path("tokens", tokens.tokens, name="tokens"),
    path("tokens/<int:token_id>/end", tokens.token_end, name="token-end"),
]
