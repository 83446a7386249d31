"""The installation's own secret for sessions and forms: a file that only its owner can read."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from zhizhi.apps.configuration import Configuration


def secret_key(configuration: Configuration) -> str:
    """Return the secret of the home; a process without a home gets one of its own, good until it ends."""
    path = configuration.keys / "secret"
    try:
        return path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return secrets.token_urlsafe(48)


def make_secret_key(folder: Path) -> None:
    """Make the secret where there is none; an existing one is never replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    try:
        handle = os.open(folder / "secret", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(secrets.token_urlsafe(48))
