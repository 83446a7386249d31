"""Resolve names and types: syntax tree in, checked tree out, or an error that names the place and the nearest name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from difflib import get_close_matches
from fractions import Fraction

from zhizhi.engines.rules import ir
from zhizhi.engines.rules.parser import MAX_TREE, parse, place_of
from zhizhi.engines.rules.syntax import Call, Expression, Literal, Membership, Name, Operation, Range, walk
from zhizhi.engines.rules.types import BOOLEAN, DATE, NULL, PURE, STRING, Type, Unit, number
from zhizhi.engines.rules.vocabulary import Parameter, Vocabulary
from zhizhi.kernel.errors import Place, PolicyError

AGGREGATES = ("sum", "count", "any", "all", "min", "max")
FUNCTIONS = {
    "abs": 1,
    "age": 1,
    "days_since": 1,
    "known": 1,
    "months_between": 2,
    "years_between": 2,
    "decision": 1,
}
YEARS, MONTHS, DAYS = number("years"), number("months"), number("days")


@dataclass(frozen=True, slots=True)
class Derivation:
    """A derived value of a policy, checked when first read: its text, declared unit and floor."""

    text: str
    unit: Unit | None
    floor: Fraction | None
    place: Place | None


@dataclass(slots=True)
class Environment:
    """What a policy's expressions may name: its subject, the vocabulary, parameters, derived values and decisions."""

    subject: str
    vocabulary: Vocabulary
    params: Mapping[str, Parameter]
    derive: Mapping[str, Derivation] = field(default_factory=dict)
    decision: Callable[[str], ir.Node] | None = None
    decisions: tuple[str, ...] = ()
    _derived: dict[str, ir.Derived] = field(default_factory=dict)
    _open: list[str] = field(default_factory=list)


def check(text: str, env: Environment, at: Place | None = None, expect: str | None = None) -> ir.Node:
    """Parse and check one expression.

    Args:
        text: the expression.
        env: the names it may use.
        at: where it stands in its file.
        expect: ``boolean`` or ``number`` if the context asks for one.

    Raises:
        PolicyError: on syntax, an unknown name (with the nearest), a wrong type or unlike units.
    """
    place = Place(at.file, at.line, at.column, text) if at else Place(text=text)
    return check_tree(parse(text, at), env, place, expect)


def check_tree(tree: Expression, env: Environment, at: Place | None = None, expect: str | None = None) -> ir.Node:
    """Check an expression that is parsed already, such as a compiled decision table; see `check`."""
    place = at or Place()
    try:
        node = _Checker(env, place).expression(tree, env.subject)
    except RecursionError:  # derived values that read one another, each deep in itself
        raise PolicyError("rules.too-deep", place, limit=MAX_TREE) from None
    if expect and node.type.kind != expect:
        raise PolicyError("rules.expected-type", place, expected=expect, found=node.type, text=place.text)
    return node


