"""Workers that live, leases on jobs, and duties that come round. Private to this app; jobs have their rows in django_tasks_db."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class Worker(models.Model):
    """One process of ``zhizhi work``; ``seen_at`` is its heartbeat."""

    id = models.CharField(max_length=64, primary_key=True)
    host = models.CharField(max_length=128)
    pid = models.PositiveIntegerField()
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    stopped_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["seen_at"])]

    def __str__(self) -> str:
        return self.id


class Lease(models.Model):
    """Who may work on a job until when, how often it was tried, and what went wrong last. Kept after the job as its record."""

    task = models.UUIDField(primary_key=True)
    worker = models.CharField(max_length=64)
    expires_at = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    failure = models.CharField(max_length=128, blank=True)
    params = models.JSONField(default=dict)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["expires_at"], condition=models.Q(expires_at__isnull=False), name="jobs_lease_held"),
        ]

    def __str__(self) -> str:
        return str(self.task)


class Duty(models.Model):
    """Something that is done again and again: when it is due next, and how it went last."""

    name = models.CharField(max_length=64, primary_key=True)
    due_at = models.DateTimeField()
    worker = models.CharField(max_length=64, blank=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    failure = models.CharField(max_length=128, blank=True)

    def __str__(self) -> str:
        return self.name
