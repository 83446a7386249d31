"""Who somebody is, for those who may know: masked names for lists, clear names and numbers for one household on purpose."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from zhizhi.backends.duckdb import connect
from zhizhi.backends.lake import Lake
from zhizhi.backends.population import Snapshot, quoted, text
from zhizhi.backends.vault import Vault
from zhizhi.engines.rules.evaluator import elapsed
from zhizhi.scenarios.package import Package

NAME = "name"
_COMPOUND = ("欧阳", "太史", "端木", "上官", "司马", "东方", "独孤", "南宫", "万俟", "闻人", "夏侯", "诸葛", "尉迟", "公羊",
             "赫连", "澹台", "皇甫", "宗政", "濮阳", "公冶", "太叔", "申屠", "公孙", "慕容", "仲孙", "钟离", "长孙", "宇文",
             "司徒", "鲜于", "司空", "令狐", "轩辕")  # fmt: skip


def masked(name: str) -> str:
    """Return a name with all but the family name hidden: 王小明 → 王**, 欧阳娜 → 欧阳*.

    Example:
        >>> masked("王小明"), masked("欧阳娜"), masked("李"), masked("")
        ('王**', '欧阳*', '李*', '')
    """
    if not name:
        return ""
    family = 2 if name[:2] in _COMPOUND and len(name) > 2 else 1
    return name[:family] + "*" * max(1, len(name) - family)


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a household as a list shows her: masked name, age, sex code, how many live there."""

    household: str
    name: str
    age: int | None
    sex: str
    members: int


@dataclass(frozen=True, slots=True)
class Identity:
    """A person in clear. A field that the caller's grade does not reach is None."""

    person: str
    name: str | None
    number: str | None


class Register:
    """The population register of a lake at its latest state, with the key that opens names. Safe in threads."""

    def __init__(self, lake: Lake, package: Package, vault: Vault, on: date) -> None:
        self.lake, self.vault, self.on = lake, vault, on
        self.population = package.needs.population
        snapshot = Snapshot.latest(lake)
        self.contract = snapshot.contract(self.population.dataset)
        self.table = snapshot.table(self.population.dataset)
        self._connection = connect(threads=2)
        self._connection.execute("SET parquet_metadata_cache = true")
        self._lock = threading.Lock()

    def grade(self, field: str) -> int:
        """Return the grade of a field of the register, 4 where the contract says nothing."""
        item = self.contract.fields.get(field)
        digits = "".join(ch for ch in item.grade if ch.isdigit()) if item else ""
        return int(digits) if digits else 4

    @property
    def name_grade(self) -> int:
        """The grade of names."""
        return self.grade(NAME)

    @property
    def number_grade(self) -> int:
        """The grade of resident ids."""
        return self.grade(self.population.person)

    def heads(self, households: Iterable[str]) -> dict[str, Head]:
        """Return the heads of households by household, in one query; a household without a head has its oldest member."""
        listed = ", ".join(text(value) for value in sorted(set(households)))
        if not listed:
            return {}
        person, household = quoted(self.population.person), quoted(self.population.household)
        head = " AND ".join(f"{quoted(name)} = {text(str(value))}" for name, value in self.population.head.items()) or "false"
        fields = self.contract.fields
        name, sex = (quoted(field) if field in fields else "NULL" for field in (NAME, "sex"))
        born = "birth_date" if "birth_date" in fields else "CAST(NULL AS DATE)"
        query = (
            f"SELECT {household} AS h, arg_min({{'n': {name}, 's': {sex}, 'b': {born}}}, "
            f"(NOT coalesce({head}, false), coalesce({born}, DATE '9999-01-01'), {person})) AS x, count(*) AS m "
            f"FROM {self.table} WHERE {household} IN ({listed}){self._members()} GROUP BY h"
        )
        with self._lock:
            rows = self._connection.execute(query).fetchall()
        return {
            row[0]: Head(
                row[0],
                masked(self._clear(row[1]["n"])),
                None if row[1]["b"] is None else elapsed("years", row[1]["b"], self.on),
                row[1]["s"] or "",
                row[2],
            )
            for row in rows
        }

    def names(self, household: str) -> dict[str, str]:
        """Return person -> masked name of a household's members."""
        return {person: masked(name) for person, name in self._names(household).items()}

    def reveal(self, household: str, grade: int) -> list[Identity]:
        """Return a household's members in clear, as far as ``grade`` reaches: the caller records that it was done, and why."""
        names = self._names(household)
        numbers = self.vault.reveal(self.lake, names) if grade >= self.number_grade else {}
        return [
            Identity(person, name if grade >= self.name_grade else None, numbers.get(person)) for person, name in names.items()
        ]

    def _names(self, household: str) -> dict[str, str]:
        person, place = quoted(self.population.person), quoted(self.population.household)
        name = quoted(NAME) if NAME in self.contract.fields else "NULL"
        query = f"SELECT {person}, {name} FROM {self.table} WHERE {place} = {text(household)}{self._members()} ORDER BY 1"
        with self._lock:
            rows = self._connection.execute(query).fetchall()
        return {row[0]: self._clear(row[1]) for row in rows}

    def _members(self) -> str:
        tests = [
            f"{quoted(name)} IS NULL" if value is None else f"{quoted(name)} = {text(str(value))}"
            for name, value in self.population.member_if.items()
        ]
        return "".join(f" AND {test}" for test in tests)

    def _clear(self, value: str | None) -> str:
        field = self.contract.fields.get(NAME)
        if not value or field is None:
            return ""
        return self.vault.unseal(value) if field.protect == "encrypt" else value
