"""``zhizhi serve`` and ``zhizhi work``: the pages and the API, and the jobs behind them.

Both look at the home first and then become a program of their own (same process id), which carries only what it needs.
"""

from __future__ import annotations

import os
import socket
import sys
from importlib import import_module
from typing import Annotated

import typer

from zhizhi.cli.desk import start_django
from zhizhi.cli.desk_home import enter
from zhizhi.cli.init import HomeOption, LangOption
from zhizhi.cli.language import language
from zhizhi.kernel.errors import UsageError
from zhizhi.kernel.messages import render


def register(app: typer.Typer) -> None:
    """Add these verbs to ``app``."""
    app.command("serve")(serve)
    app.command("work")(work)


def serve(
    home: HomeOption = None,
    host: Annotated[str, typer.Option(help="Address to listen at; 0.0.0.0 for all of the machine's.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen at.", min=1, max=65535)] = 8000,
    workers: Annotated[int, typer.Option(help="Processes that answer; each needs memory of its own.", min=1)] = 1,
    threads: Annotated[int, typer.Option(help="Requests that one process answers at a time.", min=1)] = 4,
    with_work: Annotated[bool, typer.Option("--work", help="Run a worker for the jobs as well, and stop it together.")] = False,
    lang: LangOption = None,
) -> None:
    """Serve the pages and the API of a home."""
    enter(home)
    _ready()
    _free(host, port)
    typer.echo(render("serve.at", language(lang), {"url": f"http://{'localhost' if host == '127.0.0.1' else host}:{port}/"}))
    given = ["--host", host, "--port", str(port), "--workers", str(workers), "--threads", str(threads)]
    _become("zhizhi.cli.serving", *given, *(["--work"] if with_work else []))


def work(
    home: HomeOption = None,
    once: Annotated[bool, typer.Option("--once", help="Stop when no job is waiting; no duties.")] = False,
    lease: Annotated[float, typer.Option(help="Seconds after which a silent worker's job is given to another.", min=1)] = 90.0,
) -> None:
    """Work the jobs of a home: loads, screenings, sealing, and what is done every night. Several may run at once."""
    enter(home)
    _ready()
    _become("zhizhi.cli.working", "--lease", str(lease), *(["--once"] if once else []))


def _ready() -> None:
    start_django()
    import_module("zhizhi.cli.desk_checks").require_tables()  # needs Django to be set up


def _free(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((host, port))
        except OSError:
            raise UsageError("serve.port-taken", host=host, port=port, other=port + 1) from None


def _become(module: str, *given: str) -> None:
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", module, *given])
