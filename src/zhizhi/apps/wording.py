"""Labels and messages in the language of the request, from the one catalogue of the house."""

from __future__ import annotations

from django.utils.functional import lazy
from django.utils.translation import get_language

from zhizhi.kernel.messages import render


def lang() -> str:
    """Return ``zh`` or ``en``: the language of the request."""
    return "en" if (get_language() or "zh").startswith("en") else "zh"


def t(code: str, **params: object) -> str:
    """Return the label or sentence of ``code`` in the language of the request; an unknown code is shown bare."""
    return render(code, lang(), params)


lazy_t = lazy(t, str)
"""As ``t``, worked out when it is shown: for form labels and choices."""
