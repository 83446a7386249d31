"""What a case's card says, in the page's language: who, why, what to ask, what could be had."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from zhizhi.apps.casework.schemas import CaseRow
from zhizhi.apps.wording import lang, t

_TONES = {"missed": "urgent", "leaking": "attention", "near miss": "neutral", "unknown": "unknown", "warning": "attention"}
_UNITS = {"CNY/month": "month", "CNY/year": "year", "CNY": "once"}


@dataclass(frozen=True, slots=True)
class Card:
    """A card ready for a template. ``who`` is a masked name and age, or the household's code where there is no name."""

    who: str
    members: int
    address: str
    phone: str
    reason: str
    asks: Sequence[str]
    eligible_for: Sequence[str]


@dataclass(frozen=True, slots=True)
class Cause:
    """One finding for which a case was opened."""

    policy: str
    title: str
    tone: str
    code: str
    payable: str


def card_of(row: CaseRow) -> Card:
    """Return the card of a case."""
    card, tongue = row.card, lang()
    name, age = str(card.get("name") or ""), card.get("age")
    who = name or t("doors.no-card", id=row.household[:8])
    if name and age is not None:
        who = t("cases.aged", name=name, age=age)
    return Card(
        who,
        int(card.get("members") or 0),
        str(card.get("address") or ""),
        str(card.get("phone") or ""),
        _said(card.get("reason"), tongue) or _said(row.title, tongue),
        [text for text in (_said(item, tongue) for item in card.get("asks") or ()) if text],
        [_eligible_for(item, tongue) for item in card.get("entitled") or ()],
    )


def causes_of(findings: Sequence[Mapping[str, Any]]) -> list[Cause]:
    """Return the findings of a case in words."""
    tongue = lang()
    return [
        Cause(
            str(item.get("policy", "")),
            _said(item.get("title"), tongue) or str(item.get("policy", "")),
            _TONES.get(str(item.get("finding", "")), "neutral"),
            str(item.get("finding", "")).replace(" ", "-"),
            _yuan(item["payable_fen"]) if item.get("payable_fen") else "",
        )
        for item in findings
    ]


def _eligible_for(item: Mapping[str, Any], tongue: str) -> str:
    title = _said(item, tongue)
    if not item.get("payable_fen"):
        return title
    per = t(f"cases.per-{_UNITS.get(str(item.get('unit')), 'once')}", amount=_number(item["payable_fen"]))
    return t("cases.entitled-to", title=title, amount=per)


def _said(value: Any, tongue: str) -> str:
    if isinstance(value, Mapping):
        return str(value.get(tongue) or value.get("zh") or "")
    return str(value or "")


def _number(fen: int) -> str:
    return f"{fen // 100:,}" if fen % 100 == 0 else f"{fen / 100:,.2f}"


def _yuan(fen: int) -> str:
    return t("cases.per-once", amount=_number(fen))
