"""Screen a region with every policy and warning of the package: household file, decisions, an increment, an explanation.

Run: ``python benchmarks/screening.py --work DIR [--people 1000000] [--large 10000000] [--times 3] [--json FILE]``.
The region is synthetic. The rules are compiled once before, as a running service does; how long that takes is said apart.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from region import ON, Stopwatch, region_lake

from zhizhi.backends.case_files import CaseReader
from zhizhi.backends.duckdb import connect
from zhizhi.backends.findings import DECISION_COLUMNS, FINDING_COLUMNS, make_tables, write_parquet
from zhizhi.backends.lake import Lake
from zhizhi.backends.population import Snapshot, text
from zhizhi.backends.screening import Screening, plan_package, save, state_folder
from zhizhi.backends.told import tell
from zhizhi.engines.screening.plan import Plan
from zhizhi.scenarios.package import Package, read_package
from zhizhi.scenarios.shipped import find_package

KEPT = ("household_bits", "person_bits", "receipts")
FILES = ("person_file", "household_file")
SHARE = 100  # one household in so many is touched by the increment


def opened(lake: Lake, package: Package, plan: Plan, memory: str = "") -> Screening:
    """Return a screening with nothing run yet and its statements already compiled."""
    return Screening(connect(memory), package, plan, Snapshot.latest(lake), ON)


def persist(run: Screening, folder: Path, tables: tuple[str, ...]) -> int:
    """Write tables to Parquet and return their bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    size = 0
    for table in tables:
        path = folder / f"{table}.parquet"
        run.connection.execute(f"COPY {table} TO {text(str(path))} (FORMAT parquet, COMPRESSION snappy)")
        size += path.stat().st_size
    return size


def whole(run: Screening, folder: Path, watch: Stopwatch) -> dict[str, Any]:
    """Screen everybody; return counts."""
    with watch.lap("household file"):
        run.base()
        run.build()
    with watch.lap("decide"):
        run.decide()
    with watch.lap("persist"):
        size = persist(run, folder, KEPT)
    count = run.connection.execute(
        "SELECT (SELECT count(*) FROM person_file), (SELECT count(*) FROM household_file)"
    ).fetchone() or (0, 0)
    return {"people": count[0], "households": count[1], "bytes of decisions": size}


def findings(run: Screening, folder: Path, watch: Stopwatch) -> int:
    """Make findings and the list of all decisions and write both; return the number of decisions."""
    with watch.lap("findings and list of decisions"):
        make_tables(run)
        columns = [name for name in FINDING_COLUMNS if name != "since_last"]
        write_parquet(run, "findings", columns, folder / "findings.parquet", False)
        return write_parquet(run, "decisions", DECISION_COLUMNS, folder / "decisions.parquet", False)


def increment(lake: Lake, package: Package, plan: Plan, folder: Path, watch: Stopwatch) -> dict[str, Any]:
    """Screen one household in a hundred again; the result must be the full run's, row by row."""
    run = opened(lake, package, plan)
    run.connection.execute(
        f"CREATE TEMP TABLE touched AS SELECT household FROM read_parquet({text(str(folder / 'household_bits.parquet'))}) "
        f"WHERE hash(household) % {SHARE} = 0"
    )
    with watch.lap("increment"):
        with watch.lap("increment: base tables"):
            run.base("touched")
        with watch.lap("increment: files"):
            run.build()
        with watch.lap("increment: decide"):
            run.decide()
        with watch.lap("increment: write"):
            persist(run, folder / "increment", (*FILES, *KEPT))
    for table in ("household_bits", "person_bits"):
        kept = f"SELECT * FROM read_parquet({text(str(folder / f'{table}.parquet'))}) SEMI JOIN touched USING (household)"
        for one, other in ((f"({kept})", table), (table, f"({kept})")):
            row = run.connection.execute(f"SELECT count(*) FROM (FROM {one} EXCEPT ALL FROM {other})").fetchone()
            assert row == (0,), f"{table} of the increment differs from the full run in {row} rows"
    count = run.connection.execute("SELECT count(*) FROM touched").fetchone() or (0,)
    return {"touched households": count[0]}


