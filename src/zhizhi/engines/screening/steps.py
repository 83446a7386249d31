"""A step: one table to make, as an Ibis expression over the tables and steps before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import ibis
import ibis.expr.operations as ops

from zhizhi.engines.rules import ir
from zhizhi.engines.rules.emitter import Frame, Key, Number
from zhizhi.engines.rules.ratios import Column
from zhizhi.engines.rules.vocabulary import Variable, Vocabulary
from zhizhi.engines.screening.questions import Questions
from zhizhi.kernel.errors import PolicyError

PHYSICAL = {"number": "int64", "boolean": "boolean", "date": "int64", "code": "string", "string": "string"}


class SparkOptions(ibis.config.Config):  # type: ignore[misc]
    """What Ibis asks of its PySpark backend when it writes a number for Spark, also where that is not installed."""

    treat_nan_as_null: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """One table to make: its name and the Ibis expression over earlier tables."""

    name: str
    table: Any

    def sql(self, dialect: str) -> str:
        """Return the step's SELECT in ``dialect`` (duckdb, postgres, pyspark, sqlite), whole numbers as 64-bit."""
        if dialect == "pyspark" and ibis.options.pyspark is None:
            ibis.options.pyspark = SparkOptions()
        if dialect == "duckdb" and (short := self._starred()):
            return short
        inner = str(ibis.to_sql(self.table, dialect=dialect))
        kind = {"pyspark": "BIGINT", "sqlite": "INTEGER"}.get(dialect, "BIGINT")
        quote = "`" if dialect == "pyspark" else '"'
        columns = [
            f"CAST({quote}{name}{quote} AS {kind}) AS {quote}{name}{quote}" if dtype.is_integer() else f"{quote}{name}{quote}"
            for name, dtype in self.table.schema().items()
        ]
        return f"SELECT {', '.join(columns)} FROM ({inner}) AS t"

    def _starred(self) -> str | None:
        """Return DuckDB's SELECT with a star for the columns that pass through: reading long lists of them takes its time."""
        op = self.table.op()
        if not isinstance(op, ops.Project) or not isinstance(op.parent, ops.UnboundTable):
            return None
        made = {n: v for n, v in op.values.items() if not (isinstance(v, ops.Field) and v.name == n and v.rel == op.parent)}
        dropped = [n for n in op.parent.schema.names if n in made or n not in op.values]
        if not made or len(made) + len(dropped) > len(op.values) // 2:
            return None
        inner = str(ibis.to_sql(ops.Project(op.parent, made).to_expr(), dialect="duckdb")).removeprefix("SELECT")
        exclude = f" EXCLUDE ({', '.join(_quoted(n) for n in dropped)})" if dropped else ""
        casts = [f"CAST({_quoted(n)} AS BIGINT) AS {_quoted(n)}" for n, v in made.items() if v.dtype.is_integer()]
        replace = f" REPLACE ({', '.join(casts)})" if casts else ""
        return f"SELECT *{replace} FROM (SELECT *{exclude},{inner}) AS t"


def _quoted(name: str) -> str:
    return f'"{name}"'


class Steps:
    """The steps made so far, and the frames in which expressions are written over their tables."""

    def __init__(self, asks: Questions, vocabulary: Vocabulary) -> None:
        self.asks, self.vocabulary = asks, vocabulary
        self.steps: list[Step] = []

    def add(self, name: str, table: Any) -> Any:
        """Keep a step and return its result as a named table that later steps read."""
        self.steps.append(Step(name, table))
        return ibis.table(table.schema(), name=name)

    def base(self, entity: str) -> dict[str, Variable]:
        """Return the variables of ``entity`` that come from data."""
        variables = self.vocabulary.variables.get(entity, {})
        return {name: variable for name, variable in variables.items() if variable.expr is None}

    def scale(self, node: ir.Var) -> int:
        """Return the number of decimals that a variable keeps."""
        return self.vocabulary.of(node.entity)[node.name].scale

    def frame(self, table: Any, entity: str, ready: Mapping[Key, Column | Number] | None = None) -> Frame:
        """Return a frame over ``table``, in which ``entity``'s variables go by their name and a household's by ``h_``."""
        region = table["region"] if "region" in table.schema() else None

        def var(node: ir.Var) -> Column:
            if node.name not in self.vocabulary.of(node.entity) or node.entity not in (entity, "household"):
                raise PolicyError("rules.not-compilable", what=f"{node.entity}.{node.name}")
            return table[node.name if node.entity == entity else f"h_{node.name}"]

        return Frame(
            table,
            self.asks.on,
            var=var,
            scale=self.scale,
            region=region,
            ready=dict(ready or {}),
        )


def partial_name(name: str, suffix: str, merged_by: str) -> str:
    """Return the column of a partial; its ending says how it is merged."""
    return f"{name}_{suffix}" if merged_by == "sum" else f"{name}_{suffix}_{merged_by}v"
