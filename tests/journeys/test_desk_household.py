"""A household from the warning to the closed case: in Chinese on a phone, in English on a desktop, in a real browser."""

from __future__ import annotations

import re
from datetime import date

import pytest
from desk_server import DESKTOP, PHONE, Desk, new_page
from playwright.sync_api import Browser, Locator, Page

TEXT = {
    "zh-hans": "家里情况已经当面核实，建议按政策帮扶。",
    "en": "Seen and talked over at their home; help according to the policy.",
}
CLOSED = {"zh-hans": "已办结", "en": "Closed"}


def fill(form: Locator, text: str) -> None:
    """Answer every visible question of a form as somebody in a hurry would: the first choice, today, a round number."""
    groups: set[str] = set()
    for box in form.locator("input[type=radio]:visible, input[type=checkbox]:visible").all():
        name = box.get_attribute("name") or ""
        if name not in groups:
            groups.add(name)
            box.check()
    for field in form.locator("textarea:visible, input:visible").all():
        kind = field.get_attribute("type") or "text"
        if kind in ("radio", "checkbox", "file", "hidden", "submit") or field.input_value():
            continue
        if kind == "date":
            field.fill(date.today().isoformat())
        elif field.get_attribute("inputmode") == "decimal":
            field.fill("2")
        else:
            field.fill(text)


def send(page: Page, form: Locator) -> None:
    """Send a form and wait for what comes; words of an error summary are the failure."""
    form.locator(".form-actions button").first.click()
    page.wait_for_load_state()
    summary = page.locator(".error-summary")
    assert summary.count() == 0, summary.first.inner_text()


def visit(page: Page, desk: Desk, lang: str) -> str:
    """The worker's part: her first door, step by step, until the case has gone to others; its number in the address."""
    desk.login(page, "village-worker", lang)
    page.goto(f"{desk.url}/{lang}/cases/doors")
    door = page.locator("[data-row]").first
    assert len(door.locator("strong").first.inner_text()) > 5, "the reason in a sentence"
    assert re.search(r"\w\*+", door.locator("h2").inner_text()), "the name is masked"
    door.locator("a[data-open]").click()
    page.wait_for_load_state()
    case = re.search(r"/cases/(\d+)", page.url)
    assert case is not None
    for _ in range(4):
        page.goto(f"{desk.url}/{lang}/cases/{case[1]}/visit")
        form = page.locator("form[id^=way-]").first
        if form.count() == 0:
            break
        fill(form, TEXT[lang])
        send(page, form)
    return case[1]


def decide(page: Page, desk: Desk, case: str, lang: str) -> None:
    """The officer's part: decide, dispatch, close."""
    page.context.clear_cookies()
    desk.login(page, "town-officer", lang)
    for _ in range(8):
        page.goto(f"{desk.url}/{lang}/cases/{case}")
        forms = page.locator("section[aria-labelledby=next] form[id^=way-]")
        if forms.count() == 0:
            break
        fill(forms.first, TEXT[lang])
        send(page, forms.first)


@pytest.mark.parametrize(("lang", "size", "locale"), [("zh-hans", PHONE, "zh-CN"), ("en", DESKTOP, "en-GB")])
def test_a_household_from_warning_to_close(desk: Desk, browser: Browser, lang: str, size: dict[str, int], locale: str) -> None:
    page = new_page(browser, size, locale)
    case = visit(page, desk, lang)
    decide(page, desk, case, lang)
    page.goto(f"{desk.url}/{lang}/cases/{case}")
    assert CLOSED[lang].lower() in page.locator("section[aria-labelledby=next]").inner_text().lower()
    assert page.locator(".timeline li").count() >= 5, "respond, assess, feed back, dispatch, close"
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "nothing hangs over the edge"
    assert page.faults == []  # type: ignore[attr-defined]
    page.context.close()


def test_the_workers_path_needs_no_javascript(desk: Desk, browser: Browser) -> None:
    page = new_page(browser, PHONE, "zh-CN", scripts=False)
    desk.login(page, "village-worker")
    page.goto(f"{desk.url}/zh-hans/cases/doors")
    assert page.locator("h1").inner_text() == "今日走访"
    doors = page.locator("a[data-open]")
    if doors.count():
        doors.first.click()
        form = page.locator("form[id^=way-]").first
        form.locator(".form-actions button").first.click()
        page.wait_for_load_state()
        assert page.locator(".error-summary").count() == 1, "what is missing is told, with links to the questions"
    page.context.close()
