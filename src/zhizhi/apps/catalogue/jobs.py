"""Work on uploads that takes time, and the taking in of what the lake has become."""

from __future__ import annotations

from django.utils import timezone
from django_tasks import task

from zhizhi.apps.actors import Actor
from zhizhi.apps.catalogue.services.loading import upload_check, upload_load
from zhizhi.apps.catalogue.services.sync import catalogue_sync
from zhizhi.apps.configuration import configuration


def _actor() -> Actor:
    return Actor.system("catalogue", str(configuration().region))


@task()
def check_upload(upload: str) -> str:
    """Make the preview of an upload."""
    return upload_check(_actor(), upload=upload, now=timezone.now())


@task()
def load_upload(upload: str) -> str:
    """Load an upload that was confirmed."""
    return upload_load(_actor(), upload=upload, now=timezone.now())


@task()
def sync_catalogue() -> bool:
    """Take in what the lake and the packages have become."""
    return catalogue_sync(_actor(), now=timezone.now())
