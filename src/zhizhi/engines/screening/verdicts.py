"""What condition words say: decisions, near misses, amounts after stacking, missing fields, as plain SQL over the bits.

The bits tables hold, per subject, words T (true), U (unknown) and N (near) of 64 conditions each. With a policy's
mask M: eligible where T & M = M; unknown where not so but (T | U) & M = M; failed = M & ~(T | U).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from zhizhi.engines.screening.questions import WORD, Level, PlannedPolicy, signed


@dataclass(frozen=True, slots=True)
class Stacking:
    """Order of policies (earlier wins), who excludes whom, and ceilings: (limit column, policies in order)."""

    order: Sequence[str]
    excludes: Mapping[str, frozenset[str]]
    ceilings: Sequence[tuple[str, Sequence[str]]] = ()


def all_set(words: str, masks: Sequence[int]) -> str:
    """Return the test that every bit of ``masks`` is set in ``words`` (an SQL pattern with ``{w}`` for the word)."""
    tests = [f"({words.format(w=w)} & ({mask})) = ({mask})" for w, mask in enumerate(masks) if mask]
    return " AND ".join(tests) or "true"


def eligible(policy: PlannedPolicy, level: Level) -> str:
    """Return the test for *eligible*."""
    return all_set("T{w}", policy.masks(level.words))


def undecided(policy: PlannedPolicy, level: Level) -> str:
    """Return the test for *eligible or unknown*: no condition false."""
    return all_set("(T{w} | U{w})", policy.masks(level.words))


def decision(policy: PlannedPolicy, level: Level) -> str:
    """Return the decision as text: eligible, unknown or not eligible."""
    yes, open_ = eligible(policy, level), undecided(policy, level)
    return f"CASE WHEN {yes} THEN 'eligible' WHEN {open_} THEN 'unknown' ELSE 'not eligible' END"


def near_miss(policy: PlannedPolicy, level: Level) -> str:
    """Return the test for a near miss: exactly one condition failed, none unknown, and its gap within its margin."""
    tests, single = [], []
    for w, mask in enumerate(policy.masks(level.words)):
        if mask:
            failed = f"(({mask}) & ~(T{w} | U{w}))"
            tests.append(f"(U{w} & ({mask})) = 0 AND ({failed} & ~N{w}) = 0")
            single.append(f"bit_count({failed})")
    return f"{' AND '.join(tests)} AND {' + '.join(single)} = 1"


def missing(policy: PlannedPolicy, level: Level) -> str:
    """Return the names of the variables that an unknown decision lacks, joined by ``;``, NULL for none."""
    by_name: dict[str, list[str]] = {}
    for index, full in enumerate(level.missing):
        holders = 0
        for bit in policy.bits:
            if full in level.conditions[bit].variables:
                holders |= 1 << bit
        if not holders:
            continue
        unknown = " OR ".join(
            f"(U{w} & ({signed(holders >> (WORD * w) & ((1 << WORD) - 1))})) <> 0"
            for w in range(level.words)
            if holders >> (WORD * w) & ((1 << WORD) - 1)
        )
        lacking = f"(M{index // WORD} & ({signed(1 << (index % WORD))})) <> 0"
        by_name.setdefault(shown(full), []).append(f"(({unknown}) AND {lacking})")
    parts = [f"CASE WHEN {' OR '.join(tests)} THEN '{name}' END" for name, tests in sorted(by_name.items())]
    return f"nullif(concat_ws(';', {', '.join(parts)}), '')" if parts else "NULL"


def shown(full: str) -> str:
    """Return a variable's name as people write it: ``members.wage`` -> wage, ``household:claims.x`` -> claims.x."""
    holder, name = full.split(".", 1)
    return f"{holder.split(':')[1]}.{name}" if ":" in holder else name


def taken(level: Level, stacking: Stacking) -> dict[str, str]:
    """Return, per policy, the three-valued test that it is the subject's: eligible, and not excluded by an earlier one.

    Of two policies that exclude each other the earlier in the order wins. An undecided earlier one does not exclude.
    """
    planned = {item.policy.id: item for item in level.policies}
    tests: dict[str, str] = {}
    for name in (name for name in stacking.order if name in planned):
        yes, open_ = eligible(planned[name], level), undecided(planned[name], level)
        own = f"(CASE WHEN {yes} THEN true WHEN {open_} THEN NULL ELSE false END)"
        tests[name] = " AND ".join([own, *(f"NOT coalesce({tests[rival]}, false)" for rival in rivals(name, tests, stacking))])
        tests[name] = f"({tests[name]})"
    return tests


def rivals(name: str, earlier: Iterable[str], stacking: Stacking) -> list[str]:
    """Return those of ``earlier`` that ``name`` excludes or that exclude it."""
    return [other for other in earlier if other in stacking.excludes.get(name, ()) or name in stacking.excludes.get(other, ())]


def payable(level: Level, stacking: Stacking) -> dict[str, str]:
    """Return, per policy with an amount, the SQL of what is payable after exclusions and ceilings, in fen.

    A policy that an undecided earlier one would exclude has no payable amount yet (NULL). A ceiling cuts from the last
    of its policies.
    """
    tests = taken(level, stacking)
    amounts = {item.policy.id: item.amount for item in level.policies}
    paid: dict[str, str] = {}
    for index, name in enumerate(tests):
        before = rivals(name, list(tests)[:index], stacking)
        cases = [f"WHEN {tests[rival]} THEN 0" for rival in before]
        cases += [f"WHEN {tests[rival]} IS NULL THEN NULL" for rival in before]
        if amounts[name]:
            paid[name] = f"CASE WHEN {amounts[name]} IS NULL THEN NULL {' '.join(cases)} ELSE {amounts[name]} END"
    return paid


def capped(level: Level, stacking: Stacking) -> list[tuple[str, list[str]]]:
    """Return the ceilings that concern this level: (limit column, its policies in the order of stacking)."""
    planned = {item.policy.id for item in level.policies if item.amount}
    result = []
    for column, names in stacking.ceilings:
        inside = [name for name in stacking.order if name in names and name in planned]
        if inside:
            result.append((column, inside))
    return result


def paid_table(level: Level, stacking: Stacking, bits: str) -> str:
    """Return the SELECT that adds ``payable_<policy>`` columns (fen) to a bits table: exclusions first, then each ceiling.

    With cumulated amounts c and limit L the k-th policy of a ceiling keeps min(c_k, L) - min(c_(k-1), L).
    """
    columns = {name: f'{sql} AS "payable_{name}"' for name, sql in payable(level, stacking).items()}
    query = f"SELECT *{''.join(', ' + sql for sql in columns.values())} FROM {bits}"
    for limit, names in capped(level, stacking):
        replaced, before = [], "0"
        for name in names:
            after = f'{before} + coalesce("payable_{name}", 0)'
            kept = f"least({after}, {limit}) - least({before}, {limit})"
            cut = f'CASE WHEN "payable_{name}" IS NULL THEN NULL WHEN {limit} IS NULL THEN "payable_{name}" ELSE {kept} END'
            replaced.append(f'{cut} AS "payable_{name}"')
            before = after
        query = f"SELECT * REPLACE ({', '.join(replaced)}) FROM ({query})"
    return query
