"""The catalogue as DCAT-AP 3 in JSON-LD: what the datasets are, in both languages, with IRIs for everything that has one.

Descriptions only: no row of data, no figure about a person.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from zhizhi.apps.accounts.selectors.regions import region_get
from zhizhi.apps.actors import Actor, Permission
from zhizhi.apps.catalogue.schemas import DatasetRow
from zhizhi.apps.catalogue.selectors.datasets import dataset_list
from zhizhi.apps.catalogue.selectors.sources import contract_of
from zhizhi.apps.configuration import configuration
from zhizhi.kernel.messages import LANGUAGES, render

MEDIA_TYPE = "application/ld+json"
EU = "http://publications.europa.eu/resource/authority/"
IANA = "https://www.iana.org/assignments/media-types/"
FREQUENCIES = {"daily": "DAILY", "weekly": "WEEKLY", "monthly": "MONTHLY", "quarterly": "QUARTERLY", "yearly": "ANNUAL"}
CONTEXT = {
    "dcat": "http://www.w3.org/ns/dcat#",
    "dct": "http://purl.org/dc/terms/",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "vcard": "http://www.w3.org/2006/vcard/ns#",
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "adms": "http://www.w3.org/ns/adms#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
_TAGS = {"zh": "zh-Hans", "en": "en"}


def dcat(actor: Actor, *, root: str, now: datetime) -> dict[str, Any]:
    """Return the whole catalogue.

    Args:
        actor: needs ``DATASET_VIEW``.
        root: address of this installation, with a slash at its end; the IRIs of datasets begin with it.
        now: decides nothing but what is overdue, which is not told here.
    """
    actor.require(Permission.DATASET_VIEW)
    rows = dataset_list(actor, now=now, sort="title")
    graph = [_catalogue(root, rows), _publisher(root), _place(root)]
    owners = {row.owner: row.owner_name for row in rows}
    graph += [_agent(f"{root}api/v1/catalogue/departments/{code}", name) for code, name in sorted(owners.items())]
    for row in rows:
        graph += [_dataset(root, row), _distribution(root, row), _contact(root, row)]
    return {"@context": CONTEXT, "@graph": [*graph, *_vocabulary(graph)]}


def _both(texts: Any) -> list[dict[str, str]]:
    return [{"@language": _TAGS[lang], "@value": str(texts[lang])} for lang in LANGUAGES if texts.get(lang)]


def _said(code: str, **params: Any) -> list[dict[str, str]]:
    """Return a sentence of the catalogue of messages in both languages; params may themselves be in both."""
    chosen = {lang: {k: v.get(lang, "") if isinstance(v, dict) else v for k, v in params.items()} for lang in LANGUAGES}
    return _both({lang: render(code, lang, chosen[lang]) for lang in LANGUAGES})


def _iri(value: str) -> dict[str, str]:
    return {"@id": value}


def _when(value: datetime) -> dict[str, str]:
    return {"@type": "xsd:dateTime", "@value": value.isoformat()}


def _region() -> dict[str, str]:
    code = str(configuration().region)
    place = region_get(code)
    return {"zh": place.zh, "en": place.en} if place else {"zh": code, "en": code}


def _catalogue(root: str, rows: list[DatasetRow]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "@id": f"{root}api/v1/catalogue/dcat",
        "@type": "dcat:Catalog",
        "dct:title": _said("catalogue.catalogue-title", region=_region()),
        "dct:description": _said("catalogue.catalogue-text", region=_region()),
        "dct:publisher": _iri(f"{root}api/v1/catalogue/publisher"),
        "dct:language": [_iri(f"{EU}language/ZHO"), _iri(f"{EU}language/ENG")],
        "dct:spatial": _iri(f"{root}api/v1/catalogue/region"),
        "foaf:homepage": _iri(root),
        "dcat:themeTaxonomy": _iri(f"{EU}data-theme"),
        "dcat:dataset": [_iri(_dataset_iri(root, row.id)) for row in rows],
    }
    loaded = [row.loaded_at for row in rows if row.loaded_at]
    if loaded:
        described["dct:modified"] = _when(max(loaded))
    return described


def _dataset_iri(root: str, dataset: str) -> str:
    return f"{root}api/v1/catalogue/datasets/{dataset}"


def _publisher(root: str) -> dict[str, Any]:
    return _agent(f"{root}api/v1/catalogue/publisher", {lang: f"{name}" for lang, name in _region().items()})


def _agent(iri: str, name: Any) -> dict[str, Any]:
    return {"@id": iri, "@type": "foaf:Agent", "foaf:name": _both(name)}


def _place(root: str) -> dict[str, Any]:
    return {
        "@id": f"{root}api/v1/catalogue/region",
        "@type": "dct:Location",
        "skos:prefLabel": _both(_region()),
        "dct:identifier": str(configuration().region),
    }


def _dataset(root: str, row: DatasetRow) -> dict[str, Any]:
    contract = contract_of(row.id)
    iri = _dataset_iri(root, row.id)
    words: dict[str, list[str]] = {lang: [item.title(lang) for item in contract.table.fields] for lang in LANGUAGES}
    described: dict[str, Any] = {
        "@id": iri,
        "@type": "dcat:Dataset",
        "dct:identifier": row.id,
        "dct:title": _both(row.title),
        "dct:description": _both(row.purpose if row.purpose.get("zh") else row.title),
        "dct:publisher": _iri(f"{root}api/v1/catalogue/departments/{row.owner}"),
        "dcat:contactPoint": _iri(f"{iri}#contact"),
        "dct:accessRights": _iri(f"{EU}access-right/{_access(row.grade)}"),
        "dct:accrualPeriodicity": _iri(f"{EU}frequency/{FREQUENCIES.get(row.update, 'UNKNOWN')}"),
        "dct:language": _iri(f"{EU}language/ZHO"),
        "dct:spatial": _iri(f"{root}api/v1/catalogue/region"),
        "dcat:theme": _iri(f"{EU}data-theme/SOCI"),
        "dcat:keyword": [{"@language": _TAGS[lang], "@value": word} for lang in LANGUAGES for word in dict.fromkeys(words[lang])],
        "dcat:distribution": _iri(f"{iri}#parquet"),
    }
    if row.loaded_at:
        described["dct:modified"] = _when(row.loaded_at)
    if row.version is not None:
        described["dcat:version"] = str(row.version)
    return described


def _access(grade: str) -> str:
    """Return the EU's word for a grade: L1 may be public, L2 is restricted, higher ones are not public."""
    return {"L1": "PUBLIC", "L2": "RESTRICTED", "": "RESTRICTED"}.get(grade, "NON_PUBLIC")


