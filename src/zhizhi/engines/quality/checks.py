"""The conditions under which a row breaks a rule, as SQL over the staged columns of one dataset."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from zhizhi.engines.quality import cells
from zhizhi.engines.quality.declared import TOTAL_WORDS, Field, Phase, Rule, Table


@dataclass(frozen=True, slots=True)
class Check:
    """One bit of a phase: the ``rule`` on one ``field`` (empty for a rule about the whole row); ``broken`` is SQL."""

    rule: Rule
    position: int
    field: str
    broken: str


def read_name(item: str) -> str:
    """Return the staged column with the tidied text of field ``item``."""
    return cells.name(f"n_{item}")


def value_name(item: str) -> str:
    """Return the staged column with the value of field ``item``."""
    return cells.name(f"v_{item}")


def shaped_name(item: str) -> str:
    """Return the staged column that says whether field ``item`` has the form of its format."""
    return cells.name(f"s_{item}")


def half_names(item: str) -> tuple[str, str]:
    """Return the staged columns with the two halves of the digits of a resident id."""
    return cells.name(f"a_{item}"), cells.name(f"b_{item}")


def row_checks(table: Table, first_cell: str) -> dict[Phase, list[Check]]:
    """Return the checks of the phases that need one row only (cells and rows), and of the layout.

    Args:
        table: the declared dataset.
        first_cell: SQL for the tidied first cell of the row that is not blank.
    """
    found: dict[Phase, list[Check]] = {Phase.LAYOUT: [], Phase.CELLS: [], Phase.ROWS: []}
    for position, rule in enumerate(table.rules):
        if not rule.runnable or rule.phase > Phase.ROWS:
            continue
        if rule.check == "columns":
            found[Phase.LAYOUT].append(Check(rule, position, "", "FALSE"))
        elif rule.check == "total-row":
            found[Phase.LAYOUT].append(Check(rule, position, "", _total(rule, first_cell)))
        elif rule.phase is Phase.CELLS:
            checks = [Check(rule, position, name, _CELL[rule.check](table.field(name))) for name in rule.fields]
            found[Phase.CELLS] += checks
        else:
            found[Phase.ROWS] += [Check(rule, position, name, sql) for name, sql in _row(rule, table)]
    return found


def _total(rule: Rule, first_cell: str) -> str:
    words = rule.arguments.get("words")
    chosen = [str(word) for word in words] if isinstance(words, list) else TOTAL_WORDS
    bare = f"replace({first_cell}, ' ', '')"
    begins = " OR ".join(f"starts_with({bare}, {cells.text(word)})" for word in chosen)
    return f"CASE WHEN {first_cell} >= {cells.text(min(word[:1] for word in chosen))} THEN {begins} ELSE FALSE END"


def _required(item: Field) -> str:
    return f"{read_name(item.name)} IS NULL"


def _unread(item: Field) -> str:
    return f"{read_name(item.name)} IS NOT NULL AND {value_name(item.name)} IS NULL"


def _pattern(item: Field) -> str:
    cell = read_name(item.name)
    parts = [f"NOT regexp_full_match({cell}, {cells.text(item.pattern)})"] if item.pattern else []
    if item.min_length is not None:
        parts.append(f"length({cell}) < {item.min_length}")
    if item.max_length is not None:
        parts.append(f"length({cell}) > {item.max_length}")
    return " OR ".join(parts) or "FALSE"


def _fifteen(item: Field) -> str:
    if item.fifteen == "upgrade":
        return "FALSE"
    return f"NOT {shaped_name(item.name)} AND regexp_full_match({read_name(item.name)}, '[0-9]{{15}}')"


def _shape(item: Field) -> str:
    cell = read_name(item.name)
    old = (
        f" AND NOT regexp_full_match({cell}, '[0-9]{{15}}')" if item.format == "resident-id" and item.fifteen == "reject" else ""
    )
    return f"NOT {cells.shape(item, cell)}{old}"


def _checksum(item: Field) -> str:
    cell = read_name(item.name)
    right = cells.uscc_check(cell) if item.format == "uscc" else cells.resident_check(*half_names(item.name))
    return f"CASE WHEN {shaped_name(item.name)} THEN substr({cell}, 18, 1) <> {right} ELSE FALSE END"


def _date(item: Field) -> str:
    if item.format == "resident-id":
        cell = read_name(item.name)
        return f"CASE WHEN {shaped_name(item.name)} THEN ({cells.resident_birth(cell)}) IS NULL ELSE FALSE END"
    return _unread(item)


_CELL: dict[str, Callable[[Field], str]] = {
    "required": _required, "number": _unread, "boolean": _unread, "code": _unread, "pattern": _pattern,
    "fifteen": _fifteen, "shape": _shape, "checksum": _checksum, "date": _date,
}  # fmt: skip


def literal(item: Field, value: object) -> str:
    """Return ``value`` of a contract as an SQL literal of the field's type."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if item.type == "date":
        return f"DATE {cells.text(str(value))}"
    if item.type in ("number", "integer"):
        return f"CAST({cells.text(str(value))} AS DECIMAL(18, 6))"
    return cells.text(str(value))


def _row(rule: Rule, table: Table) -> list[tuple[str, str]]:
    arguments = rule.arguments
    if rule.check == "range":
        return [(name, _range(table.field(name), rule)) for name in rule.fields]
    if rule.check == "compare":
        left = table.field(str(arguments["left"]))
        right = value_name(str(arguments["right"])) if "right" in arguments else literal(left, arguments["value"])
        operator = str(arguments["operator"]).replace("!=", "<>")
        return [(left.name, f"NOT ({value_name(left.name)} {operator} {right})")]
    if rule.check == "sum":
        total = " + ".join(value_name(name) for name in rule.fields)
        equals = str(arguments["equals"])
        tolerance = cells.text(str(arguments.get("tolerance", 0)))
        return [(equals, f"abs({total} - {value_name(equals)}) > CAST({tolerance} AS DECIMAL(18, 6))")]
    if rule.check == "required-if":
        when = arguments["when"]
        assert isinstance(when, dict)
        met = " AND ".join(
            f"{value_name(key)} IN ({', '.join(literal(table.field(key), value) for value in values)})"
            for key, values in when.items()
        )
        return [(name, f"{met} AND {read_name(name)} IS NULL") for name in rule.fields]
    first, second = rule.fields[0], rule.fields[1]
    cell = read_name(first)
    if rule.check == "id-birth-date":
        return [(second, f"({cells.resident_birth(cell)}) <> {value_name(second)}")]
    sex = f"CASE WHEN length({cell}) = 18 THEN CASE WHEN ascii(substr({cell}, 17, 1)) % 2 = 1 THEN 'male' ELSE 'female' END END"
    return [(second, f"({sex}) <> {value_name(second)}")]


def _range(item: Field, rule: Rule) -> str:
    value = value_name(item.name)
    signs = {"min": "<", "max": ">", "above": "<=", "below": ">="}
    return " OR ".join(
        f"{value} {sign} {literal(item, rule.arguments[key])}" for key, sign in signs.items() if key in rule.arguments
    )
