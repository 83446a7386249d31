"""An alert as the case that a worker will open: its line, its reasons in plain words, what to ask, what to bring, its score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from zhizhi.apps.casework.schemas import CaseDraft
from zhizhi.backends.register import Head
from zhizhi.backends.triage import Alert, Reason
from zhizhi.engines.rules.policy import Policy
from zhizhi.engines.screening.ranking import TENTHS
from zhizhi.kernel.messages import render
from zhizhi.scenarios.package import Package

SEVERITY = {"low": 1, "medium": 2, "high": 3}
LANGS = ("zh", "en")
NAMED = 2
"""So many reasons stand in a case's title; the rest is counted."""
Words = dict[str, str]


def draft_of(
    alert: Alert,
    package: Package,
    reasons: Sequence[Reason],
    *,
    head: Head | None = None,
    holder: tuple[int, int, str] | None = None,
    kind: str = "assistance",
) -> CaseDraft:
    """Return the draft of a case about ``reasons`` (gravest first), a part or all of the alert's."""
    policies = {reason.policy: package.policies[reason.policy] for reason in reasons if reason.policy in package.policies}
    titles = {lang: _title([words(policy, alert.region)[lang] for policy in policies.values()], lang) for lang in LANGS}
    return CaseDraft(
        household=alert.household,
        region=alert.region,
        title_zh=titles["zh"][:200],
        title_en=titles["en"][:300],
        kind=kind,
        severity=max(SEVERITY[reason.severity] for reason in reasons),
        score=alert.score / TENTHS,
        findings=[_named(reason, policies, alert.region) for reason in reasons],
        card=_card(alert, reasons, policies, head),
        package=package.id,
        package_version=package.version,
        workflow=next(iter(package.workflows)),
        holder=holder,
    )


def words(policy: Policy, region: str) -> Mapping[str, str]:
    """Return a policy's title where a household lives."""
    return policy.title_in(region)


def finding_of(reason: Reason) -> dict[str, Any]:
    """Return a reason as a case keeps it."""
    return {
        "kind": reason.kind,
        "subject": reason.subject,
        "policy": reason.policy,
        "finding": reason.finding,
        "severity": reason.severity,
        "payable_fen": reason.payable_fen,
        "facts": reason.facts,
    }


def _named(reason: Reason, policies: Mapping[str, Policy], region: str) -> dict[str, Any]:
    """Return a reason as a case keeps it, with the policy's title as it was then: casework reads no package."""
    policy = policies.get(reason.policy)
    return finding_of(reason) | ({"title": dict(words(policy, region))} if policy else {})


def score_of(alert: Alert) -> dict[str, Any]:
    """Return the parts of a score as a card keeps them, in tenths of points."""
    return {
        "total": alert.score,
        "severity": alert.severity,
        "further": alert.further,
        "depth": alert.depth,
        "vulnerable": alert.vulnerable,
        "gravest": alert.gravest,
        "deepest": alert.deepest,
        "signs": list(alert.signs),
        "unknown": list(alert.unknown),
        "reasons": len(alert.reasons),
    }


def _title(titles: Sequence[str], lang: str) -> str:
    shown = render("assistance.list-and", lang, {}).join(titles[:NAMED])
    more = len(titles) - NAMED
    return shown if more <= 0 else render("assistance.title-more", lang, {"titles": shown, "n": len(titles)})


def _card(alert: Alert, reasons: Sequence[Reason], policies: Mapping[str, Policy], head: Head | None) -> dict[str, Any]:
    due, asks = [], []
    for name, policy in policies.items():
        reason = next(item for item in reasons if item.policy == name)
        title = dict(words(policy, alert.region))
        if reason.finding == "missed":
            unit = str(policy.amount.unit) if policy.amount else ""
            due.append({"policy": name, **title, "payable_fen": reason.payable_fen, "unit": unit})
        if policy.asks:
            asks.append({lang: policy.asks.get(lang, "") for lang in LANGS})
    card: dict[str, Any] = {
        "reason": {lang: _sentence(reasons, policies, alert.region, lang) for lang in LANGS},
        "asks": asks,
        "entitled": due,
        "score": score_of(alert),
    }
    if head is not None:
        card |= {"name": head.name, "age": head.age, "sex": head.sex, "members": head.members}
    return card


def _sentence(reasons: Sequence[Reason], policies: Mapping[str, Policy], region: str, lang: str) -> str:
    """Return one sentence that says why somebody should go there: nothing of it is a decision."""
    parts = []
    for name, policy in policies.items():
        reason = next(item for item in reasons if item.policy == name)
        params = {"title": words(policy, region)[lang]}
        code = f"assistance.reason-{reason.finding.replace(' ', '-')}"
        if reason.finding == "missed" and reason.payable_fen:
            code += "-amount"
            params["amount"] = f"{reason.payable_fen / 100:,.0f}"
            params["per"] = _per(policy, lang)
        parts.append(render(code, lang, params))
    return render("assistance.list-semicolon", lang, {}).join(parts) + render("assistance.full-stop", lang, {})


def _per(policy: Policy, lang: str) -> str:
    unit = str(policy.amount.unit) if policy.amount else ""
    return render(
        {"CNY/month": "assistance.per-month", "CNY/year": "assistance.per-year"}.get(unit, "assistance.per-once"), lang, {}
    )
