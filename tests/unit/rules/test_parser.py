"""What an analyst writes is read as the grammar says, and a fault is pointed at."""

from __future__ import annotations

from fractions import Fraction

import pytest

from zhizhi.engines.rules.parser import parse, parse_source
from zhizhi.engines.rules.syntax import Call, Literal, Membership, Name, Operation, Range, Window
from zhizhi.kernel.errors import Place, PolicyError


def shape(text: str) -> str:
    """Fully parenthesised text of a tree."""

    def show(node: object) -> str:
        match node:
            case Literal():
                return str(node.value)
            case Name():
                return str(node)
            case Operation():
                return f"({node.operator} {' '.join(show(operand) for operand in node.operands)})"
            case Membership():
                return f"(in {show(node.subject)} {' '.join(show(choice) for choice in node.choices)})"
            case Range():
                return f"{'[' if node.low_closed else '('}{show(node.low)}..{show(node.high)}{']' if node.high_closed else ')'}"
            case Call():
                return f"{node.function}({' '.join(show(argument) for argument in node.arguments)})"
        raise AssertionError(node)

    return show(parse(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 + 2 * 3 - 4", "(- (+ 1 (* 2 3)) 4)"),
        ("a or b and not c", "(or a (and b (not c)))"),
        ("not(a) and b", "(and (not a) b)"),
        ("a between 1 and 2 and b", "(and (in a [1..2]) b)"),
        ("x in (1, 2)", "(in x 1 2)"),
        ("x in [1..5)", "(in x [1..5))"),
        ("x in (1..5]", "(in x (1..5])"),
        ("x in (1..5)", "(in x (1..5))"),
        ("-x * 2", "(* (negate x) 2)"),
        ("-3", "-3"),
        ("if a then 1 else if b then 2 else 3", "(if a 1 (if b 2 3))"),
        ('region starts with "33"', "(starts with region 33)"),
        ("年龄 >= 60", "(>= 年龄 60)"),
        ("(a\n or b)\n and c", "(and (or a b) c)"),
    ],
)
def test_operators_bind_as_in_prose(text: str, expected: str) -> None:
    assert shape(text) == expected


def test_numbers_are_exact() -> None:
    tree = parse("0.1")
    assert isinstance(tree, Literal)
    assert tree.value == Fraction(1, 10)


def test_an_aggregate_takes_a_filter_and_a_window() -> None:
    tree = parse('sum(claims.self_paid where kind = "inpatient" over 12 months)')
    assert isinstance(tree, Call)
    assert tree.window == Window(12, "months")
    assert tree.where is not None
    source = parse_source("sum(medical_claims.self_paid) over year to date by person")
    assert str(source.window) == "year to date"


@pytest.mark.parametrize(
    ("text", "code", "line", "column"),
    [
        ("a <", "rules.syntax", 7, 14),
        ("a and\n  b <", "rules.syntax", 8, 6),
        ("a < < b", "rules.syntax", 7, 15),
        ("a and\n  ＝ b", "rules.character", 8, 3),
        ('a = @"2025-02-30"', "rules.date-literal", 7, 15),
        ("sum(claims.x over 2 weeks)", "rules.window", 7, 29),
        ("sum(claims.x over 0 days)", "rules.window", 7, 29),
        ("(" * 61 + "a" + ")" * 61, "rules.too-long", 7, 11),
        ("a + " * 1500 + "a", "rules.too-long", 7, 11),
        ("a+" * 1500 + "a", "rules.too-deep", 7, 11),
        ("-" * 3900 + "a", "rules.too-deep", 7, 11),
        ("not " * 900 + "a", "rules.too-deep", 7, 11),
        ("if a then b else " * 200 + "a", "rules.too-deep", 7, 11),
    ],
)
def test_a_fault_is_pointed_at_in_the_file(text: str, code: str, line: int, column: int) -> None:
    with pytest.raises(PolicyError) as caught:
        parse(text, Place("dibao.yaml", 7, 11))
    place = caught.value.place
    assert caught.value.code == code
    assert place is not None
    assert (place.file, place.line, place.column) == ("dibao.yaml", line, column)
    for lang in ("zh", "en"):
        assert caught.value.text(lang).startswith(f"dibao.yaml:{line}:{column}: ")
        assert "{" not in caught.value.text(lang)


def test_a_syntax_fault_says_what_could_stand_there() -> None:
    with pytest.raises(PolicyError) as caught:
        parse("income < ")
    assert "the end" in caught.value.text("en")
    assert "a number" in caught.value.text("en")
