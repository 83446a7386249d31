"""Uploads: from the file to the lake by way of a preview; wrong files, double clicks, killed workers, full disks."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django_tasks_db.models import DBTaskResult

from zhizhi.apps.actors import Actor, Role
from zhizhi.apps.catalogue.models import Upload
from zhizhi.apps.catalogue.selectors.sources import contract_of
from zhizhi.apps.catalogue.selectors.uploads import sample_get, upload_folder, upload_get
from zhizhi.apps.catalogue.services.loading import upload_check, upload_load
from zhizhi.apps.catalogue.services.uploads import (
    KEPT,
    STUCK,
    tidy_name,
    upload_again,
    upload_cancel,
    upload_confirm,
    upload_receive,
    uploads_expire,
)
from zhizhi.apps.configuration import Configuration, configuration
from zhizhi.apps.journal.models import Event
from zhizhi.backends.lake import Lake
from zhizhi.backends.loading import Loader
from zhizhi.backends.loading_folder import load_folder
from zhizhi.backends.vault import Vault
from zhizhi.kernel.errors import ConflictError, InvalidError, LakeError, NotFoundError, RefusedError, ZhizhiError

REGISTER = "民政_救助家庭登记.csv"

pytestmark = pytest.mark.django_db


@pytest.fixture
def steward(actors: dict[Role, Actor], desk_lake: Path) -> Actor:
    return actors[Role.DATA_STEWARD]


@pytest.fixture
def export(made_lake: Path, tmp_path: Path) -> Path:
    """The department's own export with its last three rows gone and one amount of its rows altered."""
    lines = (made_lake.parent / "exports" / REGISTER).read_text(encoding="utf-8-sig").splitlines()
    path = tmp_path / REGISTER
    path.write_text("\n".join(lines[:-3]) + "\n", encoding="utf-8")
    return path


@contextmanager
def refusing(family: type[ZhizhiError], code: str) -> Iterator[None]:
    with pytest.raises(family) as caught:
        yield
    assert caught.value.code == code


def copied(path: Path, tmp_path: Path, name: str = "") -> Path:
    """A copy that the service may take away."""
    target = tmp_path / f"sent-{name or path.name}"
    target.write_bytes(path.read_bytes())
    return target


def run_jobs() -> list[str]:
    """Do the jobs that wait, as a worker does; return their names."""
    done = []
    for row in DBTaskResult.objects.filter(status="READY").order_by("enqueued_at"):
        row.task.call(*row.args_kwargs["args"], **row.args_kwargs["kwargs"])
        row.status = "SUCCESSFUL"
        row.save(update_fields=["status"])
        done.append(row.task_path.rpartition(".")[2])
    return done


def test_a_file_is_checked_shown_confirmed_and_loaded(
    steward: Actor, export: Path, tmp_path: Path, now: datetime, desk_lake: Path
) -> None:
    lake = Lake.open(desk_lake)
    before = lake.versions()["aid_register"]
    upload = upload_receive(steward, source=copied(export, tmp_path), file=REGISTER, now=now)
    assert upload.state == "received"
    assert run_jobs() == ["check_upload"]
    shown = upload_get(steward, upload.id)
    assert (shown.state, shown.dataset) == ("shown", "aid_register")
    change = shown.figures["change"]
    assert change["gone"] in (1, 2, 3)
    assert change["come"] == change["altered"] == 0
    assert change["after"] == change["before"] - change["gone"]
    assert shown.figures["good"] + shown.figures["bad"] == shown.figures["read"]
    assert Lake.open(desk_lake).versions()["aid_register"] == before, "nothing is written before somebody confirms"
    upload_confirm(steward, upload=upload.id, now=now)
    assert run_jobs() == ["load_upload"]
    loaded = upload_get(steward, upload.id)
    assert (loaded.state, loaded.version) == ("loaded", before + 1)
    assert lake.delta("aid_register").count() == change["after"]
    assert not upload_folder(upload.id).exists(), "the file is gone when its rows are in the lake"
    names = list(Event.objects.filter(subjects__subject=f"upload:{upload.id}").order_by("pk").values_list("name", flat=True))
    assert names == ["catalogue.upload.received", "catalogue.upload.confirmed", "catalogue.dataset.loaded"]


