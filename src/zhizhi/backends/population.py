"""The population over the lake: who lives where, and every variable of a vocabulary, as SQL over the datasets' files.

A person claimed by two households never gets here: the contract of the population dataset keeps the row with the later
registration and quarantines the other. A member is a row that the package's ``member_if`` lets in; others bring nothing.
Numbers become whole numbers of 10^-scale and dates whole numbers yyyymmdd, the forms in which rules are evaluated.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import Any

import duckdb

from zhizhi.backends.lake import Lake
from zhizhi.engines.rules.syntax import Call, Expression, Literal, Membership, Name, Operation, Window, walk
from zhizhi.engines.rules.vocabulary import Variable
from zhizhi.engines.screening.windows import window_start
from zhizhi.exchange.contract import Contract
from zhizhi.kernel.errors import LakeError
from zhizhi.scenarios.needs import Enrolment, Needs


def quoted(name: str) -> str:
    """Return an identifier in double quotes."""
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """Return a string literal."""
    return "'" + value.replace("'", "''") + "'"


def scan(files: Sequence[str]) -> str:
    """Return a table expression over Parquet files."""
    return f"read_parquet([{', '.join(text(file) for file in files)}])"


@dataclass(slots=True)
class Snapshot:
    """The lake's datasets at fixed versions, so that a run reads one state from end to end."""

    lake: Lake
    versions: Mapping[str, int]
    contracts: dict[str, Contract] = field(default_factory=dict)

    @classmethod
    def latest(cls, lake: Lake) -> Snapshot:
        """Return the latest version of every dataset."""
        return cls(lake, lake.versions())

    def contract(self, dataset: str) -> Contract:
        """Return the contract of a dataset, read once."""
        if dataset not in self.contracts:
            self.contracts[dataset] = self.lake.contract(dataset)
        return self.contracts[dataset]

    def table(self, dataset: str) -> str:
        """Return the table expression of a dataset.

        Raises:
            LakeError: ``lake.dataset-missing`` if nothing of it was ever loaded.
        """
        if dataset not in self.versions:
            raise LakeError("lake.dataset-missing", dataset=dataset, known=", ".join(sorted(self.versions)))
        return scan(self.lake.files(dataset, self.versions[dataset]))

    def field(self, dataset: str, name: str) -> str:
        """Return a field's quoted name after making sure that the dataset has it.

        Raises:
            LakeError: ``lake.field-missing``.
        """
        fields = self.contract(dataset).fields
        if name not in fields:
            raise LakeError("lake.field-missing", dataset=dataset, field=name, known=", ".join(fields))
        return quoted(name)

    def identifier(self, dataset: str, kind: str) -> str:
        """Return the quoted name of the dataset's person or household field.

        Raises:
            LakeError: ``lake.no-identifier`` if it has none.
        """
        for name, item in self.contract(dataset).fields.items():
            if item.identifier == kind:
                return quoted(name)
        raise LakeError("lake.no-identifier", dataset=dataset, kind=kind)


