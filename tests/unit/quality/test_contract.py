"""A contract is read whole or refused with its place, the key at fault and what to do."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from zhizhi.engines.quality.declared import Phase
from zhizhi.exchange.contract import in_order, parse_contract, read_contracts
from zhizhi.kernel.errors import ContractError

ROOT = Path(__file__).resolve().parents[3]
FOLDERS = [ROOT / "examples" / "three-bridges" / "contracts", ROOT / "scenarios" / "social-assistance" / "contracts"]
TEXT = (FOLDERS[0] / "population.odcs.yaml").read_text(encoding="utf-8")


def refusal(text: str) -> ContractError:
    with pytest.raises(ContractError) as raised:
        parse_contract(text, "population.odcs.yaml")
    assert "population.odcs.yaml" in raised.value.text("zh")
    assert raised.value.text("zh") != raised.value.text("en")
    return raised.value


def test_contract_says_fields_grades_owner_and_mode() -> None:
    contract = parse_contract(TEXT)
    assert (contract.dataset, contract.mode) == ("population", "replace")
    assert (contract.keys, contract.update) == (("resident_id",), "monthly")
    assert (contract.title("zh"), contract.owner("en")) == ("常住人口", "Public security bureau")
    field = contract.fields["resident_id"]
    assert (field.grade, field.identifier) == ("L4", "person")
    assert (field.title("en"), field.owner.id) == ("Resident id", "public-security")


def test_written_rules_come_first_and_take_over_from_the_standard_ones() -> None:
    rules = parse_contract(TEXT).table.rules
    dates = [(rule.name, rule.fields) for rule in rules if rule.check == "date"]
    assert dates == [("impossible birth date", ("resident_id", "birth_date")), ("impossible date", ("registered_on",))]
    assert [rule.name for rule in rules][:2] == ["total row, not data", "resident id checksum"]
    assert {rule.name for rule in rules if rule.phase is Phase.CELLS} >= {"missing value", "15-digit id", "resident id format"}
    assert "duplicate key" not in {rule.name for rule in rules}, "one-per settles the key"


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("kind: DataContract", "kind: [", "contract.yaml"),
        ("kind: DataContract", "kind: DataProduct", "contract.version"),
        ("id: population", "id: people", "contract.one-schema"),
        ("load: replace", "load: truncate", "contract.addition"),
        ("load: replace", "loads: replace", "contract.addition"),
        ("fields: [registered_on]", "fields: [registered_at]", "contract.field-unknown"),
        ("fields: [registered_on]", "fields: [cancel_reason]", "contract.rule-field"),
        ("check: duplicate-row", "check: duplicate-rows", "contract.addition"),
        ("logicalType: date", "logicalType: day", "contract.type"),
        ("by: registered_on", "by: registred_on", "contract.field-unknown"),
    ],
)
def test_what_does_not_resolve_is_an_error(old: str, new: str, code: str) -> None:
    assert old in TEXT
    assert refusal(TEXT.replace(old, new)).code == code


def test_unknown_field_is_answered_with_the_nearest() -> None:
    assert "registered_on" in refusal(TEXT.replace("fields: [registered_on]", "fields: [registered_at]")).text("en")


def test_upsert_needs_a_key() -> None:
    text = TEXT.replace("load: replace", "load: upsert").replace("        primaryKey: true\n", "")
    assert refusal(text).code == "contract.upsert-key"


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.parent.name)
def test_shipped_contracts_are_read_and_come_after_what_they_refer_to(folder: Path) -> None:
    contracts = read_contracts(folder)
    names = [contract.dataset for contract in contracts]
    assert names[0] == "population"
    assert in_order(reversed(contracts)) == contracts
    for contract in contracts:
        assert all(field.grade in ("L1", "L2", "L3", "L4") for field in contract.fields.values()), contract.dataset
        assert not [rule.name for rule in contract.table.rules if not rule.runnable], contract.dataset


def test_folder_without_contracts_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(ContractError) as raised:
        read_contracts(tmp_path)
    assert raised.value.code == "contract.none"


@pytest.mark.skipif(importlib.util.find_spec("datacontract") is None, reason="datacontract-cli is not installed")
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.parent.name)
def test_datacontract_lint_accepts_every_contract(folder: Path) -> None:
    script = (
        "import sys, glob\nfrom datacontract.data_contract import DataContract\n"
        "for path in sorted(glob.glob(sys.argv[1] + '/*.odcs.yaml')):\n"
        "    run = DataContract(data_contract_file=path).lint()\n    print(path, run.result)\n"
        "    assert run.result == 'passed', (path, [c.reason for c in run.checks])\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(folder)], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.count("passed") == len(list(folder.glob("*.odcs.yaml")))
