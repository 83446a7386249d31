"""One policy or warning file: structure held to its schema, every expression checked in its place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import Any

from zhizhi.engines.rules import ir
from zhizhi.engines.rules.checker import Derivation, Environment, check, check_tree
from zhizhi.engines.rules.decision_table import table_expression, table_warnings
from zhizhi.engines.rules.policy import Amount, Condition, Policy
from zhizhi.engines.rules.types import BOOLEAN, STRING, Type, Unit
from zhizhi.engines.rules.vocabulary import Parameter, Vocabulary
from zhizhi.kernel.errors import PackageError, Place, PolicyError
from zhizhi.scenarios.document import Document

TableReader = Callable[[Mapping[str, Any], Place], Mapping[str, Any]]


@dataclass(slots=True)
class RegionalChange:
    """What one overlay changes in a policy: conditions retired, conditions added (with their file), the whole retired."""

    region: str
    retire: Sequence[str] = ()
    add: Sequence[tuple[Mapping[str, Any], Place]] = ()
    retired_whole: bool = False


@dataclass(slots=True)
class PolicySource:
    """A policy as written, with what the package and its overlays say about it."""

    document: Document
    params: dict[str, Parameter] = field(default_factory=dict)
    titles: dict[str, Mapping[str, str]] = field(default_factory=dict)
    changes: list[RegionalChange] = field(default_factory=list)

    @property
    def id(self) -> str:
        """The policy's id."""
        return str(self.document.data.get("policy") or self.document.data.get("warning"))

    @property
    def subject(self) -> str:
        """``person`` or ``household``."""
        return str(self.document.data["subject"])


def read_parameters(document: Document, owner: str, base: tuple[str, ...] = ("params",)) -> dict[str, Parameter]:
    """Read the ``params`` of a policy or package.

    Raises:
        PackageError: ``package.unit``, ``package.figure`` (value of the wrong type) or ``package.figure-date``.
    """
    data: Any = document.data
    for key in base:
        data = (data or {}).get(key)
    return {name: _parameter(document, owner, name, spec, (*base, name)) for name, spec in (data or {}).items()}


def _parameter(document: Document, owner: str, name: str, spec: Mapping[str, Any], path: tuple[str, ...]) -> Parameter:
    place = document.place(*path)
    unit = spec["unit"]
    try:
        kind = {"string": STRING, "boolean": BOOLEAN}.get(unit) or Type("number", Unit.parse(unit))
    except ValueError:
        raise PackageError("package.unit", place, unit=unit) from None
    values = {start: figure(kind, value, document.place(*path, "values", start), name) for start, value in spec["values"].items()}
    for start in values:
        try:
            date.fromisoformat(start)
        except ValueError:
            raise PackageError("package.figure-date", document.place(*path, "values", start), name=name, value=start) from None
    title = spec.get("title") or {}
    sources = {"": {"source": spec.get("source", ""), "status": spec.get("status", ""), **title}}
    return Parameter(
        name, owner, kind, values, source=spec.get("source", ""), status=spec.get("status", ""), sources=sources, place=place
    )


def figure(kind: Type, value: Any, place: Place, name: str) -> Fraction | str | bool:
    """Return a figure of a parameter in its type.

    Raises:
        PackageError: ``package.figure`` when the value is of another type.
    """
    if kind.kind == "string" and isinstance(value, (str, Fraction)):
        return str(value)
    if kind.kind == "boolean" and isinstance(value, bool):
        return value
    if kind.kind == "number" and isinstance(value, Fraction):
        return value
    raise PackageError("package.figure", place, name=name, value=value, type=kind)


def read_policy(
    source: PolicySource,
    vocabulary: Vocabulary,
    package_params: Mapping[str, Parameter],
    decision: Callable[[str], ir.Node],
    decisions: Iterable[str],
    read_table: TableReader,
) -> Policy:
    """Check one policy.

    Args:
        source: the file and what overlays say about it.
        vocabulary: the variables it may read.
        package_params: shared parameters; the policy's own win.
        decision: gives the checked rule of another policy by id.
        decisions: the ids that it may name.
        read_table: reads a decision table that is kept in a file of its own.

    Raises:
        PackageError: on structure; PolicyError: on an expression, with file, line, column and the nearest name.
    """
    document = source.document
    data = document.data
    derive = {
        name: Derivation(
            str(spec["expr"]),
            _unit(spec["unit"], document.place("derive", name, "unit")) if "unit" in spec else None,
            spec.get("floor"),
            document.place("derive", name, "expr"),
        )
        for name, spec in (data.get("derive") or {}).items()
    }
    env = Environment(data["subject"], vocabulary, {**package_params, **source.params}, derive, decision, tuple(decisions))
    env._open.append(f"decision:{source.id}")
    valid = data["valid"]
    amount, open_points = _amount(document, env, read_table)
    return Policy(
        id=source.id,
        kind="policy" if "policy" in data else "warning",
        title=data["title"],
        department=data["department"],
        subject=data["subject"],
        valid_from=_date(document, valid["from"], "valid", "from"),
        valid_to=_date(document, valid["to"], "valid", "to") if valid.get("to") else None,
        conditions=_conditions(source, env),
        amount=amount,
        open_points=open_points,
        params=source.params,
        basis=data.get("basis") or (),
        provides=data.get("provides") or {},
        excludes=tuple(data.get("excludes") or ()),
        tests=data.get("tests") or (),
        severity=data.get("severity", ""),
        cooldown_days=_days(data.get("cooldown")),
        merge=data.get("merge", ""),
        asks=data.get("asks") or {},
        group=data.get("class", ""),
        file=document.name,
        local_titles=source.titles,
        derived_titles={name: spec["title"] for name, spec in (data.get("derive") or {}).items() if "title" in spec},
    )


