"""The casework app."""

from django.apps import AppConfig


class CaseworkConfig(AppConfig):
    """Cases from opening to close."""

    name = "zhizhi.apps.casework"
    label = "casework"
    default_auto_field = "django.db.models.BigAutoField"
