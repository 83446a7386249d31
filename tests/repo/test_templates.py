"""Pages keep the promises of the strict content policy, and name only icons and labels that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from zhizhi.kernel.messages import catalogue

ROOT = Path(__file__).parents[2] / "src" / "zhizhi"
TEMPLATES = sorted(ROOT.glob("**/templates/**/*.html"))
SPRITE = (ROOT / "web" / "static" / "desk" / "icons.svg").read_text(encoding="utf-8")
ICONS = set(re.findall(r'<symbol id="([^"]+)"', SPRITE))
FORBIDDEN = {
    "an inline style": re.compile(r"<[^>]*\sstyle\s*=", re.IGNORECASE),
    "a style element": re.compile(r"<style\b", re.IGNORECASE),
    "an inline script": re.compile(r"<script\b(?![^>]*\bsrc=)", re.IGNORECASE),
    "an inline handler": re.compile(r"<[^>]*\son[a-z]+\s*=\s*[\"']", re.IGNORECASE),
    "an address of a script URL": re.compile(r"javascript:", re.IGNORECASE),
    "something from another host": re.compile(
        r"<(?:script|link|img|iframe)\b[^>]*(?:src|href)\s*=\s*[\"']https?:", re.IGNORECASE
    ),
}


def _named(template: Path) -> str:
    return str(template.relative_to(ROOT))


@pytest.mark.parametrize("template", TEMPLATES, ids=_named)
def test_a_template_is_clean(template: Path) -> None:
    text = template.read_text(encoding="utf-8")
    found = [name for name, pattern in FORBIDDEN.items() if pattern.search(text)]
    found += [f"the icon {name}" for name in re.findall(r'{%\s*icon\s+"([^"]+)"', text) if name not in ICONS]
    codes = re.findall(r"""{%\s*t\s+["']([a-z0-9.-]+)["'](?!\|)""", text) + re.findall(
        r"""{%\s*status\s+\S+\s+["']([a-z0-9.-]+)["'](?!\|)""", text
    )
    found += [f"the label {code}" for code in codes if code not in catalogue()]
    assert not found


def test_the_sweep_sees_templates_and_icons() -> None:
    assert len(TEMPLATES) > 10
    assert len(ICONS) > 50
