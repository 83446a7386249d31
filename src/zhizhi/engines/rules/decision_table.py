"""Decision tables: rows of unary tests compiled to the same syntax tree as a written expression.

Columns of inputs (expressions) hold tests: ``[40..60)``, ``"A","B"``, ``>= 100``, ``18``, ``not("A")``, ``-`` for any;
the last column is the output. A tested input that is unknown makes the row unknown, and so the table, unless another
test already rules the row out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from fractions import Fraction
from typing import Any

from zhizhi.engines.rules.parser import literal, parse
from zhizhi.engines.rules.syntax import Expression, Literal, Membership, Operation, Range, Span
from zhizhi.engines.rules.three_values import exact
from zhizhi.kernel.errors import Place, PolicyError

HITS = ("unique", "first", "any", "collect sum", "collect min", "collect max", "collect count")
MAX_ROWS = 150
_SIGNS = {"c+": "collect sum", "c<": "collect min", "c>": "collect max", "c#": "collect count"}
_LETTERS = {"u": "unique", "f": "first", "a": "any"}
_COMPARISON = re.compile(r"\s*(<=|>=|!=|=|<|>)")
_NEGATION = re.compile(r"\s*not\s*\((.*)\)\s*$", re.DOTALL)
_UNTESTED = ("", "-", "–", "—")

Point = Fraction | date


@dataclass(frozen=True, slots=True)
class Interval:
    """Numbers or dates between two ends; None is endless."""

    low: Point | None
    high: Point | None
    low_closed: bool = False
    high_closed: bool = False


@dataclass(frozen=True, slots=True)
class Region:
    """What a cell lets through: intervals, or a set of plain values, or all but a set. Neither: every value."""

    intervals: tuple[Interval, ...] | None = None
    values: frozenset[Any] | None = None
    complement: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """One row: the test of each input (None: any), what it lets through (None: not decidable here), and the output."""

    tests: tuple[Expression | None, ...]
    regions: tuple[Region | None, ...]
    output: Expression


def table_expression(table: Mapping[str, Any], at: Place | None = None) -> Expression:
    """Compile a decision table to an expression.

    Args:
        table: ``inputs`` (expressions), ``rows`` (a test for each input, then the output), ``hit`` (one of `HITS`, or
            DMN's letter; unique by default), ``default`` (the output when no row matches; null by default) and
            ``places`` (optional: where the cell (row, column) stands; row -1 is the header).
        at: where the table stands.

    Raises:
        PolicyError: ``rules.table-hit``, ``rules.table-empty``, ``rules.table-long``, ``rules.table-width``,
            ``rules.table-output``, ``rules.table-overlap`` (unique), ``rules.table-disagree`` (any),
            ``rules.table-literals`` (collect min and max), or a cell's own error of syntax.

    Example:
        >>> tree = table_expression({"inputs": ["age"], "rows": [["[80..90)", 50], [">= 90", 200]]})
        >>> tree.operator
        'if'
    """
    hit = hit_policy(table, at)
    rules = _read(table, at)
    _refuse_overlaps(hit, rules, table, at)
    default = _output(table["default"], at) if table.get("default") is not None else literal(None)
    conditions = [_all_of([test for test in rule.tests if test is not None]) for rule in rules]
    if hit == "any":
        return _first(_grouped(conditions, rules), default)
    if hit in ("collect min", "collect max"):
        ordered = sorted(zip(conditions, rules, strict=True), key=_literal_of, reverse=hit.endswith("max"))
        return _first([(condition, rule.output) for condition, rule in ordered], default)
    if hit.startswith("collect"):
        counted = hit.endswith("count")
        outputs: list[Expression] = [literal(Fraction(1)) if counted else rule.output for rule in rules]
        zero = literal(Fraction(0))
        parts: list[Expression] = [
            Operation("if", (condition, output, zero), Span()) for condition, output in zip(conditions, outputs, strict=True)
        ]
        total = parts[0]
        for part in parts[1:]:
            total = Operation("+", (total, part), Span())
        if counted and table.get("default") is None:
            return total
        return Operation("if", (_any_of(conditions), total, default), Span())
    return _first([(condition, rule.output) for condition, rule in zip(conditions, rules, strict=True)], default)


def table_warnings(table: Mapping[str, Any], at: Place | None = None, codes: Sequence[str] = ()) -> list[PolicyError]:
    """Return what a table leaves open, as errors that were not raised.

    Gaps between the bands of a single numeric or date input, codes of ``codes`` that no row of a single input names,
    and pairs of rows whose overlap depends on figures that are not known when the table is loaded.
    """
    if table.get("default") is not None:
        return []
    rules = _read(table, at)
    found: list[PolicyError] = []
    if hit_policy(table, at) in ("unique", "any"):
        for row, rule in enumerate(rules, start=1):
            if None in rule.regions:
                found.append(PolicyError("rules.table-unproved", _cell_place(table, at, row - 1, 0, ""), row=row))
    regions = [rule.regions[0] for rule in rules]
    if len(rules[0].regions) != 1 or None in regions:
        return found
    sure = [region for region in regions if region is not None]
    for low, high in _gaps([interval for region in sure for interval in region.intervals or ()]):
        found.append(PolicyError("rules.table-gap", at, low=_show(low), high=_show(high)))
    for code in codes:
        if not any(_overlap(region, Region(values=frozenset([code]))) for region in sure):
            found.append(PolicyError("rules.table-code-gap", at, value=code))
    return found


def hit_policy(table: Mapping[str, Any], at: Place | None = None) -> str:
    """Return the table's hit policy, one of `HITS`.

    Raises:
        PolicyError: ``rules.table-hit`` if it is none of them.
    """
    written = " ".join(str(table.get("hit") or "unique").lower().split())
    if written == "collect" and table.get("aggregate"):
        written = f"collect {str(table['aggregate']).lower()}"
    found = _SIGNS.get(written) or _LETTERS.get(written) or written
    if found not in HITS:
        raise PolicyError("rules.table-hit", at, hit=written, known=", ".join(HITS))
    return found


# reading ---------------------------------------------------------------------------------------------------------


def _read(table: Mapping[str, Any], at: Place | None) -> list[Rule]:
    rows, texts = table.get("rows") or [], table.get("inputs") or []
    if not rows or not texts:
        raise PolicyError("rules.table-empty", at)
    if len(rows) > MAX_ROWS:
        raise PolicyError("rules.table-long", at, rows=len(rows), limit=MAX_ROWS)
    inputs = [
        _standing(parse(str(text), place), place)
        for column, text in enumerate(texts)
        for place in [_cell_place(table, at, -1, column, str(text))]
    ]
    rules = []
    for index, row in enumerate(rows):
        if not isinstance(row, Sequence) or isinstance(row, str) or len(row) != len(inputs) + 1:
            found = len(row) if isinstance(row, Sequence) and not isinstance(row, str) else 1
            place = _cell_place(table, at, index, 0, "")
            raise PolicyError("rules.table-width", place, row=index + 1, found=found, expected=len(inputs) + 1)
        places = [_cell_place(table, at, index, column, str(cell)) for column, cell in enumerate(row)]
        tests = tuple(unary_test(subject, cell, place) for subject, cell, place in zip(inputs, row, places, strict=False))
        regions = tuple(_region(test) for test in tests)
        rules.append(Rule(tests, regions, _output(row[-1], places[-1])))
    return rules


def _cell_place(table: Mapping[str, Any], at: Place | None, row: int, column: int, text: str) -> Place:
    given = (table.get("places") or {}).get((row, column))
    base = given or at or Place()
    return Place(base.file, base.line, base.column, text)


def _standing(node: Any, place: Place) -> Any:
    """Return ``node`` with every part standing at ``place``: a table's cell is one place."""
    if isinstance(node, tuple):
        return tuple(_standing(item, place) for item in node)
    if not hasattr(node, "span"):
        return node
    changes = {part.name: _standing(getattr(node, part.name), place) for part in fields(node)}
    return replace(node, **{**changes, "span": Span(place=place)})


def _output(cell: Any, place: Place | None) -> Expression:
    if cell is None or (isinstance(cell, str) and cell.strip() in _UNTESTED):
        raise PolicyError("rules.table-output", place)
    if isinstance(cell, str):
        parsed: Expression = _parse_cell(cell, "", place or Place(text=cell))
        return parsed
    return Literal(exact(cell), Span(place=place))


def _parse_cell(text: str, lead: str, place: Place) -> Any:
    """Parse ``lead`` + ``text``; an error stands at the cell and shows its text only."""
    try:
        return _standing(parse(lead + text), place)
    except PolicyError as error:
        raise PolicyError(error.code, place, **{**error.params, "text": text.strip()}) from None


def unary_test(subject: Expression, cell: Any, place: Place) -> Expression | None:
    """Return the test that ``cell`` puts to ``subject``; None if it lets everything through.

    Raises:
        PolicyError: ``rules.syntax`` and its like, at the cell.
    """
    if cell is None or (isinstance(cell, str) and cell.strip() in _UNTESTED):
        return None
    if not isinstance(cell, str):
        return Operation("=", (subject, Literal(exact(cell), Span(place=place))), Span(place=place))
    negated = _NEGATION.match(cell)
    if negated:
        inner = unary_test(subject, negated.group(1), place)
        return None if inner is None else Operation("not", (inner,), Span(place=place))
    tests: list[Expression] = []
    for part in _split(cell):
        if _COMPARISON.match(part):
            parsed = _parse_cell(part, "x ", place)
            tests.append(replace(parsed, operands=(subject, *parsed.operands[1:])))
        elif ".." in part:
            parsed = _parse_cell(part, "x in ", place)
            tests.append(replace(parsed, subject=subject))
        else:
            tests.append(Operation("=", (subject, _parse_cell(part, "", place)), Span(place=place)))
    return _any_of(tests)


def _split(text: str) -> Iterator[str]:
    """Yield the parts of a cell between commas that stand in no quotes and no parentheses."""
    depth, quoted, start = 0, False, 0
    for index, character in enumerate(text):
        if character == '"':
            quoted = not quoted
        elif not quoted:
            depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(character, 0)
            if character in ",，" and depth <= 0:
                yield text[start:index]
                start = index + 1
    yield text[start:]


# compiling -------------------------------------------------------------------------------------------------------


def _all_of(tests: Sequence[Expression]) -> Expression:
    if not tests:
        return literal(True)
    return tests[0] if len(tests) == 1 else Operation("and", tuple(tests), Span())


def _any_of(tests: Sequence[Expression]) -> Expression:
    return tests[0] if len(tests) == 1 else Operation("or", tuple(tests), Span())


def _first(rows: Sequence[tuple[Expression, Expression]], default: Expression) -> Expression:
    tree = default
    for condition, output in reversed(rows):
        always = isinstance(condition, Literal) and condition.value is True
        tree = output if always else Operation("if", (condition, output, tree), Span())
    return tree


def _plain(node: Any) -> Any:
    return _standing(node, Place())


def _grouped(conditions: Sequence[Expression], rules: Sequence[Rule]) -> list[tuple[Expression, Expression]]:
    """Rows of one output are one row: that one of them is unknown does not matter where another holds."""
    groups: dict[Any, tuple[Expression, list[Expression]]] = {}
    for condition, rule in zip(conditions, rules, strict=True):
        groups.setdefault(_plain(rule.output), (rule.output, []))[1].append(condition)
    return [(_any_of(tests), output) for output, tests in groups.values()]


def _literal_of(item: tuple[Expression, Rule]) -> Fraction:
    output = item[1].output
    if isinstance(output, Literal) and isinstance(output.value, Fraction):
        return output.value
    raise PolicyError("rules.table-literals", output.span.place)


# what cells let through --------------------------------------------------------------------------------------------


def _region(test: Expression | None) -> Region | None:
    """Return what a test lets through, or None if that is not decided by literals alone."""
    match test:
        case None:
            return Region()
        case Operation("or", parts):
            return _union([_region(part) for part in parts])
        case Operation("not", (inner,)):
            return _complement(_region(inner))
        case Operation("=" | "!=" | "<" | "<=" | ">" | ">=" as operator, (_, Literal(value))):
            return _compared(operator, value)
        case Membership(_, (Range(Literal(low), Literal(high), low_closed, high_closed),)):
            if isinstance(low, (Fraction, date)) and isinstance(high, (Fraction, date)) and type(low) is type(high):
                return Region((Interval(low, high, low_closed, high_closed),))
    return None


def _compared(operator: str, value: Any) -> Region | None:
    if isinstance(value, (Fraction, date)):
        match operator:
            case "=":
                return Region((Interval(value, value, True, True),))
            case "!=":
                return Region((Interval(None, value), Interval(value, None)))
            case "<" | "<=":
                return Region((Interval(None, value, False, operator == "<="),))
            case _:
                return Region((Interval(value, None, operator == ">=", False),))
    if isinstance(value, (str, bool)) and operator in ("=", "!="):
        return Region(values=frozenset([value]), complement=operator == "!=")
    return None


def _union(parts: Sequence[Region | None]) -> Region | None:
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    if all(part.intervals is not None for part in known):
        return Region(tuple(interval for part in known for interval in part.intervals or ()))
    if all(part.values is not None and not part.complement for part in known):
        return Region(values=frozenset(value for part in known for value in part.values or ()))
    return None


def _complement(region: Region | None) -> Region | None:
    if region is None or (region.intervals is None and region.values is None):
        return None
    if region.values is not None:
        return Region(values=region.values, complement=not region.complement)
    rest = [Interval(None, None)]
    for hole in region.intervals or ():
        outside = [Interval(None, hole.low, False, not hole.low_closed)] if hole.low is not None else []
        outside += [Interval(hole.high, None, not hole.high_closed, False)] if hole.high is not None else []
        rest = [both for part in rest for side in outside if (both := _common(part, side)) is not None]
    return Region(tuple(rest))


def _common(a: Interval, b: Interval) -> Interval | None:
    low, low_closed = a.low, a.low_closed
    if low is None or (b.low is not None and (b.low > low or (b.low == low and not b.low_closed))):  # type: ignore[operator]
        low, low_closed = b.low, b.low_closed
    high, high_closed = a.high, a.high_closed
    if high is None or (b.high is not None and (b.high < high or (b.high == high and not b.high_closed))):  # type: ignore[operator]
        high, high_closed = b.high, b.high_closed
    if low is not None and high is not None and low >= high and not (low == high and low_closed and high_closed):  # type: ignore[operator]
        return None
    return Interval(low, high, low_closed, high_closed)


def _overlap(a: Region, b: Region) -> bool:
    if a.intervals is not None and b.intervals is not None:
        return any(_common(x, y) is not None for x in a.intervals for y in b.intervals)
    if a.values is not None and b.values is not None:
        if a.complement and b.complement:
            return True
        if a.complement or b.complement:
            inside, outside = (b.values, a.values) if a.complement else (a.values, b.values)
            return bool(inside - outside)
        return bool(a.values & b.values)
    return True


def _refuse_overlaps(hit: str, rules: Sequence[Rule], table: Mapping[str, Any], at: Place | None) -> None:
    if hit not in ("unique", "any"):
        return
    for later, rule in enumerate(rules):
        for earlier, other in enumerate(rules[:later]):
            # a pair that literals do not decide is not refused; `table_warnings` names it
            pairs = list(zip(rule.regions, other.regions, strict=True))
            if not all(a is not None and b is not None and _overlap(a, b) for a, b in pairs):
                continue
            place = _cell_place(table, at, later, 0, "")
            if hit == "unique":
                raise PolicyError("rules.table-overlap", place, first=earlier + 1, second=later + 1)
            if _plain(rule.output) != _plain(other.output):
                raise PolicyError("rules.table-disagree", place, first=earlier + 1, second=later + 1)


def _gaps(intervals: Sequence[Interval]) -> list[tuple[Point, Point]]:
    """Return the holes between the lowest and the highest interval, as (from, to)."""
    rest = _complement(Region(tuple(intervals))) if intervals else None
    holes = rest.intervals or () if rest else ()
    inner = [(hole.low, hole.high) for hole in holes if hole.low is not None and hole.high is not None]
    return sorted(inner, key=lambda hole: hole[0])


def _show(point: Point) -> str:
    if isinstance(point, date):
        return point.isoformat()
    return str(point) if point.denominator == 1 else str(float(point))
