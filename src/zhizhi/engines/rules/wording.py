"""Values, units and expressions in words, Chinese and English."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from zhizhi.engines.rules import ir
from zhizhi.engines.rules.resolution import Figures
from zhizhi.engines.rules.three_values import Result, round_half_away
from zhizhi.engines.rules.types import PURE, Type
from zhizhi.engines.rules.vocabulary import Vocabulary

_UNITS_ZH = {
    "CNY": "元", "month": "月", "year": "年", "day": "日", "years": "年", "months": "个月", "days": "天", "m2": "平方米",
    "homes": "套", "cars": "辆", "grade": "级", "hours": "小时", "members": "人",
}  # fmt: skip
_WORDS = {
    "unknown": {"zh": "未知", "en": "unknown"},
    "true": {"zh": "是", "en": "yes"},
    "false": {"zh": "否", "en": "no"},
    "low": {"zh": "至少 {}", "en": "at least {}"},
    "high": {"zh": "至多 {}", "en": "at most {}"},
    "between": {"zh": "{} 至 {}", "en": "between {} and {}"},
    "household": {"zh": "家庭", "en": "the household"},
    "members": {"zh": "成员", "en": "members"},
    "known": {"zh": "已有{}", "en": "{} is known"},
    "decision": {"zh": "符合“{}”", "en": "entitled to “{}”"},
    "where": {"zh": "（{}）", "en": " where {}"},
}
_AGGREGATES = {
    "sum": {"zh": "{over}{value}合计", "en": "sum of {value} of {over}"},
    "count": {"zh": "{over}数", "en": "number of {over}"},
    "min": {"zh": "{over}{value}最小值", "en": "least {value} of {over}"},
    "max": {"zh": "{over}{value}最大值", "en": "greatest {value} of {over}"},
    "any": {"zh": "任一{over}：{value}", "en": "any of {over}: {value}"},
    "all": {"zh": "全部{over}：{value}", "en": "all of {over}: {value}"},
}
_ELAPSED = {
    ("years", True): {"zh": "{}距今年数", "en": "years since {}"},
    ("months", True): {"zh": "{}距今月数", "en": "months since {}"},
    ("days", True): {"zh": "{}距今天数", "en": "days since {}"},
    ("years", False): {"zh": "{}至{}年数", "en": "years from {} to {}"},
    ("months", False): {"zh": "{}至{}月数", "en": "months from {} to {}"},
    ("days", False): {"zh": "{}至{}天数", "en": "days from {} to {}"},
}
_JOIN = {"and": {"zh": "且", "en": "and"}, "or": {"zh": "或", "en": "or"}}
_OPERATORS = {"<=": "≤", ">=": "≥", "!=": "≠", "*": "×", "/": "÷"}


def word(key: str, lang: str) -> str:
    """Return a fixed word or pattern of the explainer."""
    return _WORDS[key][lang]


def plain_number(value: Fraction) -> str:
    """Return a number with thousands separated, to two decimals; ``≈`` if more would follow.

    Example:
        >>> plain_number(Fraction(52001, 10)), plain_number(Fraction(1, 3))
        ('5,200.1', '≈0.33')
    """
    shown = round_half_away(value, 2)
    text = f"{abs(shown.numerator) * (100 // shown.denominator) / 100:,.2f}".rstrip("0").rstrip(".")
    sign = "-" if shown < 0 else ""
    return f"{'' if shown == value else '≈'}{sign}{text}"


def unit_text(type_: Type, lang: str) -> str:
    """Return a number's unit in words, empty for a pure number: ``CNY/month`` is 元/月."""
    if type_.kind != "number" or type_.unit == PURE:
        return ""
    text = str(type_.unit)
    if lang != "zh":
        return text
    return "/".join("*".join(_UNITS_ZH.get(unit, unit) for unit in part.split("*")) for part in text.split("/"))


def value_text(value: ir.Value, type_: Type, lang: str) -> str:
    """Return a value with its unit."""
    if value is None:
        return word("unknown", lang)
    if isinstance(value, bool):
        return word("true" if value else "false", lang)
    if isinstance(value, Fraction):
        unit = unit_text(type_, lang)
        return f"{plain_number(value)} {unit}" if unit else plain_number(value)
    return value.isoformat() if isinstance(value, date) else value


def result_text(result: Result, type_: Type, lang: str) -> str:
    """Return a value, or what its bounds say of it when it is unknown."""
    if result.value is None and isinstance(result.low, Fraction):
        low = value_text(result.low, type_, lang)
        if isinstance(result.high, Fraction):
            return word("between", lang).format(low, value_text(result.high, type_, lang))
        return word("low", lang).format(low)
    if result.value is None and isinstance(result.high, Fraction):
        return word("high", lang).format(value_text(result.high, type_, lang))
    return value_text(result.value, type_, lang)