class PopulationSql:
    """Builds the SELECTs of the base tables that a screening reads, over one snapshot."""

    def __init__(self, snapshot: Snapshot, needs: Needs, on: date, only: str | None = None) -> None:
        """``only`` names a table of members to which datasets' rows are cut before they are grouped."""
        self.snapshot, self.needs, self.on, self.only = snapshot, needs, on, only

    def members(self) -> str:
        """Return the SELECT of the living register: person, household, is_head, own region."""
        population = self.needs.population
        dataset = population.dataset
        tests = [self.equal(dataset, name, value) for name, value in population.member_if.items()]
        head = [self.equal(dataset, name, value) for name, value in population.head.items()]
        region = self.snapshot.field(dataset, population.region) if population.region else "''"
        where = f" WHERE {' AND '.join(tests)}" if tests else ""
        own = "".join(f", {self.snapshot.field(dataset, name)}" for name in self.read_directly())
        return (
            f"SELECT {self.snapshot.field(dataset, population.person)} AS person, "
            f"{self.snapshot.field(dataset, population.household)} AS household, "
            f"coalesce({' AND '.join(head) if head else 'false'}, false) AS is_head, "
            f"coalesce({region}, '') AS region{own} FROM {self.snapshot.table(dataset)}{where}"
        )

    def read_directly(self) -> list[str]:
        """Return the fields of the register that variables are, as against aggregates over rows."""
        variables = [v for listed in self.needs.vocabulary.variables.values() for v in listed.values() if v.expr is None]
        bodies = [_body(v) for v in variables if source_dataset(v) == self.needs.population.dataset]
        taken = ("person", "household", "is_head", "region")
        return sorted({body.path[1] for body in bodies if isinstance(body, Name)} - set(taken))

    def equal(self, dataset: str, name: str, value: Any) -> str:
        """Return the test that a field has a value; None means blank."""
        column = self.snapshot.field(dataset, name)
        return f"{column} IS NULL" if value is None else f"{column} = {literal(value)}"

    def household_base(self, members: str, used: Iterable[str]) -> str:
        """Return the SELECT of households: id, region (the head's, else the least of the members'), their variables as h_x."""
        variables = [v for n, v in self.needs.vocabulary.variables["household"].items() if v.expr is None and n in set(used)]
        joins, columns = self.variables(variables, "household", "m.household")
        base = (
            f"SELECT household, coalesce(min(region) FILTER (is_head), min(region)) AS region FROM {members} GROUP BY household"
        )
        listed = "".join(f", {sql} AS {quoted('h_' + name)}" for name, sql in columns.items())
        return f"SELECT m.household, m.region{listed} FROM ({base}) AS m{joins}"

    def person_base(self, members: str, households: str | None, used: Iterable[str]) -> str:
        """Return the SELECT of members: person, household, the variables in ``used``, and with ``households`` its region."""
        wanted = set(used)
        variables = [v for n, v in self.needs.vocabulary.variables["person"].items() if v.expr is None and n in wanted]
        joins, columns = self.variables(variables, "person", "m.person")
        listed = "".join(f", {sql} AS {quoted(name)}" for name, sql in columns.items())
        return (
            f"SELECT m.person, m.household{', h.region' if households else ''}{listed} FROM {members} AS m"
            f"{f' JOIN {households} AS h ON m.household = h.household' if households else ''}{joins}"
        )

    def records(self, name: str) -> str:
        """Return the SELECT of a record table: subject, date and its fields."""
        record = self.needs.vocabulary.records[name]
        dataset = record.dataset
        subject = self.snapshot.identifier(dataset, record.entity)
        columns = "".join(
            f", {physical(self.snapshot.field(dataset, record.column(field_name)), variable)} AS {quoted(field_name)}"
            for field_name, variable in record.fields.items()
        )
        day = ymd(self.snapshot.field(dataset, record.column(record.date)))
        return f"SELECT {subject} AS subject, {day} AS date{columns} FROM {self.rows(dataset, record.entity)}"

    def rows(self, dataset: str, entity: str) -> str:
        """Return the table expression of a dataset, cut to the subjects at hand where only some are screened."""
        table = self.snapshot.table(dataset)
        if self.only is None:
            return table
        subject = self.snapshot.identifier(dataset, entity)
        return f"(SELECT * FROM {table} WHERE {subject} IN (SELECT {entity} FROM {self.only}))"

    def enrolment(self, members: str) -> str | None:
        """Return the SELECT of who receives what: kind, subject, policy, amount in fen, since."""
        parts = [self._enrolment(row, members, policy) for row in self.needs.enrolment for policy in (row.policies or (None,))]
        return " UNION ALL ".join(parts) if parts else None

    def _enrolment(self, row: Enrolment, members: str, policy: str | None) -> str:
        dataset = row.dataset
        name = text(policy) if policy else f"d.{self.snapshot.field(dataset, row.policy or '')}"
        amount = f"CAST(round(d.{self.snapshot.field(dataset, row.amount)} * 100) AS BIGINT)" if row.amount else "NULL::BIGINT"
        since = ymd(f"d.{self.snapshot.field(dataset, row.since)}") if row.since else "NULL::BIGINT"
        where = " AND ".join(self.equal(dataset, key, value) for key, value in row.where.items())
        source = self.snapshot.table(dataset)
        if row.household:
            subject, join = f"d.{self.snapshot.field(dataset, row.household)}", ""
        else:
            person = f"d.{self.snapshot.field(dataset, row.person or '')}"
            subject = "m.household" if row.subject == "household" else "m.person"
            join = f" JOIN {members} AS m ON m.person = {person}"
        filtered = f" WHERE {where}" if where else ""
        kind = text(row.subject)
        return (
            f"SELECT {kind} AS kind, {subject} AS subject, {name} AS policy, {amount} AS amount, {since} AS since "
            f"FROM {source} AS d{join}{filtered}"
        )

    # variables -------------------------------------------------------------------------------------------------------

    def variables(self, variables: Sequence[Variable], entity: str, key: str) -> tuple[str, dict[str, str]]:
        """Return the joins that bring in the variables' datasets, one a dataset, and each variable's column."""
        grouped: dict[str, list[Variable]] = {}
        columns: dict[str, str] = {}
        for variable in variables:
            dataset = source_dataset(variable)
            if dataset == self.needs.population.dataset and isinstance(_body(variable), Name):
                columns[variable.name] = physical(f"m.{self.snapshot.field(dataset, _body(variable).path[1])}", variable)
            else:
                grouped.setdefault(dataset, []).append(variable)
        joins = ""
        for index, (dataset, listed) in enumerate(sorted(grouped.items())):
            if dataset not in self.snapshot.versions:
                # nothing of the dataset was ever loaded: what it would say is unknown, not absent
                columns |= {variable.name: f"CAST(NULL AS {SQL_TYPES[variable.type.kind]})" for variable in listed}
                continue
            alias = f"d{index}"
            subject = self.snapshot.identifier(dataset, entity)
            parts = ", ".join(f"{self.aggregate(dataset, variable)} AS {quoted(variable.name)}" for variable in listed)
            joins += (
                f" LEFT JOIN (SELECT {subject} AS key, {parts} FROM {self.rows(dataset, entity)} GROUP BY key) AS {alias} "
                f"ON {alias}.key = {key}"
            )
            for variable in listed:
                value = f"{alias}.{quoted(variable.name)}"
                if variable.absent is not None:
                    value = f"CASE WHEN {alias}.key IS NULL THEN {stored(variable.absent, variable)} ELSE {value} END"
                columns[variable.name] = value
        return joins, columns

    def aggregate(self, dataset: str, variable: Variable) -> str:
        """Return the SQL aggregate of a variable over its dataset's rows of one subject; a blank cell makes it unknown."""
        body = _body(variable)
        window = variable.source.window if variable.source else None
        if isinstance(body, Name):
            value = physical(self.snapshot.field(dataset, body.path[1]), variable)
            return f"CASE WHEN min({value}) = max({value}) AND count({value}) = count(*) THEN min({value}) END"
        keep = self.filter(dataset, body.where, body.window or window)
        kept = f" FILTER ({keep})" if keep else ""
        unsure = f"count(*) FILTER (({keep}) IS NULL) = 0 AND " if keep else ""
        if body.function == "count":
            return f"CASE WHEN {unsure}true THEN count(*){kept} END"
        target = body.arguments[0]
        assert isinstance(target, Name)
        value = physical(self.snapshot.field(dataset, target.path[-1]), variable)
        complete = f"{unsure}count({value}){kept} = count(*){kept}"
        if body.function == "latest":
            day = self.snapshot.field(dataset, body.by or self.record_date(dataset))
            return f"CASE WHEN {complete} THEN max({{'d': {day}, 'x': {value}}}){kept}.x END"
        if body.function == "any":
            return f"CASE WHEN coalesce(bool_or({value}){kept}, false) THEN true WHEN {complete} THEN false END"
        if body.function == "all":
            return f"CASE WHEN NOT coalesce(bool_and({value}){kept}, true) THEN false WHEN {complete} THEN true END"
        result = f"CAST(sum({value}){kept} AS BIGINT)" if body.function == "sum" else f"{body.function}({value}){kept}"
        if variable.absent is not None:
            result = f"CASE WHEN count(*){kept} = 0 THEN {stored(variable.absent, variable)} ELSE {result} END"
        return f"CASE WHEN {complete} THEN {result} END"

    def filter(self, dataset: str, where: Expression | None, window: Window | None) -> str:
        """Return the test of the rows that a source keeps, empty for all."""
        tests = [self.test(dataset, where)] if where is not None else []
        if window is not None:
            day = self.snapshot.field(dataset, self.record_date(dataset))
            tests.append(f"{day} > DATE '{window_start(window, self.on)}' AND {day} <= DATE '{self.on}'")
        return " AND ".join(f"({test})" for test in tests)

    def record_date(self, dataset: str) -> str:
        """Return the date field of the record table over ``dataset``."""
        for record in self.needs.vocabulary.records.values():
            if record.dataset == dataset:
                return record.column(record.date)
        raise LakeError("lake.no-record-date", dataset=dataset)

    def test(self, dataset: str, node: Expression) -> str:
        """Return the SQL of a source's ``where``: fields against literals, with and, or, not, in."""
        match node:
            case Operation(operator="and" | "or", operands=parts):
                return f" {node.operator.upper()} ".join(f"({self.test(dataset, part)})" for part in parts)
            case Operation(operator="not", operands=(part,)):
                return f"NOT ({self.test(dataset, part)})"
            case Operation(operator="=" | "!=" | "<" | "<=" | ">" | ">=", operands=(left, right)):
                operator = "<>" if node.operator == "!=" else node.operator
                return f"{self.operand(dataset, left)} {operator} {self.operand(dataset, right)}"
            case Membership(subject=subject, choices=choices):
                listed = ", ".join(self.operand(dataset, choice) for choice in choices)
                return f"{self.operand(dataset, subject)} IN ({listed})"
            case Name():
                return self.snapshot.field(dataset, node.path[-1])
            case _:
                raise LakeError("lake.source-filter", dataset=dataset)

    def operand(self, dataset: str, node: Any) -> str:
        """Return a field or literal of a source's ``where``."""
        if isinstance(node, Name):
            return self.snapshot.field(dataset, node.path[-1])
        if isinstance(node, Literal) and node.value is not None:
            return literal(node.value)
        raise LakeError("lake.source-filter", dataset=dataset)


