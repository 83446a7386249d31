"""Every page of the desk, found as a reader would: by following links from her first page, one address a kind of page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from playwright.sync_api import Page

LEFT_OUT = re.compile(
    r"/(logout|borders|api|static|attachments?)(/|$)|\.(xlsx|csv|json|jsonld|yaml|geojson|zip|txt|tar|vkey|tlog-proof|ics)$"
)
NAMED = ("policies", "warnings", "datasets")
"""What comes after these is the name of one of many."""
LIMIT = 60


def kind_of(path: str) -> str:
    """Return an address without what differs from record to record: ``/en/casework/cases/12`` → ``casework/cases/*``."""
    parts = urlsplit(path).path.strip("/").split("/")[1:]
    for at, part in enumerate(parts):
        if re.fullmatch(r"\d+|[0-9a-f]{12,}|[0-9a-f-]{36}", part) or (at and parts[at - 1] in NAMED):
            parts[at] = "*"
    return "/".join(parts) or "."


def kinds_in(page: Page, lang: str) -> dict[str, str]:
    """Return kind -> address of the pages of one language that this page links to, the first of each kind."""
    hrefs: list[str] = page.eval_on_selector_all("a[href]", "links => links.map(link => link.href)")
    found: dict[str, str] = {}
    host = urlsplit(page.url).netloc
    for href in hrefs:
        seen = urlsplit(href)
        if seen.netloc == host and seen.path.startswith(f"/{lang}/") and not LEFT_OUT.search(seen.path):
            found.setdefault(kind_of(seen.path), seen.path)
    return found


def every_page(page: Page, url: str, lang: str, most: int = LIMIT) -> Iterator[tuple[str, int]]:
    """Open each kind of page that can be reached from the page in view; yield its kind and status with the page in view."""
    waiting = {kind_of(urlsplit(page.url).path): urlsplit(page.url).path} | kinds_in(page, lang)
    seen: set[str] = set()
    while waiting and len(seen) < most:
        kind, path = waiting.popitem()
        if kind in seen:
            continue
        seen.add(kind)
        answer = page.goto(f"{url}{path}")
        yield kind, answer.status if answer else 0
        for other, where in kinds_in(page, lang).items():
            if other not in seen:
                waiting.setdefault(other, where)


def try_a_figure(page: Page, url: str, lang: str, policy: str = "dibao", value: str = "1600") -> None:
    """Ask what another figure would do, and wait for the answer; the page of the try is then in view."""
    page.goto(f"{url}/{lang}/assistance/policies/{policy}")
    for field in page.locator("#try .figure-input").all():
        if field.input_value() == "1400":
            field.fill(value)
    page.locator("#try button.primary").click()
    page.wait_for_selector("figure[data-finished], .note.urgent", timeout=120_000)
