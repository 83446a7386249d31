"""The sample's contracts and its exports say the same: headers, words of code lists, names of rules, owners."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from zhizhi.engines.synthesis import LAYOUTS, Layout
from zhizhi.engines.synthesis.codes import GRADE
from zhizhi.engines.synthesis.faulty import FAULTS
from zhizhi.exchange.contract import Contract, read_contracts
from zhizhi.scenarios.package import read_package

SCENARIO = Path(__file__).parents[2] / "scenarios" / "social-assistance"
CONTRACTS = {contract.dataset: contract for contract in read_contracts(SCENARIO / "contracts")}
STANDARD = {"missing value", "not a number", "not in the code list", "15-digit id", "resident id format", "total row, not data"}
LAYOUT_IDS = [layout.dataset for layout in LAYOUTS]


def test_there_is_one_contract_for_each_export_and_no_other() -> None:
    assert sorted(CONTRACTS) == sorted(LAYOUT_IDS)


@pytest.mark.parametrize("layout", LAYOUTS, ids=LAYOUT_IDS)
def test_a_contract_names_the_headers_and_words_that_the_export_writes(layout: Layout) -> None:
    contract: Contract = CONTRACTS[layout.dataset]
    headers = {field.header for field in contract.fields.values()}
    assert headers == {column.header for column in layout.columns}
    for column in layout.columns:
        field = contract.fields[column.field]
        assert field.header == column.header
        if isinstance(column.form, tuple) and column.form is not GRADE:
            assert dict(field.codes) == {word: code for code, word in column.form}


@pytest.mark.parametrize("dataset", LAYOUT_IDS)
def test_every_fault_of_the_sample_has_its_rule_in_the_contract(dataset: str) -> None:
    named = {rule.name for rule in CONTRACTS[dataset].table.rules} | STANDARD
    assert {fault.rule for fault in FAULTS[dataset]} <= named


def test_every_field_that_the_scenario_reads_is_in_a_contract() -> None:
    needs = read_package(SCENARIO).needs
    for item in needs.enrolment:
        assert {item.person, item.policy, item.amount, item.since} <= set(CONTRACTS[item.dataset].fields)
    for record in needs.vocabulary.records.values():
        assert {record.date, *record.fields} <= set(CONTRACTS[record.dataset].fields)
    text = (SCENARIO / "needs.yaml").read_text(encoding="utf-8")
    for dataset, field in set(re.findall(r"\b([a-z_]+)\.([a-z_]+)\b", text)):
        if dataset in CONTRACTS:
            assert field in CONTRACTS[dataset].fields, (dataset, field)


def test_owners_are_departments_of_the_package() -> None:
    departments = set(read_package(SCENARIO).departments)
    assert {contract.department.id for contract in CONTRACTS.values()} <= departments


def test_medical_claims_are_held_to_about_twenty_rules() -> None:
    assert 18 <= len(CONTRACTS["medical_claims"].table.rules) <= 26
