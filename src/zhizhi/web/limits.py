"""How many API requests a caller may make a minute, counted across all processes of one machine.

The counts stand in one small file of the home under a lock, so that counting costs no write to the database. A home that is
served from several machines counts on each machine apart.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import struct
import threading
from functools import cache
from pathlib import Path

log = logging.getLogger("zhizhi.web")

SLOTS, PROBES = 4_096, 8
_SLOT = struct.Struct("<QII")  # caller, minute, requests


class RequestCounter:
    """A table of ``SLOTS`` callers; a caller's count stands in one of ``PROBES`` slots after its own.

    When more callers than slots call in one minute the file forgets the one that has called least.
    """

    def __init__(self, file: Path) -> None:
        self._lock = threading.Lock()
        self._handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
        if os.fstat(self._handle).st_size < (SLOTS + PROBES) * _SLOT.size:
            os.ftruncate(self._handle, (SLOTS + PROBES) * _SLOT.size)

    def count(self, caller: str, minute: int) -> int:
        """Count one request and return how many the caller has made in this minute, this one included."""
        key = int.from_bytes(hashlib.blake2b(caller.encode(), digest_size=8).digest(), "little") or 1
        start = (key % SLOTS) * _SLOT.size
        with self._lock:
            fcntl.flock(self._handle, fcntl.LOCK_EX)
            try:
                slots = list(_SLOT.iter_unpack(os.pread(self._handle, PROBES * _SLOT.size, start)))
                place = next((i for i, slot in enumerate(slots) if slot[0] == key), None)
                if place is None:
                    place = min(range(PROBES), key=lambda i: (slots[i][1] == minute, slots[i][2]))
                seen_key, seen_minute, seen = slots[place]
                requests = seen + 1 if (seen_key, seen_minute) == (key, minute) else 1
                os.pwrite(self._handle, _SLOT.pack(key, minute, requests), start + place * _SLOT.size)
            finally:
                fcntl.flock(self._handle, fcntl.LOCK_UN)
        return requests


@cache
def _counter(file: Path) -> RequestCounter:
    return RequestCounter(file)


def seconds_to_wait(home: Path, caller: str, most: int, seconds: float) -> int:
    """Count a request made at ``seconds`` (since 1970); return 0, or after how many seconds the caller may ask again.

    Where the counts cannot be kept (a full disk) nobody is refused, and the log says so.
    """
    minute = int(seconds // 60)
    try:
        requests = _counter(home / "requests").count(caller, minute)
    except OSError as error:
        log.warning("requests cannot be counted: %s", error)
        return 0
    return 0 if requests <= most else max(1, 60 - int(seconds % 60))
