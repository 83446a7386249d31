"""The journal app."""

from django.apps import AppConfig

from zhizhi.apps import recording


class JournalConfig(AppConfig):
    """What was done, by whom and why."""

    name = "zhizhi.apps.journal"
    label = "journal"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Hand the pen to the apps below, which may not know the journal."""
        from zhizhi.apps.journal import schemas, services  # noqa: PLC0415 - models cannot be imported before the apps are ready

        recording.hand_over(services.record, schemas.declare)
