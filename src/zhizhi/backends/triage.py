"""Findings merged into one alert a household, scored and put in order, over a whole population at once.

The kept run says what was found. Signs of vulnerability and depths are decided by the same engine as policies, over the same
versions of the lake, for the households that somebody should visit. The alerts are kept beside the run they are made of.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from zhizhi.backends.duckdb import connect
from zhizhi.backends.facts import facts_table
from zhizhi.backends.lake import Lake
from zhizhi.backends.population import Snapshot, scan, text
from zhizhi.backends.screening import Progress, Screening, quiet
from zhizhi.engines.screening.plan import plan_screening
from zhizhi.engines.screening.questions import WORD, signed
from zhizhi.engines.screening.ranking import GRAVEST, TENTHS, Weights
from zhizhi.scenarios.package import Package
from zhizhi.scenarios.triage_file import VISIT, Triage

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Reason:
    """One finding of an alert. Amounts are fen; ``facts`` is the digest of the values that the decision was made of."""

    kind: str
    subject: str
    policy: str
    finding: str
    severity: str
    payable_fen: int | None
    facts: str


@dataclass(frozen=True, slots=True)
class Alert:
    """One household that somebody should visit: its place in the order, the parts of its score in tenths, its reasons."""

    rank: int
    household: str
    region: str
    score: int
    severity: int
    further: int
    depth: int
    vulnerable: int
    gravest: str
    deepest: str
    signs: tuple[str, ...]
    unknown: tuple[str, ...]
    reasons: tuple[Reason, ...]


def alerts_path(run: Path, triage: Triage, on: date) -> Path:
    """Return where the alerts of a kept run lie: by the weights they were made with."""
    return run / f"alerts-{sha256(f'{FORMAT} {triage.digest} {on}'.encode()).hexdigest()[:16]}.parquet"


def make_alerts(
    lake: Lake, package: Package, triage: Triage, kept: tuple[Path, Mapping[str, Any]], progress: Progress = quiet
) -> Path:
    """Merge, score and rank the findings of a kept run that ask for a visit; return the file. Made once, whole or not at all.

    Args:
        lake: the lake.
        package: the package of the run.
        triage: its weights.
        kept: folder and record of the run, as `latest_run` returns them.
        progress: is told the name of each step.

    Raises:
        NotFoundError: a version of the lake that the run was made of is gone.
    """
    folder, record = kept
    on = date.fromisoformat(record["on"])
    path = alerts_path(folder, triage, on)
    if path.exists():
        return path
    limits = [(f"limit_depth_{i}", "household", measure.node) for i, measure in enumerate(triage.measures)]
    figures = {**package.figures, **{("triage", name): parameter for name, parameter in triage.figures.items()}}
    plan = plan_screening(triage.sign_rules(), package.needs.vocabulary, figures, on, limits)
    run = Screening(connect(), package, plan, Snapshot(lake, dict(record["snapshot"])), on)
    progress("findings")
    _reasons(run, triage, folder)
    run.base("wanted")
    run.build(progress)
    run.decide(progress)
    progress("facts")
    facts_table(run, folder, "reasons")
    progress("ranking")
    query = _ranked(triage, triage.weights(on), run)
    part = path.with_suffix(f".{id(run):x}.part")
    run.connection.execute(f"COPY ({query}) TO {text(str(part))} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 20480)")
    part.replace(path)
    return path


def _reasons(run: Screening, triage: Triage, folder: Path) -> None:
    """Make ``reasons``, the findings that ask for a visit, each with its severity, and ``wanted``, their households."""
    asked = [name for name, asks in triage.kinds.items() if asks == VISIT]
    grave = " ".join(f"WHEN {text(name)} THEN {text(triage.severity(policy))}" for name, policy in run.package.policies.items())
    run.connection.execute(
        "CREATE OR REPLACE TEMP TABLE reasons AS "
        "SELECT kind, subject, policy, finding, household, coalesce(region, '') AS region, "
        f"CASE policy {grave} ELSE {text(triage.default)} END AS severity, CAST(payable * 100 AS BIGINT) AS payable_fen "
        f"FROM {scan([str(folder / 'findings.parquet')])} WHERE finding IN ({', '.join(text(name) for name in asked) or 'NULL'})"
    )
    run.connection.execute("CREATE OR REPLACE TEMP TABLE wanted AS SELECT DISTINCT household FROM reasons")


def _ranked(triage: Triage, weights: Weights, run: Screening) -> str:
    """Return the SELECT of alerts in order; the same points as `engines.screening.ranking.score` gives one household."""
    grave = "CASE severity " + " ".join(f"WHEN '{name}' THEN {weights.severity[name]}" for name in GRAVEST) + " END"
    place = "CASE severity " + " ".join(f"WHEN '{name}' THEN {i}" for i, name in enumerate(GRAVEST)) + " END"
    struct = (
        "{'kind': kind, 'subject': subject, 'policy': policy, 'finding': finding, 'severity': severity, "
        "'payable_fen': payable_fen, 'facts': facts}"
    )
    order = f"{grave} DESC, {place}, policy, finding, subject"
    merged = (
        "SELECT household, min(region) AS region, count(*) AS n, "
        f"arg_min(severity, -1000 * {grave} + {place}) AS gravest, max({grave}) AS points, "
        f"list({struct} ORDER BY {order}) AS reasons, list(DISTINCT policy) AS policies "
        "FROM (SELECT r.*, f.facts FROM reasons AS r JOIN facts AS f USING (kind, subject, policy)) GROUP BY household"
    )
    shares, lacking = [], []
    for index, measure in enumerate(triage.measures):
        listed = ", ".join(text(name) for name in sorted(measure.policies))
        concerned = f"list_has_any(m.policies, [{listed}])" if measure.policies else "true"
        shares.append(f"CASE WHEN {concerned} THEN least(greatest(coalesce(b.limit_depth_{index}, 0), 0), 100) ELSE 0 END")
        lacking.append(f"CASE WHEN {concerned} AND b.limit_depth_{index} IS NULL THEN {text(measure.id)} END")
    bits = {item.policy.id: item.bits[0] for item in run.plan.household.policies}
    holds, points = [], []
    for sign in triage.signs:
        word, value = bits[sign.id] // WORD, signed(1 << (bits[sign.id] % WORD))
        holds.append(f"CASE WHEN (b.T{word} & ({value})) <> 0 THEN {text(sign.id)} END")
        points.append(f"CASE WHEN (b.T{word} & ({value})) <> 0 THEN {weights.vulnerable[sign.id]} ELSE 0 END")
        lacking.append(f"CASE WHEN (b.U{word} & ({value})) <> 0 THEN {text(sign.id)} END")
    names = f"[{', '.join(text(measure.id) for measure in triage.measures)}]"
    parts = (
        f"SELECT m.*, [{', '.join(shares)}]::BIGINT[] AS shares, {_present(holds)} AS signs, {_present(lacking)} AS unknown, "
        f"least({' + '.join(points) or '0'}, {weights.vulnerable_most}) * {TENTHS} AS vulnerable "
        f"FROM ({merged}) AS m JOIN household_bits AS b USING (household)"
    )
    share = "coalesce(list_max(shares), 0)"
    scored = (
        f"SELECT *, points * {TENTHS} AS severity_, "
        f"least({weights.further} * (n - 1), {weights.further_most}) * {TENTHS} AS further, "
        f"{weights.depth_most} * {share} // {TENTHS} AS depth, "
        f"CASE WHEN {share} > 0 THEN {names}[list_position(shares, {share})] ELSE '' END AS deepest FROM ({parts})"
    )
    total = "severity_ + further + depth + vulnerable"
    return (
        f"SELECT CAST(row_number() OVER (ORDER BY {total} DESC, severity_ DESC, depth DESC, household) AS BIGINT) AS rank, "
        f"household, region, CAST({total} AS BIGINT) AS score, CAST(severity_ AS BIGINT) AS severity, CAST(further AS BIGINT) AS "
        "further, CAST(depth AS BIGINT) AS depth, CAST(vulnerable AS BIGINT) AS vulnerable, gravest, deepest, signs, unknown, "
        f"reasons FROM ({scored}) ORDER BY rank"
    )


def _present(parts: Sequence[str]) -> str:
    return f"list_filter([{', '.join(parts)}]::VARCHAR[], lambda x: x IS NOT NULL)" if parts else "[]::VARCHAR[]"


# reading -----------------------------------------------------------------------------------------------------------


def read_alerts(path: Path, batch: int = 5_000) -> Iterator[Alert]:
    """Yield the alerts of a file in order of rank."""
    with pq.ParquetFile(path) as file:
        for rows in file.iter_batches(batch):
            for row in rows.to_pylist():
                yield _alert(row)


def some_alerts(
    path: Path, prefix: str, households: Sequence[str] | None = None, *, offset: int = 0, limit: int = 50
) -> list[Alert]:
    """Return alerts of the places whose code begins with ``prefix`` (empty: none), in order of rank, from ``offset`` on."""
    if not prefix:
        return []
    tests = [f"starts_with(region, {text(prefix)})"]
    if households is not None:
        tests.append(f"household IN ({', '.join(text(name) for name in households)})" if households else "false")
    query = f"SELECT * FROM {scan([str(path)])} WHERE {' AND '.join(tests)} ORDER BY rank LIMIT {int(limit)} OFFSET {int(offset)}"
    with connect(threads=1) as connection:
        return [_alert(row) for row in connection.sql(query).to_arrow_table().to_pylist()]


def count_alerts(path: Path, prefix: str) -> int:
    """Return how many households of a place somebody should visit."""
    if not prefix:
        return 0
    with connect(threads=1) as connection:
        row = connection.execute(f"SELECT count(*) FROM {scan([str(path)])} WHERE starts_with(region, {text(prefix)})").fetchone()
    return int(row[0]) if row else 0


def _alert(row: Mapping[str, Any]) -> Alert:
    reasons = tuple(Reason(**reason) for reason in row["reasons"])
    values = {name: row[name] for name in Alert.__dataclass_fields__ if name not in ("signs", "unknown", "reasons")}
    return Alert(**values, signs=tuple(row["signs"]), unknown=tuple(row["unknown"]), reasons=reasons)
