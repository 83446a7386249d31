"""Runs of screening, what people decided of findings, aid, outcomes, tried changes of policies. Private to this app."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class WhatIf(models.Model):
    """One try of other figures over the population of a region: asked for by a person, worked out by a job."""

    key = models.CharField(max_length=64, unique=True)
    asked_at = models.DateTimeField()
    user_id = models.BigIntegerField(null=True)
    region = models.CharField(max_length=12)
    package = models.CharField(max_length=64)
    package_version = models.CharField(max_length=64)
    package_digest = models.CharField(max_length=64)
    policy = models.CharField(max_length=64)
    on = models.DateField()
    settings = models.JSONField()
    state = models.CharField(max_length=8, default="waiting")
    outcome = models.JSONField(null=True)
    error = models.JSONField(null=True)
    seconds = models.FloatField(null=True)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["policy", "region", "asked_at"])]

    def __str__(self) -> str:
        return f"{self.policy} {self.settings}"


class PolicyDraft(models.Model):
    """A change of figures that the owning department wants to keep: with its tests and its what-if beside it."""

    whatif = models.OneToOneField(WhatIf, on_delete=models.PROTECT, related_name="draft")
    title = models.CharField(max_length=120)
    note = models.TextField(blank=True)
    department = models.CharField(max_length=48)
    starts_on = models.DateField()
    saved_at = models.DateTimeField()
    user_id = models.BigIntegerField(null=True)
    tests = models.JSONField()

    def __str__(self) -> str:
        return self.title
