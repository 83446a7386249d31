"""Pages and API of the journal: what each post sees, filters, receipts by upload, exports."""

from __future__ import annotations

import base64
import io
import re
import tarfile
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from journal_world import CLOSED, HOUSEHOLD, READ, write
from openpyxl import load_workbook

from zhizhi.apps.actors import Actor, Role
from zhizhi.apps.configuration import Configuration
from zhizhi.apps.journal.models import Event, Seal
from zhizhi.apps.journal.selectors import EventFilter, event_get, event_list, events_about, ledger_status, reads_of
from zhizhi.apps.journal.services import record
from zhizhi.apps.journal.services.receipts import receipt_make
from zhizhi.apps.journal.services.sealing import ledger_seal
from zhizhi.engines.ledger.audit import audit
from zhizhi.engines.ledger.checkpoints import open_checkpoint
from zhizhi.engines.ledger.notes import PublicKey
from zhizhi.kernel.errors import NotFoundError, RefusedError, UsageError

pytestmark = pytest.mark.django_db
ClientFor = Callable[[Role], Client]


@pytest.fixture
def world(system: Actor, now: datetime, actors: dict[Role, Actor]) -> dict[str, list[int]]:
    """Events in two counties, one without a place, one reading of a household."""
    Event.objects.all().delete()  # of the accounts that were made
    made = {
        "xihu": write(system, range(1, 4), now),
        "shangcheng": write(system, range(4, 6), now + timedelta(days=1), region="330102001"),
    }
    worker = actors[Role.VILLAGE_WORKER]
    with transaction.atomic():
        made["read"] = [record(worker, READ, now=now, subjects=[HOUSEHOLD], region="330106109", purpose="走访前查看")]
        made["nowhere"] = [record(system, CLOSED, now=now, subjects=["user:7"])]
    ledger_seal(now=now)
    return made


def ids(reader: Actor, /, **filters: str) -> set[int]:
    return {event.id for event in event_list(reader, EventFilter.of(filters))[0]}


def test_a_post_sees_the_events_of_its_regions(world: dict[str, list[int]], actors: dict[Role, Actor]) -> None:
    everything = {event for made in world.values() for event in made}
    assert everything <= ids(actors[Role.AUDITOR])  # the whole city: also what has no place
    county = actors[Role.COUNTY_MANAGER]
    assert ids(county) == {*world["xihu"], *world["read"]}
    assert event_get(county, world["xihu"][0]).leaf == 0
    for hidden in (world["shangcheng"][0], world["nowhere"][0], 999_999):
        with pytest.raises(NotFoundError):
            event_get(county, hidden)
    for role in (Role.VILLAGE_WORKER, Role.POLICY_ANALYST, Role.DATA_STEWARD):
        with pytest.raises(RefusedError):
            event_list(actors[role], EventFilter())
    assert ids(Actor(1, 1, "n", None, "", permissions=actors[Role.AUDITOR].permissions)) == set()


def test_filters_narrow_and_unknown_ones_are_errors(world: dict[str, list[int]], actors: dict[Role, Actor]) -> None:
    auditor = actors[Role.AUDITOR]
    assert ids(auditor, name=READ) == set(world["read"])
    assert ids(auditor, subject="case:2") == {world["xihu"][1]}
    assert ids(auditor, actor="village-worker") == set(world["read"])
    assert ids(auditor, region="330102", name=CLOSED) == set(world["shangcheng"])
    assert ids(auditor, since="2026-03-05", until="2026-03-05", name=CLOSED) == set(world["shangcheng"])
    assert ids(auditor, until="2026-03-03") == set()
    assert ids(actors[Role.COUNTY_MANAGER], region="330102") == set()
    for wrong in (
        {"nmae": "x"},
        {"since": "yesterday"},
        {"until": "9999-12-31"},
        {"since": "0001-01-01"},
        {"name": "casework.case.vanished"},
        {"region": "3301ab"},
        {"region": "33"},
    ):
        with pytest.raises(UsageError):
            EventFilter.of(wrong)


def test_pseudonyms_are_cut_for_those_who_may_not_open_files(world: dict[str, list[int]], actors: dict[Role, Actor]) -> None:
    assert "household:0a1b2c…" in event_get(actors[Role.AUDITOR], world["xihu"][0]).subjects
    assert HOUSEHOLD in event_get(actors[Role.COUNTY_MANAGER], world["xihu"][0]).subjects


def test_who_read_a_household(world: dict[str, list[int]], actors: dict[Role, Actor]) -> None:
    (reading,) = reads_of(actors[Role.TOWN_OFFICER], HOUSEHOLD.partition(":")[2])
    assert (reading.id, reading.actor, reading.purpose) == (world["read"][0], "village-worker", "走访前查看")
    assert [event.id for event in events_about(actors[Role.TOWN_OFFICER], "case:2")] == [world["xihu"][1]]
    with pytest.raises(RefusedError):
        reads_of(actors[Role.AUDITOR], "x")


