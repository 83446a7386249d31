"""One case at the counter: exact, three-valued, on a date."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from language import FIGURES, ON, VOCABULARY, case, checked, policy, result, value

from zhizhi.engines.rules import ir
from zhizhi.engines.rules.evaluator import decide, elapsed, evaluate, in_fen, missing, window_start
from zhizhi.engines.rules.syntax import Window
from zhizhi.engines.rules.types import number
from zhizhi.kernel.errors import PolicyError

COUPLE = case([{"wage": 800, "sex": "male"}, {"wage": None, "sex": "female"}], assets=3000, rural=None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("assets / 7 * 7 = assets", True),
        ("assets / 0 > 1", None),
        ("assets / 0 = assets / 0", None),
        ("rooms > 1", None),
        ("rooms = rooms", None),
        ("rooms != 1", None),
        ("rooms in (1, 2)", None),
        ("rooms * 0 = 0", None),
        ("rural and assets > 5000", False),
        ("rural or assets > 1000", True),
        ("rural and assets > 1000", None),
        ("not(rural)", None),
        ("known(rural)", False),
        ("known(assets) and not(known(rooms))", True),
        ("if rural then 1 else 1", None),
        ("if assets > 1 then 1 else rooms", Fraction(1)),
        ("null", None),
        ("assets in [3000..4000)", True),
        ("assets in (3000..4000)", False),
        ("assets between 1 and 3000", True),
        ("sum(members.wage)", None),
        ("count(members)", Fraction(2)),
        ("count(members where wage > 500)", None),
        ("count(members where sex = \"male\")", Fraction(1)),
        ("sum(members.wage where sex = \"male\")", Fraction(800)),
        ("any(members.wage > 500)", True),
        ("any(members.wage > 900)", None),
        ("all(members.wage > 900)", False),
        ("all(members.wage > 500)", None),
        ("all(members.wage > 500 where sex = \"male\")", True),
        ("max(members.wage)", None),
        ("min(rooms, 3)", None),
        ("abs(0 - assets)", Fraction(3000)),
        ("round(assets / 7, 2)", Fraction("428.57")),
        ("round(0.5) + round(-0.5) + round(2.5)", Fraction(3)),
        ("sum(members.wage where wage < 0) ", None),
        ("param.prefix starts with \"33\"", True),
    ],
)  # fmt: skip
def test_a_missing_value_stays_unknown_until_something_else_decides(text: str, expected: object) -> None:
    assert value(text, COUPLE) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sum(members.wage)", Fraction(0)),
        ("count(members)", Fraction(0)),
        ("any(members.wage > 0)", False),
        ("all(members.wage > 0)", True),
        ("max(members.wage)", None),
        ("min(members.birth_date)", None),
    ],
)
def test_of_nobody(text: str, expected: object) -> None:
    assert value(text, case()) == expected


def test_decimals_are_taken_and_floats_refused() -> None:
    assert value("assets * 3 = 0.3", case(assets=Decimal("0.1"))) is True
    with pytest.raises(PolicyError) as caught:
        value("assets > 1", case(assets=0.1))
    assert caught.value.code == "rules.float"


# floors and bounds -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("sum(members.wage)", 800, None),
        ("sum(members.wage) / count(members)", 400, None),
        ("0 - sum(members.wage)", None, -800),
        ("5000 - sum(members.wage)", None, 4200),
        ("max(members.wage)", 800, None),
        ("min(members.wage)", 0, 800),
        ("sum(members.wage) * -2", None, -1600),
        ("sum(members.wage) * 0", None, None),
        ("round(sum(members.wage) / 3)", 267, None),
        ("abs(sum(members.wage))", 800, None),
        ("count(members where wage > 900)", 0, 1),
        ("min(1000, sum(members.wage))", 800, 1000),
        ("max(1000, sum(members.wage))", 1000, None),
        ("sum(members.wage where wage > 900)", None, None),
        ("assets / sum(members.wage)", None, None),
        ("sum(members.wage) + null", None, None),
    ],
)
def test_a_floor_bounds_what_is_missing(text: str, low: int | None, high: int | None) -> None:
    found = result(text, COUPLE, floor=0)
    assert (found.value, found.low, found.high) == (None, low, high)


def test_without_a_floor_nothing_is_assumed() -> None:
    assert result("sum(members.wage)", COUPLE) == (None, None, None)
    assert result("count(members where wage > 900)", COUPLE) == (None, None, None)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("pc < 400", False),
        ("pc < 401", None),
        ("pc >= 400", True),
        ("pc > 400", None),
        ("pc = 399", False),
        ("pc != 399", True),
        ("pc = 400", None),
        ("399 < pc", True),
        ("pc <= 400", None),
        ("pc <= 399", False),
    ],
)
def test_bounds_decide_what_they_can(condition: str, expected: bool | None) -> None:
    rule = policy(condition, pc=("sum(members.wage) / count(members)", "CNY/month", 0))
    decision = decide(rule, COUPLE, ON, FIGURES, VOCABULARY)
    assert decision.conditions[0][1] is expected


def test_the_innermost_floor_counts() -> None:
    inner = ir.Derived(number(), "inner", ir.Var(number(), "household", "rooms"), Fraction(2))
    plain = ir.Derived(number(), "plain", ir.Var(number(), "household", "rooms"))
    both = ir.Derived(number(), "both", ir.Arithmetic(number(), "+", inner, plain), Fraction(-1))
    assert evaluate(both, case(), ON, VOCABULARY) == (None, 1, None)


# dates and windows -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("unit", "since", "until", "expected"),
    [
        ("years", "1960-08-01", "2025-08-01", 65),
        ("years", "1960-08-02", "2025-08-01", 64),
        ("years", "2004-02-29", "2025-02-28", 20),
        ("years", "2004-02-29", "2025-03-01", 21),
        ("years", "2026-01-01", "2025-08-01", -1),
        ("months", "2025-01-31", "2025-02-28", 0),
        ("months", "2025-01-31", "2025-03-31", 2),
        ("months", "2025-03-15", "2025-01-15", -2),
        ("days", "2025-08-02", "2025-08-01", -1),
        ("days", "2024-02-28", "2024-03-01", 2),
    ],
)
def test_elapsed_time(unit: str, since: str, until: str, expected: int) -> None:
    assert elapsed(unit, date.fromisoformat(since), date.fromisoformat(until)) == expected


@pytest.mark.parametrize(
    ("window", "on", "start"),
    [
        (Window(12, "months"), "2025-09-01", "2024-09-01"),
        (Window(6, "months"), "2025-08-31", "2025-02-28"),
        (Window(1, "years"), "2024-02-29", "2023-02-28"),
        (Window(90, "days"), "2025-03-01", "2024-12-01"),
        (Window(0, "year-to-date"), "2025-03-01", "2024-12-31"),
        (Window(3000, "years"), "2025-03-01", None),
        (Window(999_999_999_999, "days"), "2025-03-01", None),
        (None, "2025-03-01", None),
    ],
)
def test_a_window_starts_after_the_same_day(window: Window | None, on: str, start: str | None) -> None:
    assert window_start(window, date.fromisoformat(on)) == (date.fromisoformat(start) if start else None)


def claim(day: str | None, paid: int | None, kind: str = "inpatient") -> dict[str, object]:
    return {"settled_on": date.fromisoformat(day) if day else None, "self_paid": paid, "kind": kind}


def test_records_count_from_the_day_after_the_start_to_the_day_itself() -> None:
    claims = [claim("2024-08-01", 1), claim("2024-08-02", 10), claim("2025-08-01", 100), claim("2025-08-02", 1000)]
    facts = case([{"claims": claims}, {"claims": [claim("2025-01-01", 10_000)]}, {}])
    assert value("sum(claims.self_paid over 12 months)", facts) == 10_110
    assert value("sum(claims.self_paid over year to date)", facts) == 10_100
    assert value("sum(claims.self_paid)", facts) == 10_111
    assert value("count(claims where self_paid > 50)", facts) == 2


def test_a_record_without_a_date_leaves_it_open() -> None:
    facts = case([{"claims": [claim("2025-07-01", 100), claim(None, 50)]}])
    assert value("sum(claims.self_paid over 12 months)", facts) is None
    assert value("any(claims.self_paid > 80 over 12 months)", facts) is True
    assert value("any(claims.self_paid > 200)", facts) is False
    assert value('count(claims where kind = "outpatient")', facts) == 0
    assert result("count(claims)", facts, floor=0) == (None, 1, 2)


def test_a_person_s_records_are_her_own_and_the_household_s_are_of_all() -> None:
    members = [{"claims": [claim("2025-07-01", 100)]}, {"claims": [claim("2025-07-01", 7)]}]
    facts = case(members, person=1, incidents=[{"occurred_on": date(2025, 7, 1), "loss": 500}])
    assert value("sum(claims.self_paid)", facts) == 7
    assert value("sum(household.claims.self_paid)", facts) == 107
    assert value("sum(household.incidents.loss over 90 days)", facts) == 500
    assert value("count(household.members)", facts) == 2


# decisions -----------------------------------------------------------------------------------------------------------


def test_a_couple_is_topped_up_to_the_line() -> None:
    rule = policy(
        "pc < param.line", amount="(param.line - pc) * count(members)", pc=("sum(members.wage) / count(members)", "", 0)
    )
    decision = decide(rule, case([{"wage": 800}, {"wage": 401}]), ON, FIGURES, VOCABULARY)
    assert (decision.decision, decision.amount_fen) == ("eligible", 119_900)


def test_an_unknown_decision_names_what_is_missing() -> None:
    rule = policy("sum(members.wage) < 900", "rural", "sum(claims.self_paid over 12 months) > 1", "any(members.disabled)")
    claims = [claim("2025-07-01", None), claim("2020-07-01", None), claim("2026-01-01", None)]
    facts = case([{"wage": 1, "claims": claims, "disabled": True}, {"wage": None, "disabled": None}], rural=True)
    decision = decide(rule, facts, ON, FIGURES, VOCABULARY)
    assert (decision.decision, decision.amount_fen) == ("unknown", None)
    assert decision.missing == ("claims.self_paid", "wage")
    assert [found for _, found in decision.conditions] == [None, True, None, True]


def test_what_is_missing_is_said_of_whom() -> None:
    facts = case([{"wage": 1}, {}, {"claims": [claim(None, 5)]}])
    assert missing(checked("sum(members.wage) > 1 and assets > 1"), facts, ON, VOCABULARY) == (
        ("assets", None),
        ("wage", 1),
        ("wage", 2),
    )
    assert missing(checked("count(claims) > 1"), facts, ON, VOCABULARY) == (("claims.settled_on", 2),)


def test_one_condition_that_fails_decides_whatever_else_is_missing() -> None:
    decision = decide(policy("rural", "assets > 5000"), COUPLE, ON, FIGURES, VOCABULARY)
    assert (decision.decision, decision.missing) == ("not eligible", ())


def test_an_amount_that_cannot_be_computed_is_unknown_not_zero() -> None:
    decision = decide(policy("assets > 1", amount="sum(members.wage)"), COUPLE, ON, FIGURES, VOCABULARY)
    assert (decision.decision, decision.amount_fen) == ("eligible", None)


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("2024-06-30", "not in force"),
        ("2024-07-01", "eligible"),
        ("2026-06-30", "eligible"),
        ("2026-07-01", "not in force"),
    ],
)
def test_a_policy_decides_only_while_it_is_valid(day: str, expected: str) -> None:
    assert decide(policy("assets > 1"), COUPLE, date.fromisoformat(day), FIGURES, VOCABULARY).decision == expected


@pytest.mark.parametrize(
    ("amount", "rounding", "fen"),
    [
        ("100.001", "yuan-up", 10_100),
        ("100", "yuan-up", 10_000),
        ("100.5", "yuan", 10_100),
        ("-100.5", "yuan", -10_100),
        ("100.49", "yuan", 10_000),
        ("100.001", "fen-up", 10_001),
        ("100.005", "fen", 10_001),
        ("100.0049", "fen", 10_000),
        ("-0.005", "fen", -1),
    ],
)
def test_amounts_are_rounded_as_the_policy_says(amount: str, rounding: str, fen: int) -> None:
    assert in_fen(Fraction(amount), rounding) == fen


def test_a_parameter_left_open_and_a_case_without_a_person_are_refused() -> None:
    with pytest.raises(PolicyError) as caught:
        evaluate(checked("param.line > 1"), COUPLE, ON, VOCABULARY)
    assert caught.value.code == "rules.unresolved"
    with pytest.raises(PolicyError) as caught:
        evaluate(checked("wage > 1", "person"), COUPLE, ON, VOCABULARY)
    assert caught.value.code == "rules.no-subject"
