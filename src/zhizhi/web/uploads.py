"""Takes files that are sent straight to the home's disk, up to a limit: what is too large is read past, not kept."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from pathlib import Path
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, SkipFile

from zhizhi.apps.actors import Actor, Permission
from zhizhi.apps.configuration import configuration

MEGABYTE = 1_000_000
KEPT_FREE = 256 * MEGABYTE
"""So much of the disk an upload leaves free."""


class Incoming(UploadedFile[Any]):
    """A file that arrived, in the home's folder of uploads; it is gone when the request ends unless it was moved away."""

    def __init__(self, name: str, content_type: str, charset: str | None, extra: dict[str, Any] | None) -> None:
        folder = configuration().uploads / "incoming"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        super().__init__(tempfile.NamedTemporaryFile(dir=folder, suffix=".part"), name, content_type, 0, charset, extra)  # noqa: SIM115

    def temporary_file_path(self) -> str:
        """Return where the file lies."""
        return str(self.file.name)  # type: ignore[union-attr]

    def close(self) -> None:
        """Close the file, which deletes it unless somebody moved it."""
        with contextlib.suppress(FileNotFoundError):
            super().close()


class BoundedUploadHandler(FileUploadHandler):
    """Streams a file to disk up to the caller's limit.

    A file that is too large is read to its end and thrown away as it comes, so that the browser shows the answer instead of a
    broken connection; ``request.upload_refused`` then holds the code of the reason. Who is not logged in sends
    no files at all.
    """

    file: Incoming

    def handle_raw_input(self, *args: Any, **kwargs: Any) -> None:
        """Look at the announced size before anything is written."""
        meta: dict[str, Any] = args[1]
        self.kept = 0
        self.limit = limit_of(getattr(self.request, "actor", None))
        announced = int(meta.get("CONTENT_LENGTH") or 0)
        if announced > self.limit + MEGABYTE:
            self._refuse("web.too-large")
        elif announced and _free() < announced + KEPT_FREE:
            self._refuse("web.disk-full")

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """Begin a file."""
        super().new_file(*args, **kwargs)
        if getattr(self.request, "upload_refused", None):
            raise SkipFile
        self.kept = 0
        self.file = Incoming(str(self.file_name), str(self.content_type), self.charset, self.content_type_extra)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes | None:
        """Write a piece, unless it is one too many."""
        self.kept += len(raw_data)
        if self.kept > self.limit:
            self._refuse("web.too-large")
        elif start % (64 * MEGABYTE) < len(raw_data) and _free() < KEPT_FREE:
            self._refuse("web.disk-full")
        if getattr(self.request, "upload_refused", None):
            self.file.close()
            raise SkipFile
        self.file.write(raw_data)
        return None

    def file_complete(self, file_size: int) -> UploadedFile[Any] | None:
        """Return the finished file."""
        self.file.seek(0)
        self.file.size = file_size
        return self.file

    def upload_interrupted(self) -> None:
        """Drop what has come of a file whose sender went away."""
        if hasattr(self, "file"):
            self.file.close()

    def _refuse(self, code: str) -> None:
        self.request.upload_refused = code  # type: ignore[union-attr]


def limit_of(actor: Actor | None) -> int:
    """Return how many bytes a file of this caller may have: data files for who loads data, attachments for others."""
    if actor is None:
        return 0
    settings = configuration()
    return int(settings.upload_mb if actor.may(Permission.DATASET_LOAD) else settings.attachment_mb) * MEGABYTE


def _free() -> int:
    folder: Path = configuration().home
    return shutil.disk_usage(folder).free
