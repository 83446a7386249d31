"""Tags and filters of the pages, in both languages."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest
from django.template import Context, Template
from django.test import RequestFactory
from django.utils import timezone, translation

from zhizhi.web.templatetags import page


def shown(text: str, language: str = "zh-hans", **values: object) -> str:
    with translation.override(language):
        return Template(text).render(Context(values))


def test_labels_are_escaped_and_in_the_language_of_the_page() -> None:
    assert shown('{% t "page.total" n=name %}', name="<b>") == "共 &lt;b&gt; 条"
    assert shown('{% t "page.total" n=3 %}', "en") == "3 in all"


def test_an_icon_is_decoration_unless_it_is_named() -> None:
    assert 'aria-hidden="true"' in shown('{% icon "clock" %}')
    assert 'aria-label="a &amp; b"' in shown('{% icon "clock" label %}', label="a & b")
    assert shown('{% icon "no-such-icon" %}') == ""


@pytest.mark.parametrize("kind", ["urgent", "attention", "done", "unknown", "neutral", "invented"])
def test_a_status_has_icon_and_word(kind: str) -> None:
    html = shown('{% status kind "page.save" %}', kind=kind)
    assert "<svg" in html
    assert "保存" in html


@pytest.mark.parametrize(
    ("text", "value", "zh", "en"),
    [
        ("{{ v|money }}", Decimal("12860.50"), "12,860.50 元", "12,860.50 yuan"),
        ("{{ v|money }}", 860, "860 元", "860 yuan"),
        ("{{ v|money }}", None, "—", "—"),
        ("{{ v|number }}", 1234567, "1,234,567", "1,234,567"),
        ("{{ v|number:2 }}", 0.5, "0.50", "0.50"),
        ("{{ v|percent }}", 0.1234, "12.3%", "12.3%"),
        ("{{ v|change }}", -3, "−3", "−3"),
        ("{{ v|change }}", 4, "+4", "+4"),
        ("{{ v|change }}", 0, "0", "0"),
        ("{{ v|figure }}", 2.5, "2.5", "2.5"),
        ("{{ v|figure }}", None, "—", "—"),
        ("{{ v|said }}", {"zh": "低保", "en": "Minimum living"}, "低保", "Minimum living"),
        ("{{ v|said }}", {"zh": "低保"}, "低保", "低保"),
    ],
)
def test_values(text: str, value: object, zh: str, en: str) -> None:
    assert shown(text, v=value) == zh
    assert shown(text, "en", v=value) == en


def test_days_are_written_one_way_and_in_the_time_of_the_place() -> None:
    assert "2025-09-01</time>" in shown("{{ v|day }}", v=date(2025, 9, 1))
    late = datetime(2025, 8, 31, 17, 30, tzinfo=UTC)
    assert "2025-09-01</time>" in shown("{{ v|day }}", v=late)
    assert "2025-09-01 01:30</time>" in shown("{{ v|moment }}", v=late)
    assert shown("{{ v|day }}", v=None) == "—"
    assert "2025-09-01</time>" in shown("{{ v|day }}", v="2025-09-01")


@pytest.mark.parametrize(
    ("distance", "zh"),
    [
        (timedelta(seconds=5), "刚刚"),
        (timedelta(days=3), "3 天前"),
        (timedelta(days=-2), "2 天后"),
    ],
)
def test_how_long_ago(distance: timedelta, zh: str) -> None:
    assert f">{zh}</time>" in shown("{{ v|ago }}", v=timezone.now() - distance)


def test_long_ago_is_a_date() -> None:
    assert ">2020-01-02</time>" in shown("{{ v|ago }}", v=date(2020, 1, 2))


def test_bilingual_fields_of_objects_and_mappings() -> None:
    case = SimpleNamespace(title_zh="核对低保", title_en="")
    assert shown('{{ v|named:"title" }}', "en", v=case) == "核对低保"
    assert shown('{{ v|named:"title" }}', "en", v={"title_zh": "甲", "title_en": "A"}) == "A"


def test_the_other_language_of_a_page_keeps_its_query() -> None:
    request = RequestFactory().get("/zh-hans/accounts/login?next=/x")
    assert shown('{% language_url "en" %}', request=request) == "/en/accounts/login?next=/x"


def test_text_size_comes_from_cookie_or_query() -> None:
    request = RequestFactory().get("/")
    assert page.text_size({"request": request}) == "normal"
    request.COOKIES["text"] = "large"
    assert page.text_size({"request": request}) == "large"
    assert page.text_size({"request": RequestFactory().get("/?text=large")}) == "large"
    assert page.text_size({}) == "normal"
