"""Logging in, in a real browser: the door of every other journey."""

from __future__ import annotations

from desk_server import Desk
from playwright.sync_api import Page


def test_a_worker_logs_in_on_her_phone_and_sees_that_all_is_synthetic(desk: Desk, phone: Page) -> None:
    desk.login(phone, "village-worker")
    assert "/accounts/login" not in phone.url
    assert "合成数据" in phone.inner_text("body")
    assert phone.faults == []  # type: ignore[attr-defined]


def test_a_wrong_password_is_refused_in_words(desk: Desk, desktop: Page) -> None:
    desktop.goto(f"{desk.url}/en/accounts/login")
    desktop.fill("input[name=username]", desk.accounts["auditor"]["login"])
    desktop.fill("input[name=password]", "not the password")
    desktop.locator("form:has(input[name=password]) button:not([type=button])").click()
    desktop.wait_for_load_state()
    assert "/accounts/login" in desktop.url
    assert desktop.input_value("input[name=username]") == desk.accounts["auditor"]["login"]


def test_a_page_sends_a_stranger_to_the_login_and_then_where_she_wanted_to_go(desk: Desk, desktop: Page) -> None:
    desktop.goto(f"{desk.url}/en/jobs/")
    assert "/accounts/login" in desktop.url
    desktop.fill("input[name=username]", desk.accounts["administrator"]["login"])
    desktop.fill("input[name=password]", desk.password)
    desktop.locator("form:has(input[name=password]) button:not([type=button])").click()
    desktop.wait_for_load_state()
    assert desktop.url.endswith("/en/jobs/")
    assert desktop.inner_text("h1") == "Jobs"
