"""The root of the API: who gets in, how errors look, what the document says."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from django.test import Client

from zhizhi.apps.actors import Role
from zhizhi.apps.configuration import Configuration, configuration
from zhizhi.apps.paging import cursor_read, cursor_write, page_of
from zhizhi.kernel.errors import UsageError

PROBLEM = "application/problem+json"


@pytest.mark.parametrize("path", ["/api/v1/", "/api/v1/openapi.json", "/api/v1/nowhere"])
def test_nobody_is_told_anything(path: str, db: None) -> None:
    answer = Client().get(path)
    assert (answer.status_code, answer["Content-Type"], answer.json()["code"]) == (401, PROBLEM, "accounts.login-needed")
    assert answer["WWW-Authenticate"] == "Bearer"


def test_the_document_is_openapi_3_1_and_names_every_error(client_for: Callable[[Role], Client]) -> None:
    document = client_for(Role.AUDITOR).get("/api/v1/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    for path, operations in document["paths"].items():
        assert path.startswith("/api/v1/")
        for method, operation in operations.items():
            wanted = {"400", "401", "403", "404", "422", "429", "503"} | ({"409", "413"} if method != "get" else set())
            assert wanted <= set(operation["responses"]), (method, path)
            assert operation["security"] == [{"Token": []}, {"Session": []}]
            assert operation["responses"]["404"]["content"][PROBLEM]["schema"]["$ref"] == "#/components/schemas/Problem"


def test_an_unknown_filter_is_an_error_and_not_the_whole_list(client_for: Callable[[Role], Client]) -> None:
    answer = client_for(Role.AUDITOR).get("/api/v1/?regoin=330106")
    assert (answer.status_code, answer["Content-Type"]) == (400, PROBLEM)
    assert answer.json()["params"]["name"] == "regoin"


def test_unknown_paths_and_methods_are_problems_too(client_for: Callable[[Role], Client]) -> None:
    client = client_for(Role.AUDITOR)
    missing, wrong = client.get("/api/v1/nowhere"), client.delete("/api/v1/")
    assert (missing.status_code, missing["Content-Type"]) == (404, PROBLEM)
    assert (wrong.status_code, wrong["Content-Type"], wrong["Allow"]) == (405, PROBLEM, "GET")


def test_the_sentence_of_a_problem_is_in_the_language_asked_for(client_for: Callable[[Role], Client]) -> None:
    client = client_for(Role.AUDITOR)
    zh, en = (client.get("/api/v1/?a=1", headers={"accept-language": lang}).json()["detail"] for lang in ("zh-hans", "en"))
    assert "筛选条件" in zh
    assert "filter" in en


def test_too_many_requests_in_a_minute_are_answered_429(home: Configuration, client_for: Callable[[Role], Client]) -> None:
    (home.home / "zhizhi.toml").write_text('region = "330100"\napi_per_minute = 3\n', encoding="utf-8")
    configuration.cache_clear()
    client = client_for(Role.AUDITOR)
    answers = [client.get("/api/v1/") for _ in range(7)]  # more than twice, so that a minute may turn in between
    refused = [answer for answer in answers if answer.status_code == 429]
    assert answers[0].status_code == 200
    assert refused
    assert refused[0].json()["code"] == "web.too-many"
    assert 1 <= int(refused[0]["Retry-After"]) <= 60
    assert client_for(Role.REFORM_OFFICE).get("/api/v1/").status_code == 200, "another caller has a count of her own"


def test_a_cursor_comes_back_as_it_was_written() -> None:
    assert cursor_read(cursor_write("2025-09-01", 7), str, int) == ("2025-09-01", 7)
    assert cursor_read("", str) is None


@pytest.mark.parametrize(
    "cursor", ["x", "!!!", cursor_write(1, 2), cursor_write(True), cursor_write(2**63), "W1td", "é", json.dumps(["a"])]
)
def test_a_cursor_of_another_list_is_an_error(cursor: str) -> None:
    with pytest.raises(UsageError):
        cursor_read(cursor, int)


def test_a_page_has_a_next_one_only_when_a_row_more_was_read() -> None:
    assert page_of([1, 2, 3], 2, lambda n: (n,))["next"] == cursor_write(2)
    assert page_of([1, 2], 2, lambda n: (n,))["next"] is None
    assert page_of([], 2, lambda n: (n,), count=0) == {"items": [], "next": None, "count": 0}
