"""What a set of policies asks on a date: distinct conditions with their bits, amounts, and the variables behind them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction

from zhizhi.engines.rules import ir
from zhizhi.engines.rules.policy import Policy
from zhizhi.engines.rules.resolution import Figures, resolve

WORD = 64
Key = tuple[ir.Node, Fraction | None]


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


def signed(word: int) -> int:
    """Return an unsigned 64-bit word as the signed number that holds the same bits."""
    return word - (1 << 64) if word >= 1 << 63 else word


class Questions:
    """All that the policies in force on a date ask, with figures in the place of parameters."""

    def __init__(
        self,
        policies: Sequence[Policy],
        figures: Figures,
        on: date,
        limits: Sequence[tuple[str, str, ir.Node]],
        dates: Mapping[str, str],
    ) -> None:
        self.policies = [policy for policy in policies if policy.in_force(on)]
        self.figures, self.on, self.limits, self.dates = figures, on, limits, dates
        self.levels = {"household": Level("household"), "person": Level("person")}
        self.amounts: dict[str, list[tuple[str, ir.Node, str]]] = {"household": [], "person": []}
        self._collect()

    def _collect(self) -> None:
        for policy in self.policies:
            level = self.levels[policy.subject]
            bits = []
            for condition in policy.conditions:
                node = resolve(condition.node, self.figures, self.on)
                bits.append(self._bit(level, node, condition.margin))
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

    def _bit(self, level: Level, node: ir.Node, margin: Fraction | None) -> int:
        for condition in level.conditions:
            if condition.node == node and condition.margin == margin:
                return condition.bit
        bit = len(level.conditions)
        level.conditions.append(PlannedCondition(bit, node, margin, tuple(sorted(nullable(node, self.dates)))))
        return bit

    def asked(self) -> Iterator[tuple[str, ir.Node]]:
        """Yield (subject, node) of every condition, amount and limit."""
        for subject, level in self.levels.items():
            for condition in level.conditions:
                yield subject, condition.node
            for _, amount, _ in self.amounts[subject]:
                yield subject, amount

    def needed_aggregates(self) -> dict[Key, ir.Aggregate]:
        """Return the distinct aggregates with the floor under which each stands."""
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

    def variables(self, entity: str) -> set[str]:
        """Return the names of the base variables of ``entity`` (or fields of a record table) that anything reads."""
        return {
            node.name for _, top in self.asked() for node in ir.walk(top) if isinstance(node, ir.Var) and node.entity == entity
        }

    def regional(self) -> bool:
        """Whether a figure that differs by region stands within an aggregate, so that each member needs her region."""
        aggregates = (node for _, top in self.asked() for node in ir.walk(top) if isinstance(node, ir.Aggregate))
        return any(isinstance(part, ir.RegionParam) for node in aggregates for part in ir.walk(node))

    def records(self) -> set[str]:
        """Return the record tables that anything reads."""
        aggregates = (node for _, top in self.asked() for node in ir.walk(top) if isinstance(node, ir.Aggregate))
        return {node.over for node in aggregates if node.over != "members"}


def nullable(node: ir.Node, dates: Mapping[str, str], holder: str = "") -> set[str]:
    """Return ``holder.variable`` for each variable in ``node``, for saying what an unknown lacks.

    The holder is ``person`` or ``household`` for the subject's own, ``members`` for her household's members',
    ``person:claims`` or ``household:claims`` for the rows of a record table, of which ``dates`` gives the date field.
    """
    if isinstance(node, ir.Var):
        return {f"{holder or node.entity}.{node.name}"}
    if isinstance(node, ir.Aggregate):
        holder = "members" if node.over == "members" else f"{node.of}:{node.over}"
    found = set().union(*(nullable(child, dates, holder) for child in ir.children(node)))
    if isinstance(node, ir.Aggregate) and node.over in dates:
        found.add(f"{holder}.{dates[node.over]}")
    return found


def divides(node: ir.Node) -> bool:
    """Whether a quotient stands in ``node`` outside aggregates."""
    return any(isinstance(part, ir.Arithmetic) and part.operator == "/" for part in ir.walk(node))


def unfolded(node: ir.Node) -> ir.Node:
    """Return an amount with derived values that hold a quotient replaced by their expression.

    Bounds do not matter to an amount, which only an eligible subject with known parts has, so floors fall away. They
    stay in its comparisons, which bounds may decide and whose numbers are exact.
    """
    return ir.rewrite(node, lambda part: part.expr if isinstance(part, ir.Derived) and divides(part) else part, ir.Compare)
