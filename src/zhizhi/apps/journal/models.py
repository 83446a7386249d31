"""Events as they happened. Private to this app; nothing updates or deletes a row but sealing, which gives it its leaf."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class Event(models.Model):
    """One past fact: what, who in which post, when, about whom, under which rules, for what purpose."""

    name = models.CharField(max_length=64)
    at = models.DateTimeField()
    user_id = models.BigIntegerField(null=True)
    post_id = models.BigIntegerField(null=True)
    role = models.CharField(max_length=24, blank=True)
    actor = models.CharField(max_length=64)
    via = models.CharField(max_length=8)
    region = models.CharField(max_length=12, blank=True)
    purpose = models.CharField(max_length=200, blank=True)
    package = models.CharField(max_length=64, blank=True)
    package_version = models.CharField(max_length=64, blank=True)
    details = models.JSONField(default=dict)
    leaf = models.BigIntegerField(null=True, unique=True)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["name", "at"]),
            models.Index(fields=["region", "at"]),
            models.Index(fields=["id"], condition=models.Q(leaf__isnull=True), name="journal_unsealed"),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.pk}"


class EventSubject(models.Model):
    """Whom or what an event is about: ``household:<pseudonym>``, ``case:<id>``, ``user:<id>``."""

    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="subjects")
    subject = models.CharField(max_length=80)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["subject", "event"])]

    def __str__(self) -> str:
        return self.subject
