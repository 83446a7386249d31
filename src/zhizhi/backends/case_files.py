"""One household as a case at the counter: its values, rows, receipts and what the kept screening decided of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from fractions import Fraction
from typing import Any

from zhizhi.backends.incremental import datasets_read
from zhizhi.backends.lake import Lake
from zhizhi.backends.population import PopulationSql, quoted, scan, text
from zhizhi.backends.screening import (
    FILES,
    Screening,
    latest_run,
    load_kept,
    open_screening,
    run_record,
    stacking_of,
    state_folder,
)
from zhizhi.backends.vault import Vault
from zhizhi.engines.rules.evaluator import Case, elapsed
from zhizhi.engines.rules.vocabulary import Variable
from zhizhi.engines.screening.questions import WORD, Level
from zhizhi.engines.screening.verdicts import decision, missing, paid_table, rivals
from zhizhi.kernel.errors import NotFoundError
from zhizhi.scenarios.package import Ceiling, Package

_PSEUDONYM = re.compile(r"[0-9a-f]{24}")
_FULL_WIDTH = str.maketrans("０１２３４５６７８９Ｘｘ", "0123456789Xx")
FINDINGS = ("missed", "leaking", "near miss", "unknown", "warning")
Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Person:
    """A member as she is shown: relation to the head and age; her pseudonym only joins, it is never printed."""

    pseudonym: str
    relation: str
    age: int | None


@dataclass(frozen=True, slots=True)
class Decided:
    """What the compiled rules decided of a subject: decision, condition results in the policy's order, amounts in fen."""

    decision: str
    results: tuple[bool | None, ...]
    amount_fen: int | None
    payable_fen: int | None
    missing: tuple[str, ...]
    instead: tuple[str, ...] = ()
    ceiling: Ceiling | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a subject receives of a policy today: fen (None: not said) and since when."""

    amount_fen: int | None
    since: date | None


@dataclass(frozen=True, slots=True)
class CaseFile:
    """A household with all that an explanation of it needs. Keys of the mappings are (kind, subject, policy)."""

    household: str
    case: Case
    people: tuple[Person, ...]
    decided: Mapping[Key, Decided] = field(default_factory=dict)
    receipts: Mapping[Key, Receipt] = field(default_factory=dict)
    findings: Mapping[Key, str] = field(default_factory=dict)

    def of(self, member: int | None) -> Case:
        """Return the case about the household, or about one of its members."""
        return replace(self.case, person=member)

    def subject(self, kind: str, member: int | None) -> str:
        """Return the pseudonym of the household or of a member."""
        return self.household if kind == "household" or member is None else self.people[member].pseudonym


class CaseReader:
    """Reads households of a lake on a date: from the kept screening where it is of this state, else from the lake."""

    def __init__(self, lake: Lake, package: Package, on: date) -> None:
        self.run: Screening = open_screening(lake, package, on)
        self.connection = self.run.connection
        self.kept = None
        found = latest_run(state_folder(lake, package))
        if found is not None and self._same(found[1]):
            self.kept = found[0]
            load_kept(self.run, self.kept)

    def _same(self, record: Mapping[str, Any]) -> bool:
        current, reads = run_record(self.run), datasets_read(self.run)
        versions = [{n: v for n, v in r["snapshot"].items() if n in reads} for r in (record, current)]
        return versions[0] == versions[1] and all(record.get(k) == current[k] for k in ("on", "package_digest", "engine"))

    # which household ----------------------------------------------------------------------------------------------

    def find(self, given: str, vault: Vault | None) -> str:
        """Return the household that ``given`` means: its pseudonym or number, or the pseudonym or id of a member.

        Raises:
            NotFoundError: ``screening.household-unknown``.
        """
        for column, value in self.pseudonyms(given, vault):
            row = self.connection.execute(
                f"SELECT household FROM ({self._register()}) WHERE {column} = ? LIMIT 1", [value]
            ).fetchone()
            if row:
                return str(row[0])
        raise NotFoundError("screening.household-unknown")

    @staticmethod
    def pseudonyms(given: str, vault: Vault | None) -> Iterator[tuple[str, str]]:
        """Yield (household or person, pseudonym) that a text may mean; one in clear needs the vault."""
        value = given.strip().translate(_FULL_WIDTH)
        if _PSEUDONYM.fullmatch(value) or vault is None:
            yield from (("household", value), ("person", value))
        else:
            yield "household", vault.pseudonym("household", value)
            yield "person", vault.pseudonym("person", value.upper())

    @staticmethod
    def in_clear(given: str) -> bool:
        """Whether a text is a number in clear and no pseudonym, so that the key is needed."""
        return _PSEUDONYM.fullmatch(given.strip()) is None

    def _register(self) -> str:
        if self.kept is not None:
            return "SELECT household, person FROM person_file"
        sql = PopulationSql(self.run.snapshot, self.run.package.needs, self.run.on)
        return f"SELECT household, person FROM ({sql.members()})"

    def first(self, finding: str, policy: str = "") -> tuple[str, str, str, str]:
        """Return (household, kind, subject, policy) of the first finding of a kind, by kind of subject, policy and pseudonym.

        Raises:
            NotFoundError: ``screening.no-run`` where no screening of this state is kept, ``screening.none-found``.
        """
        if self.kept is None:
            raise NotFoundError("screening.no-run", on=self.run.on)
        only = f" AND policy = {text(policy)}" if policy else ""
        row = self.connection.execute(
            f"SELECT household, kind, subject, policy FROM {scan([str(self.kept / 'findings.parquet')])} "
            f"WHERE finding = ?{only} ORDER BY kind, policy, subject LIMIT 1",
            [finding],
        ).fetchone()
        if row is None:
            raise NotFoundError("screening.none-found", kind=finding)
        return row[0], row[1], row[2], row[3]

    # the household -----------------------------------------------------------------------------------------------

    def read(self, household: str) -> CaseFile:
        """Return the case file of a household, given by its pseudonym.

        Raises:
            NotFoundError: ``screening.household-unknown``.
        """
        if self.kept is None:
            self._screen_one(household)
        at = f"WHERE household = {text(household)}"
        persons = self._rows(f"SELECT * FROM person_file {at}")
        if not persons:
            raise NotFoundError("screening.household-unknown")
        one = self._rows(f"SELECT * FROM household_file {at}")[0]
        self.connection.execute("CREATE OR REPLACE TEMP TABLE asked (person VARCHAR, household VARCHAR)")
        self.connection.executemany("INSERT INTO asked VALUES (?, ?)", [[row["person"], household] for row in persons])
        shown = self._people(persons)
        persons.sort(key=lambda row: shown[row["person"]][0])
        people = tuple(shown[row["person"]][1] for row in persons)
        case = self._case(one, persons)
        decided = {key: value for level in self.run.levels() for key, value in self._decided(level, at)}
        return CaseFile(household, case, people, decided, self._receipts(household, people), self._findings(at))

    def _rows(self, query: str) -> list[dict[str, Any]]:
        cursor = self.connection.execute(query)
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def _screen_one(self, household: str) -> None:
        """Screen one household alone, where nothing kept is of this state."""
        for table in (*FILES, "household_base"):
            self.connection.execute(f"DROP TABLE IF EXISTS {table}")
        self.connection.execute(f"CREATE OR REPLACE TEMP TABLE wanted AS SELECT {text(household)} AS household")
        self.connection.execute("DROP VIEW IF EXISTS person_base")
        self.run.base("wanted")
        self.run.build()
        self.run.decide()

    def _people(self, persons: Sequence[Mapping[str, Any]]) -> dict[str, tuple[tuple[Any, ...], Person]]:
        """Return, per person, her sort key (the head first, then by age) and how she is shown."""
        needs, snapshot = self.run.package.needs, self.run.snapshot
        fields = snapshot.contract(needs.population.dataset).fields
        relation = next(iter(needs.population.head), "relation")
        wanted = {"relation": relation, "born": "birth_date"}
        columns = [f"{quoted(n) if n in fields else 'NULL'} AS {alias}" for alias, n in wanted.items()]
        person = quoted(needs.population.person)
        rows = self._rows(
            f"SELECT {person} AS person, {', '.join(columns)} FROM {snapshot.table(needs.population.dataset)} "
            f"WHERE {quoted(needs.population.household)} IN (SELECT household FROM asked)"
        )
        found = {row["person"]: row for row in rows}
        people = {}
        for row in persons:
            seen = found.get(row["person"], {})
            born, role = seen.get("born"), str(seen.get("relation") or row.get("relation") or "")
            age = elapsed("years", born, self.run.on) if isinstance(born, date) else None
            head = role == str(next(iter(needs.population.head.values()), "head"))
            key = (not head, -(age if age is not None else -1), row["person"])
            people[row["person"]] = (key, Person(row["person"], role, age))
        return people

    def _case(self, one: Mapping[str, Any], persons: Sequence[Mapping[str, Any]]) -> Case:
        vocabulary = self.run.package.needs.vocabulary
        household = _values(one, vocabulary.of("household"), "h_")
        members = [_values(row, vocabulary.of("person")) for row in persons]
        holders = {row["person"]: member for row, member in zip(persons, members, strict=True)}
        for name, entity, rows in self._records():
            for row in rows:
                holder = household if entity == "household" else holders[row["subject"]]
                holder.setdefault(name, []).append(row["values"])
        return Case(household, members, str(persons[0]["region"] or ""))

    def _records(self) -> Iterator[tuple[str, str, list[dict[str, Any]]]]:
        """Yield each record table that the plan reads: its name, whose rows they are, and the rows of those asked for."""
        sql = PopulationSql(self.run.snapshot, self.run.package.needs, self.run.on, "asked")
        for name, table in self.run.package.needs.vocabulary.records.items():
            if name in self.run.plan.asks.records() and table.dataset in self.run.snapshot.versions:
                rows = self._rows(f"SELECT * FROM ({sql.records(name)}) ORDER BY ALL")
                values = [{**_values(row, table.fields), table.date: _day(row["date"])} for row in rows]
                listed = [{"subject": row["subject"], "values": found} for row, found in zip(rows, values, strict=True)]
                yield name, table.entity, listed

    def _decided(self, level: Level, at: str) -> Iterator[tuple[Key, Decided]]:
        package, subject = self.run.package, level.subject
        stacking = stacking_of(package)
        self.connection.execute(f"CREATE OR REPLACE TEMP TABLE asked_bits AS SELECT * FROM {subject}_bits {at}")
        columns = [f"{decision(i, level)}, {missing(i, level)}, {i.amount or 'NULL'}" for i in level.policies]
        paid = [f'"payable_{item.policy.id}"' if item.amount else "NULL" for item in level.policies]
        words = [f"{letter}{w}" for w in range(level.words) for letter in "TU"]
        rows = self.connection.execute(
            f"SELECT {subject}, {', '.join([*words, *columns, *paid])} FROM ({paid_table(level, stacking, 'asked_bits')})"
        ).fetchall()
        for row in rows:
            bits, rest = row[1 : 1 + len(words)], row[1 + len(words) :]
            decisions: dict[str, str] = {}
            for index, item in enumerate(level.policies):
                verdict, lacks, amount = rest[3 * index : 3 * index + 3]
                decisions[item.policy.id] = verdict
            for index, item in enumerate(level.policies):
                name = item.policy.id
                verdict, lacks, amount = rest[3 * index : 3 * index + 3]
                payable = rest[3 * len(level.policies) + index]
                results = tuple(_truth(bits[2 * (bit // WORD) :], bit) for bit in item.bits)
                before = [n for n in stacking.order[: stacking.order.index(name)] if decisions.get(n) in ("eligible", "unknown")]
                instead = tuple(rivals(name, before, stacking)) if verdict == "eligible" else ()
                names = tuple(lacks.split(";")) if verdict == "unknown" and lacks else ()
                ceiling = None
                if payable is not None and amount is not None and payable < amount and not instead:
                    ceiling = next((c for c in package.ceilings if name in c.policies and c.per == subject), None)
                yield (subject, row[0], name), Decided(verdict, results, amount, payable, names, instead, ceiling)

    def _receipts(self, household: str, people: Sequence[Person]) -> dict[Key, Receipt]:
        subjects = ", ".join(text(name) for name in (household, *(person.pseudonym for person in people)))
        rows = self.connection.execute(
            f"SELECT kind, subject, policy, amount, since FROM receipts WHERE subject IN ({subjects})"
        ).fetchall()
        return {(row[0], row[1], row[2]): Receipt(row[3], _day(row[4])) for row in rows}

    def _findings(self, at: str) -> dict[Key, str]:
        if self.kept is None or not (self.kept / "findings.parquet").exists():
            return {}
        file = scan([str(self.kept / "findings.parquet")])
        rows = self.connection.execute(f"SELECT kind, subject, policy, finding FROM {file} {at}").fetchall()
        return {(row[0], row[1], row[2]): row[3] for row in rows}


def _truth(words: Sequence[int], bit: int) -> bool | None:
    true, unknown = words[0], words[1]
    return True if true >> (bit % WORD) & 1 else None if unknown >> (bit % WORD) & 1 else False


def _values(row: Mapping[str, Any], variables: Mapping[str, Variable], prefix: str = "") -> dict[str, Any]:
    """Return a stored row's variables as the evaluator holds them: exact numbers, dates."""
    found: dict[str, Any] = {}
    for name, variable in variables.items():
        value = row.get(prefix + name)
        if value is not None:
            if variable.type.kind == "number":
                found[name] = Fraction(value, 10**variable.scale)
            else:
                found[name] = _day(value) if variable.type.kind == "date" else value
    return found


def _day(value: int | None) -> date | None:
    return None if value is None else date(value // 10_000, value // 100 % 100, value % 100)
