"""One household, one file (一户一档): who they are, what they get, what they could get and why, as far as the post may see."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from zhizhi.apps.accounts.selectors.regions import region_get
from zhizhi.apps.actors import Actor, Permission
from zhizhi.apps.assistance.selectors.found import owner_words
from zhizhi.apps.assistance.selectors.lake import READING, case_reader, lake_in_use, lake_state, once, register
from zhizhi.apps.assistance.selectors.packages import package_in_use
from zhizhi.apps.assistance.selectors.reasons import (
    AmountView,
    Naming,
    ReasonView,
    Words,
    amount_of,
    laws_of,
    reasons_of,
)
from zhizhi.apps.configuration import configuration
from zhizhi.apps.wording import t
from zhizhi.backends.case_files import CaseFile, CaseReader
from zhizhi.backends.lake import Lake
from zhizhi.backends.population import source_dataset, source_fields
from zhizhi.backends.told import Told, tell
from zhizhi.backends.vault import Vault
from zhizhi.engines.rules import ir
from zhizhi.engines.rules.types import Type
from zhizhi.engines.rules.vocabulary import Variable
from zhizhi.engines.rules.wording import unit_text, value_text
from zhizhi.kernel.errors import LakeError, NotFoundError
from zhizhi.scenarios.package import Package

_SHOWN_BY_ITSELF = ("relation", "birth_date")
_MOST = 4


@dataclass(frozen=True, slots=True)
class Source:
    """Where a fact comes from: dataset, its department, when it was last loaded, and how high its data is graded."""

    dataset: str
    title: Words
    owner: Words
    loaded: date | None
    grade: int


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact of a member. ``state`` is known, missing (a blank cell) or hidden (above the post's grade)."""

    name: str
    title: Words
    value: str
    state: str
    source: Source


@dataclass(frozen=True, slots=True)
class FactGroup:
    """The facts that one dataset tells of a subject."""

    source: Source
    facts: Sequence[Fact]


@dataclass(frozen=True, slots=True)
class Member:
    """A member as she is shown: place in the household, relation, masked name and age as far as the grade reaches."""

    place: int
    relation: str
    name: str
    age: int | None
    groups: Sequence[FactGroup]
    others: int

    @property
    def shown(self) -> str:
        """Return how she is called on the page: masked name, or place, with the relation."""
        relation = t(f"household.relation-{self.relation}") if self.relation else t("household.member", n=self.place + 1)
        return t("household.who", name=self.name, relation=relation) if self.name else relation


@dataclass(frozen=True, slots=True)
class Entitlement:
    """What one policy or warning says of the household or of one member, and what is received of it now."""

    policy: str
    anchor: str
    kind: str
    title: Words
    department: Words
    whose: str
    decision: str
    payable_fen: int | None
    unit: str
    receipt: bool
    receives_fen: int | None
    since: date | None
    finding: str
    agrees: bool
    matters: bool
    notes: Sequence[str]
    reasons: Sequence[ReasonView]
    amount: AmountView | None
    laws: Sequence[str]

    @property
    def payable(self) -> str:
        """Return what should be received, in yuan with the unit; empty where there is nothing to pay."""
        return "" if self.payable_fen is None else f"{yuan(self.payable_fen)} {self.unit}"

    @property
    def receives(self) -> str:
        """Return what is received now, in yuan with the unit; empty where no amount is on record."""
        return "" if self.receives_fen is None else f"{yuan(self.receives_fen)} {self.unit}"

    @property
    def tone(self) -> str:
        """Return the status that its decision is shown with."""
        if self.kind == "warning":
            return {"eligible": "attention", "unknown": "unknown"}.get(self.decision, "neutral")
        return {"eligible": "done", "unknown": "unknown"}.get(self.decision, "neutral")

    @property
    def code(self) -> str:
        """Return the decision as it stands in labels; a warning that holds is not called eligible."""
        word = self.decision.replace(" ", "-")
        return f"warning-{word}" if self.kind == "warning" else word

    @property
    def failed(self) -> list[str]:
        """Return the conditions that do not hold."""
        return [reason.label for reason in self.reasons if reason.result is False]

    @property
    def lacks(self) -> list[Any]:
        """Return the missing fields of an open decision, each once."""
        if self.decision != "unknown":
            return []
        return list({lack.name: lack for reason in self.reasons for lack in reason.lacks}.values())


