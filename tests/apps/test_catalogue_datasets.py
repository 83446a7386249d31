"""Datasets: what the list and the page say, the search by two characters, who reads a field, and the export as DCAT-AP."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import rdflib
from django.test import Client
from pyshacl import validate

from zhizhi.apps.actors import Actor, Role
from zhizhi.apps.catalogue.models import Entry
from zhizhi.apps.catalogue.selectors.datasets import dataset_counts, dataset_get, dataset_list
from zhizhi.apps.catalogue.selectors.dcat import dcat
from zhizhi.apps.catalogue.selectors.search import search
from zhizhi.apps.catalogue.services.sync import catalogue_sync
from zhizhi.apps.configuration import Configuration, configuration
from zhizhi.backends.lake import Lake
from zhizhi.backends.loading import Loader
from zhizhi.backends.loading_folder import load_folder, open_for_loading
from zhizhi.exchange.contract import read_contracts
from zhizhi.kernel.errors import NotFoundError, UsageError
from zhizhi.scenarios.shipped import find_package

SHAPES = Path(__file__).parents[1] / "data" / "dcat" / "shapes.ttl"
LOADED = datetime(2025, 9, 2, tzinfo=UTC)

pytestmark = pytest.mark.django_db


@pytest.fixture
def worker(actors: dict[Role, Actor], desk_lake: Path) -> Actor:
    """A village worker: she sees what data there is, and none of it."""
    return actors[Role.VILLAGE_WORKER]


def test_everybody_sees_what_data_there_is(worker: Actor) -> None:
    rows = {row.id: row for row in dataset_list(worker, now=LOADED)}
    assert len(rows) == 15
    register = rows["population"]
    assert register.owner == "public-security"
    assert register.grade == "L4"
    assert register.rows == 3000
    assert register.state == "faulty"
    assert register.passed + register.failed + register.idle == len(dataset_get(worker, "population", now=LOADED).rules)


def test_the_state_is_the_worst_that_is_true(worker: Actor) -> None:
    week_later = LOADED + timedelta(days=8)
    late = {row.id for row in dataset_list(worker, now=week_later, state="overdue")}
    assert late == {"incidents", "serious_illness"}, "those promised weekly"
    assert all(row.update == "weekly" for row in dataset_list(worker, now=week_later, state="overdue"))
    counts = dataset_counts(worker, now=week_later)
    assert counts["overdue"] == counts["unfit"] == 2
    assert {row.id for row in dataset_list(worker, now=week_later, fit="unfit")} == late
    assert dataset_list(worker, now=week_later)[0].state == "overdue", "what needs attention comes first"


def test_filters_know_their_values(worker: Actor) -> None:
    assert {row.owner for row in dataset_list(worker, now=LOADED, owner="civil-affairs")} == {"civil-affairs"}
    assert dataset_list(worker, now=LOADED, owner="nobody") == []
    for wrong in ({"state": "bad"}, {"sort": "size"}, {"fit": "maybe"}):
        with pytest.raises(UsageError):
            dataset_list(worker, now=LOADED, **wrong)
    with pytest.raises(NotFoundError):
        dataset_get(worker, "nothing", now=LOADED)


def test_without_a_lake_every_rule_is_not_run(actors: dict[Role, Actor], home: Configuration) -> None:
    worker = actors[Role.VILLAGE_WORKER]
    rows = dataset_list(worker, now=LOADED)
    assert {row.state for row in rows} == {"missing"}
    assert all(row.rows is None and row.version is None and row.passed == 0 and row.idle > 0 for row in rows)
    assert {rule.status for rule in dataset_get(worker, "wages", now=LOADED).rules} == {"not run"}


def test_a_rule_without_its_other_dataset_is_told_apart(
    actors: dict[Role, Actor], home: Configuration, made_lake: Path, now: datetime
) -> None:
    lake, vault = open_for_loading(home.lake_path, home.key_path, True)
    contract = next(c for c in read_contracts(find_package("social-assistance") / "contracts") if c.dataset == "aid_register")
    export = made_lake.parent / "exports" / "民政_救助家庭登记.csv"
    assert not [o for o in load_folder(Loader(lake, vault, now), [(export, contract)]) if o.error]
    seen = dataset_get(actors[Role.VILLAGE_WORKER], "aid_register", now=now)
    assert seen.row.state == "idle"
    idle = [rule for rule in seen.rules if rule.status == "not run"]
    assert [rule.against for rule in idle] == ["population.household_no"]
    assert seen.rules[0].status == "not run", "it stands first"


def test_fields_name_the_policies_that_read_them(worker: Actor) -> None:
    fields = {field.name: field for field in dataset_get(worker, "wages", now=LOADED).fields}
    readers = {reader.id for reader in fields["wage"].policies}
    assert {"dibao", "edge"} <= readers
    assert "person.job_ended_on" in {reader.id for reader in fields["job_ended_on"].variables}
    assert not fields["employer_uscc"].readers, "nobody reads the employer"
    claims = {field.name: field for field in dataset_get(worker, "medical_claims", now=LOADED).fields}
    assert "medical-spending" in {reader.id for reader in claims["settled_on"].policies}, "a window reads the record's date"
    register = {field.name: field for field in dataset_get(worker, "population", now=LOADED).fields}
    assert "register" in {reader.kind for reader in register["household_no"].readers}


def test_versions_tell_which_loads_they_are_made_of(worker: Actor) -> None:
    loads = dataset_get(worker, "wages", now=LOADED).loads
    assert len(loads) == 2
    assert [load.version for load in loads] == [1, 0]
    assert all(load.current for load in loads)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("残疾", "disability"),
        ("两项补贴", "disability_benefits"),
        ("民政", "aid_register"),
        ("民政 登记", "aid_register"),
        ("wage", "wages"),
        ("WAGES", "wages"),
        ("出生日期", "population"),
        ("医", "medical_claims"),
    ],
)
def test_two_characters_find(worker: Actor, system: Actor, now: datetime, text: str, wanted: str) -> None:
    catalogue_sync(system, now=now)
    assert wanted in {hit.dataset for hit in search(worker, text)}


def test_every_word_must_be_there(worker: Actor, system: Actor, now: datetime) -> None:
    catalogue_sync(system, now=now)
    assert search(worker, "残疾 机动车") == []
    assert search(worker, "民疾") == [], "the two characters must be neighbours"
    for empty in ("", "  ", "!?。", "'\"--"):
        assert search(worker, empty) == []
    for strange in ("a'b", '"', "NEAR(", "a:b*", "x OR y", "\\", "%", "救'助"):
        search(worker, strange)


def test_the_index_follows_the_contracts(worker: Actor, system: Actor, now: datetime, home: Configuration) -> None:
    assert catalogue_sync(system, now=now)
    assert not catalogue_sync(system, now=now)
    entries = Entry.objects.count()
    contract = home.lake_path / "contracts" / "wages.odcs.yaml"
    (home.home / "zhizhi.toml").write_text('region = "330100"\npackages = []\n', encoding="utf-8")
    configuration.cache_clear()
    text = contract.read_text(encoding="utf-8")
    contract.write_text(text.replace("就业与工资", "务工与薪酬"), encoding="utf-8")
    assert catalogue_sync(system, now=now)
    assert {hit.dataset for hit in search(worker, "薪酬")} == {"wages"}
    assert "wages" not in {hit.dataset for hit in search(worker, "就业与工资") if hit.kind == "dataset"}
    assert Entry.objects.count() == entries


def test_the_export_is_dcat_ap(worker: Actor) -> None:
    document = dcat(worker, root="https://example.org/", now=LOADED)
    graph = rdflib.Graph().parse(data=json.dumps(document), format="json-ld")
    conforms, _, report = validate(graph, shacl_graph=rdflib.Graph().parse(SHAPES), inference="none", advanced=False)
    assert conforms, report
    dcat_ns = rdflib.Namespace("http://www.w3.org/ns/dcat#")
    assert len(set(graph.subjects(rdflib.RDF.type, dcat_ns.Dataset))) == 15
    title = rdflib.URIRef("http://purl.org/dc/terms/title")
    wages = rdflib.URIRef("https://example.org/api/v1/catalogue/datasets/wages")
    assert {(value.language, str(value)) for value in graph.objects(wages, title)} == {  # type: ignore[union-attr]
        ("zh-Hans", "就业与工资"),
        ("en", "Employment and wages"),
    }


def test_the_shapes_find_what_is_missing(worker: Actor) -> None:
    document = dcat(worker, root="https://example.org/", now=LOADED)
    shapes = rdflib.Graph().parse(SHAPES)

    def broken(change: Callable[[dict[str, Any]], object], kind: str) -> bool:
        copy = json.loads(json.dumps(document))
        change(next(node for node in copy["@graph"] if node["@type"] == kind))
        graph = rdflib.Graph().parse(data=json.dumps(copy), format="json-ld")
        return not validate(graph, shacl_graph=shapes, inference="none")[0]

    assert broken(lambda node: node.pop("dct:publisher"), "dcat:Catalog")
    assert broken(lambda node: node["dct:title"].pop(), "dcat:Dataset")
    assert broken(lambda node: node.update({"dct:accessRights": "NON_PUBLIC"}), "dcat:Dataset")
    assert broken(lambda node: node.pop("dcat:accessURL"), "dcat:Distribution")


def test_the_export_holds_no_data(client_for: Callable[[Role], Client], desk_lake: Path) -> None:
    answer = client_for(Role.VILLAGE_WORKER).get("/zh-hans/catalogue/dcat.jsonld")
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/ld+json"
    text = answer.content.decode()
    assert "隔离" not in text
    assert str(Lake.open(desk_lake).path) not in text


def test_pages_speak_both_languages_and_refuse_strange_filters(client_for: Callable[[Role], Client], desk_lake: Path) -> None:
    client = client_for(Role.VILLAGE_WORKER)
    assert (
        "从未" in client.get("/zh-hans/catalogue/").content.decode()
        or "数据目录" in client.get("/zh-hans/catalogue/").content.decode()
    )
    assert "Data catalogue" in client.get("/en/catalogue/").content.decode()
    assert "没有找到" in client.get("/zh-hans/catalogue/?q=飞船").content.decode()
    assert client.get("/zh-hans/catalogue/?owners=x").status_code == 400
    assert client.get("/zh-hans/catalogue/?state=x").status_code == 400
    assert client.get("/zh-hans/catalogue/datasets/nothing").status_code == 404
    for language in ("zh-hans", "en"):
        page = client.get(f"/{language}/catalogue/datasets/wages")
        assert page.status_code == 200
        assert "catalogue." not in page.content.decode(), "every label has its words"


def test_who_used_a_dataset_is_shown_to_its_stewards_alone(
    client_for: Callable[[Role], Client], actors: dict[Role, Actor], desk_lake: Path
) -> None:
    steward = client_for(Role.DATA_STEWARD)
    steward.get("/zh-hans/catalogue/datasets/aid_register/quarantine")
    assert "查看了隔离行" in steward.get("/zh-hans/catalogue/datasets/aid_register").content.decode()
    assert "查看了隔离行" not in client_for(Role.VILLAGE_WORKER).get("/zh-hans/catalogue/datasets/aid_register").content.decode()
    assert dataset_list(replace(actors[Role.VILLAGE_WORKER], region=""), now=LOADED), "descriptions have no place"
