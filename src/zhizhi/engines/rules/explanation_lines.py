"""An explanation as indented lines of text, Chinese or English: what a terminal or a page prints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from zhizhi.engines.rules.explanation import AmountReason, Explanation, FigureUsed, Lack, Part, Reason, Test
from zhizhi.engines.rules.wording import plain_number, unit_text, value_text

_DECISIONS = {
    "eligible": {"zh": "符合", "en": "eligible"},
    "not eligible": {"zh": "不符合", "en": "not eligible"},
    "unknown": {"zh": "无法判定", "en": "unknown"},
    "not in force": {"zh": "当日未施行", "en": "not in force on this day"},
}
_ROUNDINGS = {
    "yuan-up": {"zh": "进到元", "en": "rounded up to a yuan"},
    "yuan": {"zh": "四舍五入到元", "en": "rounded to a yuan"},
    "fen-up": {"zh": "进到分", "en": "rounded up to a fen"},
    "fen": {"zh": "四舍五入到分", "en": "rounded to a fen"},
}
OPERATORS = {
    "<": {"zh": "应低于", "en": "must be below"},
    "<=": {"zh": "应不超过", "en": "must be at most"},
    ">": {"zh": "应高于", "en": "must be above"},
    ">=": {"zh": "应不低于", "en": "must be at least"},
    "=": {"zh": "应为", "en": "must be"},
    "!=": {"zh": "应不是", "en": "must not be"},
    "in": {"zh": "应属于", "en": "must be one of"},
    "not in": {"zh": "应不属于", "en": "must be none of"},
}
_TEXT = {
    "head": {"zh": "{title}：{decision}（{on}）", "en": "{title}: {decision} ({on})"},
    "found": {"zh": "{name}：{value}", "en": "{name}: {value}"},
    "limit": {"zh": "，{operator} {limit}", "en": ", {operator} {limit}"},
    "short": {"zh": "，相差 {gap}", "en": ", off by {gap}"},
    "short-least": {"zh": "，至少相差 {gap}", "en": ", off by at least {gap}"},
    "spare": {"zh": "，余量 {gap}", "en": ", with {gap} to spare"},
    "spare-least": {"zh": "，余量至少 {gap}", "en": ", with at least {gap} to spare"},
    "member": {"zh": "成员{n}{relation}", "en": "member {n}{relation}"},
    "relation": {"zh": "（{}）", "en": " ({})"},
    "of": {"zh": "{whose} {name}：{value}", "en": "{whose}, {name}: {value}"},
    "household": {"zh": "家庭", "en": "the household"},
    "missing": {"zh": "缺少：{title}（{whose}）", "en": "missing: {title} ({whose})"},
    "owner": {"zh": "，由{owner}掌握", "en": ", held by {owner}"},
    "figure": {"zh": "参数 {title} = {value}，自 {since} 起", "en": "parameter {title} = {value} since {since}"},
    "layer": {"zh": "，地区 {region}", "en": ", region {region}"},
    "source": {"zh": "，来源：{source}", "en": ", source: {source}"},
    "illustrative": {"zh": "（示例数值）", "en": " (illustrative)"},
    "amount": {"zh": "金额：{fen} {unit}（{rounding}）", "en": "amount: {fen} {unit} ({rounding})"},
    "no-amount": {"zh": "金额：无法计算", "en": "amount: cannot be computed"},
    "basis": {"zh": "依据：{law}{issued}{article}", "en": "basis: {law}{issued}{article}"},
    "article": {"zh": "第{}条", "en": ", article {}"},
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line: how deep it stands, its text, and what it is.

    ``kind`` is ``head``, ``yes``, ``no``, ``unknown`` (a condition by its result), ``test``, ``part``, ``missing``,
    ``figure``, ``amount`` or ``basis``.
    """

    depth: int
    kind: str
    text: str


def lines(explanation: Explanation, lang: str = "en") -> list[Line]:
    """Return an explanation line by line in ``lang``; people are shown by their place among the members, never by id."""
    title, decision = explanation.title[lang], _DECISIONS[explanation.decision][lang]
    found = [Line(0, "head", _say("head", lang, title=title, decision=decision, on=explanation.on))]
    for reason in explanation.reasons:
        found += _reason(reason, lang)
    if explanation.amount is not None:
        found += _amount(explanation.amount, lang)
    for basis in explanation.basis:
        found.append(Line(1, "basis", basis_line(basis, lang)))
    return found


