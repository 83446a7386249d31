"""How the apps below the journal tell it what happened: the journal hands in its pen when it starts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from zhizhi.apps.actors import Actor

_names: list[str] = []
_pen: list[tuple[Callable[..., int], Callable[[str], str]]] = []


def event(name: str) -> str:
    """Declare the name of an event of an app below the journal (rules as in ``journal.schemas.declare``) and return it."""
    _names.append(name)
    for _, declare in _pen:
        declare(name)
    return name


def hand_over(record: Callable[..., int], declare: Callable[[str], str]) -> None:
    """Take the journal's ``record`` and ``declare``; called once, when the journal starts."""
    _pen[:] = [(record, declare)]
    for name in _names:
        declare(name)


def happened(actor: Actor, name: str, *, now: datetime, **fact: Any) -> None:
    """Write one event into the journal, in the transaction of the change that it tells.

    Raises:
        RuntimeError: there is no journal; nothing is changed without one.
    """
    if not _pen:
        raise RuntimeError("the journal has not started: nothing may be changed without it")
    record, _ = _pen[0]
    record(actor, name, now=now, **fact)
