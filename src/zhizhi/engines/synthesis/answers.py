"""The truth files' tables: what each household and person is due, what a comparison with today's recipients must find."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import pyarrow as pa

from zhizhi.engines.synthesis.columns import money_column
from zhizhi.engines.synthesis.facts import BLANK, Enrolment, Ints
from zhizhi.engines.synthesis.region import Region
from zhizhi.engines.synthesis.tables import Names
from zhizhi.engines.synthesis.truth import (
    HOUSEHOLD_POLICIES,
    NO,
    PERSON_POLICIES,
    UNKNOWN,
    YES,
    Standards,
    dibao_amount,
    household_decisions,
    person_decisions,
)

COMPARED: Final = {"household": ("dibao", "tekun", "edge", "expenditure"), "person": ("severe-care", "disability-living")}
"""Policies whose recipients the exports list."""


class Answers:
    """Every right answer about one region, as of 2025-09-01."""

    def __init__(self, drawn: Region, names: Names) -> None:
        self._drawn, self._names = drawn, names
        figures = Standards()
        self._figures = figures
        self._households = household_decisions(drawn.facts, figures)
        self._persons = person_decisions(drawn.facts, figures, self._households)

    def decisions(self) -> pa.Table:
        """Return policy, kind, subject, decision (eligible or unknown) and amount (dibao only).

        Every other member and household is not eligible.
        """
        parts = []
        for kind, policy, values in self._all():
            at = np.flatnonzero(values != NO)
            eligible = values[at] == YES
            amount = np.full(len(at), BLANK, np.int64)
            if policy == "dibao":
                amount[eligible] = dibao_amount(self._drawn.facts, self._figures, at[eligible])
            parts.append(_answer_table(policy, kind, self._subjects(kind, at), {
                "decision": pa.array(np.where(eligible, "eligible", "unknown").tolist(), pa.string()),
                "amount": money_column(amount, blank=True),
            }))  # fmt: skip
        return pa.concat_tables(parts).combine_chunks()

    def findings(self) -> pa.Table:
        """Return policy, kind, subject, finding (missed or leaking).

        Left out: unknown decisions, and the minimum living allowance of households in special hardship, which receive that
        support instead.
        """
        parts = []
        for kind, policy, at, missed in self._findings():
            parts.append(_answer_table(policy, kind, self._subjects(kind, at), {
                "finding": pa.array(np.where(missed, "missed", "leaking").tolist(), pa.string()),
            }))  # fmt: skip
        return pa.concat_tables(parts).combine_chunks()

    def households(self) -> pa.Table:
        """Return the planted households: number, situation, and lists of what its facts lead to (policies, unknown, findings)."""
        eligible, unknown, findings = (self._lists(YES), self._lists(UNKNOWN), self._finding_lists())
        rows = sorted((int(at), situation) for situation, chosen in self._drawn.facts.planted.items() for at in chosen)
        at = np.array([row[0] for row in rows], np.int64)
        texts = pa.list_(pa.string())
        return pa.table({
            "household_no": self._names.numbers(at),
            "situation": pa.array([row[1] for row in rows], pa.string()),
            "eligible": pa.array([eligible.get(index, []) for index in at.tolist()], texts),
            "unknown": pa.array([unknown.get(index, []) for index in at.tolist()], texts),
            "findings": pa.array([findings.get(index, []) for index in at.tolist()], texts),
        })  # fmt: skip

    def _all(self) -> Iterator[tuple[str, str, Ints]]:
        for policy in HOUSEHOLD_POLICIES:
            yield "household", policy, self._households[policy]
        for policy in PERSON_POLICIES:
            yield "person", policy, self._persons[policy]

    def _subjects(self, kind: str, at: Ints) -> pa.Array:
        return self._names.numbers(at) if kind == "household" else self._names.persons(at)

    def _findings(self) -> Iterator[tuple[str, str, Ints, np.ndarray]]:
        for kind, policy, values in self._all():
            if policy not in COMPARED[kind]:
                continue
            enrolled = _enrolled(
                self._drawn.household_aid if kind == "household" else self._drawn.person_aid, policy, len(values)
            )
            counted = self._households["tekun"] == NO if policy == "dibao" else np.ones(len(values), bool)
            missed = (values == YES) & ~enrolled & counted
            leaking = (values == NO) & enrolled & counted
            at = np.flatnonzero(missed | leaking)
            yield kind, policy, at, missed[at]

    def _home(self, kind: str, at: Ints) -> list[int]:
        found = at if kind == "household" else self._drawn.facts.people.household[at]
        return [int(index) for index in found]

    def _lists(self, value: int) -> dict[int, list[str]]:
        planted = set(np.concatenate(list(self._drawn.facts.planted.values())).tolist())
        listed: dict[int, list[str]] = {}
        for kind, policy, values in self._all():
            for index in sorted(planted.intersection(self._home(kind, np.flatnonzero(values == value)))):
                listed.setdefault(index, []).append(policy)
        return listed

    def _finding_lists(self) -> dict[int, list[str]]:
        listed: dict[int, list[str]] = {}
        for kind, policy, at, missed in self._findings():
            for index, is_missed in zip(self._home(kind, at), missed.tolist(), strict=True):
                listed.setdefault(index, []).append(f"{policy}: {'missed' if is_missed else 'leaking'}")
        return listed


def _enrolled(paid: Enrolment, policy: str, count: int) -> np.ndarray:
    enrolled = np.zeros(count, bool)
    enrolled[paid.subject[paid.policy == policy]] = True
    return enrolled


def _answer_table(policy: str, kind: str, subjects: pa.Array, more: dict[str, pa.Array]) -> pa.Table:
    same = {name: pa.repeat(pa.scalar(text), len(subjects)) for name, text in (("policy", policy), ("kind", kind))}
    return pa.table({**same, "subject": subjects, **more})
