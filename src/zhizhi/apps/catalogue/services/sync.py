"""Take in what the lake and the packages have become: the words of the search, and what the latest files say about answers.

Everything here is worked out anew from the lake, so that doing it twice, or after a crash, comes to the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime

from django.db import connection, transaction

from zhizhi.apps.actors import Actor
from zhizhi.apps.catalogue.models import Answer, AnsweredRow, Entry, Mark
from zhizhi.apps.catalogue.schemas import ANSWER_SETTLED
from zhizhi.apps.catalogue.selectors.datasets import purpose_of
from zhizhi.apps.catalogue.selectors.sources import contracts, lake_or_none, sources_mark, whole_region
from zhizhi.apps.journal.services import record
from zhizhi.backends.holdings import bad_digests, current_of, last_load
from zhizhi.backends.lake import Lake
from zhizhi.exchange.contract import Contract
from zhizhi.kernel.bigrams import index_words

BATCH = 2_000
_STATES = ("waiting", "standing")


def catalogue_sync(actor: Actor, *, now: datetime) -> bool:
    """Bring search and answers up to the lake and the packages; return whether anything had changed since the last time."""
    seen = sources_mark()
    if Mark.objects.filter(pk=1, seen=seen).exists():
        return False
    lake = lake_or_none()
    with transaction.atomic():
        Mark.objects.get_or_create(pk=1, defaults={"seen": "", "at": now})
        mark = Mark.objects.select_for_update().get(pk=1)
        if mark.seen == seen:
            return False
        _index(contracts())
        if lake is not None:
            _settle(actor, lake, now)
        mark.seen, mark.at = seen, now
        mark.save()
    return True


def _index(known: Mapping[str, Contract]) -> None:
    wanted = {(entry.dataset, entry.kind, entry.name): entry for contract in known.values() for entry in _entries(contract)}
    present = {(entry.dataset, entry.kind, entry.name): entry for entry in Entry.objects.all()}
    same = {key for key, entry in present.items() if key in wanted and _content(entry) == _content(wanted[key])}
    gone = [entry.pk for key, entry in present.items() if key not in same]
    come = [entry for key, entry in wanted.items() if key not in same]
    _forget(gone)
    Entry.objects.filter(pk__in=gone).delete()
    _remember(Entry.objects.bulk_create(come, batch_size=BATCH))


def _content(entry: Entry) -> tuple[str, str, str]:
    return entry.title_zh, entry.title_en, entry.words


def _entries(contract: Contract) -> list[Entry]:
    owner = contract.department
    purpose = purpose_of(contract)
    own = [contract.dataset, *contract.titles.values(), owner.zh, owner.en, contract.file, *purpose.values()]
    found = [_entry(contract, "dataset", "", contract.titles, own)]
    for item in contract.table.fields:
        found.append(_entry(contract, "field", item.name, item.titles, [item.name, *item.titles.values(), item.header]))
    for rule in {rule.name: rule for rule in contract.table.rules}.values():
        found.append(_entry(contract, "rule", rule.name, rule.titles, [rule.name, *rule.titles.values()]))
    return found


def _entry(contract: Contract, kind: str, name: str, titles: Mapping[str, str], texts: list[str]) -> Entry:
    zh, en = titles.get("zh") or name, titles.get("en") or name
    words = " ".join(index_words(" ".join(texts)))
    return Entry(dataset=contract.dataset, kind=kind, name=name[:120], title_zh=zh[:200], title_en=en[:200], words=words)


def _forget(entries: list[int]) -> None:
    """Take words out of the index of SQLite; PostgreSQL's belongs to the table itself."""
    if connection.vendor == "sqlite" and entries:
        with connection.cursor() as cursor:
            cursor.executemany("DELETE FROM catalogue_words WHERE rowid = %s", [(pk,) for pk in entries])


def _remember(entries: list[Entry]) -> None:
    if connection.vendor == "sqlite" and entries:
        with connection.cursor() as cursor:
            cursor.executemany(
                "INSERT OR REPLACE INTO catalogue_words (rowid, words) VALUES (%s, %s)", [(e.pk, e.words) for e in entries]
            )


def _settle(actor: Actor, lake: Lake, now: datetime) -> None:
    """Hold the answers against the loads that came after them: what did not come again is closed, what did is back."""
    waiting = AnsweredRow.objects.filter(state__in=_STATES, answer__withdrawn_at__isnull=True).values("answer_id")
    open_answers = list(Answer.objects.select_for_update().filter(pk__in=waiting))
    latest = last_load(lake, sorted({answer.dataset for answer in open_answers}))
    for answer in open_answers:
        number, load = latest.get(answer.dataset, (-1, ""))
        if number <= answer.sequence:
            continue
        bad = bad_digests(lake, answer.dataset, answer.sequence)
        whole = current_of(lake, answer.dataset)[-1]["mode"] == "replace"
        _settle_one(actor, answer, bad, whole, load, now)


def _settle_one(actor: Actor, answer: Answer, bad: set[tuple[str, str]], whole: bool, load: str, now: datetime) -> None:
    changed: Counter[str] = Counter()
    rows = list(AnsweredRow.objects.filter(answer=answer, state__in=_STATES))
    for row in rows:
        came = (row.rule, row.digest) in bad
        if row.state == "waiting":
            row.state = "back" if came else "closed"
            changed[row.state] += 1
        elif whole and not came:
            row.state = "closed"
            changed["closed"] += 1
    if not changed:
        return
    AnsweredRow.objects.bulk_update(rows, ["state"], batch_size=BATCH)
    answer.settled_at, answer.settled_by = now, load
    answer.save(update_fields=["settled_at", "settled_by"])
    record(
        actor,
        ANSWER_SETTLED,
        now=now,
        region=whole_region(),
        subjects=[f"dataset:{answer.dataset}"],
        details={"answer": answer.pk, "load": load, "closed": changed["closed"], "back": changed["back"]},
    )
