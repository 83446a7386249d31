"""From the policies of a package to the ordered steps that decide them for a whole population on a date.

Each step is one Ibis table over the tables and steps before it; a backend turns it into its own SQL and keeps the
result. The steps up to ``household_file`` depend on the data, the date and the figures; those after it decide.
"""

from __future__ import annotations

import functools
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

import ibis

from zhizhi.engines.rules import ir
from zhizhi.engines.rules.emitter import (
    Column,
    Frame,
    Key,
    Number,
    Ratio,
    add,
    amount_fen,
    compare,
    emit,
    ratio,
    settling,
    whole,
    ymd,
)
from zhizhi.engines.rules.emitter import column as as_column
from zhizhi.engines.rules.policy import Policy
from zhizhi.engines.rules.resolution import Figures, resolve
from zhizhi.engines.rules.syntax import Window
from zhizhi.engines.rules.vocabulary import RecordTable, Variable, Vocabulary
from zhizhi.engines.screening.aggregates import Partials, final, merge, partials

WORD = 64
Making = Callable[[Any], dict[str, Column]]
PHYSICAL = {"number": "int64", "boolean": "boolean", "date": "int64", "code": "string", "string": "string"}


@dataclass(frozen=True, slots=True)
class Step:
    """One table to make: its name and the Ibis expression over earlier tables."""

    name: str
    table: Any

    def sql(self, dialect: str) -> str:
        """Return the step's SELECT in ``dialect`` (duckdb, postgres, pyspark, sqlite), whole numbers as 64-bit."""
        inner = str(ibis.to_sql(self.table, dialect=dialect))
        kind = {"pyspark": "BIGINT", "sqlite": "INTEGER"}.get(dialect, "BIGINT")
        quote = "`" if dialect == "pyspark" else '"'
        columns = [
            f"CAST({quote}{name}{quote} AS {kind}) AS {quote}{name}{quote}" if dtype.is_integer() else f"{quote}{name}{quote}"
            for name, dtype in self.table.schema().items()
        ]
        return f"SELECT {', '.join(columns)} FROM ({inner}) AS t"