def test_confirming_twice_loads_once(steward: Actor, export: Path, tmp_path: Path, now: datetime, desk_lake: Path) -> None:
    upload = upload_receive(steward, source=copied(export, tmp_path), file=REGISTER, now=now)
    run_jobs()
    upload_confirm(steward, upload=upload.id, now=now)
    upload_confirm(steward, upload=upload.id, now=now)
    assert run_jobs() == ["load_upload"]
    upload_confirm(steward, upload=upload.id, now=now)
    assert run_jobs() == []
    assert Event.objects.filter(name="catalogue.dataset.loaded").count() == 1


def test_a_worker_killed_after_the_commit_is_done_again_without_a_second_version(
    steward: Actor, export: Path, tmp_path: Path, now: datetime, desk_lake: Path, system: Actor
) -> None:
    upload = upload_receive(steward, source=copied(export, tmp_path), file=REGISTER, now=now)
    run_jobs()
    upload_confirm(steward, upload=upload.id, now=now)
    Upload.objects.filter(pk=upload.id).update(state="loading")  # the worker took it, wrote the lake's version and died
    lake, vault = Lake.open(desk_lake), Vault.open(configuration().key_path)
    file = upload_folder(upload.id) / REGISTER
    list(load_folder(Loader(lake, vault, now), [(file, contract_of("aid_register"))]))
    version = lake.versions()["aid_register"]
    assert upload_load(system, upload=upload.id, now=now) == "loaded"
    assert lake.versions()["aid_register"] == version
    assert upload_load(system, upload=upload.id, now=now) == "over"
    assert Event.objects.filter(name="catalogue.dataset.loaded").count() == 1


def test_a_check_can_be_done_again(steward: Actor, export: Path, tmp_path: Path, now: datetime, system: Actor) -> None:
    upload = upload_receive(steward, source=copied(export, tmp_path), file=REGISTER, now=now)
    Upload.objects.filter(pk=upload.id).update(state="checking")
    assert upload_check(system, upload=upload.id, now=now) == "shown"
    assert upload_check(system, upload=upload.id, now=now) == "over"


def test_an_upload_that_stands_still_can_be_started_again(steward: Actor, export: Path, tmp_path: Path, now: datetime) -> None:
    upload = upload_receive(steward, source=copied(export, tmp_path), file=REGISTER, now=now)
    DBTaskResult.objects.all().delete()
    with refusing(ConflictError, "catalogue.upload-busy"):
        upload_again(steward, upload=upload.id, now=now + STUCK / 2)
    upload_again(steward, upload=upload.id, now=now + STUCK * 2)
    assert run_jobs() == ["check_upload"]
    assert upload_get(steward, upload.id).state == "shown"


def test_a_preview_that_was_overtaken_is_made_anew(
    steward: Actor, export: Path, tmp_path: Path, now: datetime, made_lake: Path
) -> None:
    first = upload_receive(steward, source=copied(export, tmp_path), file=REGISTER, now=now)
    lines = export.read_text(encoding="utf-8").splitlines()
    shorter = tmp_path / "shorter.csv"
    shorter.write_text("\n".join(lines[:-9]) + "\n", encoding="utf-8")
    second = upload_receive(steward, source=shorter, file=REGISTER, now=now)
    run_jobs()
    upload_confirm(steward, upload=second.id, now=now)
    run_jobs()
    with refusing(ConflictError, "catalogue.preview-old"):
        upload_confirm(steward, upload=first.id, now=now)
    assert run_jobs() == ["check_upload"]
    assert upload_get(steward, first.id).figures["change"]["come"] > 0
    assert upload_confirm(steward, upload=first.id, now=now).state == "confirmed"


def test_cancel_and_expiry_delete_the_file(steward: Actor, system: Actor, export: Path, tmp_path: Path, now: datetime) -> None:
    dropped = upload_receive(steward, source=copied(export, tmp_path), file=REGISTER, now=now)
    upload_cancel(steward, upload=dropped.id, now=now)
    upload_cancel(steward, upload=dropped.id, now=now)
    assert not upload_folder(dropped.id).exists()
    with refusing(ConflictError, "catalogue.upload-over"):
        upload_confirm(steward, upload=dropped.id, now=now)
    kept = upload_receive(steward, source=copied(export, tmp_path), file=REGISTER, now=now)
    upload_check(system, upload=kept.id, now=now)
    assert uploads_expire(now=now + KEPT / 2) == 0
    assert uploads_expire(now=now + KEPT * 2) == 1
    assert upload_get(steward, kept.id).state == "expired"
    assert not upload_folder(kept.id).exists()


