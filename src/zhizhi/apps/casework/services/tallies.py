"""Numbers that are added to, and summed up now and then without changing any answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date

from django.db import transaction
from django.db.models import Count

from zhizhi.apps.casework.models import Case, Tally
from zhizhi.apps.casework.schemas import TALLY_CLOSED, TALLY_OPENED, TALLY_POLICY

FIELDS = ("measure", "key", "policy", "day", "region")
BATCH = 2_000
Line = tuple[str, str, str, date, str]


def opened(region: str, day: date) -> Line:
    """Return the line of one opened case."""
    return TALLY_OPENED, "", "", day, region


def closed(case: Case, policies: Iterable[str], day: date, outcome: str) -> list[Line]:
    """Return the lines of one closed case: its outcome by day, and by month for each policy that found the household."""
    lines = [(TALLY_CLOSED, outcome, "", day, case.region)]
    return lines + [(TALLY_POLICY, outcome, policy, day.replace(day=1), case.region) for policy in policies]


def tally_add(lines: Iterable[Line], sign: int = 1) -> None:
    """Add one for each line (or take one back); inside the transaction of the change."""
    counted = Counter(lines)
    Tally.objects.bulk_create(
        [Tally(**dict(zip(FIELDS, line, strict=True)), count=sign * number) for line, number in counted.items()],
        batch_size=BATCH,
    )


def tally_compact(limit: int = 20_000) -> int:
    """Sum up rows that agree in all but the count; return how many rows went. Safe to run at any time, twice at once too."""
    groups = Tally.objects.values(*FIELDS).annotate(rows=Count("id")).filter(rows__gt=1)[:limit]
    gone = 0
    for group in list(groups):
        key = {name: group[name] for name in FIELDS}
        with transaction.atomic():
            rows = list(Tally.objects.select_for_update().filter(**key).values_list("id", "count"))
            if len(rows) < 2:
                continue
            total = sum(count for _, count in rows)
            Tally.objects.filter(pk__in=[pk for pk, _ in rows]).delete()
            if total:
                Tally.objects.create(**key, count=total)
            gone += len(rows) - bool(total)
    return gone
