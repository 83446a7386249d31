"""Files of a case: what they are is told by content, photographs lose their place, a full disk leaves nothing behind."""

from __future__ import annotations

import io
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from casework_world import FORMS, QINGBO, draft, shipped
from django.test import Client
from PIL import Image

from zhizhi.apps.actors import Actor, Role
from zhizhi.apps.casework.models import Attachment, Entry
from zhizhi.apps.casework.selectors.detail import attachment_path, case_get
from zhizhi.apps.casework.services.attachments import attachment_add, attachment_remove, unused_files_remove
from zhizhi.apps.casework.services.cases import case_open
from zhizhi.apps.casework.services.steps import case_move
from zhizhi.apps.casework.services.workflows import package_install
from zhizhi.apps.configuration import Configuration, configuration
from zhizhi.apps.journal.models import Event
from zhizhi.kernel.errors import InvalidError, NotFoundError, RefusedError, UnavailableError

pytestmark = pytest.mark.django_db
PDF = b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n"
GPS_IFD, ORIENTATION, MAKER = 0x8825, 0x0112, 0x010F


@pytest.fixture
def people(actors: dict[Role, Actor], system: Actor, now: datetime) -> dict[str, Actor]:
    package_install(system, package=shipped(), now=now)
    return {role.value: actor for role, actor in actors.items()}


@pytest.fixture
def case(people: dict[str, Actor], now: datetime) -> int:
    return case_open(people["town-officer"], draft=draft(), now=now)


def photograph(kind: str = "JPEG", size: tuple[int, int] = (60, 40)) -> bytes:
    """A picture that says where and with what it was taken, and that it lies on its side."""
    picture = Image.new("RGB", size, (200, 30, 30))
    exif = Image.Exif()
    exif[MAKER] = "Secret Phone"
    exif[ORIENTATION] = 6
    exif.get_ifd(GPS_IFD)[2] = (30.0, 15.0, 8.0)
    out = io.BytesIO()
    picture.save(out, format=kind, exif=exif.tobytes())
    return out.getvalue()


def add(actor: Actor, case: int, raw: bytes, now: datetime, name: str = "照片.jpg") -> int:
    return attachment_add(actor, case_id=case, name=name, content=io.BytesIO(raw), now=now)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_photograph_loses_its_place_and_camera_and_stands_upright(
    people: dict[str, Actor], case: int, now: datetime, kind: str
) -> None:
    raw = photograph(kind)
    assert b"Secret Phone" in raw
    pk = add(people["village-worker"], case, raw, now)
    found, path = attachment_path(people["town-officer"], attachment_id=pk)
    kept = path.read_bytes()
    assert b"Secret Phone" not in kept
    with Image.open(io.BytesIO(kept)) as image:
        assert dict(image.getexif()) == {}
        assert image.size == (40, 60)
    assert (found.media_type, found.size, found.is_image) == (f"image/{kind.lower()}", len(kept), True)
    assert path.name == found.digest
    assert path.stat().st_mode & 0o077 == 0
    assert case_get(people["village-worker"], case_id=case, now=now).timeline[-1].kind == "attached"
    assert Event.objects.filter(name="casework.case.attached").count() == 1


def test_a_picture_without_colours_of_its_own_and_with_a_palette_keep_their_look(
    people: dict[str, Actor], case: int, now: datetime
) -> None:
    out = io.BytesIO()
    Image.new("RGBA", (3, 2), (0, 200, 0, 128)).save(out, format="PNG")
    _, path = attachment_path(people["village-worker"], attachment_id=add(people["village-worker"], case, out.getvalue(), now))
    with Image.open(path) as image:
        assert image.getpixel((0, 0)) == (0, 200, 0, 128)
    out = io.BytesIO()
    Image.new("RGB", (3, 2), (9, 200, 0)).convert("P").save(out, format="PNG")
    _, path = attachment_path(people["village-worker"], attachment_id=add(people["village-worker"], case, out.getvalue(), now))
    with Image.open(path) as image:
        red, green, _ = image.convert("RGB").getpixel((1, 1))  # type: ignore[misc]
        assert green > 150 > red


