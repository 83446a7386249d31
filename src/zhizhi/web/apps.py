"""The web floor as a Django app: its templates, tags and static files."""

from django.apps import AppConfig


class WebConfig(AppConfig):
    """Base templates, tags and static files."""

    name = "zhizhi.web"
    label = "web"
