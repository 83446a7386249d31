"""The tree of regions as a post sees it."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Q

from zhizhi.apps.accounts.models import Region
from zhizhi.apps.actors import Actor, in_scope

LEVELS = ("province", "city", "county", "town", "village")


@dataclass(frozen=True, slots=True)
class Place:
    """One region: GB/T 2260 or GB/T 10114 code, names, level, parent, registered people (None where unknown)."""

    code: str
    zh: str
    en: str
    level: str
    parent: str
    people: int | None

    def name(self, lang: str) -> str:
        """Return the name in ``zh`` or ``en``."""
        return self.zh if lang == "zh" or not self.en else self.en


def _place(row: Region) -> Place:
    return Place(row.code, row.name_zh, row.name_en, row.level, row.parent, row.people)


def region_get(code: str) -> Place | None:
    """Return one region whatever the scope (names of places are public), or None."""
    row = Region.objects.filter(pk=code).first()
    return _place(row) if row else None


def region_names(codes: set[str], lang: str) -> dict[str, str]:
    """Return code -> name of several regions; a code that is not in the tree stands for itself."""
    found = {row.code: _place(row).name(lang) for row in Region.objects.filter(pk__in=codes)}
    return {code: found.get(code, code) for code in codes}


def region_children(actor: Actor, code: str) -> list[Place]:
    """Return the regions right below ``code`` that the post sees, by code."""
    return [_place(row) for row in Region.objects.filter(in_scope(actor, "code"), parent=code).order_by("code")]


def region_list(actor: Actor, level: str = "") -> list[Place]:
    """Return the regions that the post sees, of one level or of all, by code."""
    rows = Region.objects.filter(in_scope(actor, "code"))
    return [_place(row) for row in (rows.filter(level=level) if level else rows).order_by("code")]


def region_path(code: str) -> list[Place]:
    """Return the regions from the top of the tree down to ``code``."""
    path: list[Place] = []
    seen: Place | None = region_get(code)
    while seen is not None:
        path.append(seen)
        seen = region_get(seen.parent) if seen.parent else None
    return path[::-1]


def region_find(actor: Actor, typed: str) -> list[Place]:
    """Return the places of the post's subtree that what was typed means: a code (and anything after it), or a whole name."""
    first, _, _ = typed.strip().partition(" ")
    rows = Region.objects.filter(in_scope(actor, "code"))
    if first.isdigit() and first.isascii():
        return [_place(row) for row in rows.filter(pk=first)]
    return [_place(row) for row in rows.filter(Q(name_zh=typed.strip()) | Q(name_en__iexact=typed.strip())).order_by("code")]


def region_search(actor: Actor, q: str, *, after: str = "", limit: int = 20) -> list[Place]:
    """Return places of the post's subtree whose name contains, or whose code begins with, what was typed so far, by code."""
    rows = Region.objects.filter(in_scope(actor, "code"), pk__gt=after)
    typed, _, _ = q.strip().partition(" ")
    if typed:
        rows = rows.filter(Q(pk__startswith=typed) | Q(name_zh__icontains=q.strip()) | Q(name_en__icontains=q.strip()))
    return [_place(row) for row in rows.order_by("code")[:limit]]
