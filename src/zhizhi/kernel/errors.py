"""Error families of the whole house.

An error carries a stable ``code``, named ``params`` and, where it has one, a ``place`` (file, line, column, text).
The sentence a person reads is made at the edge, in her language, from the catalogues in ``kernel/messages/``:
the value seen, the rule it broke, where the rule comes from, what to do. No personal data goes into a message.
"""

from __future__ import annotations

from dataclasses import dataclass

from zhizhi.kernel.messages import render


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a file something stands: 1-based ``line`` and ``column``, and the ``text`` found there."""

    file: str = ""
    line: int | None = None
    column: int | None = None
    text: str = ""

    def __str__(self) -> str:
        parts = [self.file] if self.file else []
        parts += [str(n) for n in (self.line, self.column) if n is not None]
        return ":".join(parts)


class ZhizhiError(Exception):
    """Base of every error the product raises on purpose.

    Args:
        code: dotted and stable, e.g. ``rules.name-unknown``; the key of the sentence in ``kernel/messages``.
        place: where the fault is, if it has a place.
        params: what the sentence names; values are shown with ``str``.
    """

    def __init__(self, code: str, place: Place | None = None, **params: object) -> None:
        super().__init__(code)
        self.code = code
        self.place = place
        self.params = params

    def text(self, lang: str = "en") -> str:
        """Return the sentence in ``lang`` (``zh`` or ``en``), with its place in front."""
        sentence = render(self.code, lang, self.params)
        where = str(self.place) if self.place else ""
        return f"{where}: {sentence}" if where else sentence

    def __str__(self) -> str:
        return self.text()


class PolicyError(ZhizhiError):
    """A policy, its expressions, parameters or tests cannot be accepted."""


class PackageError(ZhizhiError):
    """A scenario package is incomplete, contradictory or cannot be read."""


class ContractError(ZhizhiError):
    """A data contract is invalid, or names what does not exist."""


class InputError(ZhizhiError):
    """A file or table that was handed in cannot be taken as it is."""


class LakeError(ZhizhiError):
    """The lake, one of its versions or the key beside it is missing, damaged or held by another."""


class LedgerError(ZhizhiError):
    """The ledger, a checkpoint, a receipt or a key does not verify, or cannot be read."""


class NotFoundError(ZhizhiError):
    """What was asked for is not there."""


class UsageError(ZhizhiError):
    """The call itself is wrong: an option's value, or options that do not go together."""


class RefusedError(ZhizhiError):
    """The person who asks may not do this, or not here."""


class ConflictError(ZhizhiError):
    """Somebody else was first, or the same thing was sent twice: what stands was not overwritten."""


class InvalidError(ZhizhiError):
    """What was sent is understood but breaks a rule; ``params`` may name the ``field``."""


class UnavailableError(ZhizhiError):
    """Something the work stands on is not there just now: the database, the disk, a package. Trying again may help."""
