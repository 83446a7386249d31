"""A refusal outside one's place, a what-if, and a correction of quarantined data: in a real browser, with the real worker."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

from desk_server import Desk
from playwright.sync_api import Page, expect

EXPORT = "民政_救助家庭登记.csv"
STATES = "SELECT DISTINCT state FROM catalogue_answeredrow WHERE rule = 'impossible date'"


def ask(desk: Desk, query: str, *given: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(f"file:{desk.home / 'db.sqlite3'}?mode=ro", uri=True, timeout=30) as connection:
        return connection.execute(query, given).fetchall()


def test_outside_her_place_there_is_nothing(desk: Desk, desktop: Page) -> None:
    own = desk.accounts["town-officer"]["region"]
    foreign = ask(desk, "SELECT id, household, title_zh FROM casework_case WHERE region NOT LIKE ? LIMIT 1", f"{own}%")
    ((case, household, _),) = foreign
    (count,) = ask(desk, "SELECT count(*) FROM casework_case WHERE closed_at IS NULL AND region LIKE ?", f"{own}%")[0]
    desk.login(desktop, "town-officer", "en")
    for path in (f"cases/{case}", f"assistance/households/{household}", f"cases/{case}/visit"):
        answer = desktop.goto(f"{desk.url}/en/{path}")
        assert answer is not None
        assert answer.status == 404, path
        assert desktop.inner_text("h1") == "Not found"
        assert str(household) not in desktop.inner_text("main")
    answer = desktop.goto(f"{desk.url}/en/assistance/search?q={household}")
    assert desktop.locator(f"a[href*='households/{household}']").count() == 0
    desktop.goto(f"{desk.url}/en/cases/")
    expect(desktop.locator(".total").first).to_have_text(f"{count} in all")
    for path in ("journal/", "accounts/people", "catalogue/upload", "jobs/"):
        answer = desktop.goto(f"{desk.url}/en/{path}")
        assert answer is not None
        assert answer.status == 403, path


def test_a_what_if_is_worked_out_behind_the_page_and_changes_nothing(desk: Desk, desktop: Page) -> None:
    desk.login(desktop, "policy-analyst", "en")
    desktop.goto(f"{desk.url}/en/assistance/policies/dibao")
    figure = desktop.locator("#try .figure-input[name*='line']").first
    before = figure.input_value() or figure.get_attribute("placeholder") or ""
    figure.fill("2500")
    desktop.locator("#try .form-actions button").click()
    desktop.wait_for_url(re.compile("/whatifs/"))
    expect(desktop.locator(".tile").first).to_be_visible(timeout=90_000)
    assert desktop.locator("table").count() >= 1, "each chart has its table"
    gainers = desktop.locator(".tile .figure").first.inner_text()
    assert int(gainers.replace(",", "")) > 0
    desktop.goto(f"{desk.url}/en/assistance/policies/dibao")
    figure = desktop.locator("#try .figure-input[name*='line']").first
    assert (figure.input_value() or figure.get_attribute("placeholder") or "") == before, "nothing went live"
    assert desktop.faults == []  # type: ignore[attr-defined]


def test_a_quarantined_row_is_answered_corrected_and_settled_by_the_next_load(desk: Desk, desktop: Page, tmp_path: Path) -> None:
    desk.login(desktop, "data-steward", "en")
    desktop.goto(f"{desk.url}/en/catalogue/datasets/aid_register/quarantine")
    desktop.locator("a[href*='rule=impossible']").first.click()
    rows = desktop.locator("input[name=rows]")
    many = rows.count()
    assert many >= 1
    for row in rows.all():
        row.check()
    desktop.locator("input[name=verdict][value=fixed]").check()
    desktop.fill("textarea[name=reason], input[name=reason]", "typing error, put right at the source")
    desktop.locator("form:has(input[name=rows]) .form-actions button.primary").click()
    desktop.wait_for_load_state()
    expect(desktop.locator("main")).to_contain_text("typing error")
    assert [state for (state,) in ask(desk, STATES)] == ["waiting"]

    source = next((desk.home.parent / "exports").resolve().rglob(EXPORT))
    corrected = tmp_path / EXPORT
    text = source.read_text(encoding="utf-8-sig")
    corrected.write_text(text.replace("2023-02-30", "2023-02-28").replace("2021-13-05", "2021-12-05"), encoding="utf-8")
    desktop.goto(f"{desk.url}/en/catalogue/upload")
    desktop.set_input_files("input[type=file]", str(corrected))
    if desktop.locator("select[name=dataset]").count():
        desktop.select_option("select[name=dataset]", "aid_register")
    desktop.locator("form:has(input[type=file]) .form-actions button").first.click()
    desktop.wait_for_url(re.compile("/uploads/"))
    confirm = desktop.locator("form[action$='/confirm'] button")
    for _ in range(60):
        if confirm.count():
            break
        desktop.wait_for_timeout(1_000)
        desktop.reload()
    assert confirm.count(), desktop.inner_text("main")
    confirm.first.click()
    for _ in range(120):
        if [state for (state,) in ask(desk, STATES)] == ["closed"]:
            break
        desktop.wait_for_timeout(1_000)
    assert [state for (state,) in ask(desk, STATES)] == ["closed"], desktop.inner_text("main")
    desktop.goto(f"{desk.url}/en/catalogue/datasets/aid_register/quarantine")
    assert desktop.locator("a[href*='rule=impossible']").count() == 0 or "0 rows to answer" in desktop.inner_text("main")
    assert desktop.faults == []  # type: ignore[attr-defined]
