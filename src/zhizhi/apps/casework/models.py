"""Cases, their timeline and what hangs on them; the working calendar. Private to this app.

Open cases are few and busy, closed ones many and quiet: what is asked of open cases is answered from partial indexes, what
is counted of closed ones from `Tally`, whose rows are only added and now and then summed up.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

OPEN = Q(closed_at__isnull=True)
CLOSED = Q(closed_at__isnull=False)


class WorkflowVersion(models.Model):
    """A workflow as it stood in one version of a package. Never changed: a case ends by the rules it began with."""

    package = models.CharField(max_length=64)
    package_version = models.CharField(max_length=64)
    workflow = models.CharField(max_length=48)
    digest = models.CharField(max_length=64)
    definition = models.JSONField()
    installed_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["package", "workflow", "digest"], name="casework_one_workflow_digest")
        ]

    def __str__(self) -> str:
        return f"{self.package} {self.package_version} {self.workflow}"


class Case(models.Model):
    """One household's matter. ``version`` grows with every change that a person deciding must not overlook."""

    kind = models.CharField(max_length=16)
    workflow = models.ForeignKey(WorkflowVersion, on_delete=models.PROTECT, db_index=False)
    package_version = models.CharField(max_length=64)
    household = models.CharField(max_length=64)
    region = models.CharField(max_length=12)
    title_zh = models.CharField(max_length=200)
    title_en = models.CharField(max_length=300)
    card = models.JSONField(default=dict)
    findings = models.JSONField(default=list)
    severity = models.PositiveSmallIntegerField(default=1)
    score = models.FloatField(default=0)
    state = models.CharField(max_length=32)
    role = models.CharField(max_length=24, blank=True)
    holder_post = models.BigIntegerField(null=True)
    holder_user = models.BigIntegerField(null=True)
    holder_name = models.CharField(max_length=64, blank=True)
    hands = models.JSONField(default=dict)
    version = models.IntegerField(default=1)
    opened_at = models.DateTimeField()
    opened_on = models.DateField()
    step_started = models.DateTimeField()
    due = models.DateTimeField(null=True)
    paused_at = models.DateTimeField(null=True)
    pause_reason = models.CharField(max_length=32, blank=True)
    pause_until = models.DateTimeField(null=True)
    pauses = models.JSONField(default=list)
    escalated_at = models.DateTimeField(null=True)
    escalated_to = models.CharField(max_length=24, blank=True)
    tried_on = models.DateField(null=True)
    outcome = models.CharField(max_length=32, blank=True)
    closed_at = models.DateTimeField(null=True)
    closed_on = models.DateField(null=True)
    reopened = models.PositiveSmallIntegerField(default=0)
    merged_into = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="merged", db_index=False)
    changed_at = models.DateTimeField()
    key = models.CharField(max_length=64, null=True, unique=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["household", "kind"], condition=OPEN, name="casework_one_open_case"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["region", "state", "due", "holder_post", "severity", "opened_on"],
                condition=OPEN,
                name="casework_open_region",
            ),
            models.Index(fields=["due", "id", "region"], condition=OPEN, name="casework_open_due"),
            models.Index(fields=["score", "id", "region"], condition=OPEN, name="casework_open_score"),
            models.Index(fields=["region", "title_zh", "title_en"], condition=OPEN, name="casework_open_words"),
            models.Index(fields=["holder_post", "due"], condition=OPEN, name="casework_open_holder"),
            models.Index(fields=["opened_on", "region", "due"], condition=OPEN, name="casework_open_age"),
            models.Index(fields=["pause_until"], condition=Q(paused_at__isnull=False), name="casework_paused"),
            models.Index(fields=["closed_on", "id", "region", "outcome"], condition=CLOSED, name="casework_closed_on"),
            models.Index(fields=["region", "severity", "closed_on", "id"], condition=CLOSED, name="casework_closed_region"),
            models.Index(fields=["opened_on", "id", "region"], name="casework_opened_on"),
            models.Index(fields=["household", "id"], name="casework_household"),
            models.Index(fields=["merged_into"], condition=Q(merged_into__isnull=False), name="casework_merged"),
        ]

    def __str__(self) -> str:
        return f"case {self.pk}"


