"""A fragment says what a user notices, in the form that changes/README.md states."""

from __future__ import annotations

import re

from source_tree import ROOT

FORM = re.compile(r"\d+-[a-z0-9-]+\.(added|changed|fixed|removed)\.md")


def test_every_fragment_has_a_name_of_the_stated_form_and_a_sentence() -> None:
    fragments = [path for path in (ROOT / "changes").iterdir() if path.name != "README.md"]
    assert [path.name for path in fragments if not FORM.fullmatch(path.name)] == []
    assert [path.name for path in fragments if not path.read_text(encoding="utf-8").strip().endswith(".")] == []
