"""Write docs/reference/api.md from the API itself: ``make docs``."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import django
from django.apps import apps

TARGET = Path(__file__).with_name("api.md")
HEAD = """\
# The API

Made from the API itself by `make docs`; a test compares. It does everything that the pages do, through the same services and
selectors: a post sees and may do here exactly what it sees and may do in the browser. The document for machines (OpenAPI 3.1) is
at `/api/v1/openapi.json`, for those who are logged in.

- **Who**: `Authorization: Bearer TOKEN`, issued by an administrator for a post and some of its permissions; or the browser's
  session, with its CSRF token.
- **Errors**: `application/problem+json` (RFC 9457) with a stable `code` and its `params`; `detail` is the sentence, in the
  language of `Accept-Language`.
- **Lists**: `limit` and `cursor`; `next` is empty at the end. An unknown filter is an error, an empty scope an empty list.
- **Limit**: requests a minute and token (`api_per_minute`); 429 with `Retry-After`.
- **Twice**: what opens or moves a case takes the `version` that was seen (409 if somebody was faster) or a `key` that makes a
  second sending harmless.
"""


def operations() -> Iterator[tuple[str, str, str, str]]:
    """(app, method, path, summary) of every operation."""
    from zhizhi.web.api import api  # noqa: PLC0415 - Django has to be set up first

    for path, methods in api.get_openapi_schema(path_prefix="/api/v1/")["paths"].items():
        for method, operation in methods.items():
            said = str(operation.get("description") or operation.get("summary") or "").strip().splitlines()
            yield path.split("/")[3], method.upper(), path, said[0] if said else ""


def page() -> str:
    """The whole page."""
    if not apps.ready:
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "zhizhi.web.settings")
        django.setup()
    parts = [HEAD]
    for app, listed in groupby(sorted(operations(), key=lambda row: (row[0], row[2], row[1])), key=lambda row: row[0]):
        parts.append(f"\n## {app}\n\n| | operation | what it does |\n|---|---|---|\n")
        parts += [f"| {method} | `{path}` | {summary.replace('|', chr(92) + '|')} |\n" for _, method, path, summary in listed]
    return "".join(parts)


if __name__ == "__main__":
    TARGET.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{TARGET.name}: {len(list(operations()))} operations\n")
