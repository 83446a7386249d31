"""The accounts app."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """People, posts and scope."""

    name = "zhizhi.apps.accounts"
    label = "accounts"
    default_auto_field = "django.db.models.BigAutoField"