class CaseFinding(models.Model):
    """One finding of a case: which policy or warning found the household. Place and openness repeat the case, for counting."""

    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="found", db_index=False)
    policy = models.CharField(max_length=64)
    finding = models.CharField(max_length=16)
    region = models.CharField(max_length=12)
    is_open = models.BooleanField(default=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["case", "policy"], name="casework_one_finding_a_policy")
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["policy", "is_open", "region", "case"], name="casework_policy_case")
        ]

    def __str__(self) -> str:
        return self.policy


class Entry(models.Model):
    """One line of a case's timeline. Only added. ``key`` makes a form that is sent twice count once."""

    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="entries", db_index=False)
    kind = models.CharField(max_length=16)
    at = models.DateTimeField()
    user_id = models.BigIntegerField(null=True)
    post_id = models.BigIntegerField(null=True)
    actor = models.CharField(max_length=64)
    role = models.CharField(max_length=24, blank=True)
    state_from = models.CharField(max_length=32, blank=True)
    state_to = models.CharField(max_length=32, blank=True)
    way = models.CharField(max_length=32, blank=True)
    outcome = models.CharField(max_length=32, blank=True)
    note = models.TextField(blank=True)
    answers = models.JSONField(default=dict)
    details = models.JSONField(default=dict)
    version = models.IntegerField(default=0)
    key = models.CharField(max_length=64, null=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["case", "key"], condition=Q(key__isnull=False), name="casework_a_form_counts_once")
        ]
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["case", "id"], name="casework_timeline")]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class CaseLink(models.Model):
    """Two cases that have to do with each other; ``one`` has the smaller id."""

    one = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="+")
    other = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=16)
    at = models.DateTimeField()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["one", "other"], name="casework_linked_once")
        ]

    def __str__(self) -> str:
        return f"{self.one_id} {self.kind} {self.other_id}"


class Attachment(models.Model):
    """A file of a case, stored under the digest of its content."""

    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="attachments")
    digest = models.CharField(max_length=64, db_index=True)
    size = models.IntegerField()
    media_type = models.CharField(max_length=40)
    name = models.CharField(max_length=120)
    at = models.DateTimeField()
    post_id = models.BigIntegerField(null=True)
    actor = models.CharField(max_length=64)
    removed_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.name


class Tally(models.Model):
    """A number that was added: so many cases opened, closed with an outcome, or decided for a policy, on a day, in a place.

    What is wanted is always the sum of ``count`` over rows; summing up rows that agree in all else changes no answer.
    """

    measure = models.CharField(max_length=8)
    key = models.CharField(max_length=32)
    policy = models.CharField(max_length=64, blank=True)
    day = models.DateField()
    region = models.CharField(max_length=12)
    count = models.IntegerField()

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["measure", "day", "region", "key", "policy", "count"], name="casework_tally_day"),
            models.Index(fields=["measure", "region", "policy", "key", "count"], name="casework_tally_policy"),
        ]

    def __str__(self) -> str:
        return f"{self.measure} {self.key} {self.count}"


class Calendar(models.Model):
    """The one working calendar of the installation; ``digest`` tells those who keep it in memory whether it changed."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    zone = models.CharField(max_length=40)
    hours = models.JSONField()
    digest = models.CharField(max_length=64)
    changed_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"calendar {self.digest[:8]}"


class CalendarYear(models.Model):
    """What is known of one year, and from where."""

    year = models.PositiveSmallIntegerField(primary_key=True)
    status = models.CharField(max_length=16)
    source = models.CharField(max_length=300, blank=True)
    edited = models.BooleanField(default=False)

    def __str__(self) -> str:
        return str(self.year)


class CalendarDay(models.Model):
    """A holiday (``free``) or a day of a weekend that is worked."""

    day = models.DateField(primary_key=True)
    free = models.BooleanField()
    zh = models.CharField(max_length=60)
    en = models.CharField(max_length=90)
    edited = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"{self.day} {'free' if self.free else 'worked'}"


class SavedFilter(models.Model):
    """A list's filters under a name, kept for the person who set them."""

    user_id = models.BigIntegerField()
    page = models.CharField(max_length=16)
    name = models.CharField(max_length=60)
    query = models.CharField(max_length=600)
    at = models.DateTimeField()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["user_id", "page", "name"], name="casework_one_filter_a_name")
        ]

    def __str__(self) -> str:
        return self.name