ENCRYPTED = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 504 + "EncryptedPackage".encode("utf-16-le") + b"\0" * 512


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("房子.jpg", b"\xff\xd8\xff\xe0 photo", "catalogue.file-ending"),
        ("民政_救助家庭登记.csv", b"", "catalogue.file-empty"),
        ("民政_救助家庭登记.csv", b"\xff\xd8\xff\xe0 a photo with another name", "catalogue.file-not-so"),
        ("民政_在享救助.xlsx", b"a,b\n1,2\n", "catalogue.file-not-so"),
        ("民政_在享救助.xlsx", ENCRYPTED, "catalogue.file-encrypted"),
        ("医保_费用结算.parquet", b"PK\x03\x04", "catalogue.file-not-so"),
    ],
)
def test_wrong_files_are_refused_at_once(
    steward: Actor, tmp_path: Path, now: datetime, home: Configuration, name: str, content: bytes, code: str
) -> None:
    source = tmp_path / "wrong"
    source.write_bytes(content)
    with refusing(InvalidError, code):
        upload_receive(steward, source=source, file=name, now=now)
    assert not Upload.objects.exists()
    assert not home.uploads.exists() or not list(home.uploads.iterdir())


def refused(actor: Actor, source: Path, name: str, now: datetime, dataset: str = "") -> str:
    upload = upload_receive(actor, source=source, file=name, dataset=dataset, now=now)
    run_jobs()
    seen = upload_get(actor, upload.id)
    assert seen.state == "refused"
    assert not upload_folder(upload.id).exists()
    return seen.failure


def test_the_file_of_another_dataset_is_named(steward: Actor, made_lake: Path, tmp_path: Path, now: datetime) -> None:
    other = copied(made_lake.parent / "exports" / "残联_两项补贴发放.csv", tmp_path, "other.csv")
    assert refused(steward, other, REGISTER, now) == "catalogue.file-other"
    unknown = tmp_path / "unknown.csv"
    unknown.write_text("一,二,三\n1,2,3\n", encoding="utf-8")
    assert refused(steward, unknown, "不认识.csv", now) == "catalogue.file-unknown"
    cut = tmp_path / "cut.csv"
    whole = (made_lake.parent / "exports" / REGISTER).read_bytes()
    cut.write_bytes(whole[: whole.rindex(b"\xe5") + 1])  # in the middle of a character
    assert refused(steward, cut, REGISTER, now).startswith("input.")


def test_a_file_is_recognised_by_its_columns_whatever_its_name(
    steward: Actor, export: Path, tmp_path: Path, now: datetime
) -> None:
    upload = upload_receive(steward, source=copied(export, tmp_path), file="本月数据.csv", now=now)
    run_jobs()
    assert upload_get(steward, upload.id).dataset == "aid_register"


def test_a_steward_uploads_her_own_department_only(steward: Actor, made_lake: Path, tmp_path: Path, now: datetime) -> None:
    other = made_lake.parent / "exports" / "残联_两项补贴发放.csv"
    assert refused(steward, copied(other, tmp_path), other.name, now) == "catalogue.not-yours"
    with refusing(RefusedError, "catalogue.not-yours"):
        upload_receive(steward, source=copied(other, tmp_path), file=other.name, dataset="disability_benefits", now=now)


def test_other_departments_do_not_see_an_upload(
    steward: Actor, actors: dict[Role, Actor], export: Path, tmp_path: Path, now: datetime
) -> None:
    upload = upload_receive(steward, source=copied(export, tmp_path), file=REGISTER, now=now)
    with pytest.raises(NotFoundError):
        upload_get(replace(steward, department="health"), upload.id)
    with pytest.raises(RefusedError):
        upload_get(actors[Role.AUDITOR], upload.id)


def test_previewed_rows_are_cut_to_the_grade(steward: Actor, made_lake: Path, tmp_path: Path, now: datetime) -> None:
    export = made_lake.parent / "exports" / "民政_在享救助.xlsx"
    upload = upload_receive(steward, source=copied(export, tmp_path), file=export.name, now=now)
    run_jobs()
    full = sample_get(steward, upload.id)
    low = sample_get(replace(steward, grade=2), upload.id)
    assert full is not None
    assert low is not None
    at = [name for name, _, _ in full.fields].index("monthly_amount")
    key = [name for name, _, _ in full.fields].index("head_id")
    assert float(full.rows[0][1][at].value) > 0
    assert full.rows[0][1][key].value.endswith("************"), "numbers of people are masked for everybody"
    assert low.rows[0][1][at].hidden
    assert not low.rows[0][1][at].value
    stored = json.dumps(list(Upload.objects.values_list("figures", flat=True)), ensure_ascii=False)
    assert "************" not in stored
    assert full.rows[0][1][at].value not in stored, "no row of data in the database"


