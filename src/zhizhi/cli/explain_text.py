"""How ``zhizhi explain`` puts an explanation on a terminal or into JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from rich.markup import escape

from zhizhi.backends.case_files import CaseFile, Person
from zhizhi.engines.rules.explanation import Explanation, Quantity, Test
from zhizhi.engines.rules.explanation_lines import lines
from zhizhi.engines.rules.wording import unit_text
from zhizhi.scenarios.testing import yuan

ICONS = {
    "eligible": "[green]✓[/green]",
    "not eligible": "[red]✗[/red]",
    "unknown": "[yellow]?[/yellow]",
    "not in force": "[dim]–[/dim]",
}
_LINE = {
    "yes": "[green]✓[/green] {}",
    "no": "[red]✗[/red] {}",
    "unknown": "[yellow]?[/yellow] {}",
    "missing": "[yellow]{}[/yellow]",
    "part": "[dim]{}[/dim]",
    "figure": "[dim]{}[/dim]",
    "basis": "[cyan]{}[/cyan]",
}
_MEMBER = {"zh": re.compile(r"成员(\d+)(?:（[^（）]*）)?"), "en": re.compile(r"\bmember (\d+)(?: \([^()]*\))?")}
_RELATIONS = {
    "head": "户主", "spouse": "配偶", "child": "子女", "grandchild": "孙子女", "parent": "父母", "other": "其他",
}  # fmt: skip


def member_name(person: Person, tongue: str) -> str:
    """Return a member as she is shown: relation and age, never an id."""
    relation = person.relation or WORDS[tongue]["member"]
    if tongue == "zh":
        relation = _RELATIONS.get(relation, relation)
    return relation if person.age is None else WORDS[tongue]["aged"].format(relation=relation, age=person.age)


def detail(explanation: Explanation, file: CaseFile, member: int | None, tongue: str) -> Iterator[str]:
    """Yield the marked-up lines of one explanation; members are named by relation and age."""

    def named(found: re.Match[str]) -> str:
        place = int(found.group(1)) - 1
        return member_name(file.people[place], tongue) if place < len(file.people) else found.group(0)

    for line in lines(explanation, tongue):
        text = escape(_MEMBER[tongue].sub(named, line.text))
        if line.kind == "head":
            whose = "" if member is None else f" · {escape(member_name(file.people[member], tongue))}"
            yield f"{ICONS[explanation.decision]} [bold]{text}[/bold]{whose}"
        else:
            yield "  " * line.depth + _LINE.get(line.kind, "{}").format(text)


def shown_json(explanation: Explanation, tongue: str) -> dict[str, Any]:
    """Return an explanation as plain data."""
    amount = explanation.amount
    return {
        "policy": explanation.policy,
        "title": explanation.title[tongue],
        "department": explanation.department,
        "decision": explanation.decision,
        "amount": None if amount is None or amount.fen is None else yuan(amount.fen),
        "formula": None if amount is None else amount.formula[tongue],
        "conditions": [
            {
                "id": reason.id,
                "label": reason.label[tongue],
                "if": reason.text,
                "result": reason.result,
                "tests": [_test(test, tongue) for test in reason.tests],
                "parts": [{"name": p.name[tongue], "value": _value(p.value), "member": _place(p.member)} for p in reason.parts],
                "figures": [
                    {
                        "name": f.name,
                        "value": _value(f.value),
                        "since": f.since,
                        "region": f.region,
                        "source": f.source,
                        "status": f.status,
                    }
                    for f in reason.figures
                ],
                "missing": [
                    {
                        "name": lack.name,
                        "title": lack.title[tongue],
                        "members": [_place(place) for place, _ in lack.members],
                        "owner": lack.owner[tongue] if lack.owner else None,
                    }
                    for lack in reason.lacks
                ],
            }
            for reason in explanation.reasons
        ],
        "basis": [{key: str(value) for key, value in basis.items()} for basis in explanation.basis],
    }


def _place(member: int | None) -> int | None:
    return None if member is None else member + 1


def _value(quantity: Quantity) -> Any:
    value = quantity.result.value
    if isinstance(value, Fraction):
        return _number(value)
    return value if value is None or isinstance(value, (bool, str)) else value.isoformat()


def _number(value: Fraction) -> int | float:
    return int(value) if value.denominator == 1 else float(value)


def _test(test: Test, tongue: str) -> dict[str, Any]:
    return {
        "name": test.name[tongue],
        "operator": test.operator,
        "actual": _value(test.actual),
        "limit": [choice.text(tongue) for choice in test.limits],
        "gap": None if test.gap is None else _number(test.gap),
        "unit": unit_text(test.actual.type, tongue),
        "result": test.result,
        "rows": [
            {"member": _place(row.member), "result": row.result, "tests": [_test(t, tongue) for t in row.tests]}
            for row in test.rows
        ],
    }


WORDS = {
    "zh": {
        "reading": "读取此户的数据",
        "household": "家庭",
        "region": "区划",
        "as-of": "截至",
        "kept": "取自保存的核查结果",
        "fresh": "直接取自数据湖，已就此户重新核查",
        "member": "成员",
        "aged": "{relation}，{age} 岁",
        "summary": "各项政策的结论",
        "policy": "政策",
        "subject": "对象",
        "decision": "结论",
        "payable": "应发",
        "receives": "现发",
        "note": "说明",
        "whole": "全家",
        "eligible": "符合",
        "not eligible": "不符合",
        "unknown": "数据不足",
        "not in force": "未施行",
        "because": "不成立：{what}",
        "lacking": "缺：{what}",
        "finding-missed": "应享未享",
        "finding-leaking": "不应享而享",
        "finding-near-miss": "临界",
        "finding-unknown": "数据不足",
        "finding-warning": "预警",
        "provides": "提供：{item}",
        "payable-is": "叠加后应发：{amount} {unit}",
        "instead": "不与下列政策同享，按顺序先给前者：{names}",
        "instead-open": "不与下列政策同享，其结论未定，金额暂不能确定：{names}",
        "ceiling": "受封顶限制：{label}",
        "receiving": "现在领取：{amount} 元，自 {since} 起",
        "found": "发现：{finding}",
        "closed": "另有 {count} 项结论为不符合；用 --policy 或 --all 看每个条件。",
        "differs": "缺陷：此处的解释与系统核查的结论不一致。请勿据此办理，并报告此问题。",
    },
    "en": {
        "reading": "reading the household",
        "household": "Household",
        "region": "region",
        "as-of": "as of",
        "kept": "from the kept screening",
        "fresh": "read from the lake and screened alone",
        "member": "member",
        "aged": "{relation}, {age}",
        "summary": "What each policy says",
        "policy": "Policy",
        "subject": "Subject",
        "decision": "Decision",
        "payable": "Payable",
        "receives": "Receives",
        "note": "Note",
        "whole": "household",
        "eligible": "eligible",
        "not eligible": "no",
        "unknown": "unknown",
        "not in force": "not in force",
        "because": "not so: {what}",
        "lacking": "missing: {what}",
        "finding-missed": "missed",
        "finding-leaking": "receives it and should not",
        "finding-near-miss": "near miss",
        "finding-unknown": "unknown",
        "finding-warning": "warning",
        "provides": "provides: {item}",
        "payable-is": "payable after stacking: {amount} {unit}",
        "instead": "not together with what comes earlier in the order and is given: {names}",
        "instead-open": "not together with what comes earlier in the order and is still undecided: {names}",
        "ceiling": "cut by a ceiling: {label}",
        "receiving": "receives now: {amount} CNY, since {since}",
        "found": "finding: {finding}",
        "closed": "{count} more say no; --policy or --all shows each condition.",
        "differs": "DEFECT: this explanation does not say what the screening decided. Do not act on it; please report this.",
    },
}
