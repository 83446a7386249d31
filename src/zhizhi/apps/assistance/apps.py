"""The assistance app."""

from django.apps import AppConfig


class AssistanceConfig(AppConfig):
    """Findings made into help."""

    name = "zhizhi.apps.assistance"
    label = "assistance"
    default_auto_field = "django.db.models.BigAutoField"