def test_the_lag_is_told_and_becomes_an_alarm(
    world: dict[str, list[int]], system: Actor, actors: dict[Role, Actor], now: datetime, client_for: ClientFor
) -> None:
    auditor = actors[Role.AUDITOR]
    assert (ledger_status(auditor, now=now).waiting, ledger_status(auditor, now=now).late) == (0, False)
    write(system, range(3), now)
    soon, later = ledger_status(auditor, now=now + timedelta(seconds=20)), ledger_status(auditor, now=now + timedelta(hours=1))
    assert (soon.waiting, soon.waiting_seconds, soon.late) == (3, 20.0, False)
    assert (later.waiting_seconds, later.late) == (3600.0, True)
    assert ledger_status(auditor, now=now - timedelta(days=9)).waiting_seconds == 0  # the clock was set back
    page = client_for(Role.AUDITOR).get("/zh-hans/journal/").content.decode()
    assert "等待封存，最早的已等了" in page  # the events are of March, the page is of today


@pytest.mark.parametrize("lang", ["zh-hans", "en"])
def test_the_page_answers_whether_the_past_was_changed(world: dict[str, list[int]], client_for: ClientFor, lang: str) -> None:
    client = client_for(Role.AUDITOR)
    page = client.get(f"/{lang}/journal/")
    text = page.content.decode()
    assert page.status_code == 200
    assert "zhizhi.local/330100+" in text  # the public key
    assert ("未核验" if lang == "zh-hans" else "Never") in text
    assert client.post(f"/{lang}/journal/verify").status_code == 302
    text = client.get(f"/{lang}/journal/").content.decode()
    assert ("核验通过：账本" if lang == "zh-hans" else "Verified: the ledger&#x27;s") in text
    assert not re.search(r">[^<]*\bjournal\.[a-z]", text), "a label is missing"
    Event.objects.filter(pk=world["xihu"][0]).update(actor="somebody else")
    client.post(f"/{lang}/journal/verify")
    text = client.get(f"/{lang}/journal/").content.decode()
    assert ("被改动过" if lang == "zh-hans" else "was changed after it was sealed") in text
    event = client.get(f"/{lang}/journal/events/{world['xihu'][0]}").content.decode()
    assert ("与账本不符" if lang == "zh-hans" else "Not as the ledger has it") in event
    sound = client.get(f"/{lang}/journal/events/{world['xihu'][1]}").content.decode()
    assert ("与账本相符" if lang == "zh-hans" else "As the ledger has it") in sound


def test_an_unknown_filter_is_a_400_and_an_event_outside_a_404(world: dict[str, list[int]], client_for: ClientFor) -> None:
    client = client_for(Role.COUNTY_MANAGER)
    assert client.get("/en/journal/?nmae=x").status_code == 400
    assert client.get("/en/journal/?since=never").status_code == 400
    assert client.get("/en/journal/?page=0").status_code == 400
    assert client.get(f"/en/journal/events/{world['shangcheng'][0]}").status_code == 404
    assert client.get(f"/en/journal/events/{2**70}").status_code == 404
    assert client.get("/en/journal/?region=330102").content.decode().count("No event fits") == 1


def test_a_receipt_is_fetched_from_a_case_and_checked_by_upload(world: dict[str, list[int]], client_for: ClientFor) -> None:
    manager, auditor = client_for(Role.COUNTY_MANAGER), client_for(Role.AUDITOR)
    fetched = manager.get(reverse("journal:receipt-file", args=[2]))
    assert fetched.status_code == 200
    assert fetched["Content-Disposition"] == 'attachment; filename="case-2.tlog-proof"'
    assert Event.objects.filter(name="journal.receipt.made", subjects__subject="case:2").count() == 1
    held = auditor.post("/en/journal/receipt", {"file": SimpleUploadedFile("case-2.tlog-proof", fetched.content)})
    assert held.status_code == 200
    assert "The receipt holds: 1 of 1 entries about Case 2" in held.content.decode()
    changed = fetched.content.replace(b"index 1\n", b"index 0\n")
    for data in (changed, b"no receipt", b"\xff" * 500):
        refused = auditor.post("/zh-hans/journal/receipt", {"file": SimpleUploadedFile("x", data)})
        assert refused.status_code == 422
        assert "凭证不成立" in refused.content.decode()
    empty = auditor.post("/en/journal/receipt", {})
    assert (empty.status_code, "Choose a receipt" in empty.content.decode()) == (422, True)
    for case in (4, 77, 2**66):  # another county's, none, and no number of a case
        assert manager.get(f"/en/journal/receipts/case-{case}.tlog-proof").status_code == 404
    assert client_for(Role.ADMINISTRATOR).get("/en/journal/receipts/case-2.tlog-proof").status_code == 403


def test_a_receipt_opened_shows_whole_events_and_only_the_entitled_get_it(
    world: dict[str, list[int]], actors: dict[Role, Actor], now: datetime, client_for: ClientFor
) -> None:
    with pytest.raises(RefusedError):
        receipt_make(actors[Role.COUNTY_MANAGER], subject="case:2", now=now, opened=True)
    data = receipt_make(actors[Role.AUDITOR], subject="case:2", now=now, opened=True)
    page = client_for(Role.AUDITOR).post("/en/journal/receipt", {"file": SimpleUploadedFile("r", data)}).content.decode()
    assert HOUSEHOLD.removeprefix("household:") in page
    with pytest.raises(RefusedError):
        receipt_make(actors[Role.VILLAGE_WORKER], subject=HOUSEHOLD, now=now)
    with pytest.raises(NotFoundError):
        receipt_make(actors[Role.AUDITOR], subject="case:99", now=now)


