"""Text to syntax tree, with positions; a fault names what was found and what could have stood there."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from functools import cache
from importlib.resources import files
from typing import Any

from lark import Lark, Token, Transformer, Tree, UnexpectedCharacters, UnexpectedEOF, UnexpectedToken, v_args
from lark.exceptions import VisitError

from zhizhi.engines.rules.syntax import (
    Call,
    Expression,
    Literal,
    Membership,
    Name,
    Operation,
    Range,
    Scalar,
    Source,
    Span,
    Window,
)
from zhizhi.kernel.errors import Place, PolicyError

WINDOW_UNITS = {"day": "days", "days": "days", "month": "months", "months": "months", "year": "years", "years": "years"}
_TOKEN_WORDS = {
    "NUMBER": "a number",
    "STRING": "a string",
    "DATE": "a date",
    "NAME": "a name",
    "COMPARE": "= != < <= > >=",
    "PLUSMINUS": "+ -",
    "TIMES": "* /",
    "LPAR": "(",
    "RPAR": ")",
    "COMMA": ",",
    "OPEN": "[",
    "CLOSE": "]",
    "__ANON_0": "..",
    "DOT": ".",
    "$END": "the end",
}
MAX_LENGTH = 4_000
MAX_DEPTH = 60
MAX_TREE = 120


@cache
def _lark() -> Lark:
    text = files("zhizhi.engines.rules").joinpath("grammar.lark").read_text(encoding="utf-8")
    return Lark(text, parser="lalr", start=["start", "source"], propagate_positions=True, maybe_placeholders=True)


def grammar_text() -> str:
    """Return the grammar as it is used; the reference of the language is generated from it."""
    return files("zhizhi.engines.rules").joinpath("grammar.lark").read_text(encoding="utf-8")


class _Fault(Exception):
    def __init__(self, code: str, span: Span, **params: object) -> None:
        super().__init__(code)
        self.code, self.span, self.params = code, span, params


def _span(meta: Any) -> Span:
    return Span(getattr(meta, "line", 1), getattr(meta, "column", 1))


@v_args(meta=True)
class _Builder(Transformer[Token, Any]):
    def number(self, meta: Any, children: list[Token]) -> Literal:
        return Literal(Fraction(str(children[0])), _span(meta))

    def string(self, meta: Any, children: list[Token]) -> Literal:
        return Literal(str(children[0])[1:-1], _span(meta))

    def date(self, meta: Any, children: list[Token]) -> Literal:
        text = str(children[0])[2:-1]
        try:
            return Literal(date.fromisoformat(text), _span(meta))
        except ValueError:
            raise _Fault("rules.date-literal", _span(meta), value=text) from None

    def true(self, meta: Any, children: list[Token]) -> Literal:
        return Literal(True, _span(meta))

    def false(self, meta: Any, children: list[Token]) -> Literal:
        return Literal(False, _span(meta))

    def null(self, meta: Any, children: list[Token]) -> Literal:
        return Literal(None, _span(meta))

    def name(self, meta: Any, children: list[Token]) -> Name:
        return Name(tuple(str(token) for token in children), _span(meta))

    def if_then_else(self, meta: Any, children: list[Any]) -> Operation:
        return Operation("if", tuple(children), _span(meta))

    def disjunction(self, meta: Any, children: list[Any]) -> Any:
        return children[0] if len(children) == 1 else Operation("or", tuple(children), _span(meta))

    def conjunction(self, meta: Any, children: list[Any]) -> Any:
        return children[0] if len(children) == 1 else Operation("and", tuple(children), _span(meta))

    def negation(self, meta: Any, children: list[Any]) -> Operation:
        return Operation("not", (children[0],), _span(meta))

    def compare(self, meta: Any, children: list[Any]) -> Operation:
        left, operator, right = children
        return Operation(str(operator), (left, right), _span(meta))

    def arithmetic(self, meta: Any, children: list[Any]) -> Any:
        tree = children[0]
        for operator, operand in zip(children[1::2], children[2::2], strict=True):
            tree = Operation(str(operator), (tree, operand), _span(meta))
        return tree

    def sign(self, meta: Any, children: list[Any]) -> Any:
        operator, operand = children
        if operator == "+":
            return operand
        if isinstance(operand, Literal) and isinstance(operand.value, Fraction):
            return Literal(-operand.value, _span(meta))
        return Operation("negate", (operand,), _span(meta))

    def starts_with(self, meta: Any, children: list[Any]) -> Operation:
        return Operation("starts with", tuple(children), _span(meta))

    def between(self, meta: Any, children: list[Any]) -> Membership:
        subject, low, high = children
        return Membership(subject, (Range(low, high, True, True, _span(meta)),), _span(meta))

    def value_list(self, meta: Any, children: list[Any]) -> tuple[Any, ...]:
        return tuple(children)

    def range(self, meta: Any, children: list[Any]) -> Range:
        return Range(children[1], children[2], True, True, _span(meta))

    def open_range(self, meta: Any, children: list[Any]) -> Range:
        return Range(children[0], children[1], False, True, _span(meta))

    def range_open(self, meta: Any, children: list[Any]) -> Range:
        return Range(children[1], children[2], True, False, _span(meta))

    def open_range_open(self, meta: Any, children: list[Any]) -> Range:
        return Range(children[0], children[1], False, False, _span(meta))

    def member_of(self, meta: Any, children: list[Any]) -> Membership:
        subject, choice = children
        return Membership(subject, choice if isinstance(choice, tuple) else (choice,), _span(meta))

    def arguments(self, meta: Any, children: list[Any]) -> tuple[Any, ...]:
        return tuple(children)

    def where(self, meta: Any, children: list[Any]) -> Any:
        return children[0]

    def over(self, meta: Any, children: list[Any]) -> Window:
        window: Window = children[0]
        return window

    def by(self, meta: Any, children: list[Token]) -> str:
        return str(children[0])

    def rolling(self, meta: Any, children: list[Token]) -> Window:
        count, unit = Fraction(str(children[0])), str(children[1])
        if unit not in WINDOW_UNITS or count.denominator != 1 or count < 1:
            raise _Fault("rules.window", _span(meta), value=f"{children[0]} {unit}")
        return Window(int(count), WINDOW_UNITS[unit])

    def year_to_date(self, meta: Any, children: list[Token]) -> Window:
        return Window(0, "year-to-date")

    def call(self, meta: Any, children: list[Any]) -> Call:
        function, arguments, where, over, by = children
        return Call(str(function), arguments or (), where, over, by, _span(meta))

    def source(self, meta: Any, children: list[Any]) -> Source:
        window = next((child for child in children[1:] if isinstance(child, Window)), None)
        return Source(children[0], window)


def _place(at: Place | None, span: Span, text: str) -> Place:
    base = at or Place()
    line = (base.line or 1) + span.line - 1
    column = (base.column or 1) + span.column - 1 if span.line == 1 else span.column
    return Place(base.file, line, column, text)


def place_of(node: Expression | Range, at: Place | None) -> Place:
    """Return where ``node`` stands in its file, given where its expression starts."""
    if node.span.place is not None:
        return node.span.place
    return _place(at, node.span, at.text if at else "")


def _parse(text: str, start: str, at: Place | None) -> Any:
    at = Place(at.file, at.line, at.column, text) if at else Place(text=text)
    if len(text) > MAX_LENGTH or max(_depths(text), default=0) > MAX_DEPTH:
        raise PolicyError("rules.too-long", at, length=len(text), limit=MAX_LENGTH, depth=MAX_DEPTH)
    try:
        tree: Tree[Token] = _lark().parse(text, start=start)
        if _tree_depth(tree) > 3 * MAX_TREE:  # before the builder goes down it
            raise PolicyError("rules.too-deep", at, limit=MAX_TREE)
        built = _Builder().transform(tree)
        if _tree_depth(built) > MAX_TREE:
            raise PolicyError("rules.too-deep", at, limit=MAX_TREE)
        return built
    except UnexpectedToken as fault:
        end = fault.token.type == "$END"
        lines = text.split("\n")
        span = Span(len(lines), len(lines[-1]) + 1) if end else Span(fault.line, fault.column)
        expected = ", ".join(sorted({_TOKEN_WORDS.get(name, name.lower()) for name in fault.expected}))
        found = "the end" if end else str(fault.token)
        raise PolicyError("rules.syntax", _place(at, span, text), text=text, found=found, expected=expected) from None
    except UnexpectedCharacters as fault:
        found = text[fault.pos_in_stream or 0]
        raise PolicyError("rules.character", _place(at, Span(fault.line, fault.column), text), text=text, found=found) from None
    except UnexpectedEOF:
        raise PolicyError("rules.syntax", at, text=text, found="the end", expected="more") from None
    except VisitError as wrapped:
        if isinstance(wrapped.orig_exc, _Fault):
            fault_ = wrapped.orig_exc
            raise PolicyError(fault_.code, _place(at, fault_.span, text), text=text, **fault_.params) from None
        raise


def _tree_depth(tree: Any) -> int:
    """Return how deep a tree goes, without going down it by calls."""
    deepest = 0
    level: list[Any] = [tree]
    while level:
        deepest += 1
        below: list[Any] = []
        for node in level:
            if isinstance(node, Tree):
                below += [child for child in node.children if isinstance(child, Tree)]
            elif isinstance(node, Call):
                below += [*node.arguments, *([node.where] if node.where is not None else [])]
            elif isinstance(node, Operation):
                below += node.operands
            elif isinstance(node, Membership):
                below += [node.subject, *node.choices]
            elif isinstance(node, Range):
                below += [node.low, node.high]
        level = below
    return deepest


def _depths(text: str) -> list[int]:
    depth, depths = 0, []
    for character in text:
        depth += {"(": 1, ")": -1}.get(character, 0)
        depths.append(depth)
    return depths


def parse(text: str, at: Place | None = None) -> Expression:
    """Parse one expression.

    Args:
        text: the expression, e.g. ``sum(members.income) / count(members) < param.line``.
        at: where the text starts in its file; errors point from there.

    Raises:
        PolicyError: ``rules.syntax``, ``rules.character``, ``rules.date-literal``, ``rules.window``, ``rules.too-long`` or
            ``rules.too-deep``.

    Example:
        >>> str(parse("param.line").path)
        "('param', 'line')"
    """
    result: Expression = _parse(text, "start", at)
    return result


def parse_source(text: str, at: Place | None = None) -> Source:
    """Parse where a variable comes from: ``dataset.field``, ``sum(claims.self_paid) over year to date by person``."""
    result: Source = _parse(text, "source", at)
    return result


def literal(value: Scalar) -> Literal:
    """Wrap a plain value as a literal that stands nowhere (made by a decision table, not written by a person)."""
    return Literal(value, Span())
