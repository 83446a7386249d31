"""Nothing that fails to resolve can ever match: names, types, units and codes are held to the vocabulary."""

from __future__ import annotations

from fractions import Fraction

import pytest
from language import PARAMS, VOCABULARY, checked, environment

from zhizhi.engines.rules import ir
from zhizhi.engines.rules.checker import Derivation, Environment, check
from zhizhi.engines.rules.types import BOOLEAN, Unit
from zhizhi.engines.rules.vocabulary import Variable, Vocabulary
from zhizhi.kernel.errors import Place, PolicyError


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("sum(members.wage) / count(members)", "CNY/month"),
        ("param.line * 12", "CNY/month"),
        ("2 * param.line + 100", "CNY/month"),
        ("assets / rooms", "CNY/rooms"),
        ("assets / assets", "ratio"),
        ("min(0, assets)", "CNY"),
        ("max(members.年龄)", "years"),
        ("months_between(since, @\"2025-01-01\")", "months"),
        ("sum(claims.self_paid over 12 months)", "CNY"),
        ("sum(incidents.loss)", "CNY"),
        ("if rural then assets else 0", "CNY"),
        ("abs(assets - 5)", "CNY"),
    ],
)  # fmt: skip
def test_units_follow_the_arithmetic(text: str, unit: str) -> None:
    assert str(checked(text).type.unit) == unit


@pytest.mark.parametrize(
    ("text", "subject", "code"),
    [
        ("assest > 1", "household", "rules.name-unknown-near"),
        ("qqqqqqqqq > 1", "household", "rules.name-unknown"),
        ("param.lin > 1", "household", "rules.name-unknown-near"),
        ("assets > param.line", "household", "rules.unlike-units"),
        ("assets + rooms > 1", "household", "rules.unlike-units"),
        ("min(assets, rooms) > 1", "household", "rules.unlike-units"),
        ("assets > since", "household", "rules.unlike-types"),
        ("assets and rural", "household", "rules.expected-type"),
        ("rural > false", "household", "rules.no-order"),
        ("not(assets)", "household", "rules.expected-type"),
        ("abs(rural) > 1", "household", "rules.expected-type"),
        ("age(assets) > 1", "household", "rules.expected-type"),
        ("rural starts with \"3\"", "household", "rules.expected-type"),
        ("sex = \"femal\"", "person", "rules.code-unknown"),
        ("sex = region", "person", "rules.code-literal"),
        ("sex > \"male\"", "person", "rules.no-order"),
        ("sex = 1", "person", "rules.unlike-types"),
        ("wage in [5..1]", "person", "rules.empty-range"),
        ("known(wage, wage)", "person", "rules.arguments"),
        ("floor(wage) > 1", "person", "rules.function-unknown"),
        ("round(wage, 9) > 1", "person", "rules.digits"),
        ("round(wage, wage) > 1", "person", "rules.digits"),
        ("members.wage > 1", "household", "rules.needs-aggregate"),
        ("claims.self_paid > 1", "household", "rules.needs-aggregate"),
        ("sum(assets) > 1", "household", "rules.no-collection"),
        ("sum(members.wage + claims.self_paid) > 1", "household", "rules.two-collections"),
        ("sum(members.wage where count(members) > 1) > 1", "household", "rules.nested-aggregate"),
        ("sum(members.wage over 12 months) > 1", "household", "rules.window-needs-records"),
        ("sum(members) > 1", "household", "rules.needs-field"),
        ("count(members.wage) > 1", "household", "rules.count-rows"),
        ("sum(members.wage by sex) > 1", "household", "rules.by-only-in-sources"),
        ("known(rural over 12 months)", "household", "rules.only-aggregates"),
        ("any(members.wage > household.assets)", "household", "rules.outer-name"),
        ("count(members) > 1", "person", "rules.say-household"),
        ("sum(incidents.loss) > 1", "person", "rules.say-household"),
        ("any(members.wage)", "household", "rules.expected-type"),
        ("max(members.sex) = 1", "household", "rules.expected-type"),
        ("assets", "household", "rules.expected-type"),
        ("null", "household", "rules.expected-type"),
        ("decision(\"dibao\")", "household", "rules.name-unknown"),
        ("decision(rural)", "household", "rules.expected-type"),
    ],
)  # fmt: skip
def test_what_does_not_resolve_is_refused_in_both_languages(text: str, subject: str, code: str) -> None:
    with pytest.raises(PolicyError) as caught:
        check(text, environment(subject), Place("p.yaml", 3, 9), "boolean")
    assert caught.value.code == code
    for lang in ("zh", "en"):
        sentence = caught.value.text(lang)
        assert sentence.startswith("p.yaml:3:")
        assert code not in sentence


def test_the_nearest_name_is_offered_and_pointed_at() -> None:
    with pytest.raises(PolicyError) as caught:
        check("rural and\n  assest > 1", environment(), Place("p.yaml", 3, 9))
    assert caught.value.text("en") == "p.yaml:4:3: “assest” in “rural and\n  assest > 1” is not known. Did you mean “assets”?"
    assert "是否应为“assets”" in caught.value.text("zh")


def test_the_nearest_code_is_offered() -> None:
    with pytest.raises(PolicyError, match="female"):
        checked('sex = "femal"', "person")


def test_a_decision_is_about_the_subject_and_not_about_each_member() -> None:
    env = environment()
    env.decision, env.decisions = lambda policy: ir.Const(BOOLEAN, True), ("dibao",)
    assert check('not(decision("dibao")) and not(dibao)', env).type == BOOLEAN
    with pytest.raises(PolicyError) as caught:
        check('any(members.disabled and decision("dibao"))', env)
    assert caught.value.code == "rules.nested-aggregate"


def test_a_bare_number_takes_the_unit_it_meets_but_a_named_one_does_not() -> None:
    assert checked("assets > 100").type == BOOLEAN
    with pytest.raises(PolicyError):
        checked("assets > rooms * 2")


def test_a_person_reads_her_household_by_name() -> None:
    node = checked("household.assets > 1 and sum(household.members.wage) > 1", "person")
    names = {(part.entity, part.name) for part in ir.walk(node) if isinstance(part, ir.Var)}
    assert names == {("household", "assets"), ("person", "wage")}


def test_a_derived_value_carries_its_floor_and_must_have_its_declared_unit() -> None:
    derive = {"pc": Derivation("sum(members.wage) / count(members)", Unit.parse("CNY/month"), Fraction(0), None)}
    node = check("pc < param.line", Environment("household", VOCABULARY, PARAMS, derive))
    assert isinstance(node, ir.Compare)
    assert isinstance(node.left, ir.Derived)
    assert node.left.floor == 0
    wrong = {"pc": Derivation("sum(members.wage)", Unit.parse("CNY"), None, None)}
    with pytest.raises(PolicyError) as caught:
        check("pc < 1", Environment("household", VOCABULARY, PARAMS, wrong))
    assert caught.value.code == "rules.unit-declared"


def test_what_depends_on_itself_is_refused() -> None:
    derive = {"a": Derivation("b + 1", None, None, None), "b": Derivation("a + 1", None, None, None)}
    with pytest.raises(PolicyError) as caught:
        check("a > 1", Environment("household", VOCABULARY, PARAMS, derive))
    assert caught.value.code == "rules.circular"
    loop = Variable("loop", "household", BOOLEAN, {}, expr="not(loop)")
    with pytest.raises(PolicyError) as caught:
        check("loop", Environment("household", Vocabulary({"household": {"loop": loop}}), {}))
    assert caught.value.code == "rules.circular"
