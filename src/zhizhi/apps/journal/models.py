"""Events as they happened, and what was sealed, cosigned and verified. Private to this app.

Nothing updates or deletes an event but sealing, which gives it its leaf.
"""

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
    """Whom or what an event is about: ``household:<pseudonym>``, ``case:<id>``, ``dataset:<id>``, ``user:<id>``."""

    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="subjects")
    subject = models.CharField(max_length=80)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["subject", "event"])]

    def __str__(self) -> str:
        return self.subject


class Seal(models.Model):
    """One group that went into the ledger: the size after it, its root, and the checkpoint that was signed."""

    size = models.BigIntegerField(primary_key=True)
    root = models.CharField(max_length=44)
    note = models.TextField()
    at = models.DateTimeField()
    events = models.IntegerField()
    unmatched = models.IntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.size} {self.root}"


class Cosigner(models.Model):
    """How it stands with one witness: what it cosigned last, and what went wrong since."""

    name = models.CharField(max_length=200, primary_key=True)
    size = models.BigIntegerField(default=0)
    cosigned_at = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True)
    failing_since = models.DateTimeField(null=True)
    failure = models.CharField(max_length=64, blank=True)
    params = models.JSONField(default=dict)

    def __str__(self) -> str:
        return self.name


class Verification(models.Model):
    """One verification of the whole ledger: by whom, of how many entries, what was found."""

    at = models.DateTimeField()
    actor = models.CharField(max_length=64)
    size = models.BigIntegerField()
    events = models.BigIntegerField()
    found = models.IntegerField()
    findings = models.JSONField(default=list)
    seconds = models.FloatField()

    def __str__(self) -> str:
        return f"{self.at} {self.found}"