def basis_line(basis: Mapping[str, Any], lang: str) -> str:
    """Return the law that a policy stands on, with its article."""
    article = _TEXT["article"][lang].format(basis["article"]) if basis.get("article") else ""
    issued = f"（{basis['issued']}）" if basis.get("issued") else ""
    note = _TEXT["illustrative"][lang] if basis.get("status") == "illustrative" else ""
    return _say("basis", lang, law=basis.get("law", ""), issued=issued, article=article) + note


def _say(key: str, lang: str, **params: object) -> str:
    return _TEXT[key][lang].format(**params)


def _reason(reason: Reason, lang: str) -> Iterator[Line]:
    yield Line(1, {True: "yes", False: "no", None: "unknown"}[reason.result], reason.label[lang])
    for test in reason.tests:
        yield from _test(test, lang, 2)
    yield from _parts(reason.parts, lang, 3)
    for lack in reason.lacks:
        yield Line(2, "missing", _lack(lack, lang))
    for figure in reason.figures:
        yield Line(2, "figure", figure_line(figure, lang))


def _test(test: Test, lang: str, depth: int, whose: str = "") -> Iterator[Line]:
    name, value = test.name[lang], test.actual.text(lang)
    text = _say("of", lang, whose=whose, name=name, value=value) if whose else _say("found", lang, name=name, value=value)
    if test.limits:
        limit = ", ".join(choice.text(lang) for choice in test.limits)
        text += _say("limit", lang, operator=OPERATORS[test.operator][lang], limit=limit)
    plain = test.operator in ("=", "in", "not in") and all(choice.high is None for choice in test.limits)
    if test.gap is not None and test.result is not None and test.limits and not plain:
        key = ("spare" if test.result else "short") + ("-least" if test.gap_at_least else "")
        text += _say(key, lang, gap=value_text(abs(test.gap), test.actual.type, lang))
    yield Line(depth, "test", text)
    for row in test.rows:
        for inner in row.tests:
            yield from _test(inner, lang, depth + 1, _whose(row.member, row.relation, lang))


def _whose(member: int | None, relation: str, lang: str) -> str:
    if member is None:
        return _TEXT["household"][lang]
    named = _TEXT["relation"][lang].format(relation) if relation else ""
    return _say("member", lang, n=member + 1, relation=named)


def _parts(parts: Sequence[Part], lang: str, depth: int) -> Iterator[Line]:
    for part in parts:
        name, value = part.name[lang], part.value.text(lang)
        if part.member is None:
            text = _say("found", lang, name=name, value=value)
        else:
            text = _say("of", lang, whose=_whose(part.member, part.relation, lang), name=name, value=value)
        yield Line(depth + part.depth, "part", text)


def _lack(lack: Lack, lang: str) -> str:
    whose = "、" if lang == "zh" else ", "
    people = whose.join(_whose(member, relation, lang) for member, relation in lack.members)
    text = _say("missing", lang, title=lack.title[lang], whose=people)
    return text + (_say("owner", lang, owner=lack.owner[lang]) if lack.owner else "")


def figure_line(figure: FigureUsed, lang: str) -> str:
    """Return a parameter as it applied, with its date, region and source."""
    text = _say("figure", lang, title=figure.title[lang], value=figure.value.text(lang), since=figure.since)
    if figure.region:
        text += _say("layer", lang, region=figure.region)
    if figure.source:
        text += _say("source", lang, source=figure.source)
    return text + (_TEXT["illustrative"][lang] if figure.status == "illustrative" else "")


def _amount(amount: AmountReason, lang: str) -> Iterator[Line]:
    if amount.fen is None:
        yield Line(1, "amount", _TEXT["no-amount"][lang])
    else:
        unit, rounding = unit_text(amount.value.type, lang), _ROUNDINGS[amount.rounding][lang]
        fen = plain_number(Fraction(amount.fen, 100))
        yield Line(1, "amount", _say("amount", lang, fen=fen, unit=unit, rounding=rounding))
    yield Line(2, "amount", amount.formula[lang])
    yield Line(2, "amount", f"= {amount.numbers[lang]} = {amount.value.text(lang)}")
    for figure in amount.figures:
        yield Line(2, "figure", figure_line(figure, lang))