def explanations(run: Screening, package: Package, watch: Stopwatch) -> dict[str, Any]:
    """Explain households one at a time, every policy and warning, from the kept screening; each must agree with the screening."""
    shutil.rmtree(state_folder(run.snapshot.lake, package), ignore_errors=True)
    save(run)
    listed = run.connection.execute(
        "SELECT household FROM household_file USING SAMPLE reservoir(20 ROWS) REPEATABLE (7)"
    ).fetchall()
    reader = CaseReader(run.snapshot.lake, package, ON)
    told = 0
    for (household,) in listed:
        with watch.lap("explanation"):
            with watch.lap("explanation: fetch"):
                file = reader.read(household)
            with watch.lap("explanation: evaluate and explain"):
                said = list(tell(reader, package, file))
        assert all(item.agrees for item in said), f"the explanation of {household} differs from its screening"
        told += len(said)
    with watch.lap("hold case files at hand"):
        reader.keep()
    for (household,) in listed:
        with watch.lap("explanation: one policy, at hand"):
            one = list(tell(reader, package, reader.read(household), "dibao"))
        assert len(one) == 1
        assert one[0].agrees
    return {"explained households": len(listed), "explanations of a policy": told}


def peak_memory() -> int:
    """Return this process's peak resident memory in MiB; what getrusage says can be that of the process that started it."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM:"))


def measure(lake: Lake, folder: Path, times: int, memory: str, only_whole: bool) -> dict[str, Any]:
    """Return the figures of one region."""
    watch = Stopwatch()
    with watch.lap("read and check the package"):
        package = read_package(find_package("social-assistance"))
    with watch.lap("compile"):
        plan = plan_package(package, ON)
        for steps in (plan.file_steps(), plan.decision_steps()):
            plan.tables("duckdb", steps)
    kinds = [policy.kind for level in (plan.household, plan.person) for policy in (p.policy for p in level.policies)]
    found: dict[str, Any] = {
        "policies": kinds.count("policy"),
        "warnings": kinds.count("warning"),
        "conditions": len(plan.household.conditions) + len(plan.person.conditions),
    }
    for turn in range(times):
        run = opened(lake, package, plan, memory)
        found |= whole(run, folder, watch)
        if turn == times - 1 and not only_whole:
            found |= explanations(run, package, watch)
            found["decisions"] = findings(run, folder, watch)
        run.connection.close()
    for _ in range(0 if only_whole else max(times, 5)):
        found |= increment(lake, package, plan, folder, watch)
    found["seconds"] = watch.medians()
    both = [a + b for a, b in zip(watch.laps["decide"], watch.laps["persist"], strict=True)]
    found["seconds"]["decide and persist"] = round(statistics.median(both), 3)
    found["processor seconds"] = watch.processor()
    found["times"] = times
    found["peak MiB"] = peak_memory()
    return found


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--work", type=Path, required=True)
    options.add_argument("--people", type=int, default=1_000_000)
    options.add_argument("--large", type=int, default=0)
    options.add_argument("--times", type=int, default=3)
    options.add_argument("--memory", default="")
    options.add_argument("--only-whole", action="store_true")
    options.add_argument("--json", type=Path)
    chosen = options.parse_args()
    chosen.work.mkdir(parents=True, exist_ok=True)
    lake = region_lake(chosen.work, chosen.people)
    found = measure(lake, chosen.work / f"screened-{chosen.people}", chosen.times, chosen.memory, chosen.only_whole)
    if chosen.large:
        region_lake(chosen.work, chosen.large)
        # a process of its own, so that its peak of memory is its own
        child = [
            sys.executable,
            __file__,
            "--work",
            chosen.work,
            "--people",
            str(chosen.large),
            "--times",
            "1",
            "--memory",
            "4GB",
        ]
        begun = time.perf_counter()
        done = subprocess.run([*child, "--only-whole"], capture_output=True, text=True, check=True)
        found["large"] = json.loads(done.stdout) | {"whole process seconds": round(time.perf_counter() - begun, 1)}
    text_ = json.dumps(found, ensure_ascii=False, indent=1)
    print(text_)
    if chosen.json:
        chosen.json.write_text(text_ + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
