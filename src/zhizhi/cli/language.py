"""Which of the two languages the person at the terminal reads."""

from __future__ import annotations

import os


def language(chosen: str | None = None) -> str:
    """Return ``zh`` or ``en``: the option, else ``ZHIZHI_LANG``, else the terminal's locale."""
    wanted = chosen or os.environ.get("ZHIZHI_LANG") or os.environ.get("LC_ALL") or os.environ.get("LANG") or "en"
    return "zh" if wanted.lower().startswith("zh") else "en"
