"""Photograph every page of the demonstration in Chromium: ``make screenshots``, after ``make demo``.

Each page that a role can reach, on phone and desktop, in Chinese and English, goes to ``build/screenshots`` (not kept). With
``--readme`` the few that the documentation shows are written beside this file as WebP.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "journeys"))  # the journeys know how to start a desk and find every page

from desk_server import CHROMIUM, DESKTOP, FLAGS, PHONE, Desk, new_page, run, start, stop  # noqa: E402
from every_page import every_page  # noqa: E402

HERE = Path(__file__).resolve().parent
SIZES = {"phone": PHONE, "desktop": DESKTOP}
LANGS = {"zh": ("zh-hans", "zh-CN"), "en": ("en", "en-GB")}
README = {  # picture: role, size, kind of page
    "cockpit": ("county-manager", "desktop", "assistance/cockpit"),
    "doors": ("village-worker", "phone", "casework/doors"),
    "case": ("township-officer", "desktop", "casework/*"),
    "household": ("township-officer", "desktop", "assistance/households/*"),
    "whatif": ("policy-analyst", "desktop", "assistance/whatifs/*"),
    "dataset": ("data-steward", "desktop", "catalogue/datasets/*"),
}
ROLES = (
    "village-worker",
    "township-officer",
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
    page.wait_for_function("[...document.querySelectorAll('figure[data-chart]:has(.ready)')].every(f => f.dataset.finished)")


def photograph(browser: Browser, desk: Desk, out: Path, role: str, size: str, lang: str) -> None:
    """Photograph every page of one role, one size and one language, whole."""
    code, locale = LANGS[lang]
    page = new_page(browser, SIZES[size], locale)
    desk.login(page, role, code)
    for kind, status in every_page(page, desk.url, code):
        settle(page)
        height = page.evaluate("document.documentElement.scrollHeight")
        page.set_viewport_size({"width": SIZES[size]["width"], "height": max(SIZES[size]["height"], min(height, 12_000))})
        picture = page.screenshot()
        page.set_viewport_size(SIZES[size])
        name = f"{kind.replace('/', '-').replace('*', 'one')}.{role}.{size}.{lang}"
        (out / f"{name}.png").write_bytes(picture)
        if status != 200 or page.faults:  # type: ignore[attr-defined]
            print(f"{name}: status {status}, {page.faults}", flush=True)  # type: ignore[attr-defined]
            page.faults.clear()  # type: ignore[attr-defined]
    page.context.close()


def for_readme(out: Path) -> None:
    """Write the few pictures that the documentation shows: the first screen of each, as WebP."""
    for picture, (role, size, kind) in README.items():
        for lang in LANGS:
            source = out / f"{kind.replace('/', '-').replace('*', 'one')}.{role}.{size}.{lang}.png"
            with Image.open(io.BytesIO(source.read_bytes())) as image:
                first = image.crop((0, 0, image.width, min(image.height, 1300 if size == "desktop" else 1100)))
                first.save(HERE / f"{picture}.{lang}.webp", "WEBP", quality=82, method=6)


def main() -> None:
    """Serve the demonstration, photograph it, stop."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--home", type=Path, default=ROOT / "demo" / "home")
    asked.add_argument("--out", type=Path, default=ROOT / "build" / "screenshots")
    asked.add_argument("--role", choices=ROLES, action="append")
    asked.add_argument("--size", choices=list(SIZES), action="append")
    asked.add_argument("--lang", choices=list(LANGS), action="append")
    asked.add_argument("--readme", action="store_true", help="also write the documentation's pictures")
    given = asked.parse_args()
    if CHROMIUM is None:
        raise SystemExit("There is no Chromium here (Debian: apt-get install chromium).")
    made = json.loads(run("demo", "--home", str(given.home), "--json"))
    given.out.mkdir(parents=True, exist_ok=True)
    process, url = start(given.home)
    desk = Desk(url, given.home, made["password"], {account["role"]: account for account in made["accounts"]})
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            for role in given.role or ROLES:
                for size in given.size or SIZES:
                    for lang in given.lang or LANGS:
                        photograph(browser, desk, given.out, role, size, lang)
            browser.close()
    finally:
        stop(process)
    if given.readme:
        for_readme(given.out)
    print(f"{len(list(given.out.glob('*.png')))} pictures in {given.out}")


if __name__ == "__main__":
    main()
