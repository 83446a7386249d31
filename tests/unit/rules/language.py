"""A small vocabulary, parameters and shortcuts that the tests of the language share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from fractions import Fraction
from typing import Any

from zhizhi.engines.rules import ir
from zhizhi.engines.rules.checker import Derivation, Environment, check
from zhizhi.engines.rules.evaluator import Case, evaluate
from zhizhi.engines.rules.policy import Amount, Condition, Policy
from zhizhi.engines.rules.resolution import Figures, resolve
from zhizhi.engines.rules.three_values import Result
from zhizhi.engines.rules.types import BOOLEAN, DATE, STRING, Type, Unit, number
from zhizhi.engines.rules.vocabulary import Parameter, RecordTable, Variable, Vocabulary

ON = date(2025, 8, 1)
SEX = Type("code", codes=("male", "female"))
KIND = Type("code", codes=("inpatient", "outpatient"))


def variables(entity: str, **types: Type) -> dict[str, Variable]:
    return {name: Variable(name, entity, type_, {"zh": name, "en": name}) for name, type_ in types.items()}


PERSON = variables(
    "person", wage=number("CNY/month"), birth_date=DATE, sex=SEX, disabled=BOOLEAN, region=STRING, car_price=number("CNY")
)
PERSON["年龄"] = Variable("年龄", "person", number("years"), {"zh": "年龄", "en": "Age"}, expr="age(birth_date)")
HOUSEHOLD = variables("household", assets=number("CNY"), rooms=number("rooms"), rural=BOOLEAN, since=DATE)
CLAIM = variables("claims", self_paid=number("CNY"), kind=KIND)
FIRE = variables("incidents", loss=number("CNY"))
VOCABULARY = Vocabulary(
    {"person": PERSON, "household": HOUSEHOLD},
    {
        "claims": RecordTable("claims", "person", "claims", "settled_on", CLAIM, {"zh": "结算", "en": "claims"}),
        "incidents": RecordTable("incidents", "household", "incidents", "occurred_on", FIRE, {"zh": "灾害", "en": "incidents"}),
    },
)


def parameter(name: str, unit: str, values: Mapping[str, Any], **regions: Mapping[str, Any]) -> Parameter:
    kind = STRING if unit == "string" else number(unit)

    def exact(layer: Mapping[str, Any]) -> dict[str, Any]:
        return {start: value if isinstance(value, str) else Fraction(value) for start, value in layer.items()}

    layers = {code.removeprefix("r"): exact(layer) for code, layer in regions.items()}
    return Parameter(name, "", kind, exact(values), layers, source="a made-up figure", status="illustrative")


PARAMS = {
    "line": parameter(
        "line", "CNY/month", {"2024-07-01": 1000, "2025-07-01": 1200}, r330100={"2025-07-01": 1400}, r330122={"2026-01-01": 1500}
    ),
    "prefix": parameter("prefix", "string", {"2024-07-01": "3301"}),
}
FIGURES: Figures = {("", name): item for name, item in PARAMS.items()}


def environment(subject: str = "household", **derive: Derivation) -> Environment:
    return Environment(subject, VOCABULARY, PARAMS, derive)


def checked(text: str, subject: str = "household", expect: str | None = None) -> ir.Node:
    return check(text, environment(subject), None, expect)


def case(members: Sequence[Mapping[str, Any]] = (), person: int | None = None, region: str = "", **household: Any) -> Case:
    return Case(household, list(members), region, person)


def result(text: str, facts: Case, on: date = ON, floor: int | None = None) -> Result:
    node = resolve(checked(text, "household" if facts.person is None else "person"), FIGURES, on)
    if floor is not None:
        node = ir.Derived(node.type, "x", node, Fraction(floor))
    return evaluate(node, facts, on, VOCABULARY)


def value(text: str, facts: Case, on: date = ON) -> Any:
    return result(text, facts, on).value


def policy(
    *conditions: str, subject: str = "household", amount: str = "", rounding: str = "fen", **derive: tuple[str, str, int | None]
) -> Policy:
    derivations = {
        name: Derivation(text, Unit.parse(unit) if unit else None, None if floor is None else Fraction(floor), None)
        for name, (text, unit, floor) in derive.items()
    }
    env = environment(subject, **derivations)
    listed = tuple(
        Condition(f"c{index}", text, check(text, env, None, "boolean"), {"zh": f"条件{index}", "en": f"condition {index}"})
        for index, text in enumerate(conditions, start=1)
    )
    paid = Amount(check(amount, env, None, "number"), Unit.parse("CNY/month"), rounding) if amount else None
    title = {"zh": "测试政策", "en": "A policy under test"}
    basis = [{"law": "社会救助暂行办法", "article": 9, "status": "verified"}]
    return Policy("test", "policy", title, "civil-affairs", subject, date(2024, 7, 1), date(2026, 6, 30), listed, paid, {}, basis)