@dataclass(frozen=True, slots=True)
class HouseholdFile:
    """Everything that the page shows of a household out of the lake."""

    household: str
    region: str
    on: date
    kept: bool
    synthetic: bool
    names: bool
    members: Sequence[Member]
    groups: Sequence[FactGroup]
    entitlements: Sequence[Entitlement]
    rest: Sequence[Entitlement] = field(default_factory=tuple)
    package: str = ""
    package_version: str = ""


def yuan(fen: int) -> str:
    """Return fen as yuan with thousands; cents only where there are some."""
    return f"{fen // 100:,}" if fen % 100 == 0 else f"{fen / 100:,.2f}"


def household_file(actor: Actor, household: str, *, on: date, lang: str, policy: str = "") -> HouseholdFile:
    """Return the file of a household on a date, cut to the post's data grade. Reading it is recorded by the caller.

    ``policy`` is told in full whatever it says, as those are that are met, open, received or found.

    Raises:
        RefusedError: the post may not read files. NotFoundError: no such household within the post's region.
        LakeError: there is no lake.
    """
    actor.require(Permission.HOUSEHOLD_VIEW)
    package = package_in_use()
    with READING:
        reader = case_reader(on)
        file = reader.read(household)
        if not actor.sees(file.case.region):
            raise NotFoundError("screening.household-unknown")
        told = list(tell(reader, package, file))
        kept = reader.kept is not None
    return _Page(actor, package, reader, file, on, lang).file(told, kept, policy)


def household_region(actor: Actor, household: str, *, on: date) -> str:
    """Return the region of a household that the post sees.

    Raises:
        NotFoundError: no such household within the post's region.
    """
    actor.require(Permission.HOUSEHOLD_VIEW)
    with READING:
        region = case_reader(on).read(household).case.region
    if not actor.sees(region):
        raise NotFoundError("screening.household-unknown")
    return region


def household_find(actor: Actor, given: str, *, on: date) -> str:
    """Return the pseudonym of the household that a number or a member's resident id means, within the post's region.

    Raises:
        NotFoundError: ``screening.household-unknown``: there is none, or it lies elsewhere, which must look the same.
    """
    actor.require(Permission.HOUSEHOLD_VIEW)
    if not given.strip():
        raise NotFoundError("screening.household-unknown")
    vault = Vault.open(configuration().key_path) if CaseReader.in_clear(given) else None
    with READING:
        reader = case_reader(on)
        household = reader.find(given, vault)
        region = reader.read(household).case.region
    if not actor.sees(region):
        raise NotFoundError("screening.household-unknown")
    return household


