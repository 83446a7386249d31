"""Install the workflows of a package, and its calendar where none has been edited here."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Any

from django.db import transaction

from zhizhi.apps.actors import Actor, Permission
from zhizhi.apps.casework.models import WorkflowVersion
from zhizhi.apps.casework.schemas import WORKFLOW_INSTALLED
from zhizhi.apps.casework.services.calendars import calendar_seed
from zhizhi.apps.journal.services import record
from zhizhi.engines.workflow.plain import to_plain
from zhizhi.scenarios.package import Package


def package_install(actor: Actor, *, package: Package, now: datetime) -> int:
    """Install every workflow of ``package`` and its working calendar; return how many workflows are new.

    Doing it again changes nothing. Cases that are open go on by the version that they began with.
    """
    actor.require(Permission.SCREENING_RUN)
    new = 0
    with transaction.atomic():
        for workflow in package.workflows.values():
            plain = to_plain(workflow)
            digest = _digest(plain)
            row, made = WorkflowVersion.objects.get_or_create(
                package=package.id,
                workflow=workflow.id,
                digest=digest,
                defaults={"package_version": package.version, "definition": plain, "installed_at": now},
            )
            if made:
                new += 1
                record(
                    actor,
                    WORKFLOW_INSTALLED,
                    now=now,
                    details={"workflow": workflow.id, "digest": digest, "steps": len(workflow.steps)},
                    package=package.id,
                    package_version=package.version,
                )
            elif WorkflowVersion.objects.filter(
                package=package.id, workflow=workflow.id, installed_at__gt=row.installed_at
            ).exists():  # an older version was put back: it is what new cases begin with
                WorkflowVersion.objects.filter(pk=row.pk).update(installed_at=now)
        if package.calendar is not None:
            calendar_seed(actor, calendar=package.calendar, now=now)
    return new


def _digest(plain: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(plain, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
