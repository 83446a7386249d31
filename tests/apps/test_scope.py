"""A post sees its subtree and nothing else."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from zhizhi.apps.accounts.selectors.regions import region_children, region_list
from zhizhi.apps.actors import Actor, Role, region_prefix
from zhizhi.kernel.errors import RefusedError


@pytest.mark.parametrize(
    ("code", "prefix"),
    [
        ("330000", "33"),
        ("330100", "3301"),
        ("330106", "330106"),
        ("330106109", "330106109"),
        ("330106109001", "330106109001"),
        ("", ""),
    ],
)
def test_trailing_noughts_of_a_code_stand_for_all_of_it(code: str, prefix: str) -> None:
    assert region_prefix(code) == prefix


def test_a_county_manager_lists_her_county_only(actors: dict[Role, Actor]) -> None:
    assert [p.code for p in region_list(actors[Role.COUNTY_MANAGER])] == ["330106", "330106002", "330106109"]
    assert region_children(actors[Role.COUNTY_MANAGER], "330102") == []


def test_a_post_without_a_region_sees_nothing(region_tree: list[object]) -> None:
    nobody = Actor(1, 1, "n", Role.COUNTY_MANAGER, "")
    assert region_list(nobody) == []
    assert not nobody.sees("330106")


def test_drilling_outside_the_subtree_is_refused(actors: dict[Role, Actor]) -> None:
    with pytest.raises(RefusedError):
        actors[Role.COUNTY_MANAGER].within("330102001")


def test_an_unknown_page_is_not_found(client_for: Callable[[Role], Client]) -> None:
    response = client_for(Role.COUNTY_MANAGER).get("/zh-hans/nowhere")
    assert response.status_code == 404
