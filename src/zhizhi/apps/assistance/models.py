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


class Run(models.Model):
    """One screening of one state of the lake by one package on one date. ``key`` makes the same one happen once."""

    key = models.CharField(max_length=64, unique=True)
    package = models.CharField(max_length=64)
    package_version = models.CharField(max_length=64, blank=True)
    package_digest = models.CharField(max_length=64, blank=True)
    on = models.DateField(null=True)
    snapshot = models.JSONField(default=dict)
    kept = models.CharField(max_length=64, blank=True)
    mode = models.CharField(max_length=16, blank=True)
    state = models.CharField(max_length=8, default="waiting")
    synthetic = models.BooleanField(default=False)
    households = models.IntegerField(default=0)
    people = models.IntegerField(default=0)
    alerts = models.IntegerField(default=0)
    error = models.JSONField(null=True)
    asked_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["package", "state", "finished_at"])]

    def __str__(self) -> str:
        return f"{self.package} {self.on} {self.state}"


class RunCount(models.Model):
    """What one run found in one place: by policy down to the county, of all policies together (empty) down to the town."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="counts")
    region = models.CharField(max_length=9)
    policy = models.CharField(max_length=64, blank=True)
    finding = models.CharField(max_length=16)
    households = models.IntegerField()
    subjects = models.IntegerField()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["run", "finding", "policy", "region"], name="assistance_one_count")
        ]

    def __str__(self) -> str:
        return f"{self.region} {self.policy} {self.finding} {self.households}"


class RunPlace(models.Model):
    """How many people and households a run saw in one town."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="places")
    region = models.CharField(max_length=9)
    people = models.IntegerField()
    households = models.IntegerField()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["run", "region"], name="assistance_one_place")
        ]

    def __str__(self) -> str:
        return f"{self.region} {self.people}"


class Opening(models.Model):
    """One giving-out of alerts: how many became cases, were added to open ones, wait, rest or stand dismissed."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="openings")
    at = models.DateTimeField()
    alerts = models.IntegerField()
    opened = models.IntegerField()
    added = models.IntegerField()
    standing = models.IntegerField()
    waiting = models.IntegerField()
    nobody = models.IntegerField()
    resting = models.IntegerField()
    dismissed = models.IntegerField()
    nowhere = models.IntegerField()

    def __str__(self) -> str:
        return f"{self.at} {self.opened}"


class Waiting(models.Model):
    """A household that somebody should visit and nobody can yet: the doors of the day are given out, or no worker is there."""

    household = models.CharField(max_length=64, unique=True)
    region = models.CharField(max_length=12)
    rank = models.IntegerField()
    score = models.IntegerField()
    why = models.CharField(max_length=8)
    policies = models.JSONField(default=list)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["region", "rank"]), models.Index(fields=["rank"])]

    def __str__(self) -> str:
        return f"{self.rank} {self.why}"


class Raised(models.Model):
    """A finding that a case was opened with, and the digest of the values that it was made of then."""

    case_id = models.BigIntegerField()
    household = models.CharField(max_length=64)
    subject = models.CharField(max_length=64)
    policy = models.CharField(max_length=64)
    facts = models.CharField(max_length=24)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["case_id"])]

    def __str__(self) -> str:
        return f"{self.policy} {self.case_id}"


class Dismissal(models.Model):
    """A person's word that a finding needs no visit. It stands until she takes it back or the values behind it change."""

    household = models.CharField(max_length=64)
    region = models.CharField(max_length=12)
    kind = models.CharField(max_length=12)
    subject = models.CharField(max_length=64)
    policy = models.CharField(max_length=64)
    finding = models.CharField(max_length=16)
    facts = models.CharField(max_length=24)
    reason = models.CharField(max_length=24)
    note = models.TextField(blank=True)
    package = models.CharField(max_length=64)
    at = models.DateTimeField()
    user_id = models.BigIntegerField(null=True)
    actor = models.CharField(max_length=64)
    ended_at = models.DateTimeField(null=True)
    ended_why = models.CharField(max_length=12, blank=True)
    ended_note = models.TextField(blank=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["subject", "policy", "finding"],
                condition=models.Q(ended_at__isnull=True),
                name="assistance_one_dismissal",
            )
        ]
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["household"]), models.Index(fields=["region", "at"])]

    def __str__(self) -> str:
        return f"{self.policy} {self.reason}"


class AidGiven(models.Model):
    """Aid that a person wrote down: money, goods or a service, with date, source and value. Withdrawn, never deleted."""

    household = models.CharField(max_length=64)
    region = models.CharField(max_length=12)
    kind = models.CharField(max_length=8)
    title = models.CharField(max_length=120, blank=True)
    group = models.CharField(max_length=48, blank=True)
    project = models.CharField(max_length=48, blank=True)
    policy = models.CharField(max_length=64, blank=True)
    value_fen = models.BigIntegerField(null=True)
    quantity = models.CharField(max_length=60, blank=True)
    given_on = models.DateField()
    source = models.CharField(max_length=80)
    case_id = models.BigIntegerField(null=True)
    at = models.DateTimeField()
    user_id = models.BigIntegerField(null=True)
    actor = models.CharField(max_length=64)
    withdrawn_at = models.DateTimeField(null=True)
    withdrawn_why = models.CharField(max_length=200, blank=True)
    key = models.CharField(max_length=64, null=True, unique=True)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["household", "given_on"])]

    def __str__(self) -> str:
        return f"{self.kind} {self.given_on}"


class Curve(models.Model):
    """What other thresholds of a warning would find in a region: asked for by a person, worked out by a job, once."""

    key = models.CharField(max_length=64, unique=True)
    package = models.CharField(max_length=64)
    package_digest = models.CharField(max_length=64)
    policy = models.CharField(max_length=64)
    figure = models.CharField(max_length=64)
    region = models.CharField(max_length=12)
    on = models.DateField()
    state = models.CharField(max_length=8, default="waiting")
    current = models.FloatField()
    values = models.JSONField()
    points = models.JSONField(default=list)
    error = models.JSONField(null=True)
    asked_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    user_id = models.BigIntegerField(null=True)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["policy", "region", "-asked_at"])]

    def __str__(self) -> str:
        return f"{self.policy} {self.figure}"
