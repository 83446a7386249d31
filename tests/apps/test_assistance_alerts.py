"""Alerts against an independent reading of the same files: the interpreter of rules and the pure score, home by home."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from fractions import Fraction
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from zhizhi.backends.case_files import CaseReader
from zhizhi.backends.lake import Lake
from zhizhi.backends.screening import latest_run, state_folder
from zhizhi.backends.screening_whole import facts_of
from zhizhi.backends.triage import Alert, alerts_path, count_alerts, make_alerts, read_alerts, some_alerts
from zhizhi.engines.rules.evaluator import Evaluation
from zhizhi.engines.screening.ranking import Need, score
from zhizhi.scenarios.package import Package, read_package
from zhizhi.scenarios.shipped import find_package
from zhizhi.scenarios.triage_file import Triage, read_triage

ON = date(2025, 9, 1)


@pytest.fixture(scope="module")
def package() -> Package:
    return read_package(find_package("social-assistance"))


@pytest.fixture(scope="module")
def triage(package: Package) -> Triage:
    return read_triage(package)


@pytest.fixture(scope="module")
def kept(made_lake: Path, package: Package) -> Path:
    found = latest_run(state_folder(Lake.open(made_lake), package))
    assert found is not None
    return found[0]


@pytest.fixture(scope="module")
def alerts(kept: Path, triage: Triage) -> list[Alert]:
    return list(read_alerts(alerts_path(kept, triage, ON)))


def test_every_household_with_a_finding_that_asks_for_a_visit_is_there_once(kept: Path, alerts: list[Alert]) -> None:
    rows = pq.read_table(kept / "findings.parquet").to_pylist()
    wanted = defaultdict(set)
    for row in rows:
        if row["finding"] in ("missed", "warning"):
            wanted[row["household"]].add((row["subject"], row["policy"], row["finding"]))
    assert [alert.household for alert in alerts] == list(dict.fromkeys(alert.household for alert in alerts))
    assert {a.household: {(r.subject, r.policy, r.finding) for r in a.reasons} for a in alerts} == dict(wanted)
    assert len(alerts) > 30


def test_scores_are_those_of_the_interpreter_and_the_pure_formula(
    made_lake: Path, package: Package, triage: Triage, alerts: list[Alert]
) -> None:
    reader = CaseReader(Lake.open(made_lake), package, ON)
    figures = {**package.figures, **{("triage", name): parameter for name, parameter in triage.figures.items()}}
    weights = triage.weights(ON)
    for alert in alerts:
        case = reader.read(alert.household).case
        run = Evaluation(case, ON, package.needs.vocabulary, figures)
        policies = {reason.policy for reason in alert.reasons}
        depth = {
            measure.id: None if (value := run.of(measure.node, run.start).value) is None else round_half(value * 100)
            for measure in triage.measures
            if not measure.policies or measure.policies & policies
        }
        signs = {sign.id: run.truth(sign.condition.node, run.start) for sign in triage.signs}
        severities = [triage.severity(package.policies[reason.policy]) for reason in alert.reasons]
        expected = score(Need(severities, depth, signs), weights)
        assert (alert.severity, alert.further, alert.depth, alert.vulnerable, alert.gravest) == (
            expected.severity,
            expected.further,
            expected.depth,
            expected.vulnerable,
            expected.gravest,
        )
        assert (alert.score, set(alert.signs), set(alert.unknown)) == (expected.total, set(expected.signs), set(expected.unknown))
    keys = [(-alert.score, -alert.severity, -alert.depth, alert.household) for alert in alerts]
    assert keys == sorted(keys)
    assert [alert.rank for alert in alerts] == list(range(1, len(alerts) + 1))


def round_half(value: Fraction) -> int:
    """Round a known share to hundredths, halves away from nought, as amounts are rounded."""
    return int(abs(value) + Fraction(1, 2)) * (1 if value >= 0 else -1)


def test_made_again_they_are_the_same_and_cost_no_second_making(
    made_lake: Path, package: Package, triage: Triage, kept: Path, tmp_path: Path
) -> None:
    lake, path = Lake.open(made_lake), alerts_path(kept, triage, ON)
    found = latest_run(state_folder(lake, package))
    assert found is not None
    before = path.read_bytes()
    stamp = path.stat().st_mtime_ns
    assert make_alerts(lake, package, triage, found) == path
    assert path.stat().st_mtime_ns == stamp
    again = tmp_path / "run"
    again.mkdir()
    for file in kept.glob("*.parquet"):
        if not file.name.startswith("alerts"):
            (again / file.name).symlink_to(file)
    assert make_alerts(lake, package, triage, (again, found[1])).read_bytes() == before


def test_pages_are_cut_to_a_place(alerts: list[Alert], kept: Path, triage: Triage) -> None:
    path = alerts_path(kept, triage, ON)
    county = alerts[0].region[:6]
    inside = [alert for alert in alerts if alert.region.startswith(county)]
    assert some_alerts(path, county, limit=1_000) == inside
    assert some_alerts(path, county, offset=1, limit=1) == inside[1:2]
    assert count_alerts(path, county) == len(inside)
    assert some_alerts(path, "") == []
    assert count_alerts(path, "") == 0
    assert some_alerts(path, county, [alerts[0].household]) == alerts[:1]
    assert some_alerts(path, county, []) == []


def test_a_digest_follows_the_values_that_the_rule_reads_and_no_others(
    made_lake: Path, package: Package, alerts: list[Alert], tmp_path: Path
) -> None:
    lake = Lake.open(made_lake)
    reasons = [(r.kind, r.subject, r.policy, a.household) for a in alerts for r in a.reasons]
    told = {(r.subject, r.policy): r.facts for a in alerts for r in a.reasons}
    assert facts_of(lake, package, reasons) == told