def _date(document: Document, value: Any, *path: str) -> date:
    if not isinstance(value, date):
        raise PackageError("package.date", document.place(*path), value=value)
    return value


def _days(text: str | None) -> int:
    if not text:
        return 0
    count, unit = text.split()
    return int(count) * (30 if unit.startswith("month") else 1)


def _unit(text: str, place: Place) -> Unit:
    try:
        return Unit.parse(text)
    except ValueError:
        raise PackageError("package.unit", place, unit=text) from None


def _conditions(source: PolicySource, env: Environment) -> tuple[Condition, ...]:
    document = source.document
    listed: list[tuple[Mapping[str, Any], Place]] = [
        (spec, document.place("when", index, "if")) for index, spec in enumerate(document.data["when"])
    ]
    retired: dict[str, list[str]] = {}
    added: dict[str, str] = {}
    for change in source.changes:
        known = [str(spec["id"]) for spec, _ in listed]
        for name in change.retire:
            if name not in known:
                raise PackageError("package.retire-unknown", document.place("when"), id=name, region=change.region)
            retired.setdefault(name, []).append(change.region)
        for spec, place in change.add:
            listed.append((spec, place))
            added[spec["id"]] = change.region
    conditions: list[Condition] = []
    for spec, place in listed:
        if any(condition.id == spec["id"] for condition in conditions):
            raise PackageError("package.condition-twice", place, id=spec["id"], policy=source.id)
        text = str(spec["if"]).lower() if isinstance(spec["if"], bool) else str(spec["if"])
        node = check(text, env, place, expect="boolean")
        margin = spec.get("margin")
        if margin is not None and not (isinstance(node, ir.Compare) and node.left.type.kind == "number"):
            raise PolicyError("rules.margin", place, text=text, id=spec["id"])
        if spec["id"] in added:
            node = _only_in([added[spec["id"]]], node, inside=True)
        if spec["id"] in retired:
            node = _only_in(retired[spec["id"]], node, inside=False)
        conditions.append(Condition(spec["id"], text, node, {"zh": spec["zh"], "en": spec["en"]}, margin))
    whole = [change.region for change in source.changes if change.retired_whole]
    if whole:
        label = {"zh": "政策在本地区施行", "en": "The policy is in force in this region"}
        node = _only_in(whole, ir.Const(BOOLEAN, False), inside=False, otherwise=False)
        conditions.append(Condition("region", "true", node, label))
    return tuple(conditions)


def _only_in(regions: Sequence[str], node: ir.Node, inside: bool, otherwise: bool = True) -> ir.Node:
    """Return ``node`` in force inside (or outside) ``regions``; elsewhere the condition holds (or not)."""
    here = ir.RegionParam(BOOLEAN, "", "region", (("", not inside), *((region, inside) for region in regions)))
    if not otherwise:
        return here
    return ir.Junction(BOOLEAN, "or", (ir.Not(BOOLEAN, here), node))


def _amount(document: Document, env: Environment, read_table: TableReader) -> tuple[Amount | None, tuple[PolicyError, ...]]:
    spec = document.data.get("amount")
    if not spec:
        return None, ()
    open_points: tuple[PolicyError, ...] = ()
    place = document.place("amount")
    unit = _unit(spec["unit"], document.place("amount", "unit"))
    if ("expr" in spec) == ("table" in spec):
        raise PackageError("package.amount", place)
    if "expr" in spec:
        node = check(str(spec["expr"]), env, document.place("amount", "expr"), expect="number")
        if node.type.unit != unit and not node.type.free:
            raise PolicyError(
                "rules.unit-declared", document.place("amount", "expr"), name="amount", declared=unit, found=node.type
            )
    else:
        table = spec["table"] if isinstance(spec["table"], Mapping) else {"file": spec["table"]}
        at = document.place("amount", "table")
        if "file" in table:
            table = read_table(table, at)
        node = check_tree(table_expression(table, at), env, at, expect="number")
        open_points = tuple(table_warnings(table, at))
    return Amount(node, unit, spec.get("round", "fen")), open_points