class _Checker:
    """One pass over one expression. ``scope`` is the entity bare names belong to: subject, member or record table."""

    def __init__(self, env: Environment, at: Place) -> None:
        self.env = env
        self.at = at

    def fail(self, code: str, node: Expression | Range, **params: object) -> PolicyError:
        place = place_of(node, self.at)
        return PolicyError(code, place, text=place.text, **params)

    def unknown_name(self, node: Expression, name: str, known: Iterable[str]) -> PolicyError:
        near = get_close_matches(name, list(known), n=1, cutoff=0.5)
        if near:
            return self.fail("rules.name-unknown-near", node, name=name, nearest=near[0])
        return self.fail("rules.name-unknown", node, name=name)

    def expression(self, node: Expression, scope: str) -> ir.Node:
        match node:
            case Literal():
                return self.literal(node)
            case Name():
                return self.name(node, scope)
            case Membership():
                return self.membership(node, scope)
            case Call():
                return self.call(node, scope)
            case Operation():
                return self.operation(node, scope)

    def literal(self, node: Literal) -> ir.Const:
        value = node.value
        match value:
            case bool():
                return ir.Const(BOOLEAN, value)
            case Fraction():
                return ir.Const(number(free=True), value)
            case date():
                return ir.Const(DATE, value)
            case str():
                return ir.Const(STRING, value)
            case _:
                return ir.Const(NULL, None)

    # names -----------------------------------------------------------------------------------------------------

    def name(self, node: Name, scope: str) -> ir.Node:
        head, *rest = node.path
        if head == "param" and len(rest) == 1:
            return self.param(node, rest[0])
        vocabulary = self.env.vocabulary
        if head == "household" and len(rest) == 1 and scope in ("person", "household"):
            if scope != self.env.subject or self._in_aggregate:
                raise self.fail("rules.outer-name", node, name=str(node))
            return self.variable(node, "household", rest[0])
        if scope in vocabulary.records and node.path[:-1] in ((scope,), ("household", scope)):
            return self.variable(node, scope, rest[-1])
        inside = scope != self.env.subject or self._in_aggregate
        if inside and head == "members" and len(rest) == 1 and scope == "person":
            return self.variable(node, "person", rest[0])
        if inside and head == "household" and len(rest) == 2 and rest[0] == "members" and scope == "person":
            return self.variable(node, "person", rest[1])
        if rest:
            if head == "members" or head in vocabulary.records or head == "household":
                raise self.fail("rules.needs-aggregate", node, name=str(node))
            raise self.unknown_name(node, str(node), self._names(scope))
        if not inside and head in self.env.derive:
            return self.derived(head, node)
        return self.variable(node, scope, head)

    _in_aggregate = False

    def _names(self, scope: str) -> list[str]:
        names = list(self.env.vocabulary.of(scope)) + list(self.env.derive)
        names += [f"param.{name}" for name in self.env.params]
        names += [f"members.{name}" for name in self.env.vocabulary.of("person")]
        if self.env.subject == "person":
            names += [f"household.{name}" for name in self.env.vocabulary.of("household")]
        return names + list(self.env.vocabulary.records)

    def param(self, node: Name, name: str) -> ir.Param:
        declared = self.env.params.get(name)
        if declared is None:
            raise self.unknown_name(node, f"param.{name}", [f"param.{known}" for known in self.env.params])
        return ir.Param(declared.type, declared.owner, name)

    def variable(self, node: Name, entity: str, name: str) -> ir.Node:
        variable = self.env.vocabulary.of(entity).get(name)
        if variable is None:
            if not self._in_aggregate and name in self.env.decisions:
                return self.decision(name, node)
            raise self.unknown_name(node, str(node), self._names(entity))
        if variable.expr is None:
            return ir.Var(variable.type, entity, name)
        key = f"{entity}.{name}"
        if key in self.env._open:
            raise self.fail("rules.circular", node, name=name)
        self.env._open.append(key)
        inner = Environment(entity, self.env.vocabulary, self.env.params)
        inner._open = self.env._open
        expr = check(variable.expr, inner, variable.place)
        self.env._open.pop()
        if expr.type.kind != variable.type.kind:
            raise self.fail("rules.expected-type", node, expected=variable.type.kind, found=expr.type)
        return ir.Derived(variable.type, name, expr)

    def derived(self, name: str, node: Name) -> ir.Derived:
        env = self.env
        if name in env._derived:
            return env._derived[name]
        if name in env._open:
            raise self.fail("rules.circular", node, name=name)
        env._open.append(name)
        declared = env.derive[name]
        expr = check(declared.text, env, declared.place)
        env._open.pop()
        if declared.unit is not None and (expr.type.kind != "number" or (expr.type.unit != declared.unit and not expr.type.free)):
            place = declared.place or self.at
            raise PolicyError("rules.unit-declared", place, name=name, declared=declared.unit, found=expr.type)
        kind = number(declared.unit) if declared.unit is not None else expr.type
        env._derived[name] = ir.Derived(kind, name, expr, declared.floor)
        return env._derived[name]

    def decision(self, policy: str, node: Expression) -> ir.Node:
        if self._in_aggregate:  # inside, the subject would be the member
            raise self.fail("rules.nested-aggregate", node, function="decision")
        if self.env.decision is None or policy not in self.env.decisions:
            raise self.unknown_name(node, policy, self.env.decisions)
        key = f"decision:{policy}"
        if key in self.env._open:
            raise self.fail("rules.circular", node, name=policy)
        self.env._open.append(key)
        result = self.env.decision(policy)
        self.env._open.pop()
        return result

    # operators ---------------------------------------------------------------------------------------------------

    def operation(self, node: Operation, scope: str) -> ir.Node:
        parts = [self.expression(operand, scope) for operand in node.operands]
        match node.operator:
            case "and" | "or":
                return ir.Junction(BOOLEAN, node.operator, tuple(self.boolean(p, o) for p, o in self._pairs(parts, node)))
            case "not":
                return ir.Not(BOOLEAN, self.boolean(parts[0], node.operands[0]))
            case "if":
                self.boolean(parts[0], node.operands[0])
                then, otherwise = self.alike(parts[1], parts[2], node)
                return ir.If(self.common(then.type, otherwise.type), parts[0], then, otherwise)
            case "negate":
                self.numeric(parts[0], node.operands[0])
                zero = ir.Const(Type("number", parts[0].type.unit), Fraction(0))
                return ir.Arithmetic(parts[0].type, "-", zero, parts[0])
            case "starts with":
                for part, operand in self._pairs(parts, node):
                    if part.type.kind != "string":
                        raise self.fail("rules.expected-type", operand, expected="string", found=part.type)
                return ir.StartsWith(BOOLEAN, parts[0], parts[1])
            case "+" | "-" | "*" | "/":
                return self.arithmetic(node, parts)
            case _:
                return self.compare(node.operator, parts[0], parts[1], node)

    @staticmethod
    def _pairs(parts: list[ir.Node], node: Operation) -> list[tuple[ir.Node, Expression]]:
        return list(zip(parts, node.operands, strict=True))

    def boolean(self, part: ir.Node, node: Expression) -> ir.Node:
        if part.type.kind == "null":
            return ir.Const(BOOLEAN, None)
        if part.type.kind != "boolean":
            raise self.fail("rules.expected-type", node, expected="boolean", found=part.type)
        return part

    def numeric(self, part: ir.Node, node: Expression) -> ir.Node:
        if part.type.kind == "null":
            return ir.Const(number(free=True), None)
        if part.type.kind != "number":
            raise self.fail("rules.expected-type", node, expected="number", found=part.type)
        return part

    def arithmetic(self, node: Operation, parts: list[ir.Node]) -> ir.Node:
        left, right = (self.numeric(p, o) for p, o in self._pairs(parts, node))
        free = left.type.free and right.type.free
        if node.operator in "*/":
            unit = left.type.unit.times(right.type.unit, 1 if node.operator == "*" else -1)
            return ir.Arithmetic(number(unit, free=free), node.operator, left, right)
        if left.type.unit != right.type.unit and not (left.type.free or right.type.free):
            raise self.fail("rules.unlike-units", node, left=left.type.unit, right=right.type.unit, operator=node.operator)
        unit = right.type.unit if left.type.free else left.type.unit
        return ir.Arithmetic(number(unit, free=free), node.operator, left, right)

    def compare(self, operator: str, left: ir.Node, right: ir.Node, node: Expression | Range) -> ir.Node:
        left, right = self.alike(left, right, node)
        if operator not in ("=", "!=") and left.type.kind not in ("number", "date"):
            raise self.fail("rules.no-order", node, kind=left.type.kind, operator=operator)
        return ir.Compare(BOOLEAN, operator, left, right)

    def alike(self, left: ir.Node, right: ir.Node, node: Expression | Range) -> tuple[ir.Node, ir.Node]:
        """Return both sides fit to be compared, or raise: same kind, like units, a code of its list."""
        a, b = left.type, right.type
        if a.kind == "null":
            return ir.Const(b, None), right
        if b.kind == "null":
            return left, ir.Const(a, None)
        if a.kind == "code" and b.kind == "string":
            return left, self.code(right, a, node)
        if b.kind == "code" and a.kind == "string":
            return self.code(left, b, node), right
        if a.kind != b.kind:
            raise self.fail("rules.unlike-types", node, left=a, right=b)
        if a.kind == "number" and a.unit != b.unit and not (a.free or b.free):
            raise self.fail("rules.unlike-units", node, left=a.unit, right=b.unit, operator=getattr(node, "operator", "in"))
        if a.kind == "code" and a.codes != b.codes:
            raise self.fail("rules.unlike-codes", node)
        return left, right

    def code(self, part: ir.Node, kind: Type, node: Expression | Range) -> ir.Node:
        if not isinstance(part, ir.Const):
            raise self.fail("rules.code-literal", node)
        if part.value not in kind.codes:
            near = get_close_matches(str(part.value), kind.codes, n=1, cutoff=0)
            nearest = near[0] if near else ", ".join(kind.codes)
            raise self.fail("rules.code-unknown", node, value=part.value, codes=", ".join(kind.codes), nearest=nearest)
        return ir.Const(kind, part.value)

    @staticmethod
    def common(a: Type, b: Type) -> Type:
        return b if (a.free or a.kind == "null") and b.kind == "number" else a

    def membership(self, node: Membership, scope: str) -> ir.Node:
        subject = self.expression(node.subject, scope)
        tests: list[ir.Node] = []
        for choice in node.choices:
            if isinstance(choice, Range):
                low, high = self.expression(choice.low, scope), self.expression(choice.high, scope)
                above = self.compare(">=" if choice.low_closed else ">", subject, low, choice)
                below = self.compare("<=" if choice.high_closed else "<", subject, high, choice)
                if (
                    isinstance(low, ir.Const)
                    and isinstance(high, ir.Const)
                    and isinstance(low.value, Fraction)
                    and isinstance(high.value, Fraction)
                    and low.value > high.value
                ):
                    raise self.fail("rules.empty-range", choice, low=low.value, high=high.value)
                tests.append(ir.Junction(BOOLEAN, "and", (above, below)))
            else:
                tests.append(self.compare("=", subject, self.expression(choice, scope), choice))
        return tests[0] if len(tests) == 1 else ir.Junction(BOOLEAN, "or", tuple(tests))

    # calls -------------------------------------------------------------------------------------------------------

    def call(self, node: Call, scope: str) -> ir.Node:
        if node.function in AGGREGATES and len(node.arguments) == 1:
            over = self.collection(node)
            if over is not None:
                return self.aggregate(node, *over)
            raise self.fail("rules.no-collection", node, function=node.function)
        if node.where is not None or node.window is not None or node.by is not None:
            raise self.fail("rules.only-aggregates", node, function=node.function)
        if node.function in ("min", "max") and len(node.arguments) > 1:
            return self.extreme(node, scope)
        if node.function == "round" and len(node.arguments) in (1, 2):
            return self.round(node, scope)
        if node.function not in FUNCTIONS:
            known = [*FUNCTIONS, "round", *AGGREGATES]
            near = get_close_matches(node.function, known, n=1, cutoff=0)
            raise self.fail("rules.function-unknown", node, name=node.function, nearest=near[0] if near else "")
        if len(node.arguments) != FUNCTIONS[node.function]:
            raise self.fail(
                "rules.arguments", node, function=node.function, expected=FUNCTIONS[node.function], found=len(node.arguments)
            )
        if node.function == "decision":
            return self.decision(self.policy_id(node), node)
        return self.function(node, [self.expression(argument, scope) for argument in node.arguments])

    def policy_id(self, node: Call) -> str:
        argument = node.arguments[0]
        if not isinstance(argument, Literal) or not isinstance(argument.value, str):
            raise self.fail("rules.expected-type", argument, expected="string", found="expression")
        return argument.value

    def function(self, node: Call, parts: list[ir.Node]) -> ir.Node:
        if node.function == "known":
            return ir.Known(BOOLEAN, parts[0])
        if node.function == "abs":
            return ir.Absolute(parts[0].type, self.numeric(parts[0], node.arguments[0]))
        for part, argument in zip(parts, node.arguments, strict=True):
            if part.type.kind not in ("date", "null"):
                raise self.fail("rules.expected-type", argument, expected="date", found=part.type)
        dates = [ir.Const(DATE, None) if part.type.kind == "null" else part for part in parts]
        match node.function:
            case "age":
                return ir.Elapsed(YEARS, "years", dates[0], None)
            case "days_since":
                return ir.Elapsed(DAYS, "days", dates[0], None)
            case "months_between":
                return ir.Elapsed(MONTHS, "months", dates[0], dates[1])
            case _:
                return ir.Elapsed(YEARS, "years", dates[0], dates[1])

    def extreme(self, node: Call, scope: str) -> ir.Node:
        parts = [self.numeric(self.expression(argument, scope), argument) for argument in node.arguments]
        kind = next((part.type for part in parts if not part.type.free), parts[0].type)
        for part, argument in zip(parts, node.arguments, strict=True):
            if part.type.unit != kind.unit and not part.type.free:
                raise self.fail("rules.unlike-units", argument, left=kind.unit, right=part.type.unit, operator=node.function)
        return ir.Extreme(kind, node.function, tuple(parts))

    def round(self, node: Call, scope: str) -> ir.Node:
        x = self.numeric(self.expression(node.arguments[0], scope), node.arguments[0])
        digits = 0
        if len(node.arguments) == 2:
            given = node.arguments[1]
            if not (isinstance(given, Literal) and isinstance(given.value, Fraction) and given.value in range(7)):
                raise self.fail("rules.digits", given)
            digits = int(given.value)
        return ir.Round(x.type, x, digits)

    # aggregates --------------------------------------------------------------------------------------------------

    def collection(self, node: Call) -> tuple[str, str] | None:
        """Return (whose rows, which rows) that the call's names point at, or None if they point at none."""
        if self._in_aggregate:
            raise self.fail("rules.nested-aggregate", node, function=node.function)
        found: set[tuple[str, str]] = set()
        parts: tuple[object, ...] = (node.arguments[0], node.where) if node.where is not None else (node.arguments[0],)
        for part in walk(parts):
            if isinstance(part, Name):
                target = self.target(part)
                if target:
                    found.add(target)
        if len(found) > 1:
            raise self.fail("rules.two-collections", node, function=node.function)
        return found.pop() if found else None

    def target(self, name: Name) -> tuple[str, str] | None:
        head, *rest = name.path
        records = self.env.vocabulary.records
        prefixed = head == "household" and bool(rest)
        if prefixed:
            head, rest = rest[0], rest[1:]
        if head in self.env.vocabulary.of(self.env.subject) and not rest:
            return None
        if head == "members":
            if self.env.subject == "person" and not prefixed:
                raise self.fail("rules.say-household", name, name=str(name))
            return ("household", "members")
        if head in records:
            of = "household" if prefixed or self.env.subject == "household" else "person"
            if records[head].entity == "household" and of == "person":
                raise self.fail("rules.say-household", name, name=str(name))
            return (of, head)
        return None

    def aggregate(self, node: Call, of: str, over: str) -> ir.Node:
        if node.by is not None:
            raise self.fail("rules.by-only-in-sources", node)
        if node.window is not None and over == "members":
            raise self.fail("rules.window-needs-records", node)
        scope = "person" if over == "members" else over
        argument = node.arguments[0]
        self._in_aggregate = True
        try:
            whole = isinstance(argument, Name) and argument.path[-1] == over
            value = None if whole else self.expression(argument, scope)
            where = self.boolean(self.expression(node.where, scope), node.where) if node.where is not None else None
        finally:
            self._in_aggregate = False
        if (node.function == "count") != (value is None):
            raise self.fail("rules.count-rows" if node.function == "count" else "rules.needs-field", node, over=over)
        kind = number()
        if value is not None and node.function in ("any", "all"):
            value, kind = self.boolean(value, argument), BOOLEAN
        elif value is not None and node.function == "sum":
            value = self.numeric(value, argument)
            kind = number(value.type.unit)
        elif value is not None:
            if value.type.kind not in ("number", "date"):
                raise self.fail("rules.expected-type", argument, expected="number", found=value.type)
            kind = Type(value.type.kind, value.type.unit)
        return ir.Aggregate(kind, node.function, of, over, value, where, node.window)


__all__ = ["AGGREGATES", "FUNCTIONS", "PURE", "Derivation", "Environment", "check", "check_tree"]
