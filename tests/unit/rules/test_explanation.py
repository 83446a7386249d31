"""The reasons of a decision, as a clerk and a citizen read them."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from time import perf_counter

import numpy as np
import pytest
from language import FIGURES, ON, VOCABULARY, case, policy

from data_generators import random_expression, random_households
from data_generators import vocabulary as random_vocabulary
from zhizhi.engines.rules.evaluator import Case, decide
from zhizhi.engines.rules.explanation import Explanation, explain
from zhizhi.engines.rules.explanation_lines import lines
from zhizhi.engines.rules.policy import Condition, Policy
from zhizhi.engines.rules.wording import plain_number

OWNERS = {"wage": {"zh": "人社局", "en": "human resources"}, "claims": {"zh": "医保局", "en": "medical insurance"}}
PER_HEAD = ("sum(members.wage) / count(members)", "CNY/month", 0)


def told(rule: Policy, facts: Case, on: date = ON) -> Explanation:
    return explain(rule, facts, on, FIGURES, VOCABULARY, OWNERS)


def text(explanation: Explanation, lang: str = "en") -> str:
    return "\n".join("  " * line.depth + line.text for line in lines(explanation, lang))


@pytest.mark.parametrize(
    ("condition", "assets", "gap"),
    [
        ("assets < 100", 130, 30),
        ("assets <= 100", 80, -20),
        ("assets > 100", 80, 20),
        ("assets >= 100", 130, -30),
        ("100 > assets", 130, 30),
        ("not(assets >= 100)", 130, 30),
        ("assets = 100", 130, 30),
        ("assets in [50..100]", 130, 30),
        ("assets in [50..100]", 20, 30),
        ("assets in [50..100]", 60, -10),
        ("assets != 100", 130, None),
        ("assets < 100", None, None),
    ],
)
def test_the_gap_is_how_far_it_is_short(condition: str, assets: int | None, gap: int | None) -> None:
    assert told(policy(condition), case(assets=assets)).reasons[0].gap == gap


def test_value_limit_gap_figure_and_basis_are_shown() -> None:
    rule = policy("pc < param.line", amount="(param.line - pc) * count(members)", pc=PER_HEAD)
    no = text(told(rule, case([{"wage": 3000, "relation": "head"}, {"wage": 400}])))
    assert "pc: 1,700 CNY/month, must be below 1,200 CNY/month, off by 500 CNY/month" in no
    assert "member 1 (head), wage: 3,000 CNY/month" in no
    assert "parameter line = 1,200 CNY/month since 2025-07-01, source: a made-up figure (illustrative)" in no
    assert "社会救助暂行办法, article 9" in no
    yes = told(rule, case([{"wage": 800}, {"wage": 400}], region="330106"))
    assert "= (1,400 - 600) × 2 = 1,600 CNY/month" in text(yes)
    assert "since 2025-07-01, region 330100" in text(yes)
    assert yes.amount is not None
    assert yes.amount.fen == 160_000
    assert "应低于 1,400 元/月，余量 800 元/月" in text(yes, "zh")


def test_a_bound_that_decided_is_shown_as_one() -> None:
    found = told(policy("pc < param.line", pc=PER_HEAD), case([{"wage": 10_400}, {"wage": None}]))
    assert found.decision == "not eligible"
    assert "pc: at least 5,200 CNY/month, must be below 1,200 CNY/month, off by at least 4,000 CNY/month" in text(found)
    assert "至少 5,200 元/月" in text(found, "zh")
    assert "member 2, wage: unknown" in text(found)
    assert found.reasons[0].lacks == ()


def test_what_is_missing_is_named_with_member_and_owner_but_no_id() -> None:
    members = [{"wage": 1, "resident_id": "330106199001011234"}, {"relation": "spouse", "resident_id": "330106199001021233"}]
    members[0]["claims"] = [{"settled_on": date(2025, 7, 1), "self_paid": None}]
    found = told(policy("sum(members.wage) < 5"), case(members))
    assert found.decision == "unknown"
    (lack,) = found.reasons[0].lacks
    assert (lack.name, lack.members, lack.owner) == ("wage", ((1, "spouse"),), OWNERS["wage"])
    assert "missing: wage (member 2 (spouse)), held by human resources" in text(found)
    assert "3301061990" not in text(found) + text(found, "zh")
    spent = told(policy("sum(claims.self_paid over 12 months) > 5"), case(members))
    assert spent.reasons[0].lacks[0].owner == OWNERS["claims"]
    assert "[12 months]: unknown, must be above 5 CNY" in text(spent)


def test_any_and_all_are_told_member_by_member() -> None:
    facts = case([{"car_price": 0}, {"car_price": 90_000}])
    found = told(policy("not(any(members.car_price > 80000))"), facts)
    (test,) = found.reasons[0].tests
    assert [(row.member, row.result) for row in test.rows] == [(0, True), (1, False)]
    assert test.gap == 10_000
    assert "member 2, car_price: 90,000 CNY, must be at most 80,000 CNY, off by 10,000 CNY" in text(found)


def test_a_compound_condition_shows_each_leaf() -> None:
    found = told(policy("rural or assets < 100 and rooms in (1, 2)"), case(rural=False, assets=300, rooms=3))
    assert [(test.operator, test.result) for test in found.reasons[0].tests] == [("is", False), ("<", False), ("in", False)]
    assert "rooms: 3 rooms, must be one of 1 rooms, 2 rooms" in text(found)


def test_a_policy_not_in_force_says_so() -> None:
    found = told(policy("rural"), case(), date(2020, 1, 1))
    assert text(found).startswith("A policy under test: not in force on this day (2020-01-01)")


@pytest.mark.parametrize(
    ("number", "expected"),
    [("5200.1", "5,200.1"), ("1/3", "≈0.33"), ("0.5", "0.5"), ("-1234567.25", "-1,234,567.25"), ("0", "0"), ("-1/3", "≈-0.33")],
)
def test_numbers_are_shown_exactly_or_marked(number: str, expected: str) -> None:
    assert plain_number(Fraction(number)) == expected


def test_whatever_the_conditions_the_explanation_agrees_with_the_decision_and_reads_in_both_languages() -> None:
    rng = np.random.default_rng(20250801)
    words = random_vocabulary()
    households = random_households(rng, 40)
    for round_ in range(150):
        subject = "household" if round_ % 2 else "person"
        nodes = [random_expression(rng, subject, depth=4) for _ in range(3)]
        listed = tuple(Condition(str(n), "", node, {"zh": f"条件{n}", "en": f"condition {n}"}) for n, node in enumerate(nodes))
        rule = Policy("p", "policy", {"zh": "政策", "en": "policy"}, "", subject, date(2024, 1, 1), None, listed, None, {})
        household = households[round_ % len(households)]
        facts = Case(household.household, household.members, household.region, None if subject == "household" else 0)
        found = explain(rule, facts, ON, {}, words)
        decision = decide(rule, facts, ON, {}, words)
        assert found.decision == decision.decision
        assert [reason.result for reason in found.reasons] == [result for _, result in decision.conditions]
        if decision.decision == "unknown":
            assert {lack.name for reason in found.reasons for lack in reason.lacks} == set(decision.missing)
        for reason in found.reasons:
            for test in reason.tests:
                assert test.gap is None or test.operator in ("any", "all") or (test.gap > 0) is not True or test.result is False
        for lang in ("zh", "en"):
            assert all(line.text for line in lines(found, lang))


def test_twelve_members_and_forty_policies_are_explained_well_within_the_patience_of_a_counter() -> None:
    rules = [policy("pc < param.line", "any(members.disabled)", "not(any(members.car_price > 80000))", pc=PER_HEAD)] * 40
    facts = case([{"wage": 300, "disabled": True, "car_price": 0}] * 12)
    start = perf_counter()
    for rule in rules:
        told(rule, facts)
    assert (perf_counter() - start) / len(rules) < 0.05
