"""A contract compiled to set-based SQL text (DuckDB's dialect) over a file's rows as read; backends run it.

Tables that the statements name:
``source``: ``_row``, ``_marks`` and the columns as read, all text;
``staged``: values, and the masks of the phases that look at one row;
``faults``: ``_row``, ``phase``, ``bits`` of rows found bad by the phases that look at several rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from zhizhi.engines.quality import cells
from zhizhi.engines.quality.checks import Check, half_names, read_name, row_checks, shaped_name, value_name
from zhizhi.engines.quality.declared import Field, Phase, Rule, Table

#: Bits of one phase's mask that can be told apart in a BIGINT.
MOST_CHECKS = 62
#: Values that a person's number is linked by: SQL for the keyed pseudonym of an identifier of a kind.
PSEUDONYM = "pseudonym"


@dataclass(frozen=True, slots=True)
class Plan:
    """The compiled checks of one file.

    Attributes:
        table: the declared dataset.
        columns: the file's headers in order; column i is ``c{i}`` in ``source``.
        checks: the checks of each phase, in the order of their bits.
        compared: columns of the file that count when rows are compared though the contract does not name them.
    """

    table: Table
    columns: tuple[str, ...]
    checks: Mapping[Phase, Sequence[Check]]
    compared: tuple[int, ...]

    def raw(self, item: Field) -> str:
        """Return the source column of a field."""
        return f"c{self.columns.index(item.header)}"


def compile_plan(table: Table, columns: Sequence[str]) -> Plan:
    """Compile the rules of ``table`` for a file with these headers (every field's header is among them)."""
    first = "coalesce(" + ", ".join(f"t{i}" for i in range(len(columns))) + ")"
    checks: dict[Phase, Sequence[Check]] = dict(row_checks(table, first))
    for phase in (Phase.DUPLICATES, Phase.KEYS, Phase.REFERENCES):
        rules = [(position, rule) for position, rule in enumerate(table.rules) if rule.phase is phase and rule.runnable]
        checks[phase] = [Check(rule, position, rule.fields[0] if rule.fields else "", "") for position, rule in rules]
    named = {item.header for item in table.fields} | set(table.ignore)
    extra = tuple(i for i, header in enumerate(columns) if header not in named and header)
    return Plan(table, tuple(columns), checks, extra)


def staging(plan: Plan) -> str:
    """Return the SELECT that reads every cell once and marks what one row alone can break.

    Its columns: ``_row``, the columns as read, ``v_*`` values, ``p0 p1 p2`` masks of the phases, ``mask`` (the first of them
    that is not 0, counting errors only) and ``k_*``, the pseudonyms of identifiers in rows without fault.
    """
    fields = plan.table.fields
    width = range(len(plan.columns))
    raw = ", ".join(f"c{i}" for i in width)
    tidied = ", ".join(f"{cells.tidy(f'c{i}', min(i, cells.LAST_BIT), plan.table.missing)} AS t{i}" for i in width)
    held = ", ".join(f"t{i}" for i in width)
    texts = ", ".join(f"{_text(f, plan)} AS {read_name(f.name)}" for f in fields)
    values = ", ".join(f"{cells.typed(f, read_name(f.name))} AS {value_name(f.name)}" for f in fields)
    shapes = "".join(f", {cells.shape(f, read_name(f.name))} AS {shaped_name(f.name)}" for f in fields if f.format)
    digits = "".join(
        f", {half} AS {alias}"
        for f in fields
        if f.format == "resident-id"
        for half, alias in zip(cells.halves(read_name(f.name)), half_names(f.name), strict=True)
    )
    extra = "".join(f", t{i}" for i in plan.compared)
    masks = ", ".join(f"{_mask(plan.checks[phase])} AS p{int(phase)}" for phase in (Phase.LAYOUT, Phase.CELLS, Phase.ROWS))
    errors = " | ".join(
        f"(p{int(phase)} & {_error_bits(plan.checks[phase])})" for phase in (Phase.LAYOUT, Phase.CELLS, Phase.ROWS)
    )
    kept = ", ".join(value_name(f.name) for f in fields)
    linked = [f for f in fields if f.identifier]
    keys = "".join(
        f", CASE WHEN ok THEN {PSEUDONYM}({cells.text(f.identifier)}, CAST({value_name(f.name)} AS VARCHAR)) END AS {key_name(f)}"
        for f in linked
    )
    return (
        f"WITH tidied AS (SELECT _row, {raw}, {tidied} FROM source), "
        f"texts AS (SELECT _row, {raw}, {held}, {texts} FROM tidied WHERE coalesce({held}) IS NOT NULL), "
        f"typed AS (SELECT *, {values}{shapes}{digits} FROM texts), "
        f"masked AS (SELECT *, {masks} FROM typed), "
        f"judged AS (SELECT *, ({errors}) = 0 AS ok FROM masked) "
        f"SELECT _row, {raw}{extra}, {kept}, p0, p1, p2, ok{keys} FROM judged"
    )


def key_name(item: Field) -> str:
    """Return the staged column with the pseudonym of an identifier field."""
    return cells.name(f"k_{item.name}")


def _text(item: Field, plan: Plan) -> str:
    cell = f"t{plan.columns.index(item.header)}"
    if item.identifier or item.format:
        cell = cells.identifier(cell)
    if item.part:
        cell = f"nullif(substr({cell}, {item.part[0]}, {item.part[1]}), '')"
    if item.format == "resident-id" and item.fifteen == "upgrade":
        cell = cells.upgraded(f"({cell})")
    return cell


def _mask(checks: Sequence[Check]) -> str:
    arms = [
        f"(CASE WHEN {check.broken} THEN {1 << bit} ELSE 0 END)" for bit, check in enumerate(checks) if check.broken != "FALSE"
    ]
    return f"CAST({' | '.join(arms) or '0'} AS BIGINT)"


def _error_bits(checks: Sequence[Check]) -> int:
    return sum(1 << bit for bit, check in enumerate(checks) if check.rule.severity == "error")


ALIVE = "ok AND _row NOT IN (SELECT _row FROM faults WHERE NOT warning)"


def duplicates(plan: Plan) -> str:
    """Return the SELECT of ``_row`` of rows that repeat an earlier one in every column after reading."""
    same = [value_name(item.name) for item in plan.table.fields] + [f"t{i}" for i in plan.compared]
    columns = ", ".join(same)
    alike = f"SELECT hash({columns}) FROM staged WHERE {ALIVE} GROUP BY ALL HAVING count(*) > 1"
    return (
        f"SELECT _row FROM (SELECT _row, row_number() OVER (PARTITION BY {columns} ORDER BY _row) AS nth FROM staged "
        f"WHERE {ALIVE} AND hash({columns}) IN ({alike})) WHERE nth > 1"
    )


def losers(plan: Plan, check: Check) -> str:
    """Return the SELECT of ``_row`` of rows whose key another row of the file holds by the rule ``unique`` or ``one-per``."""
    rule = check.rule
    keys = ", ".join(value_name(name) for name in rule.fields)
    present = " AND ".join(f"{value_name(name)} IS NOT NULL" for name in rule.fields)
    alike = f"SELECT hash({keys}) FROM staged WHERE {ALIVE} AND {present} GROUP BY ALL HAVING count(*) > 1"
    return (
        f"SELECT _row FROM (SELECT _row, row_number() OVER (PARTITION BY {keys} ORDER BY {_order(plan.table, rule)}) AS nth "
        f"FROM staged WHERE {ALIVE} AND {present} AND hash({keys}) IN ({alike})) WHERE nth > 1"
    )


def _order(table: Table, rule: Rule) -> str:
    keep = str(rule.arguments.get("keep") or ("last" if table.mode == "upsert" else "first"))
    by = value_name(str(rule.arguments["by"])) if "by" in rule.arguments else ""
    if keep == "latest" and by:
        return f"{by} DESC NULLS LAST, _row"
    if keep == "earliest" and by:
        return f"{by} ASC NULLS LAST, _row"
    return "_row DESC" if keep in ("last", "latest") else "_row"


def dangling(plan: Plan, check: Check, known: str) -> str:
    """Return the SELECT of ``_row`` of rows whose reference is not in ``known``, a SELECT of the values that are."""
    item = plan.table.field(check.field)
    value = key_name(item) if item.identifier else value_name(item.name)
    return f"SELECT _row FROM staged WHERE {ALIVE} AND {value} IS NOT NULL AND {value} NOT IN ({known})"


def good_rows(plan: Plan, source: str, first: int, last: int) -> str:
    """Return the SELECT of rows ``first`` to ``last`` for the lake: fields in order, ``_row`` and ``_source``.

    The cipher texts of encrypted fields are in the table ``sealed``.
    """
    columns, joins = [], []
    for i, item in enumerate(plan.table.fields):
        if item.identifier:
            columns.append(f"{key_name(item)} AS {cells.name(item.name)}")
        elif item.protect == "encrypt":
            columns.append(f"s{i}.cipher AS {cells.name(item.name)}")
            joins.append(f"LEFT JOIN sealed AS s{i} ON s{i}.value = CAST({value_name(item.name)} AS VARCHAR)")
        else:
            columns.append(f"{value_name(item.name)} AS {cells.name(item.name)}")
    listing = ", ".join(columns)
    alive = ALIVE.replace("_row NOT IN", "staged._row NOT IN")
    return (
        f"SELECT {listing}, CAST(staged._row AS BIGINT) AS _row, {cells.text(source)} AS _source FROM staged {' '.join(joins)} "
        f"WHERE staged._row BETWEEN {first} AND {last} AND {alive} ORDER BY staged._row"
    )


def bad_rows(plan: Plan) -> str:
    """Return the SELECT of the bad rows: ``_row``, the columns as read, ``phase`` and ``bits`` of the phase that found them."""
    raw = ", ".join(f"c{i}" for i in range(len(plan.columns)))
    staged = (Phase.LAYOUT, Phase.CELLS, Phase.ROWS)
    met = {phase: f"p{int(phase)} & {_error_bits(plan.checks[phase])} <> 0" for phase in staged}
    phases = "CASE " + " ".join(f"WHEN {met[phase]} THEN {int(phase)}" for phase in staged) + " END"
    bits = "CASE " + " ".join(f"WHEN {met[phase]} THEN p{int(phase)}" for phase in staged) + " END"
    return (
        f"SELECT _row, {raw}, {phases} AS phase, {bits} AS bits FROM staged WHERE NOT ok "
        f"UNION ALL SELECT _row, {', '.join(f's.c{i}' for i in range(len(plan.columns)))}, f.phase, f.bits "
        "FROM (SELECT _row, phase, bit_or(bits) AS bits FROM faults WHERE NOT warning GROUP BY _row, phase) AS f "
        "JOIN staged AS s USING (_row) "
        "ORDER BY _row"
    )


def tallies(plan: Plan) -> str:
    """Return the SELECT that counts, per phase and bit, the rows that broke a check: columns ``phase, bit, rows``."""
    parts = []
    for phase in (Phase.LAYOUT, Phase.CELLS, Phase.ROWS):
        counts = [
            f"count(*) FILTER (WHERE (p{int(phase)} >> {bit}) & 1 = 1)"
            for bit, check in enumerate(plan.checks[phase])
            if check.broken != "FALSE"
        ]
        bits = [bit for bit, check in enumerate(plan.checks[phase]) if check.broken != "FALSE"]
        earlier = (
            " AND ".join(f"p{int(p)} & {_error_bits(plan.checks[p])} = 0" for p in (Phase.LAYOUT, Phase.CELLS) if p < phase)
            or "TRUE"
        )
        if counts:
            parts.append(
                f"SELECT {int(phase)} AS phase, unnest({bits}) AS bit, unnest([{', '.join(counts)}]) AS n "
                f"FROM staged WHERE {earlier}"
            )
    return " UNION ALL ".join(parts)
