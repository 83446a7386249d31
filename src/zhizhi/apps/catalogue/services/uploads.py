"""Uploads by people: receive a file, confirm its preview, cancel it. What takes time is done by jobs."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import unicodedata
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

from django.db import transaction

from zhizhi.apps.actors import Actor, Permission
from zhizhi.apps.catalogue.jobs import check_upload, load_upload
from zhizhi.apps.catalogue.models import Upload
from zhizhi.apps.catalogue.schemas import UNDER_WAY, UPLOAD_CANCELLED, UPLOAD_CONFIRMED, UPLOAD_RECEIVED, UploadView
from zhizhi.apps.catalogue.selectors.sources import contract_of, lake_or_none, whole_region
from zhizhi.apps.catalogue.selectors.uploads import may_load, owner_params, upload_folder, upload_row, view_of
from zhizhi.apps.configuration import configuration
from zhizhi.apps.journal.services import record
from zhizhi.backends.readers import ENDINGS
from zhizhi.kernel.errors import ConflictError, InvalidError, RefusedError

KEPT = timedelta(hours=24)
"""A file whose preview nobody confirms is deleted after this time."""
STUCK = timedelta(minutes=10)
"""An upload on which nothing happened for so long may be started again."""
_MAGIC = {".xlsx": (b"PK\x03\x04",), ".xls": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"\x09\x08"), ".parquet": (b"PAR1",)}
_COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_BINARY = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"%PDF", b"PK\x03\x04", b"PAR1", _COMPOUND, b"Rar!", b"\x1f\x8b", b"7z\xbc\xaf")


def upload_receive(actor: Actor, *, source: Path, file: str, dataset: str = "", now: datetime) -> UploadView:
    """Take a data file into the home and have it checked.

    Args:
        actor: needs ``DATASET_LOAD``.
        source: where the file lies; it is moved away from there.
        file: its name as the person knows it.
        dataset: which dataset it is meant to be; empty: found out by name and columns.
        now: when.

    Raises:
        InvalidError: the file is empty, too large, of a kind that cannot be read, or encrypted; nothing is kept of it.
        RefusedError: ``catalogue.not-yours``: another department answers for the dataset.
    """
    actor.require(Permission.DATASET_LOAD)
    if dataset and not may_load(actor, contract_of(dataset)):
        raise RefusedError("catalogue.not-yours", **owner_params(contract_of(dataset)))
    uploads_expire(now=now)
    name = tidy_name(file)
    size = source.stat().st_size
    _refuse_strange(source, name, size)
    key = uuid4()
    folder = upload_folder(key)
    folder.mkdir(parents=True, mode=0o700)
    try:
        shutil.move(str(source), folder / name)
        os.chmod(folder / name, 0o600)
        with transaction.atomic():
            row = Upload.objects.create(
                pk=key,
                chosen=dataset,
                file=name,
                size=size,
                state="received",
                department=actor.department,
                user_id=actor.user_id,
                post_id=actor.post_id,
                person=actor.name,
                received_at=now,
                changed_at=now,
            )
            record(actor, UPLOAD_RECEIVED, now=now, region=whole_region(), subjects=_subjects(row), details={"size": size})
            check_upload.enqueue(str(key))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return view_of(row)


def upload_confirm(actor: Actor, *, upload: str, now: datetime) -> UploadView:
    """Say yes to a preview: a job then loads the file. Said twice, it is done once.

    Raises:
        ConflictError: ``catalogue.preview-old``: the dataset was loaded since, and the file is checked again;
            ``catalogue.upload-over``: it was cancelled, refused or has expired.
    """
    row = upload_row(actor, upload)
    if row.state in ("confirmed", "loading", "loaded"):
        return view_of(row)
    lake = lake_or_none()
    present = lake.versions().get(row.dataset) if lake else None
    with transaction.atomic():
        row = Upload.objects.select_for_update().get(pk=row.pk)
        if row.state in ("confirmed", "loading", "loaded"):
            return view_of(row)
        if row.state != "shown":
            raise ConflictError("catalogue.upload-over")
        stale = present != row.present
        row.state, row.changed_at = ("received" if stale else "confirmed"), now
        row.save(update_fields=["state", "changed_at"])
        if stale:
            check_upload.enqueue(str(row.pk))
        else:
            record(
                actor,
                UPLOAD_CONFIRMED,
                now=now,
                region=whole_region(),
                subjects=_subjects(row),
                details={"rows": row.figures.get("read", 0)},
            )
            load_upload.enqueue(str(row.pk))
    if stale:
        raise ConflictError("catalogue.preview-old")
    return view_of(row)


def upload_cancel(actor: Actor, *, upload: str, now: datetime) -> UploadView:
    """Drop an upload that is not being loaded yet, and its file. Said twice, it is done once.

    Raises:
        ConflictError: ``catalogue.upload-late``: it is being loaded or was.
    """
    row = upload_row(actor, upload)
    with transaction.atomic():
        row = Upload.objects.select_for_update().get(pk=row.pk)
        if row.state in ("confirmed", "loading", "loaded"):
            raise ConflictError("catalogue.upload-late")
        if row.state not in ("cancelled", "expired"):
            row.state, row.changed_at = "cancelled", now
            row.save(update_fields=["state", "changed_at"])
            record(actor, UPLOAD_CANCELLED, now=now, region=whole_region(), subjects=_subjects(row))
    shutil.rmtree(upload_folder(row.pk), ignore_errors=True)
    return view_of(row)


def upload_again(actor: Actor, *, upload: str, now: datetime) -> UploadView:
    """Start the work on an upload again that has stood still; what was done already is not done twice.

    Raises:
        ConflictError: ``catalogue.upload-busy``: something happened within the last minutes; ``catalogue.upload-over``.
    """
    row = upload_row(actor, upload)
    with transaction.atomic():
        row = Upload.objects.select_for_update().get(pk=row.pk)
        if row.state not in (*UNDER_WAY, "failed"):
            raise ConflictError("catalogue.upload-over")
        if row.state != "failed" and row.changed_at > now - STUCK:
            raise ConflictError("catalogue.upload-busy")
        loading = row.state in ("confirmed", "loading") or (row.state == "failed" and bool(row.load))
        row.state, row.changed_at, row.failure, row.params = ("confirmed" if loading else "received"), now, "", {}
        row.save(update_fields=["state", "changed_at", "failure", "params"])
        (load_upload if loading else check_upload).enqueue(str(row.pk))
    return view_of(row)


def uploads_expire(*, now: datetime) -> int:
    """Delete the files of uploads that nobody confirmed in time, and of those that ended; return how many expired."""
    old = Upload.objects.filter(state__in=("received", "shown", "refused", "failed"), changed_at__lt=now - KEPT)
    expired = [str(pk) for pk in old.values_list("pk", flat=True)]
    old.filter(state__in=("received", "shown", "failed")).update(state="expired", changed_at=now)
    for key in expired:
        shutil.rmtree(upload_folder(key), ignore_errors=True)
    _sweep(now)
    return len(expired)


def _sweep(now: datetime) -> None:
    """Delete what a process that was killed left of files that were still being sent."""
    oldest = (now - KEPT).timestamp()
    for path in (configuration().uploads / "incoming").glob("*.part"):
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_mtime < oldest:
                path.unlink()


def tidy_name(file: str) -> str:
    """Return a file's name without folders, control characters and leading dots, and not too long for a file system."""
    name = unicodedata.normalize("NFC", file.replace("\\", "/").rpartition("/")[2])
    name = re.sub(r"[\x00-\x1f\x7f<>:\"|?*]", "", name).strip().lstrip(".~$ ")
    stem, dot, ending = name.rpartition(".")
    if not dot:
        stem, ending = name, ""
    while len(stem.encode()) > 180:
        stem = stem[:-1]
    return f"{stem}.{ending}" if stem and dot else (stem or "file")


