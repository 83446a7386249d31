"""Counts by place and policy of the kept screening, read from its files without screening anything again."""

from __future__ import annotations

from datetime import date
from typing import Any

from zhizhi.backends.findings import by_region
from zhizhi.backends.lake import Lake
from zhizhi.backends.population import scan
from zhizhi.backends.screening import latest_run, load_kept, open_screening, stacking_of, state_folder
from zhizhi.engines.screening.verdicts import paid_table
from zhizhi.scenarios.package import Package


def kept_by_region(lake: Lake, package: Package, length: int = 9) -> list[dict[str, Any]]:
    """Return what `findings.by_region` says of the latest kept run; none where nothing is kept of this very package.

    Args:
        lake: the lake.
        package: the package; a run of another digest has other bits and is not read.
        length: digits of the region codes to count by: six for counties, nine for towns.
    """
    kept = latest_run(state_folder(lake, package))
    if kept is None or kept[1]["package_digest"] != package.digest:
        return []
    path, record = kept
    run = open_screening(lake, package, date.fromisoformat(record["on"]))
    load_kept(run, path)
    run.connection.execute(f"CREATE TEMP VIEW findings AS SELECT * FROM {scan([str(path / 'findings.parquet')])}")
    for level in run.levels():
        paid = paid_table(level, stacking_of(package), f"{level.subject}_bits")
        run.connection.execute(f"CREATE TEMP VIEW {level.subject}_paid AS {paid}")
    return by_region(run, length)
