"""What a contract declares about one dataset: fields, rules and the order in which rules name a bad row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum


class Phase(IntEnum):
    """Checks run in phases; a row found bad in one takes no part in the next."""

    LAYOUT = 0
    CELLS = 1
    ROWS = 2
    DUPLICATES = 3
    KEYS = 4
    REFERENCES = 5


#: Phase of every check of the contract language.
PHASES = {
    "columns": Phase.LAYOUT, "total-row": Phase.LAYOUT,
    "required": Phase.CELLS, "number": Phase.CELLS, "boolean": Phase.CELLS, "code": Phase.CELLS, "pattern": Phase.CELLS,
    "fifteen": Phase.CELLS, "shape": Phase.CELLS, "checksum": Phase.CELLS, "date": Phase.CELLS,
    "range": Phase.ROWS, "compare": Phase.ROWS, "sum": Phase.ROWS, "required-if": Phase.ROWS,
    "id-birth-date": Phase.ROWS, "id-sex": Phase.ROWS,
    "duplicate-row": Phase.DUPLICATES, "unique": Phase.KEYS, "one-per": Phase.KEYS, "reference": Phase.REFERENCES,
}  # fmt: skip

#: Name and titles of a rule that a contract leaves to us, by check (and format).
STANDARD = {
    "columns": ("wrong number of columns", "列数不符", "Wrong number of columns"),
    "total-row": ("total row, not data", "合计行，不是数据", "Total row, not data"),
    "required": ("missing value", "缺少必填值", "Missing value"),
    "number": ("not a number", "不是数值", "Not a number"),
    "boolean": ("not yes or no", "不是“是/否”", "Not yes or no"),
    "code": ("not in the code list", "不在代码表内", "Not in the code list"),
    "pattern": ("wrong form", "格式不符", "Wrong form"),
    "fifteen": ("15-digit id", "15位旧身份证号", "15-digit id"),
    "shape": ("resident id format", "公民身份号码格式错误", "Wrong format of the resident id"),
    "checksum": ("resident id checksum", "公民身份号码校验码错误", "Wrong checksum of the resident id"),
    "date": ("impossible date", "日期不存在", "Impossible date"),
    "unique": ("duplicate key", "主键重复", "Duplicate key"),
    "reference": ("unknown reference", "引用的对象不存在", "Unknown reference"),
    "uscc-shape": ("USCC format", "统一社会信用代码格式错误", "Wrong format of the unified social credit code"),
    "uscc-checksum": ("USCC checksum", "统一社会信用代码校验码错误", "Wrong checksum of the unified social credit code"),
}  # fmt: skip

#: First cells that mark a total row.
TOTAL_WORDS = ("合计", "总计", "小计", "共计", "累计", "总数")


@dataclass(frozen=True, slots=True)
class Owner:
    """The department that answers for a dataset or a field."""

    id: str
    zh: str
    en: str

    def name(self, lang: str) -> str:
        """Return the department's name in ``lang``."""
        return self.zh if lang == "zh" else self.en


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a dataset: where it stands in the file, how it is read, what it is in the lake."""

    name: str
    header: str
    type: str
    titles: Mapping[str, str]
    owner: Owner
    unit: str = ""
    scale: int = 2
    factor: int = 1
    codes: Mapping[str, str | int] = field(default_factory=dict)
    otherwise: str | int | None = None
    identifier: str = ""
    format: str = ""
    fifteen: str = "reject"
    part: tuple[int, int] | None = None
    protect: str = "clear"
    yes: tuple[str, ...] = ()
    no: tuple[str, ...] = ()
    required: bool = False
    unique: bool = False
    key_position: int = 0
    grade: str = ""
    pattern: str = ""
    min_length: int | None = None
    max_length: int | None = None
    references: tuple[str, ...] = ()

    def title(self, lang: str) -> str:
        """Return the field's title in ``lang``."""
        return self.titles.get(lang) or self.name

    @property
    def sensitive(self) -> bool:
        """Whether the value as read may not be shown without the key."""
        return bool(self.identifier) or self.protect == "encrypt" or self.grade in ("L3", "L4")