def test_names_of_files_are_made_harmless() -> None:
    assert tidy_name("../../etc/passwd.csv") == "passwd.csv"
    assert tidy_name("C:\\数据\\民政.xlsx") == "民政.xlsx"
    assert tidy_name(".hidden\x00.csv") == "hidden.csv"
    assert len(tidy_name("长" * 300 + ".csv").encode()) <= 190
    assert tidy_name("") == "file"


def test_a_file_over_the_limit_is_refused_and_fills_no_disk(
    client_for: Callable[[Role], Client], desk_lake: Path, home: Configuration
) -> None:
    (home.home / "zhizhi.toml").write_text('region = "330100"\nupload_mb = 1\n', encoding="utf-8")
    configuration.cache_clear()
    client = client_for(Role.DATA_STEWARD)
    page = client.post("/zh-hans/catalogue/upload", {"dataset": "", "file": SimpleUploadedFile(REGISTER, b"x" * 5_000_000)})
    assert page.status_code == 413
    assert "超过上限 1 MB" in page.content.decode()
    assert not [path for path in (home.home / "uploads").rglob("*") if path.is_file()]
    assert not Upload.objects.exists()


def test_the_pages_lead_from_file_to_result(
    client_for: Callable[[Role], Client], desk_lake: Path, export: Path, home: Configuration
) -> None:
    client = client_for(Role.DATA_STEWARD)
    sent = client.post(
        "/zh-hans/catalogue/upload", {"dataset": "aid_register", "file": SimpleUploadedFile(REGISTER, export.read_bytes())}
    )
    assert sent.status_code == 302
    place = sent["Location"]
    assert "正在核对" in client.get(place).content.decode() or "等待核对" in client.get(place).content.decode()
    run_jobs()
    assert "确认载入" in client.get(place).content.decode()
    assert client.post(f"{place}/confirm").status_code == 302
    assert client.post(f"{place}/confirm").status_code == 302
    run_jobs()
    assert "已载入《" in client.get(place).content.decode()
    assert client.post(f"{place}/cancel").status_code == 409
    assert not [path for path in home.uploads.rglob("*") if path.is_file()]


def test_an_empty_form_says_what_is_missing(client_for: Callable[[Role], Client], desk_lake: Path) -> None:
    page = client_for(Role.DATA_STEWARD).post("/zh-hans/catalogue/upload", {"dataset": ""})
    assert page.status_code == 422
    assert "请选择一个文件" in page.content.decode()


def test_nobody_else_sends_files(client_for: Callable[[Role], Client], desk_lake: Path, home: Configuration) -> None:
    sent = {"file": SimpleUploadedFile(REGISTER, b"x" * 20_000_000)}
    assert Client().post("/zh-hans/catalogue/upload", sent).status_code in (302, 403)
    assert not [path for path in (home.home / "uploads").rglob("*") if path.is_file()]


def test_while_the_lake_is_held_the_job_waits_its_turn(
    steward: Actor, system: Actor, export: Path, tmp_path: Path, now: datetime, desk_lake: Path
) -> None:
    upload = upload_receive(steward, source=copied(export, tmp_path), file=REGISTER, now=now)
    run_jobs()
    upload_confirm(steward, upload=upload.id, now=now)
    lake = Lake.open(desk_lake)
    with lake.writing(), refusing(LakeError, "lake.held"):  # the worker tries a LakeError again later
        upload_load(system, upload=upload.id, now=now)
    assert upload_get(steward, upload.id).state == "loading"
    assert upload_load(system, upload=upload.id, now=now) == "loaded"


def test_a_preview_may_be_made_while_another_loads(
    steward: Actor, system: Actor, export: Path, tmp_path: Path, now: datetime, desk_lake: Path
) -> None:
    upload = upload_receive(steward, source=copied(export, tmp_path), file=REGISTER, now=now)
    with Lake.open(desk_lake).writing():
        assert upload_check(system, upload=upload.id, now=now) == "shown"


def test_half_sent_files_of_a_killed_server_are_swept_away(home: Configuration, db: None) -> None:
    incoming = home.uploads / "incoming"
    incoming.mkdir(parents=True)
    for name in ("old.part", "new.part"):
        (incoming / name).write_bytes(b"half")
    sent = datetime.now(UTC)
    os.utime(incoming / "old.part", (0, (sent - 2 * KEPT).timestamp()))
    uploads_expire(now=sent)
    assert [path.name for path in incoming.iterdir()] == ["new.part"]
