"""Data contracts: ODCS v3.1 YAML in, a checked ``Contract`` out. The format is described in ``docs/reference/contracts.md``."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from zhizhi.engines.quality.declared import Field, Owner, Rule, Table, completed
from zhizhi.exchange.plain_yaml import PlainYamlError, load_plain
from zhizhi.kernel.errors import ContractError, Place

SUFFIX = ".odcs.yaml"
_TYPES = ("string", "integer", "number", "date", "boolean")
_LIBRARY = {"nullValues": "required", "missingValues": "required", "duplicateValues": "unique"}


@dataclass(frozen=True, slots=True)
class Contract:
    """A parsed contract of one dataset.

    Attributes:
        table: what the checks need: fields, rules in order, load mode.
        titles: ``{zh, en}`` of the dataset.
        department: who answers for the dataset.
        file: the export's file name without ending.
        update: how often a new file is due, or empty.
        sheet: name of the sheet, or empty.
        encoding: declared encoding, or empty.
        source: the YAML text, kept beside the data it explains.
    """

    table: Table
    titles: Mapping[str, str]
    department: Owner
    file: str
    update: str
    sheet: str
    encoding: str
    source: str

    @property
    def dataset(self) -> str:
        """The dataset's name in the lake."""
        return self.table.name

    @property
    def fields(self) -> dict[str, Field]:
        """Fields by name, in the contract's order."""
        return {item.name: item for item in self.table.fields}

    @property
    def keys(self) -> tuple[str, ...]:
        """Names of the primary key's fields."""
        return self.table.keys

    @property
    def mode(self) -> str:
        """``replace``, ``append`` or ``upsert``."""
        return self.table.mode

    @property
    def sha(self) -> str:
        """SHA-256 of the contract's text: a changed contract loads a file anew."""
        return sha256(self.source.encode()).hexdigest()

    def title(self, lang: str) -> str:
        """Return the dataset's title in ``lang``."""
        return self.titles.get(lang) or self.dataset

    def owner(self, lang: str) -> str:
        """Return the name of the department that answers for the dataset."""
        return self.department.name(lang)

    @property
    def references(self) -> set[str]:
        """Other datasets that a rule of this contract looks into."""
        targets = {str(rule.arguments["to"]).partition(".")[0] for rule in self.table.rules if rule.check == "reference"}
        return targets - {self.dataset}


@cache
def _validators() -> dict[str, Draft202012Validator]:
    schema = json.loads(files("zhizhi.exchange").joinpath("contract.schema.json").read_text(encoding="utf-8"))
    return {
        name: Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": schema["$defs"]}) for name in ("dataset", "field", "rule")
    }


