"""``needs.yaml``: the vocabulary of a package, where each variable comes from, and who receives what today."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import Any

from zhizhi.engines.rules.parser import parse_source
from zhizhi.engines.rules.syntax import Call, Name
from zhizhi.engines.rules.types import Type, Unit
from zhizhi.engines.rules.vocabulary import UNKNOWN, RecordTable, Variable, Vocabulary
from zhizhi.kernel.errors import PackageError, Place
from zhizhi.scenarios.document import Document, validate

SOURCE_FUNCTIONS = ("sum", "count", "min", "max", "any", "all", "latest")


@dataclass(frozen=True, slots=True)
class Population:
    """The dataset that says who lives where: its fields, and which rows are members."""

    dataset: str
    person: str
    household: str
    region: str | None
    member_if: Mapping[str, Any]
    head: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A dataset of who receives what today. ``policy`` is the field that holds the policy id, or ``policies`` fixes it."""

    dataset: str
    subject: str
    person: str | None
    household: str | None
    policy: str | None
    policies: tuple[str, ...]
    where: Mapping[str, Any] = field(default_factory=dict)
    amount: str | None = None
    since: str | None = None


@dataclass(frozen=True, slots=True)
class Needs:
    """All that a region must grant for the package to run."""

    vocabulary: Vocabulary
    population: Population
    enrolment: tuple[Enrolment, ...]


def value_type(data: Mapping[str, Any], place: Place) -> Type:
    """Return the type that a variable's or parameter's mapping declares.

    Raises:
        PackageError: ``package.codes-missing`` for a code without its list, ``package.unit`` for a malformed unit.
    """
    kind = data["type"]
    if kind == "code":
        if not data.get("codes"):
            raise PackageError("package.codes-missing", place)
        return Type("code", codes=tuple(str(code) for code in data["codes"]))
    try:
        return Type(kind, Unit.parse(data.get("unit", "")) if kind == "number" else Unit())
    except ValueError:
        raise PackageError("package.unit", place, unit=data.get("unit")) from None


def read_needs(document: Document) -> Needs:
    """Read ``needs.yaml``.

    Raises:
        PackageError: on structure, types or an ``absent`` value of the wrong type; PolicyError: on a malformed source.
    """
    validate(document, "needs")
    data = document.data
    variables: dict[str, dict[str, Variable]] = {"person": {}, "household": {}}
    for name, declared in data["variables"].items():
        variables[declared["entity"]][name] = _variable(document, name, declared)
    records = {name: _record(document, name, declared) for name, declared in (data.get("records") or {}).items()}
    population = data["population"]
    return Needs(
        Vocabulary(variables, records),
        Population(
            population["dataset"],
            population["person"],
            population["household"],
            population.get("region"),
            population.get("member_if") or {},
            population.get("head") or {},
        ),
        tuple(_enrolment(document, index, row) for index, row in enumerate(data.get("enrolment") or [])),
    )


def _variable(document: Document, name: str, declared: Mapping[str, Any]) -> Variable:
    path = ("variables", name)
    kind = value_type(declared, document.place(*path))
    if ("from" in declared) == ("expr" in declared):
        raise PackageError("package.from-or-expr", document.place(*path), name=name)
    source = None
    if "from" in declared:
        source = parse_source(declared["from"], document.place(*path, "from"))
        body = source.body
        if isinstance(body, Call) and body.function not in SOURCE_FUNCTIONS:
            known = ", ".join(SOURCE_FUNCTIONS)
            raise PackageError(
                "package.source-function", document.place(*path, "from"), name=name, function=body.function, known=known
            )
        if isinstance(body, Name) and len(body.path) != 2:
            raise PackageError("package.source-field", document.place(*path, "from"), name=name, source=declared["from"])
    return Variable(
        name=name,
        entity=declared["entity"],
        type=kind,
        title=declared["title"],
        scale=int(declared.get("scale", 0)),
        source=source,
        expr=_text(declared.get("expr")),
        absent=_absent(document, path, kind, declared.get("absent")),
        place=document.place(*path, "expr" if "expr" in declared else "from"),
    )


def _text(value: Any) -> str | None:
    if value is None:
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)


def _absent(document: Document, path: tuple[str, ...], kind: Type, value: Any) -> Any:
    if value is None or value == UNKNOWN:
        return None
    fits = {
        "number": isinstance(value, Fraction),
        "boolean": isinstance(value, bool),
        "date": isinstance(value, date),
        "code": str(value) in kind.codes,
        "string": isinstance(value, str),
    }[kind.kind]
    if not fits:
        raise PackageError("package.absent", document.place(*path, "absent"), value=value, type=kind)
    return str(value) if kind.kind == "code" else value


def _record(document: Document, name: str, declared: Mapping[str, Any]) -> RecordTable:
    fields = {}
    for field_name, spec in declared["fields"].items():
        place = document.place("records", name, "fields", field_name)
        title = spec.get("title") or {"zh": field_name, "en": field_name}
        fields[field_name] = Variable(field_name, name, value_type(spec, place), title, int(spec.get("scale", 0)), place=place)
    title = declared.get("title") or {"zh": name, "en": name}
    return RecordTable(name, declared["entity"], declared["dataset"], declared["date"], fields, title)


def _enrolment(document: Document, index: int, row: Mapping[str, Any]) -> Enrolment:
    fixed = [row["is"]] if "is" in row else row.get("policies", [])
    if ("policy" in row) == bool(fixed):
        raise PackageError("package.enrolment-policy", document.place("enrolment", index), dataset=row["dataset"])
    if ("person" in row) == ("household" in row):
        raise PackageError("package.enrolment-subject", document.place("enrolment", index), dataset=row["dataset"])
    return Enrolment(
        row["dataset"],
        row["subject"],
        row.get("person"),
        row.get("household"),
        row.get("policy"),
        tuple(fixed),
        row.get("where") or {},
        row.get("amount"),
        row.get("since"),
    )
