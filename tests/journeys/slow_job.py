"""Jobs for the tests of the worker: they say in a file what they did, so that a killed attempt can be seen."""

from __future__ import annotations

import time
from pathlib import Path

from django_tasks import task


@task()
def slowly(notes: str, seconds: float) -> str:
    """Write a line, take long, write another."""
    with Path(notes).open("a", encoding="utf-8") as file:
        file.write("began\n")
    time.sleep(seconds)
    with Path(notes).open("a", encoding="utf-8") as file:
        file.write("ended\n")
    return "done"


@task()
def badly() -> None:
    """Fail like a fault of the program."""
    raise ZeroDivisionError("a fault")
