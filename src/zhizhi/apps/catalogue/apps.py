"""The catalogue app."""

from django.apps import AppConfig


class CatalogueConfig(AppConfig):
    """Datasets, their contracts, loads, quality and corrections."""

    name = "zhizhi.apps.catalogue"
    label = "catalogue"
    default_auto_field = "django.db.models.BigAutoField"
