"""One household as a case at the counter: its values, rows, receipts and what the kept screening decided of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from fractions import Fraction
from typing import Any

from zhizhi.backends.findings import missing_owners
from zhizhi.backends.incremental import datasets_read
from zhizhi.backends.lake import Lake
from zhizhi.backends.population import PopulationSql, quoted, scan, text, ymd
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
from zhizhi.engines.rules.three_values import kleene_and
from zhizhi.engines.rules.vocabulary import Variable
from zhizhi.engines.screening.questions import WORD, Level, PlannedPolicy
from zhizhi.engines.screening.verdicts import paid_table, rivals, shown
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
        self.tables_read = self.run.plan.asks.records()
        self.columns = {entity: self._columns(entity) for entity in ("person", "household")}
        self.connection.execute("SET parquet_metadata_cache = true")
        owners = {lang: missing_owners(self.run, lang) for lang in ("zh", "en")}
        self.owners = {name: {lang: owners[lang][name] for lang in owners} for name in owners["zh"]}
        found = latest_run(state_folder(lake, package))
        if found is not None and self._same(found[1]):
            self.kept = found[0]
            load_kept(self.run, self.kept)
        self.sources = self._sources()

    def _sources(self) -> dict[str, str]:
        """Return the table expression of everything that a case file is read from."""
        sql = PopulationSql(self.run.snapshot, self.run.package.needs, self.run.on)
        sources = {name: name for name in FILES} | {"register": f"({self._register_query()})"}
        if self.kept is not None and (self.kept / "findings.parquet").exists():
            sources["findings"] = scan([str(self.kept / "findings.parquet")])
        for name, table in self.run.package.needs.vocabulary.records.items():
            if name in self.tables_read and table.dataset in self.run.snapshot.versions:
                sources[f"records_{name}"] = f"({sql.records(name)})"
        return sources

    def keep(self) -> None:
        """Hold what case files are read from in memory, with an index: for a process that explains many households.

        Reading all of it takes about as long as a screening; without it each household costs a scan of every file.
        """
        if self.kept is None:
            return
        kinds = {"person_file": f"household, {self.columns['person']}", "household_file": self.columns["household"]}
        present = {level.subject + "_bits" for level in self.run.levels()} | set(kinds) | {"receipts", "register"}
        for name, source in list(self.sources.items()):
            if name in present or name not in FILES:
                key = "subject" if name == "receipts" or name.startswith("records_") else "household"
                self.connection.execute(f"CREATE TEMP TABLE near_{name} AS SELECT {kinds.get(name, '*')} FROM {source}")
                self.connection.execute(f"CREATE INDEX near_{name}_{key} ON near_{name} ({key})")
                self.sources[name] = f"near_{name}"

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
        persons = self._rows(f"SELECT {self.columns['person']} FROM {self.sources['person_file']} {at}")
        if not persons:
            raise NotFoundError("screening.household-unknown")
        one = self._rows(f"SELECT {self.columns['household']} FROM {self.sources['household_file']} {at}")[0]
        seen = self._people(persons, at)
        persons.sort(key=lambda row: seen[row["person"]][0])
        people = tuple(seen[row["person"]][1] for row in persons)
        case = self._case(household, one, persons)
        decided = {key: value for level in self.run.levels() for key, value in self._decided(level, at)}
        return CaseFile(household, case, people, decided, self._receipts(household, people), self._findings(at))

    def _columns(self, entity: str) -> str:
        """Return the columns of a kept file that hold base variables; what was computed of them is not read."""
        variables, prefix = self.run.package.needs.vocabulary.of(entity), "h_" if entity == "household" else ""
        used = self.run.plan.asks.variables(entity)
        wanted = [prefix + name for name in variables if variables[name].expr is None and name in used]
        keys = ["person"] if entity == "person" else ["household", "region"]
        return ", ".join(quoted(name) for name in dict.fromkeys([*keys, *wanted]))

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

    def _people(self, persons: Sequence[Mapping[str, Any]], at: str) -> dict[str, tuple[tuple[Any, ...], Person]]:
        """Return, per person, her sort key (the head first, then by age) and how she is shown."""
        needs = self.run.package.needs
        relation = next(iter(needs.population.head), "relation")
        found: dict[str, Mapping[str, Any]] = {row["person"]: row for row in persons}
        if any(relation not in row or "birth_date" not in row for row in persons):
            found = {row["person"]: row for row in self._rows(f"SELECT * FROM {self.sources['register']} {at}")}
        people = {}
        for row in persons:
            seen = found.get(row["person"], {})
            born, role = _day(seen.get("birth_date")), str(seen.get(relation) or "")
            age = elapsed("years", born, self.run.on) if born is not None else None
            head = role == str(next(iter(needs.population.head.values()), "head"))
            key = (not head, -(age if age is not None else -1), row["person"])
            people[row["person"]] = (key, Person(row["person"], role, age))
        return people

    def _register_query(self) -> str:
        """Return the SELECT of person, household, relation and date of birth, as the register of the population has them."""
        population, snapshot = self.run.package.needs.population, self.run.snapshot
        fields = snapshot.contract(population.dataset).fields
        relation = next(iter(population.head), "relation")
        role = quoted(relation) if relation in fields else "NULL"
        born = ymd("birth_date") if "birth_date" in fields else "NULL"
        return (
            f"SELECT {quoted(population.person)} AS person, {quoted(population.household)} AS household, "
            f"{role} AS {quoted(relation)}, {born} AS birth_date FROM {snapshot.table(population.dataset)}"
        )

    def _case(self, household_id: str, one: Mapping[str, Any], persons: Sequence[Mapping[str, Any]]) -> Case:
        vocabulary = self.run.package.needs.vocabulary
        household = _values(one, vocabulary.of("household"), "h_")
        members = [_values(row, vocabulary.of("person")) for row in persons]
        holders = {row["person"]: member for row, member in zip(persons, members, strict=True)}
        for name, entity, rows in self._records([household_id, *holders]):
            for row in rows:
                holder = household if entity == "household" else holders[row["subject"]]
                holder.setdefault(name, []).append(row["values"])
        return Case(household, members, str(one["region"] or ""))

    def _records(self, subjects: Sequence[str]) -> Iterator[tuple[str, str, list[dict[str, Any]]]]:
        """Yield each record table that the plan reads: its name, whose rows they are, and the rows of those asked for."""
        listed = ", ".join(text(subject) for subject in subjects)
        for name, table in self.run.package.needs.vocabulary.records.items():
            source = self.sources.get(f"records_{name}")
            if source is not None:
                rows = self._rows(f"SELECT * FROM {source} WHERE subject IN ({listed}) ORDER BY ALL")
                values = [{**_values(row, table.fields), table.date: _day(row["date"])} for row in rows]
                yield name, table.entity, [{"subject": row["subject"], "values": v} for row, v in zip(rows, values, strict=True)]

    def _decided(self, level: Level, at: str) -> Iterator[tuple[Key, Decided]]:
        """Yield what the compiled rules decided of the household, or of each of its members."""
        source = self.sources[f"{level.subject}_bits"]
        rows = self._rows(f"SELECT * FROM {source} {at}")
        truths = [_results(level, row) for row in rows]
        paid: dict[str, dict[str, Any]] = {}
        if any(item.amount and row[item.amount] is not None for row in rows for item in level.policies):
            bits = f"(SELECT * FROM {source} {at})"
            listed = [f'"payable_{item.policy.id}"' for item in level.policies if item.amount]
            query = f"SELECT {level.subject}, {', '.join(listed)} FROM ({paid_table(level, stacking_of(self.run.package), bits)})"
            paid = {row[level.subject]: row for row in self._rows(query)}
        for row, results in zip(rows, truths, strict=True):
            decisions = {name: _DECISIONS[kleene_and(found)] for name, found in results.items()}
            for item in level.policies:
                name, subject = item.policy.id, row[level.subject]
                amount = row[item.amount] if item.amount else None
                lacks = _lacking(level, item, results[name], row)
                payable = paid.get(subject, {}).get(f"payable_{name}")
                yield (level.subject, subject, name), self._beside(level, name, decisions, results[name], lacks, amount, payable)

    def _beside(
        self,
        level: Level,
        name: str,
        decisions: Mapping[str, str],
        results: tuple[bool | None, ...],
        lacks: tuple[str, ...],
        amount: int | None,
        payable: int | None,
    ) -> Decided:
        """Return one decision with what stands beside it: earlier policies that take its place, a ceiling that cuts it."""
        package, verdict = self.run.package, decisions[name]
        instead: tuple[str, ...] = ()
        if verdict == "eligible":
            order = package.order[: package.order.index(name)]
            before = [other for other in order if decisions.get(other) in ("eligible", "unknown")]
            instead = tuple(rivals(name, before, stacking_of(package)))
        ceiling = None
        if payable is not None and amount is not None and payable < amount and not instead:
            ceiling = next((c for c in package.ceilings if name in c.policies and c.per == level.subject), None)
        return Decided(verdict, results, amount, payable, lacks if verdict == "unknown" else (), instead, ceiling)

    def _receipts(self, household: str, people: Sequence[Person]) -> dict[Key, Receipt]:
        subjects = ", ".join(text(name) for name in (household, *(person.pseudonym for person in people)))
        rows = self.connection.execute(
            f"SELECT kind, subject, policy, amount, since FROM {self.sources['receipts']} WHERE subject IN ({subjects})"
        ).fetchall()
        return {(row[0], row[1], row[2]): Receipt(row[3], _day(row[4])) for row in rows}

    def _findings(self, at: str) -> dict[Key, str]:
        source = self.sources.get("findings")
        if source is None:
            return {}
        rows = self.connection.execute(f"SELECT kind, subject, policy, finding FROM {source} {at}").fetchall()
        return {(row[0], row[1], row[2]): row[3] for row in rows}


_DECISIONS = {True: "eligible", False: "not eligible", None: "unknown"}


def _results(level: Level, row: Mapping[str, Any]) -> dict[str, tuple[bool | None, ...]]:
    """Return, per policy, what the words T and U of a bits row say of its conditions."""

    def result(bit: int) -> bool | None:
        place = bit % WORD
        return True if row[f"T{bit // WORD}"] >> place & 1 else None if row[f"U{bit // WORD}"] >> place & 1 else False

    return {item.policy.id: tuple(result(bit) for bit in item.bits) for item in level.policies}


def _lacking(level: Level, item: PlannedPolicy, results: Sequence[bool | None], row: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the variables that the unknown conditions of a policy lack, as `verdicts.missing` says it in SQL."""
    asked = {
        name for bit, result in zip(item.bits, results, strict=True) if result is None for name in level.conditions[bit].variables
    }
    lacking = (name for index, name in enumerate(level.missing) if row[f"M{index // WORD}"] >> (index % WORD) & 1)
    return tuple(sorted({shown(name) for name in lacking if name in asked}))


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
