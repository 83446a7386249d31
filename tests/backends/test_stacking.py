"""What is payable after exclusions and ceilings, against a reading of the same rules in plain Python."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import duckdb
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from zhizhi.engines.rules.checker import Environment, check
from zhizhi.engines.rules.policy import Amount, Condition, Policy
from zhizhi.engines.rules.types import BOOLEAN, Unit, number
from zhizhi.engines.rules.vocabulary import Variable, Vocabulary
from zhizhi.engines.screening.plan import plan_screening
from zhizhi.engines.screening.verdicts import Stacking, paid_table, taken

ON = date(2025, 9, 1)
NAMES = ("first", "second", "third")
FLAG = {name: Variable(name, "household", BOOLEAN, {}) for name in NAMES}
MONEY = {f"pay_{name}": Variable(f"pay_{name}", "household", number("CNY/month"), {}, scale=2) for name in NAMES}
LIMIT = {"limit": Variable("limit", "household", number("CNY/month"), {}, scale=2)}
VOCABULARY = Vocabulary({"household": FLAG | MONEY | LIMIT, "person": {}})
STACKING = Stacking(NAMES, {"second": frozenset({"first"})}, [("limit_0", ("second", "third"))])


def policies() -> list[Policy]:
    env = Environment("household", VOCABULARY, {})
    made = []
    for name in NAMES:
        condition = Condition("it", name, check(name, env), {"zh": "", "en": ""})
        amount = Amount(check(f"pay_{name}", env), Unit.parse("CNY/month"))
        made.append(Policy(name, "policy", {}, "civil-affairs", "household", ON, None, (condition,), amount, {}))
    return made


def expected(flags: Sequence[bool | None], pays: Sequence[int], limit: int) -> list[int | None]:
    """Say in plain words: the second gives way to the first; second and third together stay within the limit."""
    paid: list[int | None] = [pay if flag else None for flag, pay in zip(flags, pays, strict=True)]
    if flags[1] and flags[0]:
        paid[1] = 0
    elif flags[1] and flags[0] is None:
        paid[1] = None
    left = limit
    for index in (1, 2):
        if paid[index] is not None:
            paid[index] = min(paid[index], left)
            left -= paid[index]
    return paid


ROW = st.tuples(
    st.tuples(*[st.sampled_from([True, False, None])] * 3),
    st.tuples(*[st.integers(0, 300).map(lambda yuan: yuan * 100)] * 3),
    st.integers(0, 400).map(lambda yuan: yuan * 100),
)


@settings(max_examples=30, deadline=None)
@given(st.lists(ROW, min_size=1, max_size=40))
def test_payable_is_what_the_rules_of_stacking_say(rows: list[tuple[tuple[bool | None, ...], tuple[int, ...], int]]) -> None:
    limit = check("limit", Environment("household", VOCABULARY, {}))
    plan = plan_screening(policies(), VOCABULARY, {}, ON, [("limit_0", "household", limit)])
    columns = {"household": [f"h{n:04d}" for n in range(len(rows))], "region": ["330106"] * len(rows)}
    for index, name in enumerate(NAMES):
        columns[f"h_{name}"] = pa.array([flags[index] for flags, _, _ in rows], pa.bool_())
        columns[f"h_pay_{name}"] = pa.array([pays[index] for _, pays, _ in rows], pa.int64())
    columns["h_limit"] = pa.array([limit for _, _, limit in rows], pa.int64())
    with duckdb.connect() as connection:
        connection.register("household_base", pa.table(columns))
        connection.execute("CREATE TEMP TABLE person_base AS SELECT household AS person, household, region FROM household_base")
        for name, select in plan.tables("duckdb", plan.steps):
            connection.execute(f"CREATE TEMP TABLE {name} AS {select}")
        listed = ", ".join(f'"payable_{name}"' for name in NAMES)
        found = connection.execute(
            f"SELECT {listed} FROM ({paid_table(plan.household, STACKING, 'household_bits')}) ORDER BY household"
        ).fetchall()
        due = taken(plan.household, STACKING)["second"]
        whose = connection.execute(f"SELECT coalesce({due}, false) FROM household_bits ORDER BY household").fetchall()
    assert [list(row) for row in found] == [expected(*row) for row in rows]
    assert [row[0] for row in whose] == [bool(flags[1]) and not flags[0] for flags, _, _ in rows]
