"""What every verb says of a lake whose people do not exist."""

from __future__ import annotations

from zhizhi.backends.lake import Lake
from zhizhi.kernel.messages import render


def synthetic_note(lake: Lake, lang: str) -> str:
    """Return the sentence that marks synthetic data, empty for a lake of real people."""
    return render("screening.synthetic", lang, {}) if lake.synthetic else ""
