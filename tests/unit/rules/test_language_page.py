"""The reference of the language is made from the program and cannot go stale."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from zhizhi.engines.rules.checker import AGGREGATES, FUNCTIONS

SCRIPT = Path(__file__).resolve().parents[3] / "docs" / "reference" / "make_language.py"


def test_the_page_is_what_the_program_says() -> None:
    spec = importlib.util.spec_from_file_location("make_language", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    written = script.TARGET.read_text(encoding="utf-8")
    assert written == script.page(), "run docs/reference/make_language.py"
    assert all(f"{name}(" in written for name in [*FUNCTIONS, *AGGREGATES])
