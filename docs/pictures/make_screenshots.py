"""Photograph a demonstration in Chromium: ``make screenshots``.

The few pages that the documentation shows are written beside this file as WebP; with ``--all`` each page that each role can
reach, on phone and desktop, in Chinese and English, goes to ``build/screenshots`` (not kept). A synthetic region of its own is
made for it (``--people``), or a demonstration that exists is used: ``--home`` and, as ``--accounts``, the file in which
``zhizhi demo --json`` was kept.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "journeys"))  # the journeys know how to start a desk and find every page

from desk_server import CHROMIUM, DESKTOP, FLAGS, PHONE, Desk, make_home, new_page, start, stop  # noqa: E402
from every_page import every_page, try_a_figure  # noqa: E402

HERE = Path(__file__).resolve().parent
SIZES = {"phone": PHONE, "desktop": DESKTOP}
LANGS = {"zh": ("zh-hans", "zh-CN"), "en": ("en", "en-GB")}
README = {  # picture: role, size, kind of page
    "cockpit": ("reform-office", "desktop", "assistance/cockpit"),
    "doors": ("village-worker", "phone", "cases/doors"),
    "visit": ("village-worker", "phone", "cases/*/visit"),
    "case": ("county-manager", "desktop", "cases/*"),
    "household": ("county-manager", "desktop", "assistance/households/*"),
    "whatif": ("policy-analyst", "desktop", "assistance/whatifs/*"),
    "dataset": ("data-steward", "desktop", "catalogue/datasets/*"),
}
FIRST_SCREEN = {"phone": 1_000, "desktop": 1_150}
WIDTH = {"phone": 390, "desktop": 1_080}
ROLES = (
    "village-worker",
    "town-officer",
    "county-manager",
    "policy-analyst",
    "data-steward",
    "auditor",
    "reform-office",
    "administrator",
)


def settle(page: Page) -> None:
    """Wait until every chart of the page is drawn."""
    page.wait_for_load_state("networkidle")
    page.wait_for_selector("figure[data-chart]:has(.ready):not([data-finished])", state="detached")


def photograph(browser: Browser, desk: Desk, out: Path, role: str, size: str, lang: str) -> None:
    """Photograph every page of one role, one size and one language, whole."""
    code, locale = LANGS[lang]
    page = new_page(browser, SIZES[size], locale)
    desk.login(page, role, code)
    if role == "policy-analyst":
        try_a_figure(page, desk.url, code)
    for kind, status in every_page(page, desk.url, code):
        settle(page)
        height = page.evaluate("document.documentElement.scrollHeight")
        page.set_viewport_size({"width": SIZES[size]["width"], "height": max(SIZES[size]["height"], min(height, 12_000))})
        picture = page.screenshot()
        page.set_viewport_size(SIZES[size])
        name = f"{file_name(kind)}.{role}.{size}.{lang}"
        (out / f"{name}.png").write_bytes(picture)
        if status != 200 or page.faults:  # type: ignore[attr-defined]
            print(f"{name}: status {status}, {page.faults}", flush=True)  # type: ignore[attr-defined]
            page.faults.clear()  # type: ignore[attr-defined]
    page.context.close()


def for_readme(out: Path) -> None:
    """Write the few pictures that the documentation shows: the first screen of each, as WebP."""
    for picture, (role, size, kind) in README.items():
        for lang in LANGS:
            with Image.open(out / f"{file_name(kind)}.{role}.{size}.{lang}.png") as image:
                first = image.crop((0, 0, image.width, min(image.height, FIRST_SCREEN[size])))
                shown = first.resize((WIDTH[size], round(first.height * WIDTH[size] / first.width)), Image.Resampling.LANCZOS)
                shown.save(HERE / f"{picture}.{lang}.webp", "WEBP", quality=80, method=6)


def file_name(kind: str) -> str:
    """Return a kind of page as part of a file's name: ``cases/*`` → ``cases-one``."""
    return kind.replace("/", "-").replace("*", "one")


def main() -> None:
    """Make or take a demonstration, photograph it, and keep what the documentation shows."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--people", type=int, default=20_000)
    asked.add_argument("--home", type=Path)
    asked.add_argument("--accounts", type=Path)
    asked.add_argument("--out", type=Path, default=ROOT / "build" / "screenshots")
    asked.add_argument("--role", choices=ROLES, action="append")
    asked.add_argument("--size", choices=list(SIZES), action="append")
    asked.add_argument("--lang", choices=list(LANGS), action="append")
    asked.add_argument("--all", action="store_true", help="every page as every role, not only the documentation's pictures")
    given = asked.parse_args()
    if CHROMIUM is None:
        raise SystemExit("There is no Chromium here (Debian: apt-get install chromium).")
    given.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="zhizhi-screenshots-") as folder:
        if given.home:
            home, made = given.home, json.loads(given.accounts.read_text(encoding="utf-8"))
        else:
            home, made = make_home(Path(folder), given.people)
        look(home, made, given)
    if not given.all:
        for_readme(given.out)
    print(f"{len(list(given.out.glob('*.png')))} pictures in {given.out}")


def look(home: Path, made: dict[str, Any], given: argparse.Namespace) -> None:
    """Serve a home, photograph it as each role, stop."""
    wanted = [(role, size) for role in given.role or ROLES for size in given.size or SIZES]
    if not given.all:
        wanted = sorted({(role, size) for role, size, _ in README.values()})
    process, url = start(home, "--work")
    desk = Desk(url, home, made["password"], {account["role"]: account for account in made["accounts"]})
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            for role, size in wanted:
                for lang in given.lang or LANGS:
                    photograph(browser, desk, given.out, role, size, lang)
            browser.close()
    finally:
        stop(process)


if __name__ == "__main__":
    main()