class _Page:
    def __init__(self, actor: Actor, package: Package, reader: CaseReader, case: CaseFile, on: date, lang: str) -> None:
        self.actor, self.package, self.reader, self.case, self.on, self.lang = actor, package, reader, case, on, lang
        self.lake = lake_in_use()
        self.meta = contracts(self.lake)
        self.owners = owner_words()
        self.names = self._names()

    def file(self, told: Sequence[Told], kept: bool, policy: str) -> HouseholdFile:
        members = [self._member(place) for place in range(len(self.case.people))]
        naming = Naming(self.lang, [member.shown for member in members], self.meta.codes(self.lang), t("household.whole"))
        seen: set[str] = set()
        rows = []
        for item in told:
            anchor = "" if item.policy.id in seen else item.policy.id  # an address on the page names one row
            row = self._entitlement(item, naming, anchor, item.matters or item.policy.id == policy)
            seen.add(item.policy.id)
            rows.append(row)
        rank = {"eligible": 0, "unknown": 1}
        matter = [row for row in rows if row.matters]
        matter.sort(key=lambda row: (row.kind == "warning", not row.finding, rank.get(row.decision, 2), -(row.payable_fen or 0)))
        return HouseholdFile(
            self.case.household,
            self.case.case.region,
            self.on,
            kept,
            self.lake.synthetic,
            bool(self.names),
            members,
            _grouped(fact for fact in self._facts("household", self.case.case.household) if fact.state != "hidden"),
            matter,
            [row for row in rows if not row.matters],
            self.package.id,
            self.package.version,
        )

    def _names(self) -> dict[str, str]:
        try:
            people = register(self.on)
        except (LakeError, NotFoundError):
            return {}
        return people.names(self.case.household) if self.actor.grade >= people.name_grade else {}

    def _member(self, place: int) -> Member:
        person = self.case.people[place]
        values = self.case.case.members[place]
        facts = list(self._facts("person", values))
        age = person.age if self.actor.grade >= self.meta.grade(self.package.needs.population.dataset, "birth_date") else None
        shown = [fact for fact in facts if fact.state != "hidden"]
        return Member(place, person.relation, self.names.get(person.pseudonym, ""), age, _grouped(shown), len(facts) - len(shown))

    def _facts(self, entity: str, values: Mapping[str, Any]) -> Iterator[Fact]:
        """Yield what is known of a subject beyond nothing, what is blank though it should not be, and what is too high to see."""
        used = self.reader.run.plan.asks.variables(entity)
        for name, variable in self.package.needs.vocabulary.of(entity).items():
            if variable.source is None or name not in used or name in _SHOWN_BY_ITSELF:
                continue
            value, source = values.get(name), self._source(variable)
            if value == variable.absent and value is not None:
                continue
            if value is None and variable.absent is None and not self._required(variable):
                continue
            if source.grade > self.actor.grade:
                yield Fact(name, variable.title, "", "hidden", source)
            elif value is None:
                yield Fact(name, variable.title, "", "missing", source)
            else:
                yield Fact(name, variable.title, self._value(value, variable.type), "known", source)

    @staticmethod
    def _required(variable: Variable) -> bool:
        """Whether a blank means that something is missing: a field of the register itself, not one that needs an occasion."""
        return variable.absent is None and variable.name in ("sex", "marital_status", "hukou_region")

    def _value(self, value: Any, type_: Type) -> str:
        if type_.kind == "code" and isinstance(value, str):
            return self.meta.codes(self.lang).get(value, value)
        if type_.kind == "string" and isinstance(value, str) and value.isdigit() and len(value) in (6, 9, 12):
            place = region_get(value)
            return place.name(self.lang) if place else value
        return value_text(value, type_, self.lang)

    def _source(self, variable: Variable) -> Source:
        dataset = source_dataset(variable)
        grade = max((self.meta.grade(one, name) for one, name in source_fields(variable)), default=1)
        return Source(
            dataset, self.meta.titles.get(dataset, {"zh": dataset, "en": dataset}), self.owners.get(variable.name, {}),
            self.meta.loaded.get(dataset), grade,
        )  # fmt: skip

    def _grade(self, name: str, node: ir.Node) -> int:
        """Return how high the data is that an expression reads; worked out once for a state of the lake and package."""
        kept = self.meta.expressions.setdefault(self.package.digest, {})
        if name not in kept:
            kept[name] = self._highest(node)
        return kept[name]

    def _highest(self, node: ir.Node) -> int:
        vocabulary = self.package.needs.vocabulary
        highest = 1
        for part in ir.walk(node):
            if not isinstance(part, ir.Var):
                continue
            record = vocabulary.records.get(part.entity)
            if record is not None:
                highest = max(highest, self.meta.grade(record.dataset, record.column(part.name)))
                continue
            variable = vocabulary.of(part.entity).get(part.name)
            if variable is not None and variable.source is not None:
                highest = max([highest, *(self.meta.grade(one, name) for one, name in source_fields(variable))])
        return highest

    def _entitlement(self, item: Told, naming: Naming, anchor: str, matters: bool) -> Entitlement:
        said, policy, decided = item.explanation, item.policy, item.decided
        unit = unit_text(Type("number", policy.amount.unit), self.lang) if policy.amount else ""
        paid = decided.payable_fen if decided is not None and said.decision == "eligible" else None
        return Entitlement(
            policy.id,
            anchor,
            policy.kind,
            said.title,
            self.package.departments.get(policy.department, {"zh": policy.department, "en": policy.department}),
            naming.whose(item.member),
            said.decision,
            paid,
            unit,
            item.receipt is not None,
            item.receipt.amount_fen if item.receipt else None,
            item.receipt.since if item.receipt else None,
            (item.finding or "").replace(" ", "-"),
            item.agrees,
            matters,
            list(self._notes(item, unit)),
            reasons_of(policy, said, naming, self.actor.grade, self._grade, brief=not matters),
            amount_of(policy, said, naming, self.actor.grade, self._grade) if matters else None,
            laws_of(said, self.lang),
        )

    def _notes(self, item: Told, unit: str) -> Iterator[str]:
        decided, provides = item.decided, item.policy.provides
        if item.explanation.decision == "eligible" and provides:
            yield t("household.provides", item=provides.get("item", provides).get(self.lang, ""))
        if decided is None or decided.decision != "eligible" or decided.amount_fen is None:
            return
        if decided.instead and decided.payable_fen != decided.amount_fen:
            names = t("findings.and").join(self.package.policies[name].title[self.lang] for name in decided.instead)
            yield t("household.instead" if decided.payable_fen == 0 else "household.instead-open", names=names)
        if decided.ceiling is not None:
            yield t("household.ceiling", label=decided.ceiling.label.get(self.lang) or decided.ceiling.id)


