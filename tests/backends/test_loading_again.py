"""Loading twice, corrections, kill -9 in the middle, two processes at once, and a lake without its key."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pytest
from small_town import HEADER, Town, people_text, person, wages_text

from zhizhi.backends.vault import Vault
from zhizhi.kernel.errors import LakeError

#: Where a load dies: owner and name of a step, and whether it dies after it (or as it begins).
PLACES = [
    ("loading._Job", "_compare_rows", False),
    ("lake.Lake", "rewrite", False),
    ("lake.Lake", "rewrite", True),
    ("lake.Lake", "commit", False),
    ("lake.Lake", "commit", True),
    ("loading._Job", "_write_history", True),
]
KILLER = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from zhizhi.backends import lake, loading
from small_town import Town
owner, method, after = {owner}, {method!r}, {after}
inner = getattr(owner, method)
def dying(self, *args, **kwargs):
    if self.__class__.__name__ == "_Job" and self.contract.dataset != "wages": return inner(self, *args, **kwargs)
    if method in ("commit", "rewrite", "append") and "wages" not in str(args): return inner(self, *args, **kwargs)
    if after: inner(self, *args, **kwargs)
    os.kill(os.getpid(), signal.SIGKILL)
setattr(owner, method, dying)
town = Town.__new__(Town)
root = Path({root!r})
town.root, town.files, town.contracts, town.lake_path = root, root / "files", root / "contracts", root / "lake"
town.load()
"""


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


def state(town: Town) -> dict[str, list[tuple[object, ...]]]:
    """Everything a reader of the lake sees, without the clock."""
    found = {}
    for dataset in town.lake.datasets():
        rows = town.lake.delta(dataset).to_pyarrow_table().to_pylist()
        found[dataset] = sorted(tuple(map(str, row.values())) for row in rows)
    found["quarantine"] = sorted(tuple(map(str, row.values())) for row in town.lake.rows("quarantine"))
    found["identities"] = sorted({tuple(map(str, row.values())) for row in town.lake.rows("identities")})
    return found


def test_same_files_twice_change_nothing(town: Town) -> None:
    town.load()
    before, versions = state(town), town.lake.versions()
    outcomes = town.load()
    assert all(o.loaded and o.loaded.unchanged for o in outcomes.values())
    assert (state(town), town.lake.versions()) == (before, versions)


def test_a_to_b_to_a_ends_with_a(town: Town) -> None:
    first = (town.files / "工资.csv").read_bytes()
    town.load()
    before = state(town)["wages"]
    town.write("工资.csv", wages_text(3))
    town.load()
    town.write("工资.csv", first)
    outcome = town.load()["工资.csv"].loaded
    assert outcome is not None
    assert (outcome.unchanged, outcome.version) == (False, 2)
    assert state(town)["wages"] == before


def test_appended_files_are_added_once(tmp_path: Path) -> None:
    town = Town(tmp_path, mode="append")
    town.load()
    town.write("工资_09.csv", wages_text().replace("202508", "202509"))
    town.load()
    town.load()
    assert len(state(town)["wages"]) == 10
    assert town.lake.versions()["wages"] == 1


def test_late_corrections_replace_rows_of_the_same_key(tmp_path: Path) -> None:
    town = Town(tmp_path, mode="upsert")
    town.load()
    town.write("工资_更正.csv", f"身份证号,月工资（元）,所属期\n{person(2)},9999,202508\n")
    town.load()
    wages = town.lake.delta("wages").to_pyarrow_table().to_pylist()
    assert sorted(int(row["wage"]) for row in wages) == [1000, 1001, 1003, 1004, 9999]
    assert town.lake.changed_keys("wages", "resident_id", 0, 1).to_pylist() == [
        Vault.open(tmp_path / "lake.key").pseudonym("person", person(2))
    ]
    town.load()
    assert town.lake.versions()["wages"] == 1


def test_changed_contract_loads_the_file_anew(town: Town) -> None:
    town.load()
    path = town.contracts / "wages.odcs.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("min: 0", "min: 1001"), encoding="utf-8")
    outcome = town.load()["工资.csv"].loaded
    assert outcome is not None
    assert (outcome.good, outcome.bad, outcome.unchanged) == (4, 1, False)


