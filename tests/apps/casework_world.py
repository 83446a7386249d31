"""What tests of cases begin with: the shipped workflow and calendar installed, and drafts that differ by household."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Any

from zhizhi.apps.actors import Actor
from zhizhi.apps.casework.schemas import CaseDraft, Moved
from zhizhi.apps.casework.services.steps import case_move
from zhizhi.scenarios.package import Package, read_package
from zhizhi.scenarios.shipped import find_package

SANDUN, BEISHAN, QINGBO = "330106109", "330106002", "330102001"
FORMS: dict[str, dict[str, Any]] = {
    "reached": {"reached_by": "visit", "met": "head", "agrees": "yes", "urgent": "no"},
    "assessed": {
        "visited_on": "2026-03-04", "members_present": "2", "income": "850", "needs": ["medical"], "severity": "severe",
        "data_right": "yes", "finding": "药费负担重，建议医疗救助",
    },
    "approve": {"decision": "give", "decision_reason": "收入低于标准，药费高", "told_how": "in-person", "told_on": "2026-03-05"},
    "dispatched": {"departments": ["medical-insurance"], "aid": "医疗救助，每月报销"},
    "done": {"arrived": "yes", "received_on": "2026-03-10", "closing_note": "已经领到医疗救助"},
}  # fmt: skip


@cache
def shipped() -> Package:
    """The shipped package, read once."""
    return read_package(find_package("social-assistance"))


def household(number: int) -> str:
    return f"{number:024x}"


def draft(number: int = 1, **changes: Any) -> CaseDraft:
    """A draft about one household with two findings."""
    given: dict[str, Any] = {
        "household": household(number),
        "region": SANDUN,
        "title_zh": "可能应享未享：医疗救助",
        "title_en": "May be missing: medical aid",
        "severity": 2,
        "score": 50.0,
        "findings": [
            {"policy": "medical-aid", "finding": "missed", "amount": "300"},
            {"policy": "serious-illness", "finding": "warning"},
        ],
        "card": {"name": "王**", "age": 72},
        "package_version": "1.0.0",
    }
    return CaseDraft(**{**given, **changes})


def walk(
    actors: dict[str, Actor], case_id: int, version: int, ways: list[str], now: Callable[[], datetime], **last: Any
) -> Moved:
    """Take a case along ways of the shipped workflow, each by the role that usually acts."""
    usual = {
        "reached": "village-worker",
        "assessed": "village-worker",
        "approve": "town-officer",
        "dispatched": "county-manager",
        "done": "town-officer",
    }
    moved = Moved(case_id, version, "", None)
    for number, way in enumerate(ways):
        extra = last if number == len(ways) - 1 else {}
        moved = case_move(
            actors[usual[way]],
            case_id=case_id,
            version=moved.version,
            way_id=way,
            answers=FORMS[way],
            now=now(),
            **extra,
        )
    return moved
