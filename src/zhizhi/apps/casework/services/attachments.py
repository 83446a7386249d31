"""Files of a case: held to size and to what they really are, cleaned of where and by what a photograph was taken."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import tempfile
import warnings
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from django.db import transaction
from PIL import Image, ImageOps, UnidentifiedImageError

from zhizhi.apps.actors import Actor, Permission
from zhizhi.apps.casework.models import Attachment, Case
from zhizhi.apps.casework.schemas import ATTACHED, DETACHED
from zhizhi.apps.casework.selectors.detail import path_of
from zhizhi.apps.casework.services.change import add_entry, find, tell
from zhizhi.apps.configuration import Configuration, configuration
from zhizhi.kernel.errors import InvalidError, NotFoundError, RefusedError, UnavailableError

IMAGES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
PDF = "application/pdf"
MOST_PIXELS = 60_000_000
MOST_FILES = 50
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
ACTIVE = (b"/JavaScript", b"/Launch", b"/EmbeddedFile", b"/RichMedia", b"/XFA")
"""Names in a PDF by which it does something by itself when it is opened."""


def attachment_add(actor: Actor, *, case_id: int, name: str, content: BinaryIO, now: datetime) -> int:
    """Store a file with a case and return its id. The file stands complete under its digest, or not at all.

    Args:
        actor: works on the case.
        case_id: the case.
        name: as the sender called it; shown, never used as a path.
        content: opened for reading in binary.
        now: when.

    Raises:
        InvalidError: ``casework.file-…``: empty, too large, too many, of a kind that is not taken, or broken.
        UnavailableError: ``casework.disk-full``; nothing was stored.
    """
    actor.require(Permission.CASE_WORK)
    settings = configuration()
    find(actor, case_id)  # whoever may not see the case is told so before anything is read
    raw = _read(content, settings.attachment_mb * 1_000_000, settings.attachment_mb)
    clean, media_type = cleaned(raw)
    digest, fresh = _store(settings, clean)
    try:
        with transaction.atomic():
            return _attach(actor, find(actor, case_id).case, _name(name), digest, len(clean), media_type, now)
    except BaseException:
        if fresh and not Attachment.objects.filter(digest=digest).exists():
            path_of(settings, digest).unlink(missing_ok=True)
        raise


def attachment_remove(actor: Actor, *, attachment_id: int, now: datetime) -> None:
    """Take a file off its case: whoever put it there, or who may assign cases. That it was there stays on the timeline.

    Raises:
        NotFoundError: ``casework.file-unknown``. RefusedError: ``casework.file-not-yours``.
    """
    actor.require(Permission.CASE_WORK)
    with transaction.atomic():
        row = Attachment.objects.select_for_update().filter(pk=attachment_id, removed_at=None).first()
        if row is None:
            raise NotFoundError("casework.file-unknown", number=attachment_id)
        case = find(actor, row.case_id).case
        if row.post_id != actor.post_id and not actor.may(Permission.CASE_ASSIGN):
            raise RefusedError("casework.file-not-yours")
        Attachment.objects.filter(pk=row.pk).update(removed_at=now)
        add_entry(actor, case, "detached", now, state_to=case.state, details={"file": row.pk, "name": row.name})
        tell(actor, case, DETACHED, now, {"file": row.pk, "digest": row.digest})


def unused_files_remove(*, now: datetime, older_than_seconds: int = 3_600) -> int:
    """Remove stored content that no attachment names any more, and half-written files of a process that died; return how many."""
    settings, gone = configuration(), 0
    for path in sorted(settings.files.glob("*/*")):
        if not path.is_file() or now.timestamp() - path.stat().st_mtime < older_than_seconds:
            continue
        if path.suffix == ".part" or not Attachment.objects.filter(digest=path.name, removed_at=None).exists():
            path.unlink(missing_ok=True)
            gone += 1
    return gone


def cleaned(raw: bytes) -> tuple[bytes, str]:
    """Return a file's content without what should not be kept, and its media type, told by the content alone.

    Raises:
        InvalidError: ``casework.file-kind``, ``casework.file-broken``, ``casework.file-pixels`` or ``casework.file-active``.
    """
    if raw.startswith(b"%PDF-"):
        if b"%%EOF" not in raw[-2048:]:
            raise InvalidError("casework.file-broken", field="file")
        if any(mark in raw for mark in ACTIVE):
            raise InvalidError("casework.file-active", field="file")
        return raw, PDF
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            return _image(raw)
    except Image.DecompressionBombError:
        raise InvalidError("casework.file-pixels", field="file", most=MOST_PIXELS // 1_000_000) from None
    except UnidentifiedImageError:
        raise InvalidError("casework.file-kind", field="file") from None
    except (OSError, ValueError, SyntaxError, EOFError):
        raise InvalidError("casework.file-broken", field="file") from None


def _image(raw: bytes) -> tuple[bytes, str]:
    """Write an image anew: turned as it was meant to be seen, with its colours and nothing else."""
    with Image.open(io.BytesIO(raw), formats=list(IMAGES)) as image:
        kind = image.format or ""
        if image.width * image.height > MOST_PIXELS:
            raise InvalidError("casework.file-pixels", field="file", most=MOST_PIXELS // 1_000_000)
        upright = ImageOps.exif_transpose(image)
        colours = image.info.get("icc_profile")
        if kind == "JPEG" and upright.mode not in ("RGB", "L", "CMYK"):
            upright = upright.convert("RGB")
        bare = Image.new(upright.mode, upright.size)
        if upright.mode == "P" and upright.getpalette() is not None:
            bare.putpalette(upright.getpalette() or [])
            if "transparency" in upright.info:
                bare.info["transparency"] = upright.info["transparency"]
        bare.paste(upright)
        out = io.BytesIO()
        extra: dict[str, object] = {"icc_profile": colours} if colours else {}
        if kind == "JPEG":
            extra |= {"quality": 88, "optimize": True}
        bare.save(out, format=kind, **extra)
    return out.getvalue(), IMAGES[kind]


def _read(content: BinaryIO, most: int, megabytes: int) -> bytes:
    raw = content.read(most + 1)
    if len(raw) > most:
        raise InvalidError("casework.file-large", field="file", most=megabytes)
    if not raw:
        raise InvalidError("casework.file-empty", field="file")
    return raw


def _store(settings: Configuration, content: bytes) -> tuple[str, bool]:
    """Write content under its digest; return the digest and whether it is new. Written aside, flushed, then given its name."""
    digest = hashlib.sha256(content).hexdigest()
    path = path_of(settings, digest)
    if path.exists():
        return digest, False
    part: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
        part = Path(name)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        if part is not None:
            part.unlink(missing_ok=True)
        if error.errno in FULL:
            raise UnavailableError("casework.disk-full") from error
        raise
    return digest, True


def _attach(actor: Actor, case: Case, name: str, digest: str, size: int, media_type: str, now: datetime) -> int:
    there = Attachment.objects.filter(case_id=case.pk, removed_at=None)
    again = there.filter(digest=digest).values_list("pk", flat=True).first()
    if again is not None:
        return again
    if there.count() >= MOST_FILES:
        raise InvalidError("casework.file-many", field="file", most=MOST_FILES)
    row = Attachment.objects.create(
        case_id=case.pk,
        digest=digest,
        size=size,
        media_type=media_type,
        name=name,
        at=now,
        post_id=actor.post_id,
        actor=actor.name,
    )
    add_entry(actor, case, "attached", now, state_to=case.state, details={"file": row.pk, "name": name})
    tell(actor, case, ATTACHED, now, {"file": row.pk, "digest": digest, "size": size})
    return row.pk


def _name(name: str) -> str:
    """Return a file's name as it is shown: its last part, without control characters."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    shown = "".join(sign for sign in last if sign.isprintable()).strip()
    return shown[-120:] or "file"