@pytest.mark.parametrize(("owner", "method", "after"), PLACES)
def test_kill_in_the_middle_leaves_the_last_version_and_the_next_run_completes(
    tmp_path: Path, owner: str, method: str, after: bool
) -> None:
    (tmp_path / "clean").mkdir()
    (tmp_path / "killed").mkdir()
    clean, town = Town(tmp_path / "clean"), Town(tmp_path / "killed")
    for one in (clean, town):
        one.write("工资.csv", wages_text(4))
        one.load()
        one.write("工资.csv", wages_text() + f"{person(1)},-5,202508\n")
    before = state(town)["wages"]
    script = KILLER.format(tests=str(Path(__file__).parent), owner=owner, method=method, after=after, root=str(town.root))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    committed = (method == "commit" and after) or method == "_write_history"
    assert (state(town)["wages"] == before) is not committed
    town.load()
    clean.load()
    assert town.lake.versions() == clean.lake.versions()
    assert [len(rows) for rows in state(town).values()] == [len(rows) for rows in state(clean).values()]
    assert town.bad() == clean.bad()
    assert all(o.loaded and o.loaded.unchanged for o in town.load().values())


def test_two_processes_do_not_write_at_once_and_a_dead_one_does_not_block(town: Town) -> None:
    town.load()
    holder = (
        "import fcntl, os, sys, time; h = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT); fcntl.flock(h, fcntl.LOCK_EX); "
        "print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", holder, str(town.lake_path / ".lock")], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(LakeError) as raised:
            town.load()
        assert raised.value.code == "lake.held"
        process.kill()
        process.wait()
    assert town.load()


def test_lake_without_its_key_is_not_given_a_new_one(town: Town) -> None:
    town.load()
    (town.root / "lake.key").unlink()
    with pytest.raises(LakeError) as raised:
        town.load()
    assert raised.value.code == "lake.key-missing"
    assert not (town.root / "lake.key").exists()
    Vault.create(town.root / "lake.key")
    with pytest.raises(LakeError) as other:
        town.load()
    assert other.value.code == "lake.key-other"


def test_numbers_and_names_are_nowhere_in_clear(town: Town) -> None:
    wrong = person(3)[:-1] + ("0" if person(3)[-1] != "0" else "1")
    town.write("人口.csv", people_text() + f"{wrong},欧阳测试,000000000003,1980-01-01,2010/01/01\n")
    town.load()
    secrets = [wrong, "欧阳测试", "赵1", *(person(n) for n in range(5)), "000000000003"]
    for path in town.lake_path.rglob("*.parquet"):
        text = str(pa.parquet.read_table(path).to_pylist())
        assert not [secret for secret in secrets if secret in text], path
    assert oct((town.root / "lake.key").stat().st_mode & 0o777) == "0o600"


def test_pseudonyms_lead_back_with_the_key(town: Town) -> None:
    town.load()
    vault = Vault.open(town.root / "lake.key")
    links = town.lake.delta("population").to_pyarrow_table().column("resident_id").to_pylist()
    assert set(vault.reveal(town.lake, links).values()) == {person(n) for n in range(5)}
    one = vault.pseudonym("person", person(1))
    assert vault.pseudonyms("person", pa.array([person(1), None, person(1)])).to_pylist() == [one, None, one]
    assert one in links
    masked = [row["masked"] for row in town.lake.rows("identities", "kind = 'person'")]
    assert set(masked) == {"330106************"}


def test_a_killed_load_of_a_larger_file_is_completed(tmp_path: Path) -> None:
    town = Town(tmp_path)
    ids = [person(n % 1000, f"19{50 + n // 1000}0101") for n in range(30_000)]
    town.write("人口.csv", HEADER + "\n" + "".join(f"{one},赵,H{n},,2010-01-01\n" for n, one in enumerate(ids)))
    script = KILLER.split("owner, method")[0] + KILLER[KILLER.index("town = ") :]
    text = script.format(tests=str(Path(__file__).parent), root=str(town.root))
    for delay in (1.0, 1.5):
        with subprocess.Popen([sys.executable, "-c", text], stderr=subprocess.DEVNULL) as process:
            time.sleep(delay)
            os.kill(process.pid, signal.SIGKILL)
    loaded = town.load()["人口.csv"].loaded
    assert loaded is not None
    assert (loaded.read, loaded.good) == (30_000, 30_000)
    assert town.lake.versions()["population"] == 0
    assert town.lake.delta("population").count() == 30_000