@dataclass(frozen=True, slots=True)
class PlannedCondition:
    """A distinct resolved condition and the bit it has among its subject's."""

    bit: int
    node: ir.Node
    margin: Fraction | None
    variables: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlannedPolicy:
    """A policy in force: the bits of its conditions, in their order, and its amount's column."""

    policy: Policy
    bits: tuple[int, ...]
    amount: str | None

    def masks(self, words: int) -> list[int]:
        """Return the policy's mask for each 64-bit word, as signed 64-bit values."""
        masks = [0] * words
        for bit in self.bits:
            masks[bit // WORD] |= 1 << (bit % WORD)
        return [signed(mask) for mask in masks]


@dataclass(slots=True)
class Level:
    """What is decided for one kind of subject (``household`` or ``person``)."""

    subject: str
    policies: list[PlannedPolicy] = field(default_factory=list)
    conditions: list[PlannedCondition] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    @property
    def words(self) -> int:
        """How many 64-bit words the conditions fill."""
        return -(-len(self.conditions) // WORD)

    @property
    def missing_words(self) -> int:
        """How many 64-bit words the nullable variables fill."""
        return -(-len(self.missing) // WORD)


@dataclass(slots=True)
class Plan:
    """Steps in order, and what their result columns mean."""

    on: date
    steps: list[Step]
    household: Level
    person: Level
    amount_nodes: tuple[tuple[tuple[str, str], ir.Node], ...] = ()
    texts: dict[tuple[str, str], str] = field(default_factory=dict, repr=False, compare=False)

    @property
    def amounts(self) -> tuple[ir.Node, ...]:
        """The amounts and limits in the order of their columns."""
        return tuple(node for _, node in self.amount_nodes)

    def file_steps(self) -> list[Step]:
        """Return the steps that build the person and household files."""
        names = [step.name for step in self.steps]
        return self.steps[: names.index("household_file") + 1]

    def tables(self, dialect: str, steps: Sequence[Step]) -> list[tuple[str, str]]:
        """Return (name, SELECT) of the steps that are kept as tables; the ``_values`` between them become their WITH."""
        texts = {step.name: self.sql(step, dialect) for step in self.steps if step.name.endswith("_values")}
        made = []
        for step in steps:
            if step.name not in texts:
                body, parts = self.sql(step, dialect), list[str]()
                for name in reversed(texts):
                    if any(re.search(rf"\b{name}\b", text) for text in (body, *parts)):
                        parts.append(f"{name} AS ({texts[name]})")
                made.append((step.name, f"WITH {', '.join(reversed(parts))} {body}" if parts else body))
        return made

    def sql(self, step: Step, dialect: str) -> str:
        """Return a step's SELECT, written once: a plan serves many runs, and writing takes longer than a small run."""
        key = step.name, dialect
        if key not in self.texts:
            self.texts[key] = step.sql(dialect)
        return self.texts[key]

    def decision_steps(self) -> list[Step]:
        """Return the steps that decide, after the files are built."""
        names = [step.name for step in self.steps]
        return self.steps[names.index("household_file") + 1 :]


def signed(word: int) -> int:
    """Return an unsigned 64-bit word as the signed number that holds the same bits."""
    return word - (1 << 64) if word >= 1 << 63 else word


def window_start(window: Window, on: date) -> date:
    """Return the date after which (exclusive) a row falls into ``window`` ending on ``on``."""
    if window.unit == "year-to-date":
        return date(on.year, 1, 1) - timedelta(days=1)
    if window.unit == "days":
        return on - timedelta(days=window.count)
    months = on.year * 12 + on.month - 1 - window.count * (12 if window.unit == "years" else 1)
    year, month = divmod(months, 12)
    last = (date(year + (month + 1) // 12, (month + 1) % 12 + 1, 1) - timedelta(days=1)).day
    return date(year, month + 1, min(on.day, last))


def plan_screening(
    policies: Sequence[Policy],
    vocabulary: Vocabulary,
    figures: Figures,
    on: date,
    limits: Sequence[tuple[str, str, ir.Node]] = (),
) -> Plan:
    """Return the plan that decides every policy in force on ``on``.

    Args:
        policies: checked policies and warnings; those not in force are left out.
        vocabulary: their variables; the base tables must have a column for each that is read.
        figures: all parameters by (owner, name).
        on: the as-of date.
        limits: ceilings as (column, subject, limit in yuan); their columns hold fen for every subject.

    Raises:
        PolicyError: where a figure is not in force or a rule cannot be compiled.
    """
    in_force = [policy for policy in policies if policy.in_force(on)]
    return _Planner(in_force, vocabulary, figures, on, limits).plan()


class _Planner:
    def __init__(
        self,
        policies: Sequence[Policy],
        vocabulary: Vocabulary,
        figures: Figures,
        on: date,
        limits: Sequence[tuple[str, str, ir.Node]],
    ) -> None:
        self.policies, self.vocabulary, self.figures, self.on, self.limits = policies, vocabulary, figures, on, limits
        self.steps: list[Step] = []
        self.levels = {"household": Level("household"), "person": Level("person")}
        self.amounts: dict[str, list[tuple[str, ir.Node, str]]] = {"household": [], "person": []}
        self.aggregates: dict[Key, str] = {}

    def plan(self) -> Plan:
        self.collect()
        persons = self.person_file()
        households, ready = self.household_file(persons)
        values, ready = self.household_values(households, ready)
        self.results("household", values, ready)
        self.person_results(persons, values, ready)
        for level in self.levels.values():
            self.bits(level)
        amounts = tuple(((subject, name), node) for subject, listed in self.amounts.items() for name, node, _ in listed)
        return Plan(self.on, self.steps, self.levels["household"], self.levels["person"], amounts)

    def add(self, name: str, table: Any) -> Any:
        """Keep a step and return its result as a named table that later steps read."""
        self.steps.append(Step(name, table))
        return ibis.table(table.schema(), name=name)

    # what is asked ----------------------------------------------------------------------------------------------

    def collect(self) -> None:
        for policy in self.policies:
            level = self.levels[policy.subject]
            bits = []
            for condition in policy.conditions:
                node = resolve(condition.node, self.figures, self.on)
                bits.append(self.bit(level, node, condition.margin))
            name = None
            if policy.amount is not None:
                name = f"amount_{len(self.amounts[policy.subject])}"
                amount = unfolded(resolve(policy.amount.node, self.figures, self.on))
                self.amounts[policy.subject].append((name, amount, policy.amount.rounding))
            level.policies.append(PlannedPolicy(policy, tuple(bits), name))
        for name, subject, limit in self.limits:
            self.amounts[subject].append((name, resolve(limit, self.figures, self.on), "fen"))
        for level in self.levels.values():
            names = {name for condition in level.conditions for name in condition.variables}
            level.missing = sorted(names)

    def bit(self, level: Level, node: ir.Node, margin: Fraction | None) -> int:
        for condition in level.conditions:
            if condition.node == node and condition.margin == margin:
                return condition.bit
        bit = len(level.conditions)
        level.conditions.append(PlannedCondition(bit, node, margin, tuple(sorted(self.nullable(node)))))
        return bit

    def nullable(self, node: ir.Node, holder: str = "") -> set[str]:
        """Return ``holder.variable`` for each variable in ``node``, for saying what an unknown lacks.

        The holder is ``person`` or ``household`` for the subject's own, ``members`` for her household's members',
        ``person:claims`` or ``household:claims`` for the rows of a record table.
        """
        if isinstance(node, ir.Var):
            return {f"{holder or node.entity}.{node.name}"}
        if isinstance(node, ir.Aggregate):
            holder = "members" if node.over == "members" else f"{node.of}:{node.over}"
        return set().union(*(self.nullable(child, holder) for child in ir.children(node)))

    def asked(self) -> Iterator[tuple[str, ir.Node]]:
        for subject, level in self.levels.items():
            for condition in level.conditions:
                yield subject, condition.node
            for _, amount, _ in self.amounts[subject]:
                yield subject, amount

    def needed_aggregates(self) -> dict[Key, ir.Aggregate]:
        found: dict[Key, ir.Aggregate] = {}

        def visit(node: ir.Node, floor: Fraction | None) -> None:
            if isinstance(node, ir.Derived) and node.floor is not None:
                floor = node.floor
            if isinstance(node, ir.Aggregate):
                found.setdefault((node, floor), node)
            else:
                for child in ir.children(node):
                    visit(child, floor)

        for _, node in self.asked():
            visit(node, None)
        return found

    # base tables and frames ----------------------------------------------------------------------------------------

    def base(self, entity: str) -> dict[str, Variable]:
        variables = self.vocabulary.variables.get(entity, {})
        return {name: variable for name, variable in variables.items() if variable.expr is None}

    def scale(self, node: ir.Var) -> int:
        return self.vocabulary.of(node.entity)[node.name].scale

    def frame(self, table: Any, entity: str, ready: Mapping[Key, Column | Number] | None = None) -> Frame:
        region = table["region"] if "region" in table.schema() else None
        return Frame(
            table,
            self.on,
            var=lambda node: table[node.name] if node.entity == entity else table[f"h_{node.name}"],
            scale=self.scale,
            region=region,
            ready=dict(ready or {}),
        )

    # files ---------------------------------------------------------------------------------------------------------

    def person_file(self) -> Any:
        schema = {"person": "string", "household": "string", "region": "string"}
        used = {n.name for _, top in self.asked() for n in ir.walk(top) if isinstance(n, ir.Var) and n.entity == "person"}
        base = {name: v for name, v in self.base("person").items() if name in used}
        persons = ibis.table(schema | {n: PHYSICAL[v.type.kind] for n, v in base.items()}, name="person_base")
        self.record_partials: dict[Key, Partials] = {}
        self.record_missing: dict[str, list[str]] = {"person": [], "household": []}
        for record in self.vocabulary.records.values():
            made = self.record_step(record)
            if made is not None and record.entity == "person":
                persons = self.joined(persons, made, "person")
        return self.add("person_file", persons)

    def joined(self, left: Any, right: Any, key: str) -> Any:
        """Return ``left`` with the partial columns of ``right``; no row counts as zero rows."""
        both = left.left_join(right, left[key] == right.subject)
        sums = {
            name: right[name].fill_null(0) if not name.endswith(("_e", "_minv", "_maxv")) else right[name]
            for name in right.columns
            if name != "subject"
        }
        return both.select(*[left[name] for name in left.columns], **sums)

    def record_step(self, record: RecordTable) -> Any:
        wanted = {k: a for k, a in self.needed_aggregates().items() if a.over == record.name}
        if not wanted:
            return None
        schema = {"subject": "string", "date": "int64"}
        schema |= {name: PHYSICAL[variable.type.kind] for name, variable in record.fields.items()}
        rows = ibis.table(schema, name=f"records_{record.name}")
        frame = self.frame(rows, record.name)
        frame.region = None
        columns: dict[str, Column] = {}
        for (node, floor), aggregate in wanted.items():
            assert isinstance(node, ir.Aggregate)
            shape = ir.Aggregate(node.type, node.function, record.entity, node.over, node.value, node.where, node.window)
            key = (shape, floor)
            if key not in self.record_partials:
                window = rows.date <= ymd(self.on)
                if aggregate.window is not None:
                    window = window & (rows.date > ymd(window_start(aggregate.window, self.on)))
                self.record_partials[key] = partials(node, floor, frame, window)
                name = f"r{len(self.record_partials)}"
                self.aggregates[key] = name
                for suffix, part in self.record_partials[key].columns.items():
                    columns[_partial_name(name, suffix, part.merged_by)] = part.made
        fields = {n.name for a in wanted.values() for n in ir.walk(a) if isinstance(n, ir.Var) and n.entity == record.name}
        for field_name in sorted(fields):
            columns[f"miss_{record.name}_{field_name}"] = rows[field_name].isnull().sum()
            self.record_missing[record.entity].append(f"{record.name}.{field_name}")
        made = rows.group_by("subject").aggregate(**columns)
        return self.add(f"partials_{record.name}", made)

    def household_file(self, persons: Any) -> tuple[Any, dict[Key, Any]]:
        frame = self.frame(persons, "person")
        columns: dict[str, Column] = {}
        finals: dict[Key, tuple[Partials, str, ir.Aggregate]] = {}
        for (node, floor), aggregate in self.needed_aggregates().items():
            if aggregate.of != "household":
                continue
            name = f"a{len(finals)}"
            if aggregate.over == "members":
                made = partials(aggregate, floor, frame, None)
                for suffix, part in made.columns.items():
                    columns[_partial_name(name, suffix, part.merged_by)] = part.made
            elif self.vocabulary.records[aggregate.over].entity == "person":
                made, source = self.record_source(aggregate, floor, "person")
                for suffix, part in made.columns.items():
                    old = _partial_name(source, suffix, part.merged_by)
                    columns[_partial_name(name, suffix, part.merged_by)] = merge(old, part.merged_by, persons)
            else:
                made, name = self.record_source(aggregate, floor, "household")
            finals[node, floor] = (made, name, aggregate)
        columns |= self.missing_columns(persons)
        grouped = persons.group_by("household").aggregate(**columns) if columns else persons.select("household").distinct()
        schema = {"household": "string", "region": "string"}
        schema |= {f"h_{n}": PHYSICAL[v.type.kind] for n, v in self.base("household").items()}
        base = ibis.table(schema, name="household_base")
        joined = base.inner_join(grouped, base.household == grouped.household).select(
            *[base[name] for name in base.columns], *[grouped[name] for name in grouped.columns if name != "household"]
        )
        for record in self.vocabulary.records.values():
            if record.entity == "household" and any(step.name == f"partials_{record.name}" for step in self.steps):
                step = next(step for step in self.steps if step.name == f"partials_{record.name}")
                joined = self.joined(joined, ibis.table(step.table.schema(), name=step.name), "household")
        partial_table = joined
        kept = {name: partial_table[name] for name in partial_table.columns if not name.startswith(("a", "r"))}
        kept["region"] = partial_table["region"]
        readers: dict[Key, Callable[[Any], Any]] = {}
        for index, (key, (made, name, aggregate)) in enumerate(finals.items()):

            def read(suffix: str, name: str = name, made: Partials = made) -> Column:
                return partial_table[_partial_name(name, suffix, made.columns[suffix].merged_by)]

            stored, reader = store(f"g{index}", final(aggregate, key[1], made, read))
            kept |= stored
            readers[key] = reader
        table = self.add("household_file", partial_table.select(**kept))
        return table, {key: reader(table) for key, reader in readers.items()}

    def record_source(self, aggregate: ir.Aggregate, floor: Fraction | None, entity: str) -> tuple[Partials, str]:
        shape = ir.Aggregate(
            aggregate.type,
            aggregate.function,
            entity,
            aggregate.over,
            aggregate.value,
            aggregate.where,
            aggregate.window,
        )
        return self.record_partials[shape, floor], self.aggregates[shape, floor]

    def missing_columns(self, persons: Any) -> dict[str, Column]:
        """Return, per variable that conditions read of a household's members, how many members lack it."""
        columns: dict[str, Column] = {}
        for full in sorted({name for level in self.levels.values() for name in level.missing}):
            holder, name = full.split(".", 1)
            if holder == "members":
                columns[f"miss_members_{name}"] = persons[name].isnull().sum()
            elif holder.startswith("household:"):
                record = holder.split(":")[1]
                if self.vocabulary.records[record].entity == "person":
                    columns[f"miss_{record}_{name}"] = persons[f"miss_{record}_{name}"].sum()
        return columns

    def household_values(self, households: Any, ready: dict[Key, Any]) -> tuple[Any, dict[Key, Any]]:
        """Add a column for each derived value and for each part of a person's rule that only her household decides."""
        frame = self.frame(households, "-", ready)
        columns: dict[str, Column] = {name: households[name] for name in households.columns}
        readers: dict[Key, Callable[[Any], Any]] = {}

        def visit(node: ir.Node, floor: Fraction | None) -> None:
            inner = node.floor if isinstance(node, ir.Derived) and node.floor is not None else floor
            if isinstance(node, ir.Derived) and household_only(node) and (node, floor) not in readers:
                for child in ir.children(node):
                    visit(child, inner)
                stored, readers[node, floor] = store(f"d{len(readers)}", emit(node, frame, floor))
                columns.update(stored)
            elif not isinstance(node, ir.Aggregate):
                for child in ir.children(node):
                    visit(child, inner)

        for _, node in self.asked():
            visit(node, None)
        table = self.add("household_values", households.select(**columns))
        fresh = {key: reader(table) for key, reader in readers.items()}
        rebased = self.rebase(ready, table)
        return table, {**rebased, **fresh}

    @staticmethod
    def rebase(ready: Mapping[Key, Any], table: Any) -> dict[Key, Any]:
        def move(part: Any) -> Any:
            return part if part is None or isinstance(part, int) else table[part.get_name()]

        moved: dict[Key, Any] = {}
        for key, value in ready.items():
            if isinstance(value, Number):
                value_ = Ratio(move(value.value.num), move(value.value.den), move(value.value.drift))
                low = value_ if value.low is value.value else Ratio(move(value.low.num), move(value.low.den))
                high = value_ if value.high is value.value else Ratio(move(value.high.num), move(value.high.den))
                moved[key] = Number(value_, low, high)
            else:
                moved[key] = move(value)
        return moved

    # decisions -----------------------------------------------------------------------------------------------------

    def results(self, subject: str, table: Any, ready: Mapping[Key, Any]) -> None:
        level = self.levels[subject]
        table, ready = self.quotients(subject, table, ready)
        frame = self.frame(table, subject if subject == "person" else "-", ready)
        ids = ["person", "household", "region"] if subject == "person" else ["household", "region"]
        columns: dict[str, Column] = {name: table[name] for name in ids}
        for condition in level.conditions:
            columns[f"c{condition.bit}"] = emit(condition.node, frame)
            if condition.margin is not None:
                columns[f"n{condition.bit}"] = near(condition.node, condition.margin, frame)
        frame.decimal = True
        frame.cache.clear()
        for name, amount, rounding in self.amounts[subject]:
            columns[name] = amount_fen(emit(amount, frame).value, rounding)
        for index, word in enumerate(self.missing_word(level, table)):
            columns[f"M{index}"] = word
        self.add(f"{subject}_results", table.select(**columns))

    def quotients(self, subject: str, table: Any, ready: Mapping[Key, Any]) -> tuple[Any, dict[Key, Any]]:
        """Work out amounts that hold a quotient operation by operation, one step a height, so that no text multiplies."""
        heights: dict[ir.Node, int] = {}
        ready = dict(ready)

        def height(node: ir.Node) -> int:
            if isinstance(node, ir.Aggregate) or not divides(node):
                return 0
            below = max(height(child) for child in ir.children(node))
            if isinstance(node, ir.Arithmetic):
                heights[node] = below = below + 1
            return below

        top = max((height(amount) for _, amount, _ in self.amounts[subject]), default=0)
        for level in range(1, top + 1):
            frame = self.frame(table, subject if subject == "person" else "-", ready)
            frame.decimal = True
            columns: dict[str, Column] = {}
            numbers: dict[Key, Number] = {}
            for index, node in enumerate(node for node, h in heights.items() if h == level):
                value, name = emit(node, frame).value, f"q{level}_{index}"
                columns[name], columns[f"{name}d"] = as_column(value.num), as_column(value.den)
                columns[f"{name}f"] = value.drift if value.drift is not None else ibis.literal(0.0)
                numbers[node, None] = Number.of(Ratio(name, f"{name}d", f"{name}f"))
            steps: list[Making] = [functools.partial(_ready, columns), *self.settled(list(columns)[::3])]
            for index, step in enumerate(steps):
                made = step(table)
                kept = {name: table[name] for name in table.columns if name not in made and not scratch(name, index)}
                table = self.add(f"{subject}_quotients_{level}_{index}_values", table.select(**kept, **made))
            ready = self.rebase(ready, table)
            for key, number in numbers.items():
                ready[key] = Number.of(Ratio(table[number.value.num], table[number.value.den], table[number.value.drift]))
        return table, ready

    @staticmethod
    def settled(names: Sequence[str]) -> list[Making]:
        """Return the settling steps of several numbers side by side."""
        each = [settling(name) for name in names]
        return [functools.partial(_side_by_side, steps) for steps in zip(*each, strict=True)]

    def missing_word(self, level: Level, table: Any) -> list[Column]:
        """Return words whose bit i says that the i-th nullable variable is missing for the subject."""
        words: list[Column] = []
        for start in range(0, len(level.missing), WORD):
            word: Column = whole(0)
            for offset, full in enumerate(level.missing[start : start + WORD]):
                word = word + ibis.cases((self.missing_test(full, table), whole(signed(1 << offset))), else_=whole(0))
            words.append(word)
        return words

    def missing_column(self, full: str) -> str:
        """Return the household column that says how many rows lack a variable."""
        holder, name = full.split(".", 1)
        if holder == "household":
            return f"h_{name}"
        return f"miss_members_{name}" if holder == "members" else f"miss_{holder.split(':')[1]}_{name}"

    def missing_test(self, full: str, table: Any) -> Column:
        holder, name = full.split(".", 1)
        if holder == "person":
            return table[name].isnull()
        if holder.startswith("person:"):
            return table[f"own_{self.missing_column(full)}"] > 0
        found = table[self.missing_column(full)]
        return found.isnull() if holder == "household" else found > 0

    def person_results(self, persons: Any, households: Any, ready: Mapping[Key, Any]) -> None:
        level = self.levels["person"]
        if not level.conditions:
            return
        frame = self.frame(households, "-", ready)
        columns: dict[str, Column] = {"household_id": households.household}
        readers: dict[Key, Callable[[Any], Any]] = {}

        def visit(node: ir.Node, floor: Fraction | None) -> None:
            if (node, floor) in readers or isinstance(node, ir.Const):
                return
            if household_only(node):
                stored, readers[node, floor] = store(f"x{len(readers)}", emit(node, frame, floor))
                columns.update(stored)
                return
            inner = node.floor if isinstance(node, ir.Derived) and node.floor is not None else floor
            if not isinstance(node, ir.Aggregate):
                for child in ir.children(node):
                    visit(child, inner)

        nodes = [c.node for c in level.conditions]
        for _, amount, _ in self.amounts["person"]:
            # a quotient's drift is worked out where the amount is: only what stands below it comes from the household
            nodes += list(leaves(amount)) if divides(amount) else [amount]
        for condition in level.conditions:
            if condition.margin is not None:
                nodes += list(ir.children(condition.node))
        for node in nodes:
            visit(node, None)
        for full in level.missing:
            if full.startswith(("household.", "household:", "members.")):
                columns[self.missing_column(full)] = households[self.missing_column(full)]
        shared = self.add("household_shared", households.select(**columns))
        joined = persons.inner_join(shared, persons.household == shared.household_id)
        mine = {f"own_{name}" if name.startswith("miss_") else name: persons[name] for name in persons.columns}
        table = joined.select(**mine, **{name: shared[name] for name in shared.columns if name != "household_id"})
        own = {key: reader(table) for key, reader in readers.items()}
        for (shape, floor), name in self.aggregates.items():
            assert isinstance(shape, ir.Aggregate)
            if shape.of == "person":
                made = self.record_partials[shape, floor]

                def read(suffix: str, name: str = name, made: Partials = made) -> Column:
                    return table[_partial_name(name, suffix, made.columns[suffix].merged_by)]

                own[shape, floor] = final(shape, floor, made, read)
        self.results("person", table, own)

    def bits(self, level: Level) -> None:
        """Pack conditions into words: T true, U unknown, N near; amounts and missing words go along."""
        if not level.conditions:
            return
        schema = next(step.table.schema() for step in self.steps if step.name == f"{level.subject}_results")
        table = ibis.table(schema, name=f"{level.subject}_results")
        columns: dict[str, Column] = {}
        for name in schema:
            if name in ("person", "household", "region"):
                columns[name] = table[name]
        for word in range(level.words):
            true: Column = whole(0)
            unknown: Column = whole(0)
            close: Column = whole(0)
            for condition in level.conditions[word * WORD : (word + 1) * WORD]:
                value = whole(signed(1 << (condition.bit % WORD)))
                test = table[f"c{condition.bit}"]
                true = true + ibis.cases((test, value), else_=whole(0))
                unknown = unknown + ibis.cases((test.isnull(), value), else_=whole(0))
                if condition.margin is not None:
                    close = close + ibis.cases((table[f"n{condition.bit}"], value), else_=whole(0))
            columns |= {f"T{word}": true, f"U{word}": unknown, f"N{word}": close}
        for planned in level.policies:
            if planned.amount:
                met = functools.reduce(operator.and_, (table[f"c{bit}"] for bit in planned.bits))
                columns[planned.amount] = ibis.cases((met, table[planned.amount]), else_=ibis.null("int64"))
        columns |= {name: table[name] for name in schema if name.startswith(("M", "limit_"))}
        self.add(f"{level.subject}_bits", table.select(**columns))


def _partial_name(name: str, suffix: str, merged_by: str) -> str:
    return f"{name}_{suffix}" if merged_by == "sum" else f"{name}_{suffix}_{merged_by}v"


def _ready(columns: dict[str, Column], _: Any) -> dict[str, Column]:
    return columns


def _side_by_side(steps: Sequence[Making], table: Any) -> dict[str, Column]:
    return {name: made for step in steps for name, made in step(table).items()}


def scratch(name: str, index: int) -> bool:
    """Whether a column of an earlier settling is done with when the next begins."""
    return index == 0 and name[0] == "q" and "_" in name and name[-2:] in SCRATCH


SCRATCH = ("_s", "_n", "_w", "_p", "_u", "_r", "_a", "_t")


def divides(node: ir.Node) -> bool:
    """Whether a quotient stands in ``node`` outside aggregates."""
    return any(isinstance(part, ir.Arithmetic) and part.operator == "/" for part in ir.walk(node))


def leaves(node: ir.Node) -> Iterator[ir.Node]:
    """Yield the aggregates and variables of ``node``."""
    if isinstance(node, (ir.Aggregate, ir.Var)):
        yield node
    else:
        for child in ir.children(node):
            yield from leaves(child)


def unfolded(node: ir.Node) -> ir.Node:
    """Return an amount with derived values that hold a quotient replaced by their expression.

    Bounds do not matter to an amount, which only an eligible subject with known parts has, so floors fall away.
    """
    return ir.rewrite(node, lambda part: part.expr if isinstance(part, ir.Derived) and divides(part) else part)


def household_only(node: ir.Node) -> bool:
    """Whether ``node`` reads something and all it reads belongs to the household."""
    reads = False

    def visit(part: ir.Node) -> bool:
        nonlocal reads
        if isinstance(part, ir.Aggregate):
            reads = True
            return part.of == "household"
        if isinstance(part, ir.Var):
            reads = True
            return part.entity == "household"
        if isinstance(part, ir.RegionParam):
            reads = True
        return all(visit(child) for child in ir.children(part))

    return visit(node) and reads


def near(node: ir.Node, margin: Fraction, frame: Frame) -> Column:
    """Return whether a comparison's two sides differ by at most ``margin`` (in their unit)."""
    if not isinstance(node, ir.Compare) or node.left.type.kind != "number":
        return ibis.literal(False)
    left, right = emit(node.left, frame), emit(node.right, frame)
    gap = add(left.value, right.value, -1)
    size = Ratio(abs(gap.num) if isinstance(gap.num, int) else gap.num.abs(), gap.den)
    return compare("<=", size, ratio(margin))


def store(name: str, value: Column | Number) -> tuple[dict[str, Column], Callable[[Any], Any]]:
    """Return the columns that keep ``value`` and a reader that finds it again in a table that has them."""
    if not isinstance(value, Number):
        return {name: value}, lambda table: table[name]
    columns: dict[str, Column] = {}
    parts: list[tuple[Any, ...]] = []
    for suffix, part in (("v", value.value), ("l", value.low), ("h", value.high)):
        if part is value.value and suffix != "v":
            parts.append(parts[0])
            continue
        names: list[Any] = []
        for end, item in (("", part.num), ("d", part.den)):
            if isinstance(item, int):
                names.append(item)
            else:
                columns[f"{name}_{suffix}{end}"] = item
                names.append(f"{name}_{suffix}{end}")
        if part.drift is not None:
            columns[f"{name}_{suffix}f"] = part.drift
        parts.append((names[0], names[1], None if part.drift is None else f"{name}_{suffix}f"))

    def read(table: Any) -> Number:
        ratios: list[Ratio] = []
        for index, part in enumerate(parts):
            if index and part is parts[0]:
                ratios.append(ratios[0])
            else:
                ratios.append(Ratio(*(item if item is None or isinstance(item, int) else table[item] for item in part)))
        return Number(*ratios)

    return columns, read


__all__ = ["Level", "Plan", "PlannedCondition", "PlannedPolicy", "Step", "plan_screening", "signed", "window_start"]