SQL_TYPES = {"number": "BIGINT", "date": "BIGINT", "boolean": "BOOLEAN", "code": "VARCHAR", "string": "VARCHAR"}


def _body(variable: Variable) -> Any:
    assert variable.source is not None
    return variable.source.body


def source_dataset(variable: Variable) -> str:
    """Return the dataset that a variable comes from: ``sum(wages.wage)`` and ``count(vehicles)`` name theirs."""
    body = _body(variable)
    target: Any = body.arguments[0] if isinstance(body, Call) else body
    return str(target.path[0])


def source_fields(variable: Variable) -> list[tuple[str, str]]:
    """Return the (dataset, field) pairs that a variable reads."""
    body = _body(variable)
    dataset = source_dataset(variable)
    names = [part.path[-1] for part in walk(body) if isinstance(part, Name) and part.path != (dataset,)]
    if isinstance(body, Call) and body.by:
        names.append(body.by)
    return [(dataset, name) for name in names]


def ymd(column: str) -> str:
    """Return a date column as the whole number yyyymmdd."""
    return f"CAST(year({column}) * 10000 + month({column}) * 100 + day({column}) AS BIGINT)"


def physical(column: str, variable: Variable) -> str:
    """Return a lake column in the form in which rules are evaluated."""
    kind = variable.type.kind
    if kind == "number":
        return f"CAST(round({column} * {10**variable.scale}) AS BIGINT)" if variable.scale else f"CAST({column} AS BIGINT)"
    if kind == "date":
        return ymd(column)
    return f"CAST({column} AS {SQL_TYPES[kind]})"