@dataclass(frozen=True, slots=True)
class Wording:
    """Names the parts of expressions by the titles of variables and parameters."""

    vocabulary: Vocabulary
    figures: Figures
    titles: Mapping[str, Mapping[str, str]]

    def both(self, node: ir.Node) -> dict[str, str]:
        """Return ``node`` in words, zh and en."""
        return {lang: self.text(node, lang) for lang in ("zh", "en")}

    def text(self, node: ir.Node, lang: str) -> str:
        """Return ``node`` in words of ``lang``."""
        return self.formula(node, lang, lambda _: None)

    def formula(self, node: ir.Node, lang: str, shown: Callable[[ir.Node], str | None]) -> str:
        """Return ``node`` in words; where ``shown`` gives a text for a part, that stands for the part."""
        found = shown(node)
        return found if found is not None else self._compose(node, lang, lambda part: self.formula(part, lang, shown))

    def _compose(self, node: ir.Node, lang: str, say: Callable[[ir.Node], str]) -> str:
        match node:
            case ir.Const():
                return value_text(node.value, Type("number") if node.type.kind == "number" else node.type, lang)
            case ir.Param() | ir.RegionParam():
                return self.parameter(node.owner, node.name)[lang]
            case ir.Var():
                return self.variable(node.entity, node.name)[lang]
            case ir.Derived():
                return self.derived(node)[lang]
            case ir.Known():
                return word("known", lang).format(say(node.x))
            case ir.Not():
                return f"非（{say(node.x)}）" if lang == "zh" else f"not ({say(node.x)})"
            case ir.Junction():
                joined = f" {_JOIN[node.operator][lang]} ".join(say(item) for item in node.items)
                return f"({joined})"
            case ir.Compare():
                return f"{say(node.left)} {_OPERATORS.get(node.operator, node.operator)} {say(node.right)}"
            case ir.StartsWith():
                return (
                    f"{say(node.x)}以 {say(node.prefix)} 开头"
                    if lang == "zh"
                    else f"{say(node.x)} starts with {say(node.prefix)}"
                )
            case ir.Arithmetic():
                return (
                    f"{self._side(node.left, say)} {_OPERATORS.get(node.operator, node.operator)} {self._side(node.right, say)}"
                )
            case ir.If():
                parts = (say(node.condition), say(node.then), say(node.otherwise))
                return ("若 {} 则 {} 否则 {}" if lang == "zh" else "if {} then {} else {}").format(*parts)
            case ir.Extreme():
                return f"{node.function}({', '.join(say(item) for item in node.items)})"
            case ir.Absolute():
                return f"|{say(node.x)}|"
            case ir.Round():
                return f"round({say(node.x)}, {node.digits})"
            case ir.Elapsed():
                dates = [say(node.since)] + ([say(node.until)] if node.until is not None else [])
                return _ELAPSED[node.unit, node.until is None][lang].format(*dates)
            case ir.Aggregate():
                return self._aggregate(node, lang, say)

    @staticmethod
    def _side(node: ir.Node, say: Callable[[ir.Node], str]) -> str:
        text = say(node)
        return f"({text})" if isinstance(node, ir.Arithmetic) and " " in text else text

    def _aggregate(self, node: ir.Aggregate, lang: str, say: Callable[[ir.Node], str]) -> str:
        over = word("members", lang) if node.over == "members" else self.vocabulary.records[node.over].title[lang]
        if node.where is not None:
            over += word("where", lang).format(say(node.where))
        if node.window is not None:
            over += f"[{node.window}]"
        return _AGGREGATES[node.function][lang].format(over=over, value="" if node.value is None else say(node.value))

    def variable(self, entity: str, name: str) -> Mapping[str, str]:
        """Return the title of a variable, or its name where it has none."""
        found = self.vocabulary.of(entity).get(name)
        return found.title if found is not None and found.title else {"zh": name, "en": name}

    def parameter(self, owner: str, name: str) -> Mapping[str, str]:
        """Return the title of a parameter, or its name where it has none."""
        found = self.figures.get((owner, name))
        title = found.sources.get("", {}) if found else {}
        return {lang: title.get(lang, name) for lang in ("zh", "en")}

    def derived(self, node: ir.Derived) -> Mapping[str, str]:
        """Return the name of a derived value: a variable's title, a policy's title in a decision, or its own name."""
        if node.name.startswith("decision:"):
            policy = node.name.removeprefix("decision:")
            title = self.titles.get(policy, {"zh": policy, "en": policy})
            return {lang: word("decision", lang).format(title[lang]) for lang in ("zh", "en")}
        for entity in ("person", "household"):
            found = self.vocabulary.of(entity).get(node.name)
            if found is not None and found.expr is not None:
                return found.title
        return self.titles.get(node.name, {"zh": node.name, "en": node.name})