@dataclass(frozen=True, slots=True)
class Rule:
    """One named rule: a check on fields with its arguments."""

    name: str
    check: str
    titles: Mapping[str, str]
    fields: tuple[str, ...] = ()
    arguments: Mapping[str, object] = field(default_factory=dict)
    severity: str = "error"
    runnable: bool = True

    @property
    def phase(self) -> Phase:
        """When the rule runs."""
        return PHASES.get(self.check, Phase.ROWS)

    def title(self, lang: str) -> str:
        """Return the rule's title in ``lang``."""
        return self.titles.get(lang) or self.name


@dataclass(frozen=True, slots=True)
class Table:
    """A dataset as the checks see it: fields in order, rules in order, load mode, columns that are no data."""

    name: str
    fields: tuple[Field, ...]
    rules: tuple[Rule, ...]
    mode: str = "replace"
    ignore: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    def field(self, name: str) -> Field:
        """Return the field called ``name``."""
        return next(item for item in self.fields if item.name == name)

    @property
    def keys(self) -> tuple[str, ...]:
        """Names of the primary key's fields, in their order."""
        return tuple(item.name for item in sorted((f for f in self.fields if f.key_position), key=lambda f: f.key_position))


def standard_checks(item: Field) -> list[tuple[str, str]]:
    """Return (check, name of the standard rule) of all that ``item`` declares, in their order."""
    kind = "uscc-" if item.format == "uscc" else ""
    found = [("required", "required")] if item.required else []
    if item.type in ("number", "integer") and not item.codes:
        found.append(("number", "number"))
    if item.type == "boolean" and not item.codes:
        found.append(("boolean", "boolean"))
    if item.codes and item.otherwise is None:
        found.append(("code", "code"))
    if item.pattern or item.min_length is not None or item.max_length is not None:
        found.append(("pattern", "pattern"))
    if item.format == "resident-id":
        found.append(("fifteen", "fifteen"))
    if item.format:
        found += [("shape", f"{kind}shape"), ("checksum", f"{kind}checksum")]
    if item.type == "date" or item.format == "resident-id":
        found.append(("date", "date"))
    if item.unique:
        found.append(("unique", "unique"))
    return found


def _standard(key: str, check: str, fields: tuple[str, ...], **arguments: object) -> Rule:
    name, zh, en = STANDARD[key]
    return Rule(name, check, {"zh": zh, "en": en}, fields, arguments)


def completed(fields: tuple[Field, ...], written: tuple[Rule, ...]) -> tuple[Rule, ...]:
    """Return the written rules followed by the standard ones for whatever the fields declare and no written rule claims."""
    claimed = {(rule.check, name) for rule in written for name in rule.fields}
    alone = {(rule.check, rule.fields) for rule in written}
    rules = [replace(rule, fields=rule.fields) for rule in written]
    rules += [_standard(check, check, ()) for check in ("columns", "total-row") if (check, ()) not in alone]
    grouped: dict[tuple[str, str], list[str]] = {}
    for item in fields:
        for check, key in standard_checks(item):
            if (check, item.name) not in claimed:
                grouped.setdefault((check, key), []).append(item.name)
    for (check, key), names in grouped.items():
        if check == "unique":
            rules += [_standard(key, check, (name,)) for name in names]
        else:
            rules.append(_standard(key, check, tuple(names)))
    keys = tuple(f.name for f in sorted((f for f in fields if f.key_position), key=lambda f: f.key_position))
    settled = [rule.fields for rule in rules if rule.check in ("unique", "one-per")]
    if keys and keys not in settled:
        rules.append(_standard("unique", "unique", keys))
    for item in fields:
        for target in item.references:
            if ("reference", item.name) not in claimed:
                rules.append(_standard("reference", "reference", (item.name,), to=target))
    return tuple(rules)
