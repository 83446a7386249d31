"""What an entry of the ledger says of an event: ids, place and time in clear, everything else as a keyed commitment.

An entry is canonical JSON (keys sorted, no spaces, UTF-8). Its last field, ``row``, is the SHA-256 of a salt of 32 bytes and the
whole event; the salt is the HMAC-SHA-256 of the event's id under the installation's commitment key. Who holds salt and row can
check one event, who holds the key can check all, and who holds neither learns nothing about people. Households, persons and
users stand in ``about`` as commitments under the same salt, so that nobody can tell that two entries are about one household.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from json.encoder import encode_basestring as quoted
from typing import Any

from zhizhi.kernel.errors import LedgerError

FORM = 1
PUBLIC_KINDS = frozenset(
    {
        "calendar",
        "case",
        "dataset",
        "export",
        "filter",
        "job",
        "ledger",
        "load",
        "package",
        "policy",
        "post",
        "region",
        "run",
        "token",
        "upload",
        "warning",
        "workflow",
    }
)
"""Kinds of subjects whose ids name no person; all others are committed to."""
ABOUT_LIMIT = 32
_ROW = b',"row":"'
_ROW_LENGTH = len(_ROW) + 64 + len(b'"}')
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False).encode


@dataclass(frozen=True, slots=True)
class EventRow:
    """One event as the journal keeps it."""

    id: int
    at: datetime
    name: str
    user_id: int | None
    post_id: int | None
    role: str
    actor: str
    via: str
    region: str
    purpose: str
    package: str
    package_version: str
    details: Mapping[str, Any]
    subjects: Sequence[str]


def plain(value: Any) -> Any:
    """Return a value as every database gives it back: keys are text, whole numbers are integers.

    Raises:
        ValueError: not JSON (a moment, a set, a number that is not finite).
    """
    if isinstance(value, bool) or value is None or isinstance(value, int | str):
        return value
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            raise ValueError("a number that is not finite")
        return int(value) if value.is_integer() else value
    if isinstance(value, Mapping):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    raise ValueError(f"{type(value).__name__} is not JSON")


def moment(at: datetime) -> str:
    """Return a moment in UTC, to the microsecond."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def details_text(details: Any) -> str:
    """Return details as they are committed to: canonical JSON."""
    return _encode(plain(details)) if details else "{}"


def text_of(
    event: int, at: str, name: str, user: int | None, post: int | None, role: str, actor: str, via: str, region: str,
    purpose: str, package: str, version: str, details: str, subjects: Sequence[str],
) -> str:  # fmt: skip
    """Return ``row_text`` of an event whose moment and details are text already; for a million of them at a time."""
    about = ",".join([quoted(subject) for subject in sorted(subjects)])
    return (
        f'[{event},"{at}",{quoted(name)},{"null" if user is None else user},{"null" if post is None else post},{quoted(role)},'
        f"{quoted(actor)},{quoted(via)},{quoted(region)},{quoted(purpose)},{quoted(package)},{quoted(version)},{details},[{about}]]"
    )


def row_text(row: EventRow) -> str:
    """Return the whole event as the one text that is committed to: a JSON list in the order of ``EventRow``."""
    return text_of(
        row.id, moment(row.at), row.name, row.user_id, row.post_id, row.role, row.actor, row.via, row.region, row.purpose,
        row.package, row.package_version, details_text(row.details), row.subjects,
    )  # fmt: skip


def salt_of(key: bytes, event: int) -> bytes:
    """Return the salt of one event."""
    return hmac.digest(key, b"event %d" % event, "sha256")


def commitment(salt: bytes, text: str) -> str:
    """Return the commitment to a text under a salt, in hexadecimal."""
    return sha256(salt + text.encode()).hexdigest()


def entry_of(row: EventRow, key: bytes) -> bytes:
    """Return the entry of an event.

    >>> row = EventRow(7, datetime(2026, 3, 4, 2, tzinfo=UTC), "casework.case.closed", 1, 4, "village-worker", "王芳", "page",
    ...                "330106109", "", "", "", {}, ["case:12", "household:0a1b"])
    >>> json.loads(entry_of(row, bytes(32)))["about"][0]
    'case:12'
    """
    salt = salt_of(key, row.id)
    about = [
        quoted(subject) if subject.partition(":")[0] in PUBLIC_KINDS else f'"~{commitment(salt, subject)[:32]}"'
        for subject in sorted(row.subjects)[:ABOUT_LIMIT]
    ]
    package = quoted(f"{row.package}@{row.package_version}" if row.package else "")
    return (
        f'{{"about":[{",".join(about)}],"at":"{moment(row.at)}","event":{row.id},"leaf":{FORM},"name":{quoted(row.name)},'
        f'"package":{package},"post":{"null" if row.post_id is None else row.post_id},"region":{quoted(row.region)},'
        f'"role":{quoted(row.role)},"row":"{commitment(salt, row_text(row))}"}}'
    ).encode()


def commits_to(entry: bytes, salt: bytes, text: str) -> bool:
    """Whether an entry commits to this row under this salt."""
    return entry[-_ROW_LENGTH:] == b'%b%b"}' % (_ROW, sha256(salt + text.encode()).hexdigest().encode())


def stated_in(entry: bytes) -> dict[str, Any]:
    """Return what an entry says.

    Raises:
        LedgerError: ``ledger.entry``.
    """
    try:
        stated = json.loads(entry)
        if stated["leaf"] == FORM and isinstance(stated["event"], int) and isinstance(stated["name"], str):
            return dict(stated)
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    raise LedgerError("ledger.entry")
