"""The jobs app."""

from django.apps import AppConfig


class JobsConfig(AppConfig):
    """Workers, leases and duties."""

    name = "zhizhi.apps.jobs"
    label = "jobs"
    default_auto_field = "django.db.models.BigAutoField"
