"""The steps that build the person file and the wide household file."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import ibis

from zhizhi.engines.rules import ir
from zhizhi.engines.rules.emitter import Key
from zhizhi.engines.rules.ratios import Column, ymd
from zhizhi.engines.rules.vocabulary import RecordTable, Vocabulary
from zhizhi.engines.screening.aggregates import Partials, counted, final, merge, partials
from zhizhi.engines.screening.columns import store
from zhizhi.engines.screening.questions import Questions
from zhizhi.engines.screening.steps import PHYSICAL, Steps, partial_name
from zhizhi.engines.screening.windows import window_start


class FileSteps(Steps):
    """From base tables to files: every aggregate that the policies ask, one row a household."""

    def __init__(self, asks: Questions, vocabulary: Vocabulary) -> None:
        super().__init__(asks, vocabulary)
        self.aggregates: dict[Key, str] = {}
        self.record_partials: dict[Key, Partials] = {}

    def person_file(self) -> Any:
        """Write the person file: base variables and the partials of her records."""
        schema = {"person": "string", "household": "string"} | ({"region": "string"} if self.asks.regional() else {})
        used = self.asks.variables("person")
        base = {name: v for name, v in self.base("person").items() if name in used}
        persons = ibis.table(schema | {n: PHYSICAL[v.type.kind] for n, v in base.items()}, name="person_base")
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
        """Write the partials of a record table by its subject; None if nothing asks for it."""
        wanted = {k: a for k, a in self.asks.needed_aggregates().items() if a.over == record.name}
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
                window = rows.date <= ymd(self.asks.on)
                if aggregate.window is not None:
                    window = window & (rows.date > ymd(window_start(aggregate.window, self.asks.on)))
                self.record_partials[key] = partials(node, floor, frame, window)
                name = f"r{len(self.record_partials)}"
                self.aggregates[key] = name
                for suffix, part in self.record_partials[key].columns.items():
                    columns[partial_name(name, suffix, part.merged_by)] = part.made
        fields = {n.name for a in wanted.values() for n in ir.walk(a) if isinstance(n, ir.Var) and n.entity == record.name}
        for field_name in sorted({*fields, record.date}):
            read = rows.date if field_name == record.date else rows[field_name]
            columns[f"miss_{record.name}_{field_name}"] = counted(read.isnull())
        made = rows.group_by("subject").aggregate(**columns)
        return self.add(f"partials_{record.name}", made)

    def household_file(self, persons: Any) -> tuple[Any, dict[Key, Any]]:
        """Write the household file and return it with the aggregates that it holds."""
        frame = self.frame(persons, "person")
        columns: dict[str, Column] = {}
        finals: dict[Key, tuple[Partials, str, ir.Aggregate]] = {}
        for (node, floor), aggregate in self.asks.needed_aggregates().items():
            if aggregate.of != "household":
                continue
            name = f"a{len(finals)}"
            if aggregate.over == "members":
                made = partials(aggregate, floor, frame, None)
                for suffix, part in made.columns.items():
                    columns[partial_name(name, suffix, part.merged_by)] = part.made
            elif self.vocabulary.records[aggregate.over].entity == "person":
                made, source = self.record_source(aggregate, floor, "person")
                for suffix, part in made.columns.items():
                    old = partial_name(source, suffix, part.merged_by)
                    columns[partial_name(name, suffix, part.merged_by)] = merge(old, part.merged_by, persons)
            else:
                made, name = self.record_source(aggregate, floor, "household")
            finals[node, floor] = (made, name, aggregate)
        columns |= self.missing_columns(persons)
        grouped = persons.group_by("household").aggregate(**columns) if columns else persons.select("household").distinct()
        schema = {"household": "string", "region": "string"}
        asked = self.asks.variables("household")
        schema |= {f"h_{n}": PHYSICAL[v.type.kind] for n, v in self.base("household").items() if n in asked}
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
                return partial_table[partial_name(name, suffix, made.columns[suffix].merged_by)]

            stored, reader = store(f"g{index}", final(aggregate, key[1], made, read))
            kept |= stored
            readers[key] = reader
        table = self.add("household_file", partial_table.select(**kept))
        return table, {key: reader(table) for key, reader in readers.items()}

    def record_source(self, aggregate: ir.Aggregate, floor: Fraction | None, entity: str) -> tuple[Partials, str]:
        """Return the partials of the same aggregate taken by ``entity``, and the name of their columns."""
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
        for full in sorted({name for level in self.asks.levels.values() for name in level.missing}):
            holder, name = full.split(".", 1)
            if holder == "members":
                columns[f"miss_members_{name}"] = counted(persons[name].isnull())
            elif holder.startswith("household:"):
                record = holder.split(":")[1]
                if self.vocabulary.records[record].entity == "person":
                    columns[f"miss_{record}_{name}"] = persons[f"miss_{record}_{name}"].sum()
        return columns