def _grouped(facts: Iterable[Fact]) -> list[FactGroup]:
    """Return facts by the dataset that tells them, in the order of their first."""
    found: dict[str, list[Fact]] = {}
    for fact in facts:
        found.setdefault(fact.source.dataset, []).append(fact)
    return [FactGroup(listed[0].source, listed) for listed in found.values()]


class Contracts:
    """Titles, grades, codes and dates of loading of the lake's datasets, read once for a state of the lake."""

    def __init__(self, lake: Lake) -> None:
        self.titles: dict[str, Words] = {}
        self._grades: dict[tuple[str, str], int] = {}
        self._codes: dict[str, dict[str, str]] = {"zh": {}, "en": {}}
        for dataset in lake.datasets():
            contract = lake.contract(dataset)
            self.titles[dataset] = {lang: contract.title(lang) for lang in ("zh", "en")}
            for item in contract.fields.values():
                digits = "".join(ch for ch in item.grade if ch.isdigit())
                self._grades[dataset, item.name] = int(digits) if digits else _MOST
                for words, code in item.codes.items():
                    self._codes["zh"].setdefault(str(code), words)
                    self._codes["en"].setdefault(str(code), str(code).replace("-", " "))
        self.expressions: dict[str, dict[str, int]] = {}
        self.loaded: dict[str, date] = {}
        for row in lake.rows("loads", columns="dataset, max(finished_at) AS at", where="true GROUP BY dataset"):
            self.loaded[row["dataset"]] = row["at"].date()

    def grade(self, dataset: str, name: str) -> int:
        """Return the grade of a field; what no contract grades counts as the highest."""
        return self._grades.get((dataset, name), _MOST)

    def codes(self, lang: str) -> dict[str, str]:
        """Return code -> word."""
        return {**self._codes[lang], "none": t("household.none")}


def contracts(lake: Lake) -> Contracts:
    """Return what the lake's contracts say, kept until the lake changes."""
    found: Contracts = once("contracts", lake_state(lake), lambda: Contracts(lake))
    return found
