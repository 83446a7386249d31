"""Tags and filters that every page has without loading them: labels, icons, status, dates, money, names of places."""

from __future__ import annotations

import logging
import re
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from django import template
from django.core.cache import cache as process_cache
from django.http import HttpRequest
from django.urls import translate_url
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from zhizhi.apps import wording
from zhizhi.apps.accounts.selectors.regions import region_get

register = template.Library()
log = logging.getLogger("zhizhi.web")

ICONS = Path(__file__).parents[1] / "static" / "desk" / "icons.svg"
STATUS_ICONS = {
    "urgent": "octagon-alert",
    "attention": "triangle-alert",
    "done": "circle-check",
    "unknown": "circle-help",
    "neutral": "circle-dashed",
}
DASH = "—"
"""Shown where there is no value: never a nought."""


@cache
def icons() -> dict[str, str]:
    """Return name -> inner SVG of every icon in the sprite."""
    return dict(re.findall(r'<symbol id="([^"]+)"[^>]*>(.*?)</symbol>', ICONS.read_text(encoding="utf-8"), re.DOTALL))


@register.simple_tag
def t(code: str, **params: object) -> str:
    """Return a label in the language of the page; it is escaped like any value."""
    return wording.t(code, **params)


@register.simple_tag
def icon(name: str, label: str = "") -> SafeString:
    """Draw an icon; without ``label`` it is decoration and hidden from screen readers."""
    inner = icons().get(name)
    if inner is None:
        log.warning("there is no icon %s", name)
        return SafeString("")
    told = format_html('role="img" aria-label="{}"', label) if label else SafeString('aria-hidden="true"')
    return format_html(
        '<svg class="icon" viewBox="0 0 24 24" focusable="false" {}>{}</svg>',
        told,
        mark_safe(inner),  # our own file
    )


@register.simple_tag
def status(kind: str, code: str, **params: object) -> SafeString:
    """Show a status with its icon and its word; ``kind`` is one of urgent, attention, done, unknown, neutral."""
    known = kind if kind in STATUS_ICONS else "neutral"
    return format_html('<span class="status {}">{}{}</span>', known, icon(STATUS_ICONS[known]), wording.t(code, **params))


@register.simple_tag(takes_context=True)
def language_url(context: dict[str, Any], language: str) -> str:
    """Return this page's address in another language, with its query."""
    request: HttpRequest | None = context.get("request")
    return translate_url(request.get_full_path(), language) if request else "/"


@register.simple_tag(takes_context=True)
def text_size(context: dict[str, Any]) -> str:
    """Return ``large`` or ``normal``: the reader's choice, kept in a cookie."""
    request: HttpRequest | None = context.get("request")
    if request is None:
        return "normal"
    return "large" if (request.GET.get("text") or request.COOKIES.get("text")) == "large" else "normal"


@register.filter
def number(value: Any, places: int = 0) -> str:
    """Write a number with thousands; nothing is a dash."""
    if value is None or value == "":
        return DASH
    return f"{Decimal(str(value)):,.{places}f}"


@register.filter
def figure(value: Any) -> str:
    """Write a value of a chart's table: thousands, and two places only where there are some."""
    if value is None or value == "":
        return DASH
    exact = Decimal(str(value)).quantize(Decimal("0.01"))
    return f"{exact:,.0f}" if exact == exact.to_integral_value() else f"{exact:,.2f}".rstrip("0")


@register.filter
def unlocalized(value: Any) -> str:
    """Write a number as programs read it."""
    return str(value)


@register.filter
def percent(value: Any, places: int = 1) -> str:
    """Write a share of one in per cent."""
    if value is None or value == "":
        return DASH
    return f"{Decimal(str(value)) * 100:,.{places}f}%"


@register.filter
def change(value: Any) -> str:
    """Write a difference with its sign: +3, −2, 0."""
    if value is None or value == "":
        return DASH
    signed = Decimal(str(value))
    return f"{'+' if signed > 0 else '−' if signed < 0 else ''}{abs(signed):,f}"


