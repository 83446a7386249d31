"""Look at the demonstration as its people would: log in as each demo account and open her first page, over HTTP.

``python docs/tutorial/look.py HOME`` makes the demo accounts, starts the server on a free port, looks, and stops it again.
"""

from __future__ import annotations

import http.cookiejar
import json
import re
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path

ZHIZHI = str(Path(sys.executable).parent / "zhizhi")


class Visitor:
    """A browser without a window: cookies, forms, redirects."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))

    def get(self, path: str) -> tuple[str, str]:
        """Open a page; where it ended, and its text."""
        with self.opener.open(f"{self.url}{path}", timeout=60) as answer:
            return answer.geturl().removeprefix(self.url), answer.read().decode()

    def login(self, name: str, password: str) -> tuple[str, str]:
        """Log in; where that leads, and its text."""
        where, page = self.get("/zh-hans/accounts/login")
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        if token is None:
            raise SystemExit(f"{where} is no login page")
        form = {"username": name, "password": password, "csrfmiddlewaretoken": token[1], "next": "/"}
        request = urllib.request.Request(f"{self.url}{where}", urllib.parse.urlencode(form).encode(), {"Referer": self.url})
        with self.opener.open(request, timeout=60) as answer:
            return answer.geturl().removeprefix(self.url), answer.read().decode()


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as tried:
        tried.bind(("127.0.0.1", 0))
        return int(tried.getsockname()[1])


def wait(url: str, process: subprocess.Popen[bytes]) -> None:
    """Wait until the server answers."""
    for _ in range(600):
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"{url}/alive", timeout=2):
                return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("the server did not start")


def main() -> None:
    """Make the accounts, serve, look, stop."""
    home, port = sys.argv[1], free_port()
    made = json.loads(subprocess.run([ZHIZHI, "demo", "--home", home, "--json"], check=True, capture_output=True).stdout)
    process = subprocess.Popen([ZHIZHI, "serve", "--home", home, "--port", str(port), "--work"])
    url = f"http://127.0.0.1:{port}"
    try:
        wait(url, process)
        for account in made["accounts"]:
            started = time.perf_counter()
            where, page = Visitor(url).login(account["login"], made["password"])
            if "/login" in where or "合成数据" not in page:
                raise SystemExit(f"{account['login']} did not get in: {where}")
            title = re.search(r"<h1[^>]*>(.*?)</h1>", page, re.DOTALL)
            words = re.sub(r"<[^>]+>|\s+", " ", title[1]).strip() if title else ""
            print(f"{account['login']:<8} {where:<32} {words} ({time.perf_counter() - started:.1f} s)", flush=True)
    finally:
        process.terminate()
        process.wait(60)
    print("The desk answers. `make demo` without SERVE=0 leaves it running.")


if __name__ == "__main__":
    main()