def test_the_same_content_is_stored_once_and_listed_once(
    people: dict[str, Actor], case: int, home: Configuration, now: datetime
) -> None:
    one = add(people["village-worker"], case, PDF, now, "a.pdf")
    assert add(people["village-worker"], case, PDF, now, "b.pdf") == one
    other = case_open(people["town-officer"], draft=draft(2), now=now)
    assert add(people["village-worker"], other, PDF, now, "c.pdf") != one
    assert len([path for path in home.files.glob("*/*") if path.is_file()]) == 1


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", "file-empty"),
        (b"MZ\x90\x00 a program", "file-kind"),
        (b"<html><script>alert(1)</script>", "file-kind"),
        (b"GIF89a" + b"\x00" * 40, "file-kind"),
        (b"\x00\x00\x00\x18ftypheic" + b"\x00" * 40, "file-kind"),
        (photograph()[:300], "file-broken"),
        (b"%PDF-1.4 half a file", "file-broken"),
        (b"%PDF-1.4\n<</OpenAction<</S/JavaScript/JS(app.alert(1))>>>>\n%%EOF", "file-active"),
        (b"x" * 10_000_001, "file-large"),
    ],
)
def test_what_is_not_taken_is_said_and_not_kept(
    people: dict[str, Actor], case: int, home: Configuration, now: datetime, raw: bytes, expected: str
) -> None:
    with pytest.raises(InvalidError) as caught:
        add(people["village-worker"], case, raw, now, "harmless.jpg")
    assert caught.value.code == f"casework.{expected}"
    assert Attachment.objects.count() == 0
    assert not [path for path in home.files.glob("**/*") if path.is_file()]


def test_a_bomb_of_pixels_is_not_unpacked(people: dict[str, Actor], case: int, now: datetime) -> None:
    out = io.BytesIO()
    Image.new("1", (12_000, 12_000)).save(out, format="PNG")
    assert len(out.getvalue()) < 100_000
    with pytest.raises(InvalidError) as caught:
        add(people["village-worker"], case, out.getvalue(), now)
    assert caught.value.code == "casework.file-pixels"