def read_contract(path: Path) -> Contract:
    """Read and check one contract file.

    Raises:
        ContractError: it is not YAML, lacks what a contract needs, uses an unknown key, or names a field that does not exist.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ContractError("contract.unreadable", Place(str(path)), reason=str(error)) from error
    return parse_contract(text, path.name)


def read_contracts(folder: Path) -> list[Contract]:
    """Read every ``*.odcs.yaml`` of ``folder``, so ordered that a dataset comes after those it refers to.

    Raises:
        ContractError: the folder has no contract, two describe one dataset, or one cannot be accepted.
    """
    found = [read_contract(path) for path in sorted(folder.glob(f"*{SUFFIX}"))]
    if not found:
        raise ContractError("contract.none", folder=str(folder))
    names = [item.dataset for item in found]
    for name in names:
        if names.count(name) > 1:
            raise ContractError("contract.twice", dataset=name)
    return in_order(found)


def in_order(contracts: Iterable[Contract]) -> list[Contract]:
    """Return the contracts with every dataset after those it refers to; within that, by name."""
    waiting = {item.dataset: item for item in sorted(contracts, key=lambda c: c.dataset)}
    ordered: list[Contract] = []
    while waiting:
        ready = [c for c in waiting.values() if not (c.references & waiting.keys())] or [next(iter(waiting.values()))]
        ordered += ready
        for item in ready:
            del waiting[item.dataset]
    return ordered


@lru_cache(256)
def parse_contract(text: str, file: str = "") -> Contract:
    """Parse the YAML ``text`` of a contract; ``file`` is named in errors."""
    place = Place(file)
    try:
        document = load_plain(text)
    except PlainYamlError as error:
        raise ContractError("contract.yaml", Place(file, error.line, error.column), reason=error.reason) from error
    if not isinstance(document, dict):
        raise ContractError("contract.yaml", place, reason="not a mapping")
    return _Reader(document, place).contract(text)


class _Reader:
    """Turns the plain document of one contract into a ``Contract``; all errors carry the file's place."""

    def __init__(self, document: dict[str, Any], place: Place) -> None:
        self.document = document
        self.place = place

    def contract(self, text: str) -> Contract:
        document = self.document
        for key in ("apiVersion", "kind", "id", "version", "status", "schema"):
            if not document.get(key):
                raise ContractError("contract.missing-key", self.place, key=key, where="contract")
        if document["kind"] != "DataContract" or not str(document["apiVersion"]).startswith("v3."):
            raise ContractError("contract.version", self.place, seen=f"{document['kind']} {document['apiVersion']}")
        schemas = document["schema"]
        if len(schemas) != 1 or schemas[0].get("name") != document["id"]:
            raise ContractError("contract.one-schema", self.place, id=document["id"])
        schema = schemas[0]
        own = self.additions(document, "dataset", "contract")
        department = Owner(**own["owner"])
        fields = tuple(self.field(item, department) for item in schema.get("properties") or [])
        names = [item.name for item in fields]
        if not names or len(set(names)) < len(names):
            raise ContractError("contract.fields", self.place)
        written = [self.rule(entry, names) for entry in schema.get("quality") or []]
        for item in schema["properties"]:
            written += [self.rule(entry, names, item["name"]) for entry in item.get("quality") or []]
        table = Table(
            name=document["id"],
            fields=fields,
            rules=completed(fields, tuple(written)),
            mode=own.get("load", "replace"),
            ignore=tuple(own.get("ignore", ())),
            missing=tuple(own.get("missing", ())),
        )
        if table.mode == "upsert" and not table.keys:
            raise ContractError("contract.upsert-key", self.place, dataset=table.name)
        self.arguments(table)
        return Contract(
            table=table,
            titles=own["title"],
            department=department,
            file=schema.get("physicalName") or table.name,
            update=own.get("update", ""),
            sheet=own.get("sheet", ""),
            encoding=own.get("encoding", ""),
            source=text,
        )

    def additions(self, element: Mapping[str, Any], kind: str, where: str) -> dict[str, Any]:
        for entry in element.get("customProperties") or []:
            if entry.get("property") == "zhizhi":
                value = entry.get("value")
                self.checked(value, kind, where)
                return dict(value)
        if kind == "dataset":
            raise ContractError("contract.missing-key", self.place, key="customProperties: zhizhi", where=where)
        return {}

    def checked(self, value: object, kind: str, where: str) -> None:
        for error in _validators()[kind].iter_errors(value):
            path = ".".join(str(part) for part in error.absolute_path)
            raise ContractError(
                "contract.addition", self.place, where=f"{where}{'.' if path else ''}{path}", reason=error.message
            )

    def field(self, item: Mapping[str, Any], department: Owner) -> Field:
        name = str(item.get("name") or "")
        kind = item.get("logicalType", "string")
        if kind not in _TYPES:
            raise ContractError("contract.type", self.place, field=name, seen=kind, known=", ".join(_TYPES))
        own = self.additions(item, "field", name)
        options = item.get("logicalTypeOptions") or {}
        part = own.get("part")
        key = item.get("primaryKeyPosition", 1) if item.get("primaryKey") else 0
        codes = {str(read): code for read, code in own.get("codes", {}).items()}
        return Field(
            name=name,
            header=item.get("physicalName") or name,
            type=kind,
            titles=own.get("title") or {"zh": name, "en": name},
            owner=Owner(**own["owner"]) if "owner" in own else department,
            unit=own.get("unit", ""),
            scale=own.get("scale", 2),
            factor=own.get("factor", 1),
            codes=codes,
            otherwise=own.get("otherwise"),
            identifier=own.get("identifier", ""),
            format=own.get("format", ""),
            fifteen=own.get("fifteen", "reject"),
            part=(part["start"], part["length"]) if part else None,
            protect=own.get("protect", "clear"),
            yes=tuple(own.get("true", ())),
            no=tuple(own.get("false", ())),
            required=bool(item.get("required")),
            unique=bool(item.get("unique")),
            key_position=max(int(key), 0),
            grade=item.get("classification", ""),
            pattern=options.get("pattern", "") if kind == "string" else "",
            min_length=options.get("minLength") if kind == "string" else None,
            max_length=options.get("maxLength") if kind == "string" else None,
            references=tuple(str(link["to"]) for link in item.get("relationships") or []),
        )

    def rule(self, entry: Mapping[str, Any], names: list[str], field: str = "") -> Rule:
        metric = entry.get("metric") or entry.get("rule")
        name = str(entry.get("name") or metric or entry.get("id") or "")
        severity = "warning" if entry.get("severity") in ("warning", "info") else "error"
        if entry.get("type") == "custom" and entry.get("engine") == "zhizhi":
            own = entry.get("implementation")
            self.checked(own, "rule", name)
            arguments = dict(own) if isinstance(own, dict) else {}
            check = str(arguments.pop("check"))
            titles = arguments.pop("title", None) or {"zh": name, "en": name}
            chosen = tuple(arguments.pop("fields", ()))
            if not name:
                raise ContractError("contract.missing-key", self.place, key="name", where=f"quality ({check})")
            for one in chosen:
                self.named(one, names, name)
            return Rule(name, check, titles, chosen, arguments, severity)
        if metric in _LIBRARY and field and entry.get("mustBe") == 0:
            return Rule(name, _LIBRARY[metric], {"zh": name, "en": name}, (field,), {}, severity)
        return Rule(name, "other", {"zh": name, "en": name}, (), {}, severity, runnable=False)

    def named(self, name: str, names: list[str], rule: str) -> None:
        if name not in names:
            near = difflib.get_close_matches(name, names, 1)
            raise ContractError("contract.field-unknown", self.place, rule=rule, field=name, near=near[0] if near else "?")

    def arguments(self, table: Table) -> None:
        names = [item.name for item in table.fields]
        for rule in table.rules:
            for key in ("left", "right", "equals", "by"):
                if key in rule.arguments:
                    self.named(str(rule.arguments[key]), names, rule.name)
            when = rule.arguments.get("when")
            for key in when if isinstance(when, dict) else ():
                self.named(str(key), names, rule.name)
            if rule.check in ("date", "checksum", "shape", "fifteen", "number", "boolean", "code"):
                for name in rule.fields:
                    self.suited(rule, table.field(name))

    def suited(self, rule: Rule, item: Field) -> None:
        fits = {
            "date": item.type == "date" or item.format == "resident-id",
            "checksum": bool(item.format),
            "shape": bool(item.format),
            "fifteen": item.format == "resident-id",
            "number": item.type in ("number", "integer"),
            "boolean": item.type == "boolean",
            "code": bool(item.codes),
        }
        if not fits[rule.check]:
            raise ContractError("contract.rule-field", self.place, rule=rule.name, check=rule.check, field=item.name)