def _distribution(root: str, row: DatasetRow) -> dict[str, Any]:
    iri = _dataset_iri(root, row.id)
    return {
        "@id": f"{iri}#parquet",
        "@type": "dcat:Distribution",
        "dct:title": _said("catalogue.dcat-distribution", title=dict(row.title)),
        "dct:description": _said("catalogue.dcat-rights"),
        "dcat:accessURL": _iri(iri),
        "dct:format": _iri(f"{EU}file-type/PARQUET"),
        "dcat:mediaType": _iri(f"{IANA}application/vnd.apache.parquet"),
    }


def _contact(root: str, row: DatasetRow) -> dict[str, Any]:
    return {
        "@id": f"{_dataset_iri(root, row.id)}#contact",
        "@type": "vcard:Organization",
        "vcard:fn": _both(row.owner_name),
        "vcard:hasURL": _iri(_dataset_iri(root, row.id)),
    }


_KINDS = {
    "dct:language": "dct:LinguisticSystem",
    "dct:accessRights": "dct:RightsStatement",
    "dct:accrualPeriodicity": "dct:Frequency",
    "dct:format": "dct:MediaTypeOrExtent",
    "dcat:mediaType": "dct:MediaType",
    "dcat:theme": "skos:Concept",
    "dcat:themeTaxonomy": "skos:ConceptScheme",
    "foaf:homepage": "foaf:Document",
}


def _vocabulary(graph: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what kind of thing each outside IRI is, so that a validator need not fetch it; concepts bear their notation."""
    found: dict[str, str] = {}
    for node in graph:
        for name, kind in _KINDS.items():
            values = node.get(name, [])
            for value in values if isinstance(values, list) else [values]:
                found[value["@id"]] = kind
    listed = []
    for iri, kind in sorted(found.items()):
        described: dict[str, Any] = {"@id": iri, "@type": kind}
        if kind.startswith("skos:"):
            notation = iri.rpartition("/")[2]
            described["skos:prefLabel" if kind == "skos:Concept" else "dct:title"] = {"@language": "en", "@value": notation}
        listed.append(described)
    return listed
