"""Findings as a post sees them: within its region and department, with names as far as its grade reaches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from zhizhi.apps.actors import Actor, Permission, region_prefix
from zhizhi.apps.assistance.selectors.dismissals import dismissed
from zhizhi.apps.assistance.selectors.lake import found_reader, lake_in_use, lake_state, once, register
from zhizhi.apps.assistance.selectors.packages import package_in_use
from zhizhi.apps.casework.selectors.cases import last_cases, number
from zhizhi.backends.found import DEFAULT_ORDER, Counts, Found, FoundReader, Sight, Wanted
from zhizhi.backends.lake import Lake
from zhizhi.backends.population import source_dataset
from zhizhi.backends.register import Head
from zhizhi.engines.rules.vocabulary import Variable
from zhizhi.kernel.errors import LakeError, NotFoundError
from zhizhi.scenarios.package import Package

Words = Mapping[str, str]
FILTERS = ("finding", "policy", "department", "severity", "kind", "since", "region", "q", "sort", "page")
"""Names in the query string of the list, of its export and of a saved filter."""
_KINDS = {"missed": "urgent", "leaking": "attention", "near miss": "neutral", "unknown": "unknown", "warning": "attention"}


@dataclass(frozen=True, slots=True)
class MissingField:
    """A field that nobody could decide without: its title and the department that has it."""

    title: Words
    owner: Words


@dataclass(frozen=True, slots=True)
class Standing:
    """What people did with a finding: the household's open case, or the reason for which it was dismissed (a code and a note)."""

    case: int | None = None
    number: str = ""
    dismissed: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class FindingRow:
    """One line of the list. ``head`` is None where the post's grade does not reach names, or there is no register."""

    found: Found
    policy: Words
    department: Words
    missing: Sequence[MissingField]
    head: Head | None
    standing: Standing

    @property
    def code(self) -> str:
        """The finding's kind as it stands in codes and addresses: ``near-miss``."""
        return self.found.finding.replace(" ", "-")

    @property
    def tone(self) -> str:
        """The status colour and icon of its kind."""
        return _KINDS[self.found.finding]

    @property
    def key(self) -> str:
        """What names this finding in a form."""
        return f"{self.found.subject}.{self.found.policy}.{self.code}"


@dataclass(frozen=True, slots=True)
class FindingRows:
    """A list of findings as it can be sliced and counted by a pager: nothing is read before it is shown."""

    actor: Actor
    reader: FoundReader
    sight: Sight
    wanted: Wanted
    order: str
    on: date
    total: int

    def count(self) -> int:
        """Return how many there are."""
        return self.total

    def __len__(self) -> int:
        return self.total

    def __getitem__(self, rows: slice) -> list[FindingRow]:
        found = self.reader.page(
            self.sight, self.wanted, self.order, offset=rows.start, limit=(rows.stop or self.total) - (rows.start or 0)
        )
        return finding_rows(self.actor, found, on=self.on)


def found_sight(actor: Actor) -> Sight:
    """Return what a post may see of findings; a post without a region sees none."""
    return Sight(region_prefix(actor.region) if actor.region else "", actor.department)


def wanted_from(query: Mapping[str, Any]) -> tuple[Wanted, str]:
    """Return the filters and the order that a query string asks for; several values of one filter stand with commas.

    An unknown value is refused where it is used, so that nothing is ever shown unfiltered by mistake.
    """

    def values(name: str) -> tuple[str, ...]:
        listed: Iterable[str] = query.getlist(name) if hasattr(query, "getlist") else [str(query.get(name) or "")]
        return tuple(dict.fromkeys(part for value in listed for part in value.split(",") if part))

    return (
        Wanted(
            finding=tuple(value.replace("near-miss", "near miss") for value in values("finding")),
            policy=values("policy"),
            department=values("department"),
            severity=values("severity"),
            kind=values("kind"),
            since_last=values("since"),
            region=str(query.get("region") or "").strip(),
            text=str(query.get("q") or "").strip()[:100],
        ),
        str(query.get("sort") or DEFAULT_ORDER),
    )


