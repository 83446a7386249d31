"""Find datasets, fields and rules by words, Chinese or not: every word of the query must be there."""

from __future__ import annotations

from django.db import connection

from zhizhi.apps.actors import Actor, Permission
from zhizhi.apps.catalogue.models import Entry
from zhizhi.apps.catalogue.schemas import Found
from zhizhi.kernel.bigrams import query_words

KINDS = ("dataset", "field", "rule")
MOST = 60


def search(actor: Actor, text: str, *, limit: int = MOST) -> list[Found]:
    """Return what bears all words of ``text``, datasets first; a query without a word finds nothing."""
    actor.require(Permission.DATASET_VIEW)
    words = query_words(text)
    if not words:
        return []
    entries = list(Entry.objects.filter(pk__in=_matching(words, 20 * limit)))
    entries.sort(key=lambda entry: (KINDS.index(entry.kind), entry.dataset, entry.pk))
    shown = entries[:limit]
    datasets = {
        row.dataset: {"zh": row.title_zh, "en": row.title_en}
        for row in Entry.objects.filter(kind="dataset", dataset__in={entry.dataset for entry in shown})
    }
    return [
        Found(e.dataset, e.kind, e.name, {"zh": e.title_zh, "en": e.title_en}, datasets.get(e.dataset, {"zh": e.dataset}))
        for e in shown
    ]


def _matching(words: list[str], limit: int) -> list[int]:
    """Return the ids of entries with all words; the last one may be the beginning of a longer one where it is not Chinese."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            query = " & ".join(f"'{word}'{':*' if word.isascii() else ''}" for word in words)
            cursor.execute(
                "SELECT id FROM catalogue_entry WHERE array_to_tsvector(string_to_array(words, ' ')) @@ CAST(%s AS tsquery) "
                "LIMIT %s",
                [query, limit],
            )
        else:
            query = " AND ".join(f'"{word}"{"*" if word.isascii() else ""}' for word in words)
            cursor.execute("SELECT rowid FROM catalogue_words WHERE catalogue_words MATCH %s LIMIT %s", [query, limit])
        return [row[0] for row in cursor.fetchall()]
