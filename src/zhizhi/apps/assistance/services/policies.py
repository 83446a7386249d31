"""Try a change of figures, and keep it as a draft. Nothing here puts a change in force: the package's owner does that."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime
from hashlib import sha256
from time import perf_counter
from typing import Any

import yaml
from django.db import IntegrityError, transaction

from zhizhi.apps.actors import Actor, Permission, in_scope, region_prefix
from zhizhi.apps.assistance.models import PolicyDraft, WhatIf
from zhizhi.apps.assistance.selectors.packages import package_in_use, screening_date
from zhizhi.apps.assistance.selectors.policies import run_tests_with
from zhizhi.apps.configuration import configuration
from zhizhi.apps.journal.schemas import declare
from zhizhi.apps.journal.services import record
from zhizhi.backends.lake import Lake
from zhizhi.backends.whatif import changed_figures, parse_change, what_if
from zhizhi.kernel.errors import ConflictError, InvalidError, NotFoundError, RefusedError, ZhizhiError
from zhizhi.scenarios.package import Package

WHATIF_ASKED = declare("assistance.whatif.asked")
DRAFT_SAVED = declare("assistance.draft.saved")
MOST_CHANGES = 12


def whatif_ask(actor: Actor, *, policy: str, settings: Sequence[str], now: datetime) -> tuple[int, bool]:
    """Ask what other figures would do to the actor's region. The same question over the same data is worked out once.

    Args:
        actor: an analyst or officer with ``assistance.policy.try``.
        policy: the policy whose page asked.
        settings: ``dibao.line=1200`` or ``dibao.line@330122=1200``, at most ``MOST_CHANGES``.
        now: the moment.

    Returns:
        The id, and whether it is new (then a job has to be queued).

    Raises:
        InvalidError: ``policies.nothing-changed``, ``policies.too-many``; UsageError: a figure or value that is not known.
    """
    actor.require(Permission.POLICY_TRY)
    package = package_in_use()
    if policy not in package.policies:
        raise NotFoundError("policies.unknown", policy=policy)
    on = screening_date(now)
    wanted = sorted({item.strip() for item in settings if item.strip()})
    if len(wanted) > MOST_CHANGES:
        raise InvalidError("policies.too-many", most=MOST_CHANGES)
    changes = [parse_change(package, item, on) for item in wanted]
    if all(change.before == change.after for change in changes):
        raise InvalidError("policies.nothing-changed")
    lake = Lake.open(configuration().lake_path)
    asked = [package.digest, on.isoformat(), actor.region, policy, wanted, sorted(lake.versions().items())]
    key = sha256(json.dumps(asked).encode()).hexdigest()
    with transaction.atomic():
        found, new = WhatIf.objects.get_or_create(
            key=key,
            defaults={
                "asked_at": now,
                "user_id": actor.user_id,
                "region": actor.region,
                "package": package.id,
                "package_version": package.version,
                "package_digest": package.digest,
                "policy": policy,
                "on": on,
                "settings": wanted,
            },
        )
        if found.state == "failed":
            WhatIf.objects.filter(pk=found.pk).update(state="waiting", error=None)
            new = True
        if new:
            record(
                actor,
                WHATIF_ASKED,
                now=now,
                subjects=[f"policy:{policy}"],
                region=actor.region,
                package=package.id,
                package_version=package.version,
                details={"whatif": found.pk, "settings": wanted},
            )
    return found.pk, new


def whatif_work_out(*, whatif: int) -> str:
    """Work out one try; called by the job. Done twice it says the same, so a killed worker costs only time.

    Returns:
        The state: ``done`` or ``failed``.
    """
    asked = WhatIf.objects.get(pk=whatif)
    if asked.state == "done":
        return "done"
    WhatIf.objects.filter(pk=whatif).update(state="running")
    started = perf_counter()
    try:
        package = package_in_use(asked.package)
        if package.digest != asked.package_digest:
            raise ConflictError("policies.package-changed")
        lake = Lake.open(configuration().lake_path)
        found = what_if(lake, package, asked.on, asked.settings, within=region_prefix(asked.region))
    except ZhizhiError as error:
        told = {"code": error.code, "params": {name: str(value) for name, value in error.params.items()}}
        WhatIf.objects.filter(pk=whatif).update(state="failed", error=told)
        return "failed"
    outcome = json.loads(json.dumps(asdict(found), default=_plain))
    WhatIf.objects.filter(pk=whatif).update(state="done", outcome=outcome, seconds=perf_counter() - started)
    return "done"


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else float(value)


def draft_save(actor: Actor, *, whatif: int, title: str, note: str, starts_on: date, now: datetime) -> int:
    """Keep a tried change as a draft, with the package's tests run under its figures.

    Raises:
        NotFoundError: ``policies.whatif-unknown``; RefusedError: ``policies.not-your-department``.
        ConflictError: ``policies.not-done``, ``policies.draft-exists``; InvalidError: ``policies.title-missing``.
    """
    actor.require(Permission.POLICY_DRAFT)
    asked = WhatIf.objects.filter(in_scope(actor), pk=whatif).first()
    if asked is None:
        raise NotFoundError("policies.whatif-unknown")
    if asked.state != "done":
        raise ConflictError("policies.not-done")
    if not title.strip():
        raise InvalidError("policies.title-missing", field="title")
    package = package_in_use(asked.package)
    owners = owning_departments(package, asked.settings, asked.on)
    if actor.department and owners - {actor.department}:
        raise RefusedError("policies.not-your-department", owners=", ".join(sorted(owners)))
    tests = _tests_under(package, asked)
    with transaction.atomic():
        try:
            with transaction.atomic():
                draft = PolicyDraft.objects.create(
                    whatif=asked,
                    title=title.strip(),
                    note=note.strip(),
                    department=actor.department or next(iter(sorted(owners)), ""),
                    starts_on=starts_on,
                    saved_at=now,
                    user_id=actor.user_id,
                    tests=tests,
                )
        except IntegrityError as error:
            raise ConflictError("policies.draft-exists") from error
        record(
            actor,
            DRAFT_SAVED,
            now=now,
            subjects=[f"policy:{asked.policy}"],
            region=asked.region,
            package=asked.package,
            package_version=asked.package_version,
            details={"draft": draft.pk, "settings": asked.settings, "tests_failing": sum(bool(t["problems"]) for t in tests)},
        )
    return draft.pk


def owning_departments(package: Package, settings: Sequence[str], on: date) -> set[str]:
    """Return the departments of the policies whose own figures a change touches; shared figures belong to the package."""
    owners = {parse_change(package, item, on).owner for item in settings}
    return {package.policies[owner].department for owner in owners if owner in package.policies}


def _tests_under(package: Package, asked: WhatIf) -> list[dict[str, Any]]:
    """Run the tests of every policy that the change moves, under its figures from the day on."""
    changes = [parse_change(package, item, asked.on) for item in asked.settings]
    moved = [effect["policy"] for effect in (asked.outcome or {}).get("effects", [])]
    figures = changed_figures(package, changes, date.min)
    return [
        {"name": line.name, "on": line.on.isoformat(), "problems": [list(problem) for problem in line.problems]}
        for line in run_tests_with(package, moved or [asked.policy], figures)
    ]


def draft_overlay(draft: Mapping[str, Any], package: Package) -> str:
    """Return a draft as an overlay file that the package's owner can put in force: figures, dates, where they come from."""
    whole: dict[str, Any] = {}
    starts, source = draft["starts_on"], f"{draft['title']}（草案，尚未生效）"
    for item in draft["settings"]:
        change = parse_change(package, item, draft["on"])
        entry = {"values": {starts: _figure(change.after)}, "source": source, "status": "illustrative"}
        region = whole.setdefault(change.region or draft["region"], {})
        if change.owner:
            region.setdefault("policies", {}).setdefault(change.owner, {}).setdefault("params", {})[change.name] = entry
        else:
            region.setdefault("params", {})[change.name] = entry
    documents = [
        {"region": region, "title": {"zh": draft["title"], "en": draft["title"]}, **parts} for region, parts in whole.items()
    ]
    return "---\n".join(yaml.safe_dump(one, allow_unicode=True, sort_keys=False) for one in documents)


def _figure(value: Any) -> Any:
    if isinstance(value, (str, bool)):
        return value
    return int(value) if value.denominator == 1 else float(value)
