"""The same ten policies (``peer_policies/``) on the same complete facts: zhizhi, hand-written SQL, OpenFisca, zen-engine,
plain Python.

Run: ``python benchmarks/peers.py --work DIR [--people 1000000] [--times 3] [--peers-python PYTHON] [--json FILE]``. Every
engine starts from one Parquet file of facts and ends with a yes or no per subject and policy in Arrow; the answers must be
the same in every cell, or the script fails. The facts are synthetic and complete, because the peers know no third value.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
from region import region_lake

ENGINES = ("sql", "full-sql", "zhizhi", "openfisca", "python", "zen")
SLOW = ("python", "zen")


def complete_facts(work: Path, people: int) -> Path:
    """Write one row a person, unknown wages as 0, and return the file."""
    path = work / f"facts-{people}.parquet"
    if path.exists():
        return path
    lake = region_lake(work, people)
    scan = {name: f"read_parquet({lake.files(name)})" for name in lake.datasets()}

    def joined(dataset: str, value: str) -> str:
        return f"LEFT JOIN (SELECT resident_id, {value} FROM {scan[dataset]} GROUP BY resident_id) USING (resident_id)"

    duckdb.connect().execute(
        "COPY (SELECT resident_id, household_no, relation, residence_region, birth_date, hukou_region, "
        "CAST(coalesce(wage, 0) AS DECIMAL(18,2)) AS wage, CAST(coalesce(pension, 0) AS DECIMAL(18,2)) AS pension, "
        "CAST(coalesce(homes, 0) AS BIGINT) AS homes, CAST(coalesce(car_price, 0) AS DECIMAL(18,2)) AS car_price, "
        f"CAST(coalesce(grade, 0) AS BIGINT) AS disability_grade FROM {scan['population']} "
        f"{joined('wages', 'sum(coalesce(wage, 0)) AS wage')} {joined('pensions', 'sum(pension) AS pension')} "
        f"{joined('homes', 'sum(homes) AS homes')} {joined('vehicles', 'max(price) AS car_price')} "
        f"{joined('disability', 'min(grade) AS grade')} WHERE cancel_reason IS NULL ORDER BY _row) "
        f"TO '{path}' (FORMAT parquet)"
    )
    return path


def same_answers(out: Path, engine: str) -> dict[str, int]:
    """Hold an engine's answers against the hand-written SQL's; return how many subjects answer yes, by policy."""
    yes: dict[str, int] = {}
    for kind in ("household", "person"):
        mine, other = f"'{out}/{engine}-{kind}.parquet'", f"'{out}/sql-{kind}.parquet'"
        names = [row[0] for row in duckdb.execute(f"DESCRIBE FROM {other}").fetchall()]
        listed = ", ".join(f'"{name}"' for name in names)
        for one, two in ((mine, other), (other, mine)):
            differ = duckdb.execute(
                f"SELECT count(*) FROM (SELECT {listed} FROM {one} EXCEPT SELECT {listed} FROM {two})"
            ).fetchone()
            if differ != (0,):
                raise SystemExit(f"{engine} decides otherwise for {differ} of the {kind}s")
        sums = ", ".join(f'count(*) FILTER ("{name}")' for name in names[1:])
        row = duckdb.execute(f"SELECT {sums} FROM {mine}").fetchone() or ()
        yes |= dict(zip(names[1:], row, strict=True))
    return yes


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--work", type=Path, required=True)
    options.add_argument("--people", type=int, default=1_000_000)
    options.add_argument("--times", type=int, default=5)
    options.add_argument("--peers-python", default=sys.executable)
    options.add_argument("--only", nargs="*", default=list(ENGINES))
    options.add_argument("--json", type=Path)
    chosen = options.parse_args()
    chosen.work.mkdir(parents=True, exist_ok=True)
    facts, out = complete_facts(chosen.work, chosen.people), chosen.work / f"answers-{chosen.people}"
    found: dict[str, Any] = {"people": chosen.people, "policies": 10, "engines": {}}
    for engine in chosen.only:
        python = sys.executable if engine in ("zhizhi", "sql", "full-sql") else chosen.peers_python
        script = Path(__file__).with_name("peers_run.py")
        times = "1" if engine in SLOW else str(chosen.times)
        done = subprocess.run([python, script, engine, facts, out, times], capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{engine}: {done.stderr.strip()}")
        found["engines"][engine] = json.loads(done.stdout) | {"load average": round(os.getloadavg()[0], 1)}
        found["yes"] = same_answers(out, engine)
    ours = found["engines"].get("zhizhi", {}).get("seconds")
    for measured in found["engines"].values():
        if ours:
            measured["times zhizhi's"] = round(measured["seconds"] / ours, 2)
    text = json.dumps(found, ensure_ascii=False, indent=1)
    print(text)
    if chosen.json:
        chosen.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
