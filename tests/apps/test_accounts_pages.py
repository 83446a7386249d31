"""Pages of people and posts answer, in both languages, to those who may see them."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.test import Client

from zhizhi.apps.actors import Permission, Role

PAGES = ["administration", "people", "people/new", "roles", "settings", "tokens", "places?q=三墩", "help", "me", "me/password"]


@pytest.mark.parametrize("lang", ["zh-hans", "en"])
@pytest.mark.parametrize("page", PAGES)
def test_every_page_of_administration_answers(page: str, lang: str, client_for: Callable[[Role], Client]) -> None:
    answer = client_for(Role.ADMINISTRATOR).get(f"/{lang}/accounts/{page}")
    assert answer.status_code == 200
    left = set(re.findall(r"accounts\.[a-z.-]+", answer.content.decode())) - set(Permission)
    assert not left, "labels without their sentences"
