"""Every policy of a package explained for one household, beside what is stored and known of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from zhizhi.backends.case_files import CaseFile, CaseReader, Decided, Receipt
from zhizhi.engines.rules.evaluator import Memo
from zhizhi.engines.rules.explanation import Explanation, explain
from zhizhi.engines.rules.policy import Policy
from zhizhi.scenarios.package import Package


@dataclass(frozen=True, slots=True)
class Told:
    """One policy explained for one subject, and what is stored and known of it beside the explanation."""

    policy: Policy
    member: int | None
    explanation: Explanation
    decided: Decided | None
    receipt: Receipt | None
    finding: str | None

    @property
    def agrees(self) -> bool:
        """Whether the explanation says what the compiled rules decided."""
        if self.decided is None:
            return self.explanation.decision == "not in force"
        results = tuple(reason.result for reason in self.explanation.reasons)
        fen = self.explanation.amount.fen if self.explanation.amount else None
        return (self.explanation.decision, results, fen) == (self.decided.decision, self.decided.results, self.decided.amount_fen)

    @property
    def matters(self) -> bool:
        """Whether it is told in full unasked: given, or open, or received, or found."""
        return bool(self.explanation.decision in ("eligible", "unknown") or self.receipt or self.finding)


def tell(reader: CaseReader, package: Package, file: CaseFile, policy: str = "", member: int | None = None) -> Iterator[Told]:
    """Yield each policy explained: for the household, and for each member (or one) where it is about a person."""
    memo: Memo = {}
    titles = {name: item.title_in(file.of(None).region) for name, item in package.policies.items()}
    for item in package.policies.values():
        if policy in ("", item.id):
            everybody = range(len(file.people)) if member is None else [member]
            for place in [None] if item.subject == "household" else everybody:
                named = {**titles, **item.derived_titles}
                case, vocabulary = file.of(place), package.needs.vocabulary
                said = explain(item, case, reader.run.on, package.figures, vocabulary, reader.owners, named, memo)
                key = (item.subject, file.subject(item.subject, place), item.id)
                yield Told(item, place, said, file.decided.get(key), file.receipts.get(key), file.findings.get(key))
