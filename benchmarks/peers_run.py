"""One engine on the ten policies of ``peer_policies/``: complete facts in Parquet in, decisions in Arrow out.

Run: ``python benchmarks/peers_run.py ENGINE FACTS OUT_DIR TIMES``; prints seconds as JSON. Called by ``peers.py`` with a
Python that has the peer. What is compiled once (a tax-benefit system, a decision graph, SQL from policies) is made before
the clock starts. Money is in whole fen and dates are whole numbers yyyymmdd, so that every engine can be exact.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

TODAY = 20250901
LINE, EDGE, LOW, CAR, HOMES = 140_000, 210_000, 280_000, 8_000_000, 2
HOUSEHOLD = ("minimum-living", "edge", "old-household", "severely-disabled-household", "many-children", "no-home", "no-earner")
PERSON = ("old-age", "severe-care", "disability-living")
Outcome = dict[str, pa.Table]
Engine = tuple[Callable[[str], tuple[Outcome, dict[str, float]]], str]


def plain(facts: str) -> str:
    """Return the SELECT of the facts as whole numbers."""
    day = "year(birth_date) * 10000 + month(birth_date) * 100 + day(birth_date)"
    return (
        f"SELECT resident_id AS person, household_no AS household, {TODAY} - CAST({day} AS INTEGER) AS lived, "
        "hukou_region LIKE '3301%' AS here, CAST(wage * 100 AS INTEGER) AS wage, CAST(pension * 100 AS INTEGER) AS pension, "
        "CAST(homes AS INTEGER) AS homes, CAST(car_price * 100 AS INTEGER) AS car, CAST(disability_grade AS INTEGER) AS grade "
        f"FROM read_parquet('{facts}')"
    )


# hand-written SQL --------------------------------------------------------------------------------------------------


def sql_engine() -> Engine:
    def run(facts: str) -> tuple[Outcome, dict[str, float]]:
        connection = duckdb.connect()
        connection.execute(f"CREATE TEMP TABLE p AS {plain(facts)}")
        connection.execute(
            "CREATE TEMP TABLE h AS SELECT household, count(*) AS n, sum(wage + pension) AS income, bool_or(here) AS here, "
            "sum(homes) AS homes, max(car) AS car, bool_and(lived >= 600000) AS old, bool_or(grade IN (1, 2)) AS severe, "
            "count(*) FILTER (lived < 180000) AS children, bool_or(wage > 0) AS earner, "
            "bool_or(lived >= 180000 AND lived < 600000) AS grown FROM p GROUP BY household"
        )
        households = connection.execute(
            "SELECT household AS subject, "
            f'here AND income < {LINE} * n AND homes <= {HOMES} AND car <= {CAR} AS "minimum-living", '
            f"here AND income >= {LINE} * n AND income <= {EDGE} * n AND homes <= {HOMES} AND car <= {CAR} AS edge, "
            f'old AND income < {LOW} * n AS "old-household", severe AND income < {LOW} * n AS "severely-disabled-household", '
            f'children >= 2 AND income < {LOW} * n AS "many-children", here AND homes = 0 AND income < {EDGE} * n AS "no-home", '
            f'grown AND NOT earner AND income < {LINE} * n AS "no-earner" FROM h'
        ).to_arrow_table()
        persons = connection.execute(
            'SELECT person AS subject, p.here AND lived >= 800000 AS "old-age", p.here AND grade IN (1, 2) AS "severe-care", '
            f'p.here AND grade >= 1 AND income < {EDGE} * n AS "disability-living" FROM p JOIN h USING (household)'
        ).to_arrow_table()
        return {"household": households, "person": persons}, {}

    return run, duckdb.__version__


# hand-written SQL that does all that zhizhi does: a third value, bits, missing fields, kept and ordered files ---------------

CONDITIONS = {  # bit -> (three-valued test over h3, or over p3 joined with h3)
    "household": (
        "here", f"income < {LINE} * n", "homes <= 2", "NOT dear", f"income >= {LINE} * n", f"income <= {EDGE} * n", "old",
        f"income < {LOW} * n", "severe", "children >= 2", "homes = 0", f"income < {EDGE} * n", "grown", "NOT earner",
    ),
    "person": ("here", "lived >= 800000", "grade IN (1, 2)", "grade >= 1", "below"),
}  # fmt: skip
MASKS = {
    "minimum-living": (0, 1, 2, 3), "edge": (0, 4, 5, 2, 3), "old-household": (6, 7), "severely-disabled-household": (8, 7),
    "many-children": (9, 7), "no-home": (0, 10, 11), "no-earner": (12, 13, 1),
    "old-age": (0, 1), "severe-care": (0, 2), "disability-living": (0, 3, 4),
}  # fmt: skip
FACTS = ("lived", "here", "wage", "pension", "homes", "car", "grade")


def words(kind: str, source: str, subject: str, lacking: list[str]) -> str:
    """Return the SELECT of the words of true and unknown conditions and of missing facts."""
    tests = CONDITIONS[kind]
    named = ", ".join(f"({test}) AS c{bit}" for bit, test in enumerate(tests))
    true = " + ".join(f"CASE WHEN c{bit} THEN {1 << bit} ELSE 0 END" for bit in range(len(tests)))
    unknown = " + ".join(f"CASE WHEN c{bit} IS NULL THEN {1 << bit} ELSE 0 END" for bit in range(len(tests)))
    missing = " + ".join(f"CASE WHEN {test} THEN {1 << bit} ELSE 0 END" for bit, test in enumerate(lacking))
    return f"SELECT {subject} AS subject, {true} AS T, {unknown} AS U, M FROM (SELECT *, {named}, {missing} AS M FROM {source})"


def full_sql_engine() -> Engine:
    def some(test: str, name: str) -> str:
        return f"CASE WHEN bool_or({test}) THEN true WHEN count({test}) = count(*) THEN false END AS {name}"

    def total(value: str, name: str) -> str:
        return f"CASE WHEN count({value}) = count(*) THEN sum({value}) END AS {name}"

    def run(facts: str) -> tuple[Outcome, dict[str, float]]:
        connection = duckdb.connect()
        connection.execute(f"CREATE TEMP TABLE p3 AS {plain(facts)} ORDER BY household, person")
        counts = ", ".join(f"count(*) - count({name}) AS no_{name}" for name in FACTS)
        connection.execute(
            "CREATE TEMP TABLE h3 AS SELECT household, count(*) AS n, "
            f"{total('wage + pension', 'income')}, {some('here', 'here')}, "
            f"{total('homes', 'homes')}, {some(f'car > {CAR}', 'dear')}, {some('grade IN (1, 2)', 'severe')}, "
            "CASE WHEN NOT bool_and(lived >= 600000) THEN false WHEN count(lived) = count(*) THEN true END AS old, "
            "CASE WHEN count(lived) = count(*) THEN count(*) FILTER (lived < 180000) END AS children, "
            f"{some('wage > 0', 'earner')}, {some('lived >= 180000 AND lived < 600000', 'grown')}, {counts} "
            "FROM p3 GROUP BY household ORDER BY household"
        )
        built = time.perf_counter()
        own = [f"{name} IS NULL" for name in ("lived", "here", "grade")]
        joined = f"(SELECT p3.*, income < {EDGE} * n AS below, no_wage, no_pension FROM p3 JOIN h3 USING (household))"
        outcome = {}
        for kind, source, lacking in (
            ("household", "h3", [f"no_{name} > 0" for name in FACTS]),
            ("person", joined, [*own, "no_wage > 0", "no_pension > 0"]),
        ):
            connection.execute(f"CREATE TEMP TABLE {kind}_bits AS {words(kind, source, kind, lacking)}")
            names = HOUSEHOLD if kind == "household" else PERSON
            masks = {name: sum(1 << bit for bit in MASKS[name]) for name in names}
            columns = ", ".join(f'T & {mask} = {mask} AS "{name}"' for name, mask in masks.items())
            outcome[kind] = connection.execute(f"SELECT subject, {columns} FROM {kind}_bits").to_arrow_table()
        return outcome, {"deciding alone": time.perf_counter() - built}

    return run, duckdb.__version__


# zhizhi ------------------------------------------------------------------------------------------------------------


def zhizhi_engine() -> Engine:
    screening, verdicts = import_module("zhizhi.backends.screening"), import_module("zhizhi.engines.screening.verdicts")
    region, packages = import_module("region"), import_module("zhizhi.scenarios.package")
    population, opener = import_module("zhizhi.backends.population"), import_module("zhizhi.backends.duckdb")
    folder = Path(__file__).with_name("peer_policies")
    package = packages.read_package(folder)
    plan = screening.plan_package(package, region.ON)
    plan.tables("duckdb", plan.steps)

    def run(facts: str) -> tuple[Outcome, dict[str, float]]:
        class Facts(region.ParquetLake):
            def versions(self) -> dict[str, int]:
                return {"population": 0}

            def files(self, dataset: str, version: int | None = None) -> list[str]:
                return [facts]

        lake = Facts(Path(facts).parent, folder / "contracts")
        work = screening.Screening(opener.connect(), package, plan, population.Snapshot.latest(lake), region.ON)
        begun = time.perf_counter()
        work.base()
        work.build()
        built = time.perf_counter()
        work.decide()
        decided = time.perf_counter()
        outcome = {}
        for level in work.levels():
            columns = ", ".join(f'{verdicts.eligible(item, level)} AS "{item.policy.id}"' for item in level.policies)
            outcome[level.subject] = work.connection.execute(
                f"SELECT {level.subject} AS subject, {columns} FROM {level.subject}_bits"
            ).to_arrow_table()
        return outcome, {"household file": built - begun, "decide, three values": decided - built}

    return run, version("zhizhi")


# OpenFisca ---------------------------------------------------------------------------------------------------------


def openfisca_engine() -> Engine:
    core = {name: import_module(f"openfisca_core.{name}") for name in ("entities", "taxbenefitsystems", "variables", "periods")}
    builder = import_module("openfisca_core.simulations").SimulationBuilder
    month = core["periods"].DateUnit.MONTH
    person_ = core["entities"].build_entity("person", "persons", "", is_person=True)
    household_ = core["entities"].build_entity("household", "households", "", roles=[{"key": "member", "plural": "members"}])
    system = core["taxbenefitsystems"].TaxBenefitSystem([person_, household_])

    def variable(name: str, entity: Any, kind: type, formula: Any = None) -> None:
        body = {"value_type": kind, "entity": entity, "definition_period": month, "label": name}
        system.add_variable(type(name, (core["variables"].Variable,), body | ({"formula": formula} if formula else {})))

    for name in ("lived", "wage", "pension", "homes", "car", "grade"):
        variable(name, person_, int)
    variable("here", person_, bool)

    def total(name: str) -> Any:
        return lambda household, period: household.sum(household.members(name, period))

    def some(test: Callable[[Any, Any], Any]) -> Any:
        return lambda household, period: household.any(test(household.members, period))

    variable("size", household_, int, lambda household, period: household.nb_persons())
    variable("homes_owned", household_, int, total("homes"))
    variable("income", household_, int, lambda h, t: h.sum(h.members("wage", t) + h.members("pension", t)))
    variable("any_here", household_, bool, some(lambda m, t: m("here", t)))
    variable("dear_car", household_, bool, some(lambda m, t: m("car", t) > CAR))
    variable("young_one", household_, bool, some(lambda m, t: m("lived", t) < 600_000))
    variable("severe_one", household_, bool, some(lambda m, t: (m("grade", t) == 1) | (m("grade", t) == 2)))
    variable("earner", household_, bool, some(lambda m, t: m("wage", t) > 0))
    variable("grown", household_, bool, some(lambda m, t: (m("lived", t) >= 180_000) & (m("lived", t) < 600_000)))
    variable("children", household_, int, lambda h, t: h.sum(h.members("lived", t) < 180_000))

    def below(h: Any, t: Any, line: int) -> Any:
        return h("income", t) < line * h("size", t).astype(np.int64)

    def modest(h: Any, t: Any) -> Any:
        return h("any_here", t) & (h("homes_owned", t) <= HOMES) & ~h("dear_car", t)

    def within(h: Any, t: Any) -> Any:
        return h("income", t) <= EDGE * h("size", t).astype(np.int64)

    policies = {
        "minimum-living": lambda h, t: modest(h, t) & below(h, t, LINE),
        "edge": lambda h, t: modest(h, t) & ~below(h, t, LINE) & within(h, t),
        "old-household": lambda h, t: ~h("young_one", t) & below(h, t, LOW),
        "severely-disabled-household": lambda h, t: h("severe_one", t) & below(h, t, LOW),
        "many-children": lambda h, t: (h("children", t) >= 2) & below(h, t, LOW),
        "no-home": lambda h, t: h("any_here", t) & (h("homes_owned", t) == 0) & below(h, t, EDGE),
        "no-earner": lambda h, t: h("grown", t) & ~h("earner", t) & below(h, t, LINE),
    }
    personal = {
        "old-age": lambda p, t: p("here", t) & (p("lived", t) >= 800_000),
        "severe-care": lambda p, t: p("here", t) & ((p("grade", t) == 1) | (p("grade", t) == 2)),
        "disability-living": lambda p, t: (
            p("here", t) & (p("grade", t) >= 1) & (p.household("income", t) < EDGE * p.household("size", t).astype(np.int64))
        ),
    }
    for name, formula in policies.items():
        variable(name.replace("-", "_"), household_, bool, formula)
    for name, formula in personal.items():
        variable(name.replace("-", "_"), person_, bool, formula)

    def run(facts: str) -> tuple[Outcome, dict[str, float]]:
        table = duckdb.connect().execute(plain(facts)).to_arrow_table()
        ids, home = table["person"].combine_chunks(), table["household"].combine_chunks().dictionary_encode()
        made = builder()
        made.create_entities(system)
        # whole numbers stand for the ids, which is the faster way for OpenFisca
        made.declare_person_entity("person", np.arange(len(ids)))
        homes = made.declare_entity("household", np.arange(len(home.dictionary)))
        made.join_with_persons(homes, home.indices.to_numpy(), np.zeros(len(ids), np.int64))
        simulation = made.build(system)
        for name in ("lived", "wage", "pension", "homes", "car", "grade", "here"):
            simulation.set_input(name, "2025-09", table[name].combine_chunks().to_numpy(zero_copy_only=False))
        ready = time.perf_counter()
        answers = {
            kind: {name: simulation.calculate(name.replace("-", "_"), "2025-09") for name in names}
            for kind, names in (("household", HOUSEHOLD), ("person", PERSON))
        }
        calculated = time.perf_counter() - ready
        return {
            "household": pa.table({"subject": home.dictionary, **answers["household"]}),
            "person": pa.table({"subject": ids, **answers["person"]}),
        }, {"calculation alone": calculated}

    return run, version("openfisca-core")


# plain Python ------------------------------------------------------------------------------------------------------


def grouped(facts: str) -> dict[str, list[tuple[Any, ...]]]:
    """Return household -> rows of (person, lived, here, wage, pension, homes, car, grade)."""
    table = duckdb.connect().execute(plain(facts)).to_arrow_table()
    names = ("person", "lived", "here", "wage", "pension", "homes", "car", "grade")
    homes: dict[str, list[tuple[Any, ...]]] = {}
    for home, row in zip(table["household"].to_pylist(), zip(*(table[n].to_pylist() for n in names), strict=True), strict=True):
        homes.setdefault(home, []).append(row)
    return homes


def tabled(households: list[tuple[Any, ...]], persons: list[tuple[Any, ...]]) -> Outcome:
    """Return rows of decisions as Arrow tables."""
    outcome = {}
    for kind, rows, names in (("household", households, HOUSEHOLD), ("person", persons, PERSON)):
        columns = list(zip(*rows, strict=True)) if rows else [()] * (len(names) + 1)
        outcome[kind] = pa.table(dict(zip(("subject", *names), map(pa.array, columns), strict=True)))
    return outcome


def python_engine() -> Engine:
    def run(facts: str) -> tuple[Outcome, dict[str, float]]:
        households, persons = [], []
        homes = grouped(facts)
        ready = time.perf_counter()
        for home, rows in homes.items():
            n = len(rows)
            income = sum(row[3] + row[4] for row in rows)
            here = any(row[2] for row in rows)
            owned = sum(row[5] for row in rows)
            modest = here and owned <= HOMES and not any(row[6] > CAR for row in rows)
            low = income < LOW * n
            households.append((
                home,
                modest and income < LINE * n,
                modest and LINE * n <= income <= EDGE * n,
                low and all(row[1] >= 600_000 for row in rows),
                low and any(row[7] in (1, 2) for row in rows),
                low and sum(row[1] < 180_000 for row in rows) >= 2,
                here and owned == 0 and income < EDGE * n,
                any(180_000 <= row[1] < 600_000 for row in rows) and not any(row[3] > 0 for row in rows) and income < LINE * n,
            ))  # fmt: skip
            below = income < EDGE * n
            for row in rows:
                persons.append(
                    (row[0], row[2] and row[1] >= 800_000, row[2] and row[7] in (1, 2), row[2] and row[7] >= 1 and below)
                )
        calculated = time.perf_counter() - ready
        return tabled(households, persons), {"loop alone": calculated}

    return run, sys.version.split()[0]


# zen-engine --------------------------------------------------------------------------------------------------------

ZEN = {
    "n": "len(members)",
    "income": "sum(map(members, #.wage + #.pension))",
    "here": "some(members, #.here)",
    "homes": "sum(map(members, #.homes))",
    "car": f"some(members, #.car > {CAR})",
    "minimum-living": f"$.here and $.income < {LINE} * $.n and $.homes <= {HOMES} and not $.car",
    "edge": f"$.here and $.income >= {LINE} * $.n and $.income <= {EDGE} * $.n and $.homes <= {HOMES} and not $.car",
    "old-household": f"all(members, #.lived >= 600000) and $.income < {LOW} * $.n",
    "severely-disabled-household": f"some(members, #.grade == 1 or #.grade == 2) and $.income < {LOW} * $.n",
    "many-children": f"count(members, #.lived < 180000) >= 2 and $.income < {LOW} * $.n",
    "no-home": f"$.here and $.homes == 0 and $.income < {EDGE} * $.n",
    "no-earner": "some(members, #.lived >= 180000 and #.lived < 600000) and not some(members, #.wage > 0) "
    f"and $.income < {LINE} * $.n",
    "old-age": "map(members, #.here and #.lived >= 800000)",
    "severe-care": "map(members, #.here and (#.grade == 1 or #.grade == 2))",
    "below": f"$.income < {EDGE} * $.n",
    "certified": "map(members, #.here and #.grade >= 1)",
}


def zen_engine() -> Engine:
    zen = import_module("zen")
    expressions = [{"id": f"e{i}", "key": key, "value": value} for i, (key, value) in enumerate(ZEN.items())]
    nodes = [
        {"id": "in", "type": "inputNode", "name": "in"},
        {"id": "ex", "type": "expressionNode", "name": "ex", "content": {"expressions": expressions}},
        {"id": "out", "type": "outputNode", "name": "out"},
    ]
    edges = [{"id": "1", "sourceId": "in", "targetId": "ex"}, {"id": "2", "sourceId": "ex", "targetId": "out"}]
    engine = zen.ZenEngine({"loader": {"type": "static", "content": {"all": {"contentType": "application/vnd.gorules.decision", "nodes": nodes, "edges": edges}}}})  # fmt: skip  # noqa: E501
    names = ("lived", "here", "wage", "pension", "homes", "car", "grade")

    def run(facts: str) -> tuple[Outcome, dict[str, float]]:
        households, persons, spent = [], [], 0.0
        homes = list(grouped(facts).items())
        for start in range(0, len(homes), 20_000):
            batch = homes[start : start + 20_000]
            asked = [
                {"key": "all", "context": {"members": [dict(zip(names, row[1:], strict=True)) for row in rows]}}
                for _, rows in batch
            ]
            begun = time.perf_counter()
            answers = engine.evaluate_batch(asked)
            spent += time.perf_counter() - begun
            for (home, rows), answer in zip(batch, answers, strict=True):
                if not answer["success"]:
                    raise RuntimeError(str(answer["error"]))
                found = answer["data"]["result"]
                households.append((home, *(found[name] for name in HOUSEHOLD)))
                both = zip(rows, found["old-age"], found["severe-care"], found["certified"], strict=True)
                persons += [(row[0], old, care, held and found["below"]) for row, old, care, held in both]
        return tabled(households, persons), {"evaluate_batch alone": spent}

    return run, version("zen-engine")


ENGINES = {
    "zhizhi": zhizhi_engine,
    "sql": sql_engine,
    "full-sql": full_sql_engine,
    "openfisca": openfisca_engine,
    "python": python_engine,
    "zen": zen_engine,
}


def main() -> None:
    engine, facts, out, times = sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])
    run, release = ENGINES[engine]()
    laps, parts, outcome = [], [], Outcome()
    for _ in range(times):
        begun = time.perf_counter()
        outcome, part = run(facts)
        laps.append(time.perf_counter() - begun)
        parts.append(part)
    out.mkdir(parents=True, exist_ok=True)
    for kind, table in outcome.items():
        pq.write_table(table, out / f"{engine}-{kind}.parquet")
    middle = {name: float(np.median([part[name] for part in parts])) for name in parts[0]}
    print(json.dumps({"version": release, "seconds": float(np.median(laps)), "laps": laps, **middle}))


if __name__ == "__main__":
    main()
