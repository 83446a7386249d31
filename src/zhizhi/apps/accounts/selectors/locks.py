"""Who is locked out after too many wrong passwords, and until when."""

from __future__ import annotations

from datetime import datetime, timedelta

from axes.models import AccessAttempt
from django.conf import settings
from django.db.models import Max, Sum


def cool_off() -> timedelta:
    """Return how long a lock lasts."""
    lasts: timedelta = settings.AXES_COOLOFF_TIME
    return lasts


def locked_until(username: str, *, now: datetime, address: str | None = None) -> datetime | None:
    """Return until when a login name is locked (from one address, or from any), or None.

    The same rule as that of django-axes: ``AXES_FAILURE_LIMIT`` failures of one name from one address within the cool-off time,
    counted from the last of them.
    """
    rows = AccessAttempt.objects.filter(username=username, attempt_time__gt=now - cool_off())
    if address is not None:
        rows = rows.filter(ip_address=address)
    found = (
        rows.values("ip_address")
        .annotate(failures=Sum("failures_since_start"), last=Max("attempt_time"))
        .filter(failures__gte=settings.AXES_FAILURE_LIMIT)
        .order_by("-last")
        .first()
    )
    return found["last"] + cool_off() if found else None


def locked_names(now: datetime) -> set[str]:
    """Return the login names that are locked from some address."""
    rows = (
        AccessAttempt.objects.filter(attempt_time__gt=now - cool_off())
        .values("username", "ip_address")
        .annotate(failures=Sum("failures_since_start"))
        .filter(failures__gte=settings.AXES_FAILURE_LIMIT)
    )
    return {row["username"] for row in rows}
