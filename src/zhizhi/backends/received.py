"""What a household receives today by the lists of the departments, as the latest kept screening read them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from zhizhi.backends.duckdb import connect
from zhizhi.backends.lake import Lake
from zhizhi.backends.population import scan, text
from zhizhi.backends.screening import latest_run, state_folder
from zhizhi.scenarios.needs import Enrolment
from zhizhi.scenarios.package import Package

MONTHLY = "CNY/month"


@dataclass(frozen=True, slots=True)
class Received:
    """One line of a list: the policy, the dataset, a household or one member of it, fen, whether a month's, since when.

    ``grade`` is the data grade of the amount (1-4).
    """

    policy: str
    dataset: str
    kind: str
    subject: str
    amount_fen: int | None
    monthly: bool
    since: date | None
    grade: int


def received(lake: Lake, package: Package, household: str) -> list[Received]:
    """Return what a household and its members receive, by policy; nothing where no screening is kept."""
    kept = latest_run(state_folder(lake, package))
    if kept is None:
        return []
    folder = kept[0]
    people = f"SELECT person FROM {scan([str(folder / 'person_file.parquet')])} WHERE household = {text(household)}"
    query = (
        f"SELECT kind, subject, policy, amount, since FROM {scan([str(folder / 'receipts.parquet')])} "
        f"WHERE (kind = 'household' AND subject = {text(household)}) OR (kind = 'person' AND subject IN ({people})) "
        "ORDER BY policy, subject"
    )
    with connect(threads=1) as connection:
        rows = connection.execute(query).fetchall()
    known = set(lake.datasets())
    found = []
    for kind, subject, policy, amount, since in rows:
        row = next((item for item in package.needs.enrolment if item.dataset in known and _lists(lake, item, policy)), None)
        dataset = row.dataset if row else ""
        field = lake.contract(dataset).fields[row.amount] if row and row.amount else None
        digits = "".join(letter for letter in field.grade if letter.isdigit()) if field else ""
        day = None if since is None else date(since // 10_000, since // 100 % 100, since % 100)
        found.append(
            Received(policy, dataset, kind, subject, amount, bool(field and str(field.unit) == MONTHLY), day, int(digits or 4))
        )
    return found


def _lists(lake: Lake, row: Enrolment, policy: str) -> bool:
    """Whether a dataset says who receives a policy."""
    if row.policies:
        return policy in row.policies
    return bool(row.policy) and policy in {
        str(code) for code in lake.contract(row.dataset).fields[row.policy or ""].codes.values()
    }
