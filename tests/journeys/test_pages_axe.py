"""Every page that a role can reach, held to WCAG 2.2 AA by axe, on phone and desktop, in light, dark and large text."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from desk_server import DESKTOP, PHONE, Desk, new_page
from every_page import every_page, try_a_figure
from playwright.sync_api import Browser, Page

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
OPTIONS = {"runOnly": {"type": "tag", "values": TAGS}, "resultTypes": ["violations"]}
GRAVE = ("serious", "critical")
ROLES = ["village-worker", "county-manager", "policy-analyst", "data-steward", "auditor", "administrator"]
"""Between them they reach every page: an officer sees no more than a manager, a reform office no more than an analyst."""


def faults_of(page: Page) -> list[str]:
    """What axe finds serious or critical on the page in view, each with the first places where it stands."""
    answer: dict[str, Any] = Axe().run(page, options=OPTIONS).response
    return [
        f"{item['id']} ({item['impact']}): {item['help']} — {[node['target'] for node in item['nodes'][:3]]}"
        for item in answer["violations"]
        if item["impact"] in GRAVE
    ]


def spilled(page: Page) -> bool:
    """Whether the page is wider than the window: text that must be scrolled for sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth + 1"))


@pytest.fixture(scope="session")
def examined() -> Counter[str]:
    """How often each kind of page was examined on a phone: what two roles saw is not examined for a third."""
    return Counter()


def walk(page: Page, desk: Desk, role: str, lang: str, examined: Counter[str]) -> tuple[list[str], dict[str, list[str]]]:
    """Visit every page of a role; the kinds seen and what is wrong with each."""
    desk.login(page, role, lang)
    if role == "policy-analyst":
        try_a_figure(page, desk.url, lang)
    kinds, wrong = [], {}
    for kind, status in every_page(page, desk.url, lang):
        kinds.append(kind)
        examined[kind] += 1
        found = faults_of(page) if examined[kind] <= 2 else []
        if status != 200:
            found.append(f"status {status}")
        if spilled(page):
            found.append("wider than the window")
        if page.locator("h1").count() != 1:
            found.append(f"{page.locator('h1').count()} first headings")
        if found:
            wrong[kind] = found
    return kinds, wrong


@pytest.mark.parametrize("role", ROLES)
def test_nothing_grave_on_any_page_of_a_role_on_a_phone(desk: Desk, browser: Browser, examined: Counter[str], role: str) -> None:
    page = new_page(browser, PHONE)
    kinds, wrong = walk(page, desk, role, "zh-hans", examined)
    page.context.close()
    assert len(kinds) >= 4, kinds
    assert not wrong
    assert page.faults == []  # type: ignore[attr-defined]


@pytest.mark.parametrize("role", ["county-manager", "data-steward"])
def test_nothing_grave_on_a_dark_desktop_with_large_text(desk: Desk, browser: Browser, role: str) -> None:
    page = new_page(browser, DESKTOP, "en-GB")
    page.emulate_media(color_scheme="dark")
    page.context.add_cookies([{"name": "text", "value": "large", "url": desk.url}])
    kinds, wrong = walk(page, desk, role, "en", Counter())
    assert page.evaluate("document.documentElement.dataset.text") == "large"
    page.context.close()
    assert len(kinds) >= 4, kinds
    assert not wrong


@pytest.mark.parametrize("path", ["/en/accounts/login", "/en/cases/999999999", "/en/assistance/cockpit?region=990000"])
def test_nothing_grave_where_somebody_stands_before_a_door(desk: Desk, desktop: Page, path: str) -> None:
    if "login" not in path:
        desk.login(desktop, "county-manager", "en")
    desktop.goto(f"{desk.url}{path}")
    assert faults_of(desktop) == []
    assert desktop.locator("h1").count() == 1


def test_the_harness_finds_what_is_planted(desk: Desk, desktop: Page) -> None:
    desktop.goto(f"{desk.url}/en/accounts/login")
    desktop.evaluate("document.querySelector('main').insertAdjacentHTML('beforeend', '<img src=\"/static/desk/mark.svg\">')")
    assert any(fault.startswith("image-alt") for fault in faults_of(desktop))
