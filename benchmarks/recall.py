"""What a screening of the sample region finds, held against the sample's right answers: recall, precision, wrong verdicts, bad
rows.

Run: ``python benchmarks/recall.py --work DIR [--people 100000] [--seed 7] [--json FILE]``. The region is synthetic; its
generator works the answers out from its clean facts, apart from the rules that are measured here. Everything goes through
the ``zhizhi`` command.
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from zhizhi.backends.lake import Lake

DEFINITE = ("eligible", "not eligible")


def zhizhi(*arguments: object) -> None:
    """Run the command; a failure ends the benchmark."""
    command = [sys.executable, "-m", "zhizhi.cli.main", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, arguments))}\n{done.stdout}\n{done.stderr}")


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def quarantined(lake: Lake, sample: Path) -> dict[str, int]:
    """Compare the quarantine with the planted bad rows, and the good rows of each file with what was written."""
    bad = {(row["file"], int(row["row"])) for row in table(sample / "truth" / "truth_bad_rows.csv")}
    kept = {(row["file"], row["row"]) for row in lake.rows("quarantine", columns="file, row")}
    written = json.loads((sample / "SYNTHETIC").read_text(encoding="utf-8"))["rows"]
    wrong = Counter(file for file, _ in bad)
    good = {row["file"]: row["good"] for row in lake.rows("loads")}
    return {
        "bad rows planted": len(bad),
        "bad rows quarantined": len(bad & kept),
        "good rows quarantined": len(kept - bad),
        "good rows written": sum(written.values()) - len(bad),
        "good rows lost": sum(max(0, rows - wrong[file] - good.get(file, 0)) for file, rows in written.items()),
    }


def judged(sample: Path, out: Path) -> dict[str, Any]:
    """Compare decisions of every subject and policy that the answers cover."""
    truth = pq.read_table(sample / "truth" / "truth_decisions.parquet").to_pylist()
    policies = {row["policy"] for row in truth}
    right = {(row["policy"], row["subject"]): row for row in truth}
    found = pq.read_table(out / "decisions.parquet", filters=[("policy", "in", sorted(policies))]).to_pylist()
    kinds: Counter[tuple[str, str]] = Counter()
    amounts = 0
    for row in found:
        answer = right.get((row["policy"], row["subject"]))
        kinds[row["decision"], answer["decision"] if answer else "not eligible"] += 1
        if answer and answer["amount"] is not None and row["amount"] != answer["amount"]:
            amounts += 1
    seen = {(row["policy"], row["subject"]) for row in found}
    return {
        "policies and warnings covered": len(policies),
        "decisions": len(found),
        "definite": sum(count for (said, _), count in kinds.items() if said in DEFINITE),
        "wrong definite": sum(count for (said, answer), count in kinds.items() if said in DEFINITE and said != answer),
        "unknown where the answer is known": sum(n for (said, answer), n in kinds.items() if said == "unknown" != answer),
        "answers without a decision": len(right.keys() - seen),
        "wrong amounts": amounts,
    }


def compared(sample: Path, out: Path) -> dict[str, int]:
    """Compare missed and leaking, for the policies whose recipients a department lists."""
    truth = {(row["policy"], row["subject"], row["finding"]) for row in table(sample / "truth" / "truth_findings.csv")}
    policies = {policy for policy, _, _ in truth}
    answers = pq.read_table(sample / "truth" / "truth_decisions.parquet").to_pylist()
    # a household in special hardship receives that support instead: the answers leave out what a comparison says of its dibao
    special = {row["subject"] for row in answers if row["policy"] == "tekun" and row["decision"] == "eligible"}
    listed = pq.read_table(out / "findings.parquet", filters=[("policy", "in", sorted(policies))]).to_pylist()
    found = {
        (row["policy"], row["subject"], row["finding"])
        for row in listed
        if row["finding"] in ("missed", "leaking") and not (row["policy"] == "dibao" and row["subject"] in special)
    }
    counts = {}
    for kind in ("missed", "leaking"):
        planted, said = {t for t in truth if t[2] == kind}, {f for f in found if f[2] == kind}
        counts |= {f"{kind} in truth": len(planted), f"{kind} found": len(planted & said), f"{kind} wrongly": len(said - planted)}
    return counts


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--work", type=Path, required=True)
    options.add_argument("--people", type=int, default=100_000)
    options.add_argument("--seed", type=int, default=7)
    options.add_argument("--json", type=Path)
    chosen = options.parse_args()
    work = chosen.work / f"recall-{chosen.people}-{chosen.seed}"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    sample, lake, out = work / "sample", work / "lake", work / "out"
    zhizhi("sample", "--people", chosen.people, "--seed", chosen.seed, "--out", sample)
    zhizhi("load", sample, "--lake", lake)
    zhizhi("screen", "--lake", lake, "--on", "2025-09-01", "--out", out, "--reveal")
    found: dict[str, Any] = {"people": chosen.people, "seed": chosen.seed}
    found |= {"rows": quarantined(Lake.open(lake), sample), "decisions": judged(sample, out), "findings": compared(sample, out)}
    text = json.dumps(found, ensure_ascii=False, indent=1)
    print(text)
    if chosen.json:
        chosen.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
