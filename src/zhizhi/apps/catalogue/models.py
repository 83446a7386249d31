"""What people do with data: uploads and answers about bad rows; and the words by which datasets are found. Private to this app.

Data and its quality stay in the lake alone; nothing of it is copied here.
"""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.db import models


class Upload(models.Model):
    """One data file on its way: received, checked, shown, confirmed, loaded. The file itself lies in the home."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    dataset = models.CharField(max_length=80, blank=True)
    chosen = models.CharField(max_length=80, blank=True)
    file = models.CharField(max_length=200)
    size = models.BigIntegerField()
    state = models.CharField(max_length=12)
    department = models.CharField(max_length=48, blank=True)
    user_id = models.BigIntegerField(null=True)
    post_id = models.BigIntegerField(null=True)
    person = models.CharField(max_length=64)
    received_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    figures = models.JSONField(default=dict)
    failure = models.CharField(max_length=80, blank=True)
    params = models.JSONField(default=dict)
    present = models.BigIntegerField(null=True)
    load = models.CharField(max_length=32, blank=True)
    version = models.BigIntegerField(null=True)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["dataset", "-received_at"]),
            models.Index(fields=["state", "changed_at"]),
        ]

    def __str__(self) -> str:
        return self.file


class Answer(models.Model):
    """What the owner of bad rows says about them: mended (with the next file), or right as they are (with a reason)."""

    dataset = models.CharField(max_length=80)
    rule = models.CharField(max_length=120)
    owner = models.CharField(max_length=48)
    whole_rule = models.BooleanField()
    verdict = models.CharField(max_length=8)
    reason = models.CharField(max_length=500, blank=True)
    sequence = models.BigIntegerField()
    rows = models.IntegerField()
    user_id = models.BigIntegerField(null=True)
    post_id = models.BigIntegerField(null=True)
    person = models.CharField(max_length=64)
    answered_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)
    settled_by = models.CharField(max_length=32, blank=True)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["dataset", "-answered_at"])]

    def __str__(self) -> str:
        return f"{self.dataset} {self.rule}"


class AnsweredRow(models.Model):
    """A row that an answer covers: known by the digest of its cipher text, so that it is known again in the next file.

    ``state``: waiting (mended, the next file will show), closed (it did not come again), back (it came again as it was),
    standing (right as it is).
    """

    answer = models.ForeignKey(Answer, on_delete=models.CASCADE, related_name="covered")
    dataset = models.CharField(max_length=80)
    rule = models.CharField(max_length=120)
    digest = models.CharField(max_length=32)
    state = models.CharField(max_length=8)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["dataset", "rule", "digest"])]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["answer", "digest"], name="catalogue_row_once_an_answer"),
        ]

    def __str__(self) -> str:
        return self.digest


class Entry(models.Model):
    """Something that can be found by words: a dataset, a field, a rule. Its bigrams stand in the index beside it."""

    dataset = models.CharField(max_length=80)
    kind = models.CharField(max_length=8)
    name = models.CharField(max_length=120, blank=True)
    title_zh = models.CharField(max_length=200)
    title_en = models.CharField(max_length=200)
    words = models.TextField()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["dataset", "kind", "name"], name="catalogue_entry_once"),
        ]

    def __str__(self) -> str:
        return f"{self.dataset} {self.name}"


class Mark(models.Model):
    """What the lake and the packages were like when they were last taken in; one row."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    seen = models.CharField(max_length=64)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return self.seen