def _refuse_strange(source: Path, name: str, size: int) -> None:
    """Refuse at once what no reader could read, by its name and its first bytes."""
    ending = Path(name).suffix.lower()
    if ending not in ENDINGS:
        raise InvalidError("catalogue.file-ending", field="file", seen=ending or name, known=" ".join(ENDINGS))
    if size == 0:
        raise InvalidError("catalogue.file-empty", field="file")
    limit = int(configuration().upload_mb)
    if size > limit * 1_000_000:
        raise InvalidError("catalogue.file-large", field="file", limit=limit)
    with source.open("rb") as file:
        head = file.read(65_536)
    if head.startswith(_COMPOUND) and "EncryptedPackage".encode("utf-16-le") in head:
        raise InvalidError("catalogue.file-encrypted", field="file")
    if ending == ".xlsx" and head.startswith(_COMPOUND):
        raise InvalidError("catalogue.file-encrypted", field="file")
    wanted = _MAGIC.get(ending)
    if wanted is not None and not head.startswith(wanted):
        raise InvalidError("catalogue.file-not-so", field="file", ending=ending)
    if wanted is None and head.startswith(_BINARY):
        raise InvalidError("catalogue.file-not-so", field="file", ending=ending)


def _subjects(row: Upload) -> list[str]:
    dataset = row.dataset or row.chosen
    return [f"upload:{row.pk}", *([f"dataset:{dataset}"] if dataset else [])]
