"""Findings of a region merged, ranked and opened as cases: the figure that the desk promises for 1,000,000 people.

Run: ``python benchmarks/desk_opening.py --work DIR [--people 1000000] [--json FILE]``; with ``DATABASE_URL`` on PostgreSQL.
The region is synthetic; it is drawn and loaded once and kept in DIR. The database is emptied: it must be the benchmark's own
(SQLite in DIR, or a PostgreSQL database whose name begins with ``bench``). There are as many workers as doors are wanted.
The rules are compiled once before, as in a running service; the screening itself is told apart.
"""

from __future__ import annotations

import argparse
import json
import os
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import django

from zhizhi.backends.loading import Loader
from zhizhi.backends.loading_folder import load_folder, match_files, open_for_loading
from zhizhi.backends.sample_files import write_sample
from zhizhi.exchange.contract import read_contracts
from zhizhi.scenarios.shipped import find_package

DOORS = 10


def prepare(work: Path, people: int) -> None:
    """Draw and load the region once, and point Django at its home."""

    home, exports = work / "home", work / "sample"
    home.mkdir(parents=True, exist_ok=True)
    if not (exports / "SYNTHETIC").exists():
        write_sample(people, 7, exports)
    lake, vault = open_for_loading(home / "lake", home / "lake.key", True)
    if not lake.datasets():
        contracts = read_contracts(find_package("social-assistance") / "contracts")
        list(load_folder(Loader(lake, vault, datetime.now(UTC)), match_files(exports, contracts).jobs))
        lake.mark_synthetic()
    (home / "zhizhi.toml").write_text(f'region = "330000"\nas_of = "2025-09-01"\ndoors_per_day = {DOORS}\n', encoding="utf-8")
    os.environ["ZHIZHI_HOME"] = str(home)
    os.environ["DJANGO_SETTINGS_MODULE"] = "zhizhi.web.settings"
    django.setup()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--people", type=int, default=1_000_000)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    prepare(given.work.absolute(), given.people)
    measured = import_module("desk_opening_measured")
    measured.empty()
    result = measured.measure()
    print(json.dumps(result, indent=1, ensure_ascii=False))
    if given.json:
        given.json.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