def test_events_are_exported_as_shown(world: dict[str, list[int]], client_for: ClientFor) -> None:
    client = client_for(Role.AUDITOR)
    assert client.get("/en/journal/events.xlsx").status_code == 405
    sent = client.post("/en/journal/events.xlsx?region=330102")
    sheet = load_workbook(io.BytesIO(sent.content)).active
    assert sheet is not None
    rows = list(sheet.iter_rows(values_only=True))
    assert [row[0] for row in rows[1:]] == [str(event) for event in reversed(world["shangcheng"])]
    assert rows[1][5] == "Qingbo"
    assert Event.objects.filter(name="journal.events.exported").count() == 1
    assert client_for(Role.COUNTY_MANAGER).post("/en/journal/events.xlsx").status_code == 403


def test_the_exported_ledger_is_verified_without_us(world: dict[str, list[int]], client_for: ClientFor) -> None:
    client = client_for(Role.AUDITOR)
    sent = client.post("/en/journal/ledger.tar")
    with tarfile.open(fileobj=io.BytesIO(b"".join(sent.streaming_content))) as archive:  # type: ignore[attr-defined]
        files = {member.name: archive.extractfile(member).read() for member in archive}  # type: ignore[union-attr]
    key = PublicKey.parse(client.get("/en/journal/ledger.vkey").content.decode())
    assert files["ledger/ledger.vkey"].decode().strip() == key.vkey()
    point = open_checkpoint(files["ledger/checkpoint"], key)
    assert point.size == 7
    assert audit(lambda path: files[f"ledger/{path}"], point.size, point.root).findings == []
    assert client_for(Role.COUNTY_MANAGER).post("/en/journal/ledger.tar").status_code == 403


def test_before_anything_was_written(client_for: ClientFor, home: Configuration) -> None:
    client = client_for(Role.AUDITOR)
    Event.objects.all().delete()
    page = client.get("/en/journal/")
    assert page.status_code == 200
    assert "No events yet" in page.content.decode()
    assert client.get("/en/journal/ledger.vkey").status_code == 404
    assert client.post("/en/journal/ledger.tar").status_code == 503
    refused = client.post("/en/journal/receipt", {"file": SimpleUploadedFile("r", b"x")})
    assert refused.status_code == 422


def test_a_set_back_ledger_is_told_on_the_page(world: dict[str, list[int]], client_for: ClientFor, now: datetime) -> None:
    Seal.objects.create(size=999, root="x", note="", at=now, events=1)
    page = client_for(Role.AUDITOR).get("/en/journal/").content.decode()
    assert "the folder is an older state" in page


def test_the_api_tells_the_same(
    world: dict[str, list[int]], client_for: ClientFor, actors: dict[Role, Actor], now: datetime
) -> None:
    client = client_for(Role.AUDITOR)
    first = client.get("/api/v1/journal/events?limit=2&region=330106").json()
    second = client.get(f"/api/v1/journal/events?limit=2&region=330106&cursor={first['next']}").json()
    assert [event["id"] for event in first["items"] + second["items"]] == [*world["read"], *reversed(world["xihu"])]
    assert (first["count"], second["next"]) == (4, None)
    assert client.get("/api/v1/journal/events?nmae=1").status_code == 400
    assert client.get("/api/v1/journal/events?name=no.such.event").status_code == 400
    assert client.get(f"/api/v1/journal/events/{world['xihu'][0]}").json()["leaf"] == 0
    assert client.get("/api/v1/journal/events/99999").status_code == 404
    state = client.get("/api/v1/journal/ledger").json()
    assert (state["size"], state["waiting"], state["origin"]) == (7, 0, "zhizhi.local/330100")
    assert client.post("/api/v1/journal/verifications").json()["found"] == 0
    assert len(client.get("/api/v1/journal/verifications").json()) == 1
    receipt = client.get("/api/v1/journal/cases/2/receipt")
    assert receipt.status_code == 200
    body = {"receipt": base64.b64encode(receipt.content).decode()}
    held = client.post("/api/v1/journal/receipts/check", body, content_type="application/json").json()
    assert (held["holds"], held["subject"], held["events"][0]["stated"]["event"]) == (True, "case:2", world["xihu"][1])
    wrong = client.post("/api/v1/journal/receipts/check", {"receipt": "eA=="}, content_type="application/json").json()
    assert (wrong["holds"], wrong["code"]) == (False, "ledger.receipt")
    assert client.post("/api/v1/journal/receipts/check", {"receipt": "!"}, content_type="application/json").status_code == 422
    assert client_for(Role.VILLAGE_WORKER).get("/api/v1/journal/events").status_code == 403
    assert timezone.now() > now
