"""The index of words: FTS5 on SQLite, GIN over an expression on PostgreSQL."""

from typing import Any

from django.db import migrations


def make(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(
            "CREATE INDEX catalogue_words ON catalogue_entry USING gin (array_to_tsvector(string_to_array(words, ' ')))"
        )
    else:
        schema_editor.execute(
            "CREATE VIRTUAL TABLE catalogue_words USING fts5(words, tokenize = 'unicode61 remove_diacritics 0')"
        )


def drop(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP INDEX catalogue_words")
    else:
        schema_editor.execute("DROP TABLE catalogue_words")


class Migration(migrations.Migration):
    dependencies = [("catalogue", "0001_initial")]
    operations = [migrations.RunPython(make, drop)]