@contextmanager
def full_disk(most: int) -> Iterator[None]:
    """No file may grow beyond ``most`` bytes: writing fails as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_said_and_leaves_nothing_half_written(
    people: dict[str, Actor], case: int, home: Configuration, now: datetime
) -> None:
    large = b"%PDF-1.4\n" + b"0" * 900_000 + b"\n%%EOF"
    with full_disk(100_000), pytest.raises(UnavailableError) as caught:
        add(people["village-worker"], case, large, now, "报告.pdf")
    assert caught.value.code == "casework.disk-full"
    assert "没有保存" in caught.value.text("zh")
    assert Attachment.objects.count() == 0
    assert not [path for path in home.files.glob("**/*") if path.is_file()]
    assert Entry.objects.filter(kind="attached").count() == 0
    assert add(people["village-worker"], case, large, now, "报告.pdf")


def test_a_name_is_shown_and_is_no_path(people: dict[str, Actor], case: int, now: datetime) -> None:
    pk = add(people["village-worker"], case, PDF, now, "../../etc/\x07passwd\u202e.pdf")
    assert Attachment.objects.get(pk=pk).name == "passwd.pdf"
    assert Attachment.objects.get(pk=add(people["village-worker"], case, PDF + b"%%EOF", now, "///")).name == "file"


def test_whoever_may_not_see_the_case_neither_adds_nor_fetches(
    people: dict[str, Actor], case: int, system: Actor, now: datetime
) -> None:
    pk = add(people["village-worker"], case, PDF, now)
    far = case_open(system, draft=draft(9, region=QINGBO), now=now)
    with pytest.raises(NotFoundError):
        add(people["county-manager"], far, PDF, now)
    theirs = add(system, far, PDF, now)
    with pytest.raises(NotFoundError):
        attachment_path(people["county-manager"], attachment_id=theirs)
    with pytest.raises(NotFoundError):
        attachment_remove(people["county-manager"], attachment_id=theirs, now=now)
    with pytest.raises(RefusedError):
        add(people["auditor"], case, PDF, now)
    assert attachment_path(people["auditor"], attachment_id=pk)[0].id == pk


def test_removing_leaves_a_line_and_the_content_goes_when_nothing_names_it(
    people: dict[str, Actor], case: int, home: Configuration, now: datetime
) -> None:
    worker, officer = people["village-worker"], people["town-officer"]
    pk = add(officer, case, PDF, now)
    with pytest.raises(RefusedError):
        attachment_remove(worker, attachment_id=pk, now=now)
    attachment_remove(officer, attachment_id=pk, now=now)
    with pytest.raises(NotFoundError):
        attachment_path(officer, attachment_id=pk)
    assert [line.kind for line in case_get(officer, case_id=case, now=now).timeline][-2:] == ["attached", "detached"]
    (home.files / "ab").mkdir()
    (home.files / "ab" / "tmpx.part").write_bytes(b"half")
    later = datetime.now(UTC) + timedelta(hours=2)
    assert unused_files_remove(now=datetime.now(UTC)) == 0
    assert unused_files_remove(now=later) == 2
    kept = add(officer, case, PDF, now)
    assert unused_files_remove(now=later) == 0
    assert attachment_path(officer, attachment_id=kept)[1].read_bytes() == PDF


def test_a_file_of_the_form_must_belong_to_the_case(people: dict[str, Actor], case: int, now: datetime) -> None:
    worker = people["village-worker"]
    moved = case_move(worker, case_id=case, version=1, way_id="reached", answers=FORMS["reached"], now=now)
    other = case_open(people["town-officer"], draft=draft(3), now=now)
    mine, theirs = add(worker, case, PDF, now), add(worker, other, PDF, now)
    answers = {**FORMS["assessed"], "photos": [str(theirs)]}
    with pytest.raises(InvalidError) as caught:
        case_move(worker, case_id=case, version=moved.version, way_id="assessed", answers=answers, now=now)
    assert caught.value.code == "casework.file-elsewhere"
    answers = {**FORMS["assessed"], "photos": [str(mine)]}
    assert (
        case_move(worker, case_id=case, version=moved.version, way_id="assessed", answers=answers, now=now).state == "feed-back"
    )


def test_lost_content_is_told_as_such(people: dict[str, Actor], case: int, now: datetime) -> None:
    pk = add(people["village-worker"], case, PDF, now)
    _, path = attachment_path(people["village-worker"], attachment_id=pk)
    path.unlink()
    with pytest.raises(UnavailableError):
        attachment_path(people["village-worker"], attachment_id=pk)


def test_files_through_the_api(client_for: Callable[[Role], Client], people: dict[str, Actor], case: int) -> None:
    assert configuration().attachment_mb == 10
    client = client_for(Role.VILLAGE_WORKER)
    upload = io.BytesIO(photograph())
    upload.name = "门口.jpg"
    made = client.post(f"/api/v1/casework/cases/{case}/attachments", {"file": upload})
    assert made.status_code == 201, made.content
    fetched = client.get(f"/api/v1/casework/attachments/{made.json()['id']}")
    assert fetched.status_code == 200
    assert fetched["Content-Type"] == "image/jpeg"
    assert fetched["Content-Disposition"].startswith("attachment")
    assert fetched["X-Content-Type-Options"] == "nosniff"
    bad = io.BytesIO(b"MZ program")
    bad.name = "x.jpg"
    refused = client.post(f"/api/v1/casework/cases/{case}/attachments", {"file": bad})
    assert (refused.status_code, refused.json()["code"]) == (422, "casework.file-kind")
    assert client.delete(f"/api/v1/casework/attachments/{made.json()['id']}").status_code == 204
    assert client.get(f"/api/v1/casework/attachments/{made.json()['id']}").status_code == 404
