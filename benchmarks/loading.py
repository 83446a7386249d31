"""Load 1,000,000 claims (CSV, 21 rules): into the lake, the rules alone, and Frictionless and pandera on the same rules.

Run: ``python benchmarks/loading.py [--rows 1000000] [--peer-rows 100000] [--peers-python PYTHON] [--json FILE]``.
The claims are synthetic; one row in 500 is spoilt in one of nine ways.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import random
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa

from zhizhi.backends.duckdb import connect
from zhizhi.backends.lake import Lake
from zhizhi.backends.loading import Loader
from zhizhi.backends.readers import open_source
from zhizhi.backends.vault import Vault
from zhizhi.engines.quality.statements import Plan, compile_plan, staging
from zhizhi.exchange.contract import Contract, parse_contract
from zhizhi.kernel.identifiers import resident_id_check
from zhizhi.scenarios.shipped import find_package

KINDS = ("住院", "普通门诊", "门诊特病")
HEADER = ("结算流水号", "证件号码", "结算日期", "医疗总费用", "基金支付", "个人负担", "结算类型", "定点医疗机构")


def people(count: int) -> list[str]:
    """Return made-up resident ids with right checksums."""
    born = date(1940, 1, 1)
    digits = (f"33010{n % 9 + 1}{born + timedelta(days=n % 29000):%Y%m%d}{n // 29000:03}" for n in range(count))
    return [body + resident_id_check(body) for body in digits]


def spoilt(row: list[str], fault: int, first: list[str]) -> list[str]:
    """Return ``row`` with one of nine faults."""
    row = list(row)
    if fault == 0:
        row[1] = row[1][:-1] + ("0" if row[1][-1] != "0" else "1")
    elif fault == 1:
        row[2] = "2025-02-30"
    elif fault == 2:
        row[3], row[4], row[5] = "-500.00", "-300.00", "-200.00"
    elif fault == 3:
        row[6] = "不详"
    elif fault == 4:
        row[5] = f"{float(row[5]) + 5:.2f}"
    elif fault == 5:
        row[1] = ""
    elif fault == 6:
        row[3] = "约三百"
    elif fault == 7:
        return list(first)
    else:
        row[1] = "440106199001010" + "01" + resident_id_check("44010619900101001")
    return row


def write_claims(path: Path, rows: int, ids: list[str]) -> None:
    """Write the synthetic claims."""
    dice = random.Random(7)
    start = date(2023, 9, 1)
    first: list[str] = []
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADER)
        for n in range(rows):
            total = dice.randint(2000, 900000)
            fund = int(total * dice.random())
            row = [
                f"HZ{n:010}",
                ids[dice.randrange(len(ids))],
                f"{start + timedelta(days=dice.randrange(720)):%Y-%m-%d}",
                f"{total / 100:.2f}",
                f"{fund / 100:.2f}",
                f"{(total - fund) / 100:.2f}",
                KINDS[n % 3],
                "市第一人民医院",
            ]
            first = first or row
            writer.writerow(spoilt(row, n // 500 % 9, first) if n % 500 == 499 else row)


def timed_load(loader: Loader, path: Path, contract: Contract) -> tuple[float, dict[str, float], int, int]:
    """Load one file; return seconds, by step, rows read and bad rows."""
    marks: list[tuple[str, float]] = []
    begun = time.perf_counter()
    staged = Loader(loader.lake, loader.vault, loader.now, stage=lambda name: marks.append((name, time.perf_counter())))
    loaded = staged.load(path, contract)
    ended = time.perf_counter()
    stops = [*marks[1:], ("", ended)]
    return ended - begun, {a[0]: round(b[1] - a[1], 2) for a, b in zip(marks, stops, strict=True)}, loaded.read, loaded.bad


def rule_rates(path: Path, contract: Contract) -> dict[str, float]:
    """Return rows a second and core: of reading and parsing cells, and of the rules that judge one row, on values read."""
    source = open_source(path, list(HEADER))
    plan: Plan = compile_plan(contract.table, source.columns)
    with connect(threads=1) as connection:
        Vault(b"benchmark key, 32 bytes of noise").install(connection)
        connection.register("stream", pa.RecordBatchReader.from_batches(source.schema, source.batches))
        connection.execute("CREATE TEMP TABLE source AS SELECT * FROM stream")
        rows = connection.sql("SELECT count(*) FROM source").fetchall()[0][0]
        text = staging(plan)
        head, _, rest = text.partition("masked AS (SELECT *, ")
        masks = rest.partition(" FROM typed)")[0]
        begun = time.perf_counter()
        connection.execute("CREATE TEMP TABLE typed AS " + head.rstrip(", ") + " SELECT * FROM typed")
        parsed = time.perf_counter()
        best = min(_seconds(connection, f"SELECT {_counted(masks)} FROM (SELECT {masks} FROM typed)") for _ in range(3))
    return {"read and parse": rows / (parsed - begun), "rules": rows / best}


def _counted(masks: str) -> str:
    return ", ".join(f"count(*) FILTER (WHERE p{i} <> 0)" for i in range(3) if f" AS p{i}" in masks)


def _seconds(connection: duckdb.DuckDBPyConnection, query: str) -> float:
    begun = time.perf_counter()
    connection.sql(query).fetchall()
    return time.perf_counter() - begun


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, default=1_000_000)
    options.add_argument("--peer-rows", type=int, default=100_000)
    options.add_argument("--peers-python", default=sys.executable)
    options.add_argument("--json", type=Path)
    chosen = options.parse_args()
    folder = find_package("social-assistance") / "contracts"
    claims = parse_contract((folder / "medical_claims.odcs.yaml").read_text(encoding="utf-8"))
    persons = parse_contract(_PEOPLE)
    found: dict[str, object] = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        "duckdb": duckdb.__version__,
        "rules": len(claims.table.rules),
        "rows": chosen.rows,
    }
    with tempfile.TemporaryDirectory(prefix="zhizhi-bench-") as name:
        work = Path(name)
        ids = people(300_000)
        (work / "people.csv").write_text("id\n" + "\n".join(ids) + "\n", encoding="utf-8")
        write_claims(work / "claims.csv", chosen.rows, ids)
        vault = Vault.create(work / "lake.key")
        loader = Loader(Lake.create(work / "lake", vault.fingerprint), vault, datetime.now(UTC))
        loader.load(work / "people.csv", persons)
        seconds, steps, read, bad = timed_load(loader, work / "claims.csv", claims)
        found |= {"load seconds": round(seconds, 2), "steps": steps, "read": read, "bad": bad}
        found["rows a second and core"] = {k: round(v) for k, v in rule_rates(work / "claims.csv", claims).items()}
        found["peak MiB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        write_claims(work / "few.csv", chosen.peer_rows, ids)
        begun = time.perf_counter()
        loader.load(work / "few.csv", claims)
        ours = time.perf_counter() - begun
        bad_rows = sorted({r["row"] for r in loader.lake.rows("quarantine", "file = 'few.csv'")})
        found["few rows"] = {"rows": chosen.peer_rows, "zhizhi, whole load": round(ours, 2)}
        script = Path(__file__).with_name("loading_peers.py")
        done = subprocess.run(
            [chosen.peers_python, script, work / "few.csv", work / "people.csv"], capture_output=True, text=True, check=False
        )
        if done.returncode:
            found["peers"] = "not run: " + done.stderr.strip().splitlines()[-1]
        else:
            peers = json.loads(done.stdout)
            for peer in peers.values():
                peer["same bad rows"] = peer.pop("bad rows") == bad_rows
                peer["times slower than the whole load"] = round(peer["seconds"] / ours, 1)
            found["peers"] = peers
    text = json.dumps(found, ensure_ascii=False, indent=1)
    print(text)
    if chosen.json:
        chosen.json.write_text(text + "\n", encoding="utf-8")


_PEOPLE = """apiVersion: v3.1.0
kind: DataContract
id: population
version: 1.0.0
status: active
customProperties:
  - {property: zhizhi, value: {title: {zh: 人口, en: Population}, owner: {id: public-security, zh: 公安局, en: Public security}}}
schema:
  - name: population
    physicalName: people
    properties:
      - name: resident_id
        physicalName: id
        logicalType: string
        primaryKey: true
        customProperties: [{property: zhizhi, value: {title: {zh: 号码, en: Id}, identifier: person, format: resident-id}}]
"""

if __name__ == "__main__":
    main()
