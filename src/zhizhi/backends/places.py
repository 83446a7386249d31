"""How many people and findings each place has, counted in the lake: the denominators of maps and lists."""

from __future__ import annotations

from zhizhi.backends.duckdb import connect
from zhizhi.backends.lake import Lake
from zhizhi.backends.population import Snapshot, quoted, scan
from zhizhi.backends.screening import latest_run, state_folder
from zhizhi.scenarios.package import Package

_ABOVE = (2, 4, 6, 9)


def people_by_region(lake: Lake, dataset: str = "population", field: str = "residence_region") -> dict[str, int]:
    """Return how many registered people live in each region: towns and villages as they are written, and all regions above them.

    A county's people are those of its towns and those whose town is not known.
    """
    snapshot = Snapshot.latest(lake)
    files = lake.files(dataset, snapshot.versions[dataset])
    present = f"{quoted('cancel_reason')} IS NULL" if "cancel_reason" in lake.contract(dataset).fields else "true"
    with connect(threads=1) as connection:
        rows = connection.execute(
            f"SELECT {quoted(field)}, count(*) FROM {scan(files)} WHERE {quoted(field)} IS NOT NULL AND {present} GROUP BY ALL"
        ).fetchall()
    counts: dict[str, int] = {}
    for code, n in rows:
        for above in {*(_padded(code[:digits]) for digits in _ABOVE if digits <= len(code)), code}:
            counts[above] = counts.get(above, 0) + n
    return counts


def missed_by_town(lake: Lake, package: Package) -> dict[str, int]:
    """Return how many households of each town the latest kept screening found to be missed by a policy."""
    kept = latest_run(state_folder(lake, package))
    if kept is None:
        return {}
    findings = scan([str(kept[0] / "findings.parquet")])
    with connect(threads=1) as connection:
        rows = connection.execute(
            f"SELECT substr(region, 1, 9), count(DISTINCT household) FROM {findings} WHERE finding = 'missed' GROUP BY ALL"
        ).fetchall()
    return {code: n for code, n in rows if code and len(code) == 9}


def _padded(prefix: str) -> str:
    return prefix.ljust(6, "0") if len(prefix) < 6 else prefix
