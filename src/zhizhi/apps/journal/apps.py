"""The journal app."""

from django.apps import AppConfig


class JournalConfig(AppConfig):
    """What was done, by whom and why."""

    name = "zhizhi.apps.journal"
    label = "journal"
    default_auto_field = "django.db.models.BigAutoField"