@register.filter
def money(value: Any) -> str:
    """Write yuan with thousands and the unit; cents only where there are some."""
    if value is None or value == "":
        return DASH
    yuan = Decimal(str(value)).quantize(Decimal("0.01"))
    return wording.t("page.yuan", n=f"{yuan:,.0f}" if yuan == yuan.to_integral_value() else f"{yuan:,.2f}")


@register.filter
def day(value: Any) -> str:
    """Write a date or a moment as 2025-09-01."""
    seen = _local(value)
    return DASH if seen is None else format_html('<time datetime="{}">{}</time>', seen.isoformat(), seen.strftime("%Y-%m-%d"))


@register.filter
def moment(value: Any) -> str:
    """Write a moment as 2025-09-01 14:05."""
    seen = _local(value)
    if seen is None:
        return DASH
    shape = "%Y-%m-%d %H:%M" if isinstance(seen, datetime) else "%Y-%m-%d"
    return format_html('<time datetime="{}">{}</time>', seen.isoformat(), seen.strftime(shape))


@register.filter
def ago(value: Any) -> str:
    """Write how long ago (or in how long) a moment is, with the full date as its title."""
    seen = _local(value)
    if seen is None:
        return DASH
    now = timezone.localtime()
    full = seen.strftime("%Y-%m-%d %H:%M" if isinstance(seen, datetime) else "%Y-%m-%d")
    if isinstance(seen, datetime):
        seconds = (now - seen).total_seconds()
        days = (now.date() - seen.date()).days
    else:
        days = (now.date() - seen).days
        seconds = days * 86_400.0
    return format_html('<time datetime="{}" title="{}">{}</time>', seen.isoformat(), full, _distance(days, seconds, full))


def _distance(days: int, seconds: float, full: str) -> str:
    if days == 0 and abs(seconds) >= 60:
        unit, n = ("hours", abs(seconds) // 3600) if abs(seconds) >= 3600 else ("minutes", abs(seconds) // 60)
        return wording.t(f"page.{unit}-{'ago' if seconds > 0 else 'ahead'}", n=int(n))
    if days == 0:
        return wording.t("page.now")
    if abs(days) > 30:
        return full[:10]
    return wording.t(f"page.days-{'ago' if days > 0 else 'ahead'}", n=abs(days))


def _local(value: Any) -> date | datetime | None:
    """Return a date, or a moment in the time of this place; None for nothing."""
    if isinstance(value, str):
        if not value:
            return None
        value = datetime.fromisoformat(value) if len(value) > 10 else date.fromisoformat(value)
    if isinstance(value, datetime):
        return timezone.localtime(value) if timezone.is_aware(value) else timezone.make_aware(value)
    return value if isinstance(value, date) else None


@register.filter
def region_name(code: str) -> str:
    """Write a region's name; a code that is not in the tree stands for itself."""
    if not code:
        return DASH
    key = f"region-name:{code}"
    place = process_cache.get(key)
    if place is None:
        place = region_get(code)
        if place is None:
            return code
        process_cache.set(key, place, 60)  # names of places hardly change; a minute keeps a long list at one query a place
    return str(place.name(wording.lang()))


@register.filter
def said(value: Any) -> str:
    """Write a bilingual value (a mapping or an object with ``zh`` and ``en``) in the language of the page."""
    if not value:
        return ""
    if isinstance(value, str):
        return value
    lang, other = ("en", "zh") if wording.lang() == "en" else ("zh", "en")
    if isinstance(value, dict):
        return str(value.get(lang) or value.get(other) or "")
    return str(getattr(value, lang, "") or getattr(value, other, ""))


@register.filter
def named(value: Any, field: str) -> str:
    """Write the bilingual field of an object: ``case|named:"title"`` is ``title_zh`` or ``title_en``."""
    lang, other = ("en", "zh") if wording.lang() == "en" else ("zh", "en")
    if isinstance(value, dict):
        return str(value.get(f"{field}_{lang}") or value.get(f"{field}_{other}") or "")
    return str(getattr(value, f"{field}_{lang}", "") or getattr(value, f"{field}_{other}", ""))


@register.filter
def at(mapping: Any, key: Any) -> Any:
    """Return ``mapping[key]``, or nothing."""
    try:
        return mapping[key]
    except (KeyError, IndexError, TypeError):
        return None
