"""Every message in zh-Hans and en, from one catalogue: one TOML file a family, ``code = {zh, en}``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

LANGUAGES = ("zh", "en")


@cache
def catalogue() -> dict[str, dict[str, str]]:
    """Return code -> {language: template} of every family file in this folder."""
    merged: dict[str, dict[str, str]] = {}
    for entry in sorted(files(__package__).iterdir(), key=lambda item: item.name):
        if entry.name.endswith(".toml"):
            family = entry.name.removesuffix(".toml")
            table = tomllib.loads(entry.read_text(encoding="utf-8"))
            merged |= {f"{family}.{key}": texts for key, texts in table.items()}
    return merged


def render(code: str, lang: str, params: Mapping[str, object]) -> str:
    """Return the sentence of ``code`` in ``lang`` with ``params`` filled in.

    An unknown code is shown bare with its params: a missing translation must not hide the error itself.
    """
    template = catalogue().get(code, {}).get(lang)
    if template is None:
        return f"{code} {dict(params)}" if params else code
    return template.format_map({key: str(value) for key, value in params.items()})
