"""From the policies of a package to the ordered steps that decide them for a whole population on a date.

Each step is one Ibis table over the tables and steps before it; a backend turns it into its own SQL and keeps the
result. The steps up to ``household_file`` depend on the data, the date and the figures; those after it decide.
What is asked (`Questions`) is known at once; the steps are written only when somebody asks for them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from hashlib import sha256

from zhizhi.engines.rules import ir
from zhizhi.engines.rules.policy import Policy
from zhizhi.engines.rules.resolution import Figures
from zhizhi.engines.rules.vocabulary import Vocabulary
from zhizhi.engines.screening.decisions import DecisionSteps
from zhizhi.engines.screening.questions import Level, Questions
from zhizhi.engines.screening.steps import Step


@dataclass
class Plan:
    """What is asked of each kind of subject, and the steps that answer it."""

    on: date
    asks: Questions
    vocabulary: Vocabulary
    texts: dict[tuple[str, str], str] = field(default_factory=dict, repr=False, compare=False)

    @property
    def household(self) -> Level:
        """What is decided for households."""
        return self.asks.levels["household"]

    @property
    def person(self) -> Level:
        """What is decided for persons."""
        return self.asks.levels["person"]

    @property
    def amount_nodes(self) -> tuple[tuple[tuple[str, str], ir.Node], ...]:
        """((subject, column), node) of every amount and limit."""
        return tuple(((subject, name), node) for subject, listed in self.asks.amounts.items() for name, node, _ in listed)

    @property
    def amounts(self) -> tuple[ir.Node, ...]:
        """The amounts and limits in the order of their columns."""
        return tuple(node for _, node in self.amount_nodes)

    @cached_property
    def steps(self) -> list[Step]:
        """All steps in order."""
        return DecisionSteps(self.asks, self.vocabulary).make()

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all that is asked: conditions, figures, amounts, bits and date."""
        parts: list[object] = [self.on]
        for level in (self.household, self.person):
            parts += [[(c.bit, c.node, c.margin) for c in level.conditions], level.missing]
            parts += [(p.policy.id, p.bits, p.amount) for p in level.policies]
        parts += [list(self.asks.amounts.items())]
        return sha256(repr(parts).encode()).hexdigest()

    def file_steps(self) -> list[Step]:
        """Return the steps that build the person and household files."""
        names = [step.name for step in self.steps]
        return self.steps[: names.index("household_file") + 1]

    def tables(self, dialect: str, steps: Sequence[Step]) -> list[tuple[str, str]]:
        """Return (name, SELECT) of the steps that are kept as tables; the ``_values`` between them become their WITH.

        SQLite and PostgreSQL write a step into the next unless told to keep it, and an amount's text multiplies.
        """
        kept = "AS MATERIALIZED" if dialect in ("postgres", "sqlite") else "AS"
        texts = {step.name: self.sql(step, dialect) for step in self.steps if step.name.endswith("_values")}
        made = []
        for step in steps:
            if step.name not in texts:
                body, parts = self.sql(step, dialect), list[str]()
                for name in reversed(texts):
                    if any(re.search(rf"\b{name}\b", text) for text in (body, *parts)):
                        parts.append(f"{name} {kept} ({texts[name]})")
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
        PolicyError: where a figure is not in force; a rule that cannot be compiled raises when the steps are written.
    """
    dates = {name: record.date for name, record in vocabulary.records.items()}
    return Plan(on, Questions(policies, figures, on, limits, dates), vocabulary)
