"""A desk for the browser: a small synthetic home, the real server and worker on a free port, and Chromium to look at it.

Made once a session. ``desk`` is the server with its accounts; ``browser`` is Chromium, or a skip that says why there is none.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

ZHIZHI = str(Path(sys.executable).parent / "zhizhi")
PEOPLE, AS_OF = 2_000, "2025-09-01"
PASSWORD_OF_FIRST = "nobody guesses this 47"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1440, "height": 900}
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@dataclass(frozen=True)
class Desk:
    """A running server: its address, its home, and the demo accounts by role (login, role, region)."""

    url: str
    home: Path
    password: str
    accounts: dict[str, dict[str, str]] = field(default_factory=dict)

    def login(self, page: Page, role: str, lang: str = "zh-hans") -> None:
        """Log a page in as the account of a role."""
        page.goto(f"{self.url}/{lang}/accounts/login")
        page.fill("input[name=username]", self.accounts[role]["login"])
        page.fill("input[name=password]", self.password)
        page.locator("form:has(input[name=password]) button:not([type=button])").click()
        page.wait_for_load_state()


def run(*given: str, **environment: str) -> str:
    """Run the command; its standard output."""
    done = subprocess.run(
        [ZHIZHI, *given],
        env=os.environ | {"ZHIZHI_LANG": "en"} | environment,
        capture_output=True,
        text=True,
        check=False,
        input=f"{PASSWORD_OF_FIRST}\n",
    )
    assert done.returncode == 0, f"zhizhi {' '.join(given)}\n{done.stdout[-2000:]}{done.stderr[-4000:]}"
    return done.stdout


def free_port() -> int:
    """A port of loopback that nobody listens at."""
    with socket.socket() as tried:
        tried.bind(("127.0.0.1", 0))
        return int(tried.getsockname()[1])


def make_home(folder: Path, people: int = PEOPLE) -> tuple[Path, dict[str, object]]:
    """A home with a loaded and screened region and demo accounts; its folder and what ``zhizhi demo --json`` said."""
    home = folder / "home"
    run("init", str(home), "--admin", "first", "--set", "demo=true", "--set", f"as_of={AS_OF}")
    run("sample", "--people", str(people), "--seed", "7", "--out", str(folder / "exports"))
    run("load", str(folder / "exports"), "--lake", str(home / "lake"))
    return home, json.loads(run("demo", "--home", str(home), "--json"))


def start(home: Path, *given: str, port: int = 0) -> tuple[subprocess.Popen[bytes], str]:
    """Start ``zhizhi serve`` and wait until it answers; the process and its address."""
    port = port or free_port()
    log = (home.parent / f"serve-{port}.log").open("wb")
    command = [ZHIZHI, "serve", "--home", str(home), "--port", str(port), *given]
    process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
    url = f"http://127.0.0.1:{port}"
    for _ in range(300):
        try:
            with urllib.request.urlopen(f"{url}/alive", timeout=5):
                return process, url
        except OSError:
            if process.poll() is not None:
                break
            time.sleep(0.1)
    process.kill()
    raise AssertionError(f"the server did not start:\n{Path(log.name).read_text(errors='replace')[-4000:]}")


def stop(process: subprocess.Popen[bytes]) -> int:
    """Tell a server to stop; its exit status."""
    process.terminate()
    return process.wait(60)


@pytest.fixture(scope="session")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """The desk with 2,000 synthetic people, served with a worker; while writing tests, one that runs already (ZHIZHI_DESK)."""
    running = os.environ.get("ZHIZHI_DESK")  # "URL FOLDER": the folder holds home/ and accounts.json of zhizhi demo --json
    if running:
        url, _, folder = running.partition(" ")
        made = json.loads((Path(folder) / "accounts.json").read_text(encoding="utf-8"))
        yield Desk(url, Path(folder) / "home", made["password"], {account["role"]: account for account in made["accounts"]})
        return
    home, made = make_home(tmp_path_factory.mktemp("desk"))
    process, url = start(home, "--work")
    accounts = {account["role"]: account for account in made["accounts"]}  # type: ignore[attr-defined]
    yield Desk(url, home, str(made["password"]), accounts)
    stop(process)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, driven by Playwright."""
    if CHROMIUM is None:
        pytest.skip("there is no Chromium here (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


def new_page(browser: Browser, size: dict[str, int], lang: str = "zh-CN", scripts: bool = True) -> Page:
    """A page in a context of its own; what goes wrong in its console is kept in ``page.faults``."""
    context: BrowserContext = browser.new_context(
        viewport=size,  # type: ignore[arg-type]
        locale=lang,
        java_script_enabled=scripts,
        is_mobile=size["width"] < 600,
        has_touch=size["width"] < 600,
    )
    page = context.new_page()
    page.set_default_timeout(15_000)
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page.faults = faults  # type: ignore[attr-defined]
    return page


@pytest.fixture
def phone(browser: Browser) -> Iterator[Page]:
    """A phone that reads Chinese."""
    page = new_page(browser, PHONE)
    yield page
    page.context.close()


@pytest.fixture
def desktop(browser: Browser) -> Iterator[Page]:
    """A desktop that reads English."""
    page = new_page(browser, DESKTOP, "en-GB")
    yield page
    page.context.close()