def stored(value: Any, variable: Variable) -> str:
    """Return an ``absent`` value as an SQL literal in the evaluated form."""
    if isinstance(value, Fraction):
        return str(int(value * 10**variable.scale))
    if isinstance(value, date):
        return str(value.year * 10_000 + value.month * 100 + value.day)
    return literal(value)


def literal(value: Any) -> str:
    """Return a Python value as an SQL literal."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Fraction):
        return str(value.numerator) if value.denominator == 1 else str(float(value))
    if isinstance(value, date):
        return f"DATE '{value.isoformat()}'"
    return text(str(value))


class PopulationViews:
    """``person``, ``household`` and ``member`` over the lake at a snapshot, as people read them: yuan, dates, codes.

    ``member`` says who belongs to which household. ``person`` and ``household`` have a column for every variable of the
    vocabulary that comes from data; what is derived is worked out where it is asked.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, snapshot: Snapshot, needs: Needs, on: date) -> None:
        self.connection, self.needs = connection, needs
        self.sql = PopulationSql(snapshot, needs, on)

    def create(self) -> None:
        """Make the three views."""
        person, household = (self._variables(entity) for entity in ("person", "household"))
        self.connection.execute(f"CREATE OR REPLACE TEMP VIEW members AS {self.sql.members()}")
        base = self.sql.household_base("members", [variable.name for variable in household])
        self.connection.execute(f"CREATE OR REPLACE TEMP VIEW household_base AS {base}")
        self.connection.execute(
            "CREATE OR REPLACE TEMP VIEW member AS SELECT household, person, is_head FROM members ORDER BY household, person"
        )
        listed = "".join(f", {readable(quoted('h_' + v.name), v)} AS {quoted(v.name)}" for v in household)
        self.connection.execute(
            f"CREATE OR REPLACE TEMP VIEW household AS SELECT household, region, members{listed} FROM household_base "
            "JOIN (SELECT household, count(*) AS members FROM members GROUP BY household) USING (household) ORDER BY household"
        )
        rows = self.sql.person_base("members", "household_base", [variable.name for variable in person])
        listed = "".join(f", {readable(quoted(v.name), v)} AS {quoted(v.name)}" for v in person)
        self.connection.execute(
            f"CREATE OR REPLACE TEMP VIEW person AS SELECT person, household, region{listed} FROM ({rows}) "
            "ORDER BY household, person"
        )

    def _variables(self, entity: str) -> list[Variable]:
        return [v for v in self.needs.vocabulary.variables[entity].values() if v.expr is None]


def readable(column: str, variable: Variable) -> str:
    """Return a column in the evaluated form as people read it: a decimal, a date."""
    if variable.type.kind == "number" and variable.scale:
        return f"CAST({column} / {10**variable.scale}.0 AS DECIMAL(18,{variable.scale}))"
    if variable.type.kind == "date":
        return f"make_date({column} // 10000, {column} // 100 % 100, {column} % 100)"
    return column
