"""The steps that decide: derived values, conditions, amounts, words of bits."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import Any

import ibis

from zhizhi.engines.rules import ir
from zhizhi.engines.rules.emitter import Frame, Key, amount_fen, emit
from zhizhi.engines.rules.ratios import Column, Ratio, add, compare, ratio, whole
from zhizhi.engines.screening.aggregates import Partials, final
from zhizhi.engines.screening.columns import rebase, store
from zhizhi.engines.screening.files import FileSteps
from zhizhi.engines.screening.questions import WORD, Level, divides, signed
from zhizhi.engines.screening.quotients import quotients
from zhizhi.engines.screening.steps import Step, partial_name


class DecisionSteps(FileSteps):
    """From the files to condition words: first what a household decides, then what each person adds."""

    def make(self) -> list[Step]:
        """Return all steps, files and decisions, in order."""
        persons = self.person_file()
        households, ready = self.household_file(persons)
        values, ready = self.household_values(households, ready)
        self.results("household", values, ready)
        self.person_results(persons, values, ready)
        for level in self.asks.levels.values():
            self.bits(level)
        return self.steps

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

        for _, node in self.asks.asked():
            visit(node, None)
        table = self.add("household_values", households.select(**columns))
        fresh = {key: reader(table) for key, reader in readers.items()}
        rebased = rebase(ready, table)
        return table, {**rebased, **fresh}

    def results(self, subject: str, table: Any, ready: Mapping[Key, Any]) -> None:
        """Write each condition (c), whether a margin is met (n), each amount and the missing words (M)."""
        level = self.asks.levels[subject]
        table, decimals = quotients(self, subject, table, ready)
        entity = subject if subject == "person" else "-"
        frame = self.frame(table, entity, rebase(ready, table))
        ids = ["person", "household", "region"] if subject == "person" else ["household", "region"]
        columns: dict[str, Column] = {name: table[name] for name in ids}
        for condition in level.conditions:
            columns[f"c{condition.bit}"] = emit(condition.node, frame)
            if condition.margin is not None:
                columns[f"n{condition.bit}"] = near(condition.node, condition.margin, frame)
        frame = self.frame(table, entity, decimals)
        frame.decimal = True
        for name, amount, rounding in self.asks.amounts[subject]:
            columns[name] = amount_fen(emit(amount, frame).value, rounding)
        for index, word in enumerate(self.missing_word(level, table)):
            columns[f"M{index}"] = word
        self.add(f"{subject}_results_values", table.select(**columns))

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
        """Return the test that the subject lacks a variable."""
        holder, name = full.split(".", 1)
        if holder == "person":
            return table[name].isnull()
        if holder.startswith("person:"):
            return table[f"own_{self.missing_column(full)}"] > 0
        found = table[self.missing_column(full)]
        return found.isnull() if holder == "household" else found > 0

    def person_results(self, persons: Any, households: Any, ready: Mapping[Key, Any]) -> None:
        """Decide persons: what only the household decides is worked out once a household and joined."""
        level = self.asks.levels["person"]
        if not level.conditions:
            return
        frame = self.frame(households, "-", ready)
        columns: dict[str, Column] = {"household_id": households.household, "region": households.region}
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

        nodes: list[Key] = [(condition.node, None) for condition in level.conditions]
        for _, amount, _ in self.asks.amounts["person"]:
            # a quotient's drift is worked out where the amount is: only what stands below it comes from the household
            nodes += leaves(amount) if divides(amount) else [(amount, None)]
        for condition in level.conditions:
            if condition.margin is not None:
                nodes += [(side, None) for side in ir.children(condition.node)]
        for node, floor in nodes:
            visit(node, floor)
        for full in level.missing:
            if full.startswith(("household.", "household:", "members.")):
                columns[self.missing_column(full)] = households[self.missing_column(full)]
        shared = self.add("household_shared", households.select(**columns))
        joined = persons.inner_join(shared, persons.household == shared.household_id)
        mine = {
            f"own_{name}" if name.startswith("miss_") else name: persons[name] for name in persons.columns if name != "region"
        }
        table = joined.select(**mine, **{name: shared[name] for name in shared.columns if name != "household_id"})
        columns = {}
        for (shape, floor), name in self.aggregates.items():
            assert isinstance(shape, ir.Aggregate)
            if shape.of == "person":
                made = self.record_partials[shape, floor]

                def read(suffix: str, name: str = name, made: Partials = made) -> Column:
                    return table[partial_name(name, suffix, made.columns[suffix].merged_by)]

                stored, readers[shape, floor] = store(f"o{len(readers)}", final(shape, floor, made, read))
                columns |= stored
        if columns:
            table = table.select(*[table[name] for name in table.columns], **columns)
        self.results("person", table, {key: reader(table) for key, reader in readers.items()})

    def bits(self, level: Level) -> None:
        """Pack conditions into words: T true, U unknown, N near; amounts and missing words go along."""
        if not level.conditions:
            return
        schema = next(step.table.schema() for step in self.steps if step.name == f"{level.subject}_results_values")
        table = ibis.table(schema, name=f"{level.subject}_results_values")
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


def leaves(node: ir.Node, floor: Fraction | None = None) -> Iterator[Key]:
    """Yield the aggregates and variables of ``node``, each with the floor it stands under."""
    if isinstance(node, (ir.Aggregate, ir.Var)):
        yield node, floor
        return
    inner = node.floor if isinstance(node, ir.Derived) and node.floor is not None else floor
    for child in ir.children(node):
        yield from leaves(child, inner)