def finding_list(actor: Actor, *, wanted: Wanted, order: str, on: date) -> tuple[FindingRows, Counts] | None:
    """Return the list and the counts beside its filters, or None where nothing was screened yet.

    Raises:
        RefusedError: the post may not see findings. UsageError: a filter that names nothing.
    """
    actor.require(Permission.FINDING_VIEW)
    reader = found_reader()
    if reader is None:
        return None
    sight = found_sight(actor)
    counts = reader.counts(sight, wanted)
    return FindingRows(actor, reader, sight, wanted, order, on, counts.total), counts


def finding_rows(actor: Actor, found: Sequence[Found], *, on: date) -> list[FindingRow]:
    """Return findings with the words that people read; names only where the post's grade reaches them."""
    package = package_in_use()
    heads = heads_of(actor, {item.household for item in found}, on=on)
    standing = standings(actor, found)
    owners = owner_words() if any(item.missing for item in found) else {}
    none = {"zh": "", "en": ""}
    rows = []
    for item in found:
        policy = package.policies.get(item.policy)
        rows.append(
            FindingRow(
                item,
                policy.title_in(item.region) if policy else {"zh": item.policy, "en": item.policy},
                package.departments.get(policy.department, none) if policy else none,
                [MissingField(field_title(package, name), owners.get(name) or none) for name in item.missing],
                heads.get(item.household),
                standing(item),
            )
        )
    return rows


def standings(actor: Actor, found: Sequence[Found]) -> Callable[[Found], Standing]:
    """Return what says of each finding what people did with it: asked of the database once for all of them."""
    households = sorted({item.household for item in found})
    open_cases: dict[str, dict[str, Any]] = {}
    if actor.may(Permission.CASE_VIEW) and households:
        for kind in ("review", "assistance"):
            last = last_cases(actor, households=households, kind=kind)
            open_cases |= {household: case for household, case in last.items() if case["open"]}
    words = dismissed(actor, households) if households else {}

    def standing(item: Found) -> Standing:
        case, word = open_cases.get(item.household), words.get((item.subject, item.policy, item.finding))
        if case is not None:
            return Standing(case["id"], number(case["id"], item.region, case["opened_on"]))
        return Standing(dismissed=word.reason, note=word.note) if word is not None else Standing()

    return standing


def heads_of(actor: Actor, households: Iterable[str], *, on: date) -> dict[str, Head]:
    """Return the heads of households by masked name, if the post may see files and its grade reaches names; else nothing."""
    wanted = set(households)
    if not wanted or not actor.may(Permission.HOUSEHOLD_VIEW):
        return {}
    try:
        people = register(on)
    except (LakeError, NotFoundError):
        return {}  # no register or no key: the list is shown without names, the file says what is wrong
    return people.heads(wanted) if actor.grade >= people.name_grade else {}


def field_title(package: Package, name: str) -> Words:
    """Return the title of a variable, or of a field of a record table (``claims.self_paid``)."""
    table, _, field = name.rpartition(".")
    vocabulary = package.needs.vocabulary
    if table:
        record = vocabulary.records[table]
        inner = record.fields[field].title if field in record.fields else {"zh": field, "en": field}
        return {lang: f"{record.title[lang]} · {inner.get(lang) or field}" for lang in ("zh", "en")}
    for entity in ("person", "household"):
        variable: Variable | None = vocabulary.of(entity).get(name)
        if variable is not None:
            return variable.title
    return {"zh": name, "en": name}


def owner_words() -> dict[str, Words]:
    """Return variable (or ``table.field``) -> the department that owns its source, in both languages."""
    package, lake = package_in_use(), lake_in_use()
    found: dict[str, Words] = once("owners", (package.digest, lake_state(lake)), lambda: _owner_words(package, lake))
    return found


def _owner_words(package: Package, lake: Lake) -> dict[str, Words]:
    vocabulary = package.needs.vocabulary
    known = set(lake.datasets())
    of_dataset: dict[str, Words] = {}

    def owner(dataset: str) -> Words:
        if dataset not in of_dataset:
            contract = lake.contract(dataset) if dataset in known else None
            of_dataset[dataset] = {lang: contract.owner(lang) if contract else dataset for lang in ("zh", "en")}
        return of_dataset[dataset]

    found: dict[str, Words] = {}
    for entity in ("person", "household"):
        for name, variable in vocabulary.of(entity).items():
            if variable.source is not None:
                found[name] = owner(source_dataset(variable))
    for record in vocabulary.records.values():
        for name in record.fields:
            found[f"{record.name}.{name}"] = owner(record.dataset)
    return found
