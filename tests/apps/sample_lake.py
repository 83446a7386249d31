"""A loaded lake of a small synthetic region, made once a test run and copied for whoever writes to it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

from zhizhi.backends.loading import Loader
from zhizhi.backends.loading_folder import load_folder, match_files, open_for_loading
from zhizhi.backends.sample_files import write_sample
from zhizhi.backends.screening_whole import screen_whole
from zhizhi.exchange.contract import read_contracts
from zhizhi.scenarios.package import read_package
from zhizhi.scenarios.shipped import find_package
from zhizhi.scenarios.triage_file import read_triage

PEOPLE, SEED = 3_000, 7


def make_lake(folder: Path) -> Path:
    """Draw 3,000 synthetic people, load their departments' exports and screen them; return the lake, its key beside it."""
    exports, lake = folder / "exports", folder / "lake"
    write_sample(PEOPLE, SEED, exports)
    contracts = read_contracts(find_package("social-assistance") / "contracts")
    opened, vault = open_for_loading(lake, folder / "lake.key", True)
    outcomes = list(load_folder(Loader(opened, vault, datetime(2025, 9, 2, tzinfo=UTC)), match_files(exports, contracts).jobs))
    assert not [outcome for outcome in outcomes if outcome.error]
    opened.mark_synthetic()
    # what a screening keeps is part of the world: the run that pages read, and the SQL, which takes seconds to write
    package = read_package(find_package("social-assistance"))
    screen_whole(opened, package, read_triage(package), date(2025, 9, 1))
    return lake
