"""What the frame of every page promises in a real browser: text size, keyboard, drafts, charts and their tables."""

from __future__ import annotations

from desk_server import DESKTOP, Desk, new_page
from playwright.sync_api import Browser, Page, expect

KEPT = "Object.keys(localStorage).some(key => key.startsWith('zhizhi-draft:'))"


def test_large_text_is_one_tap_and_stays(desk: Desk, phone: Page) -> None:
    desk.login(phone, "village-worker")
    before = phone.evaluate("parseFloat(getComputedStyle(document.body).fontSize)")
    phone.locator("[data-text-size]").click()
    assert phone.evaluate("parseFloat(getComputedStyle(document.body).fontSize)") == before * 1.25
    phone.goto(f"{desk.url}/zh-hans/accounts/me")
    assert phone.evaluate("document.documentElement.dataset.text") == "large"
    expect(phone.locator("[data-text-size]")).to_have_attribute("aria-pressed", "true")


def test_large_text_works_without_scripts(desk: Desk, browser: Browser) -> None:
    page = new_page(browser, DESKTOP, scripts=False)
    page.goto(f"{desk.url}/zh-hans/accounts/login")
    page.locator("[data-text-size]").click()
    assert page.locator("html").get_attribute("data-text") == "large"
    page.context.close()


def test_a_list_is_walked_by_keyboard(desk: Desk, desktop: Page) -> None:
    desk.login(desktop, "county-manager", "en")
    desktop.goto(f"{desk.url}/en/cases/")
    second = desktop.locator("[data-row] a[href]").nth(0)
    where = second.get_attribute("href")
    desktop.keyboard.press("j")
    expect(desktop.locator("[data-row].here")).to_have_count(1)
    desktop.keyboard.press("/")
    focused = desktop.evaluate("document.activeElement.hasAttribute('data-search')")
    assert focused
    desktop.keyboard.type("j")  # typing in a field moves no row
    desktop.keyboard.press("Escape")
    desktop.evaluate("document.activeElement.blur()")
    desktop.keyboard.press("o")
    desktop.wait_for_url(f"**{where}*")


def test_what_is_typed_is_kept_until_it_is_accepted(desk: Desk, phone: Page) -> None:
    desk.login(phone, "village-worker")
    phone.goto(f"{desk.url}/zh-hans/cases/doors")
    phone.locator("[data-row] a.primary").first.click()
    phone.wait_for_url("**/visit")
    phone.locator("form[data-draft] textarea:visible").first.fill("门口有台阶，老人出门不便")
    phone.wait_for_timeout(1_000)  # what is typed is kept after a short pause
    assert phone.evaluate(KEPT)
    phone.reload()
    phone.get_by_role("button", name="恢复草稿").click()
    assert phone.locator("form[data-draft] textarea:visible").first.input_value() == "门口有台阶，老人出门不便"
    phone.reload()
    phone.get_by_role("button", name="丢弃").click()
    assert not phone.evaluate(KEPT)
    assert phone.faults == []  # type: ignore[attr-defined]


def test_charts_are_drawn_from_the_table_that_stays_behind_them(desk: Desk, desktop: Page) -> None:
    desk.login(desktop, "reform-office", "en")
    desktop.goto(f"{desk.url}/en/assistance/cockpit")
    picture = desktop.locator("figure[data-chart=map][data-finished]")
    expect(picture).to_have_count(1, timeout=30_000)
    expect(picture.locator("canvas")).to_have_count(1)
    table = picture.locator("details")
    assert table.get_attribute("open") is None
    table.locator("summary").click()
    expect(picture.locator("tbody tr")).to_have_count(13)
    expect(picture.locator(".chart-source")).to_contain_text("Borders")
    assert desktop.faults == []  # type: ignore[attr-defined]


def test_without_the_drawing_library_the_tables_are_shown(desk: Desk, desktop: Page) -> None:
    desktop.route("**/vendor/echarts.min.js", lambda route: route.abort())
    desk.login(desktop, "reform-office", "en")
    desktop.goto(f"{desk.url}/en/assistance/cockpit")
    expect(desktop.locator("figure[data-chart=map] tbody tr").first).to_be_visible()
    assert desktop.locator("figure canvas").count() == 0


def test_a_place_on_the_map_leads_to_its_towns(desk: Desk, desktop: Page) -> None:
    desk.login(desktop, "reform-office", "en")
    desktop.goto(f"{desk.url}/en/assistance/cockpit")
    row = desktop.locator("section[aria-labelledby=places] a[data-open]").first
    name = row.inner_text()
    row.click()
    desktop.wait_for_url("**region=330102*")
    assert name in desktop.inner_text("h1")
    assert desktop.locator("figure[data-chart=map]").count() == 0  # no borders of towns: they are ranked
    expect(desktop.locator("figure[data-chart=bars]")).to_have_count(1)


def test_a_form_is_sent_once(desk: Desk, desktop: Page) -> None:
    desk.login(desktop, "policy-analyst", "en")
    desktop.goto(f"{desk.url}/en/assistance/policies/dibao")
    desktop.locator("#try .figure-input").first.fill("90000")
    sent: list[str] = []
    desktop.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    desktop.evaluate("() => { const b = document.querySelector('#try button.primary'); b.click(); b.click(); b.click(); }")
    desktop.wait_for_url("**/whatifs/*")
    assert len(sent) == 1
