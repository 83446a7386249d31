"""A newcomer gets her account, her password and her post, in a real browser; the content policy has nothing to object to."""

from __future__ import annotations

import re

from desk_server import Desk
from playwright.sync_api import Page

CHOSEN = "four quiet herons 82"


def send(page: Page) -> None:
    page.locator("main form button.primary").last.click()
    page.wait_for_load_state()


def test_a_newcomer_is_given_an_account_and_a_post_and_chooses_her_own_password(desk: Desk, desktop: Page, phone: Page) -> None:
    desk.login(desktop, "administrator", "en")
    desktop.goto(f"{desk.url}/en/accounts/people/new")
    desktop.fill("input[name=username]", "newcomer")
    desktop.fill("input[name=display_name]", "陈新")
    desktop.fill("input[name=region]", "西湖")
    option = desktop.locator('datalist option[value^="330106"]').first
    option.wait_for(state="attached")
    place = option.get_attribute("value") or ""
    assert re.fullmatch(r"330106\d* .+", place)
    desktop.fill("input[name=region]", place)
    send(desktop)
    given = desktop.locator("dd.mono strong").inner_text()
    assert re.fullmatch(r"[a-z]+(-[a-z]+){4}", given)
    desktop.get_by_role("link", name="She has been told").click()
    desktop.wait_for_load_state()
    desktop.select_option("select[name=role]", "town-officer")
    desktop.fill("input[name=region]", place.split()[0])
    desktop.select_option("select[name=grade]", "2")
    send(desktop)
    assert "The post is given" in desktop.inner_text("main")
    assert "open cases" in desktop.inner_text("main")

    phone.goto(f"{desk.url}/zh-hans/accounts/login")
    phone.fill("input[name=username]", "Newcomer")
    phone.fill("input[name=password]", given)
    phone.locator("form:has(input[name=password]) button").click()
    phone.wait_for_load_state()
    assert phone.url.endswith("/zh-hans/accounts/me/password")
    for name, value in (("old", given), ("new", CHOSEN), ("again", CHOSEN)):
        phone.fill(f"input[name={name}]", value)
    send(phone)
    assert "密码已修改" in phone.inner_text("body")
    phone.goto(f"{desk.url}/zh-hans/accounts/me")
    assert "乡镇（街道）经办人" in phone.inner_text("main")
    phone.get_by_role("button", name="启用两步验证").click()
    phone.wait_for_load_state()
    box = phone.locator("svg.qr").bounding_box()
    assert box is not None
    assert box["width"] > 150
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390

    assert desktop.faults == []  # type: ignore[attr-defined]
    assert phone.faults == []  # type: ignore[attr-defined]


def test_an_administrator_looks_through_a_post_and_cannot_change_anything(desk: Desk, desktop: Page) -> None:
    desk.login(desktop, "administrator", "en")
    desktop.goto(f"{desk.url}/en/accounts/people?role=county-manager")
    desktop.locator("tbody a").first.click()
    desktop.wait_for_load_state()
    desktop.get_by_role("link", name="View as this post").click()
    desktop.fill("input[name=purpose]", "Does the manager see her warnings?")
    send(desktop)
    assert "You are looking through the post" in desktop.inner_text("body")
    assert desktop.request.get(f"{desk.url}/api/v1/accounts/me").json()["viewing"] is True
    desktop.get_by_role("button", name="Stop looking").click()
    desktop.wait_for_load_state()
    assert "You are looking through the post" not in desktop.inner_text("body")
    assert desktop.faults == []  # type: ignore[attr-defined]
