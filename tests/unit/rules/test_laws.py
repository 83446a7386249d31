"""What must hold for every expression and every case, not only for those somebody thought of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from language import FIGURES, VOCABULARY, case, environment

from data_generators import CODES, ON, STRINGS, Limits, days_around, pick, random_expression, random_households, vocabulary
from zhizhi.engines.rules import ir
from zhizhi.engines.rules.checker import check
from zhizhi.engines.rules.evaluator import Case, Evaluation, evaluate, missing
from zhizhi.engines.rules.parser import parse
from zhizhi.engines.rules.resolution import resolve
from zhizhi.engines.rules.three_values import Result, compare, kleene_and, kleene_or, negate
from zhizhi.engines.rules.types import BOOLEAN
from zhizhi.kernel.errors import PolicyError

THREE = (True, False, None)
KINDS = {"number": Fraction, "boolean": bool, "date": date, "code": str, "string": str}


# Kleene's logic ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("a", THREE)
@pytest.mark.parametrize("b", THREE)
@pytest.mark.parametrize("c", THREE)
def test_the_logic_is_kleene_s(a: bool | None, b: bool | None, c: bool | None) -> None:
    both, either = kleene_and, kleene_or
    assert both([a, b]) == both([b, a])
    assert either([a, b]) == either([b, a])
    assert both([a, both([b, c])]) == both([both([a, b]), c]) == both([a, b, c])
    assert either([a, either([b, c])]) == either([either([a, b]), c]) == either([a, b, c])
    assert negate(both([a, b])) == either([negate(a), negate(b)])
    assert both([a, either([b, c])]) == either([both([a, b]), both([a, c])])
    assert both([a, either([a, b])]) == a
    assert negate(negate(a)) == a
    assert both([a, a]) == either([a, a]) == a


@given(st.lists(st.sampled_from(THREE), max_size=6))
def test_a_junction_does_not_mind_the_order(items: list[bool | None]) -> None:
    nodes = tuple(ir.Const(BOOLEAN, item) for item in items)
    for operator, law in (("and", kleene_and), ("or", kleene_or)):
        for order in (nodes, nodes[::-1]):
            assert evaluate(ir.Junction(BOOLEAN, operator, order), case(), ON, VOCABULARY).value is law(items)


bounds = st.one_of(st.none(), st.integers(-3, 3).map(Fraction))


@given(bounds, bounds, bounds, bounds, st.sampled_from(["=", "!=", "<", "<=", ">", ">="]))
def test_a_comparison_is_decided_by_bounds_only_if_every_value_within_agrees(
    a: Fraction | None, b: Fraction | None, c: Fraction | None, d: Fraction | None, operator: str
) -> None:
    left, right = Result(None, a, b), Result(None, c, d)
    grid = [Fraction(n, 2) for n in range(-10, 11)]

    def inside(bounded: Result) -> list[Fraction]:
        low, high = bounded.low, bounded.high
        return [x for x in grid if (low is None or x >= low) and (high is None or x <= high)]

    possible = {compare(operator, Result(x, x, x), Result(y, y, y)) for x in inside(left) for y in inside(right)}
    found = compare(operator, left, right)
    if found is not None:
        assert possible <= {found}
    elif len(possible) == 1 and operator not in ("=", "!="):
        assert None in (a, b, c, d)  # only the edge of the grid made it look decided


# completions -----------------------------------------------------------------------------------------------------------


def completed(rng: np.random.Generator, facts: Case) -> Case:
    """Fill every missing value with some value; numbers with 1 or more, the highest floor that comes up."""
    numbers = [Fraction(n) for n in (1, 2, 3)] + [Fraction(3, 2), Fraction(1000)]
    choices: dict[str, Any] = {"flag": (True, False), "kind": CODES, "day": days_around(ON), "text": STRINGS}

    def fill(row: dict[str, Any]) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for name, value in row.items():
            if isinstance(value, list):
                out[name] = [fill(item) for item in value]
            else:
                out[name] = pick(rng, choices.get(name.removeprefix("h_"), numbers)) if value is None else value
        return out

    return replace(facts, household=fill(dict(facts.household)), members=[fill(dict(member)) for member in facts.members])


def without_known(node: ir.Node) -> ir.Node:
    """``known`` asks whether a value is there, so it alone may change its answer when one is added."""
    return ir.rewrite(node, lambda part: ir.Const(BOOLEAN, True) if isinstance(part, ir.Known) else part)


@pytest.mark.parametrize("seed", range(4))
def test_what_is_said_with_values_missing_still_holds_when_they_come_in(seed: int) -> None:
    rng = np.random.default_rng(seed)
    words = vocabulary()
    limits = Limits(nested=True, row_division=True)
    households = random_households(rng, 60, missing=0.3)
    decided = 0
    for number in range(250):
        subject = pick(rng, ("household", "person"))
        node = without_known(random_expression(rng, subject, pick(rng, ("boolean", "number", "number", "date")), 5, limits))
        if node.type.kind == "number":
            node = ir.Derived(node.type, "floored", node, Fraction(pick(rng, (-1, 0, 1))))
        for _ in range(4):
            facts = pick(rng, households)
            facts = replace(facts, person=0) if subject == "person" else facts
            before = evaluate(node, facts, ON, words)
            for _ in range(3):
                after = evaluate(node, completed(rng, facts), ON, words)
                if before.value is not None:
                    assert after.value == before.value, (number, node)
                elif isinstance(after.value, Fraction):
                    assert before.low is None or before.low <= after.value, (number, node)
                    assert before.high is None or after.value <= before.high, (number, node)
                    decided += before.low is not None or before.high is not None
    assert decided > 100


@pytest.mark.parametrize("seed", range(2))
def test_what_is_unknown_with_nothing_missing_is_so_by_its_own_nature(seed: int) -> None:
    """With every value there, only null, division by zero and the extreme of nothing are unknown."""
    rng = np.random.default_rng(100 + seed)
    words = vocabulary()
    for _ in range(300):
        node = random_expression(rng, depth=4, limits=Limits(null=0, division=False))
        extremes = any(isinstance(part, ir.Aggregate) and part.function in ("min", "max") for part in ir.walk(node))
        for facts in random_households(rng, 2, missing=0):
            found = evaluate(node, facts, ON, words)
            assert found.value is not None or extremes
            assert missing(node, facts, ON, words) == ()


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_value_is_of_the_type_that_was_checked(kind: str) -> None:
    rng = np.random.default_rng(7)
    households = random_households(rng, 10)
    for number in range(150):
        subject = ("household", "person")[number % 2]
        node = random_expression(rng, subject, kind, 5, Limits(nested=True))
        for facts in households[:4]:
            found = Evaluation(replace(facts, person=0), ON, vocabulary()).of(node)
            assert found.value is None or type(found.value) is KINDS[kind]
            if isinstance(found.value, Fraction):
                assert found.low == found.high == found.value


def test_every_kind_of_node_comes_up() -> None:
    rng = np.random.default_rng(3)
    seen = {type(part) for n in range(400) for part in ir.walk(random_expression(rng, ("person", "household")[n % 2], depth=5))}
    assert seen == set(ir.NODE_TYPES) - {ir.Param}


# text ------------------------------------------------------------------------------------------------------------------

TOKENS = (
    "a assets members.wage claims.self_paid param.line household . , ( ) [ ] .. + - * / < <= = != in between and or not if then "
    'else where over by 12 months year to date 0.5 "男" @"2025-01-01" @"x" true false null sum count any age known starts with '
    + "年龄 ％ ' ;"
).split()


@settings(max_examples=400, deadline=None)
@given(st.one_of(st.text(max_size=80), st.lists(st.sampled_from(TOKENS), max_size=25).map(" ".join)))
def test_any_text_is_either_read_or_refused_with_a_sentence(text: str) -> None:
    error = refusal(lambda: parse(text))
    assert error is None or (error.place is not None and error.text("zh") and error.text("en"))


def refusal(work: Callable[[], object]) -> PolicyError | None:
    """The error that ``work`` ends in, if it is one of ours; any other is a fault of the product."""
    try:
        work()
    except PolicyError as error:
        return error
    return None


WORDS = """assets rooms rural since param.line param.prefix wage birth_date sex disabled 年龄 members.wage members.sex members
claims claims.self_paid claims.kind incidents.loss household.assets household.members.wage household.claims.self_paid
0 3.5 "male" "33" @"2025-01-01" true null nobody"""
LEAVES = st.sampled_from(WORDS.split())


def combined(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    operators = st.sampled_from(["+", "-", "*", "/", "<", "<=", "=", "!=", ">", "and", "or", "starts with"])
    functions = st.sampled_from(["abs", "known", "age", "round", "not", "days_since", "sum", "any", "max", "count", "nosuch"])
    aggregates = st.sampled_from(["sum", "count", "any", "all", "min", "max"])
    windows = st.sampled_from(["", " over 12 months", " over year to date"])
    return st.one_of(
        st.builds("({} {} {})".format, parts, operators, parts),
        st.builds("{}({})".format, functions, parts),
        st.builds("{}({} where {}{})".format, aggregates, parts, parts, windows),
        st.builds("(if {} then {} else {})".format, parts, parts, parts),
        st.builds("({} in [{}..{}))".format, parts, parts, parts),
        st.builds("({} in ({}, {}))".format, parts, parts, parts),
        st.builds("min({}, {})".format, parts, parts),
        st.builds("-{}".format, parts),
    )


@settings(max_examples=600, deadline=None)
@given(st.recursive(LEAVES, combined, max_leaves=8), st.sampled_from(["household", "person"]))
def test_whatever_parses_is_either_refused_or_evaluates_to_its_type(text: str, subject: str) -> None:
    error = refusal(lambda: check(text, environment(subject)))
    if error is not None:
        assert not error.text("zh").startswith(error.code)
        return
    node = check(text, environment(subject))
    claims = [{"settled_on": date(2025, 7, 1), "self_paid": 5, "kind": "inpatient"}, {"self_paid": None}]
    facts = case([{"wage": 5, "sex": "male", "claims": claims}, {}], 0 if subject == "person" else None, assets=3, rural=None)
    found = evaluate(resolve(node, FIGURES, ON), facts, ON, VOCABULARY)
    if node.type.kind == "null":
        assert found.value is None
    else:
        assert found.value is None or type(found.value) is KINDS[node.type.kind]
    missing(node, facts, ON, VOCABULARY)
