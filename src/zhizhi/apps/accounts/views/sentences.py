"""In sentences, what a post lets its holder see and do: permissions that people understand."""

from __future__ import annotations

from dataclasses import dataclass

from zhizhi.apps.accounts.forms import may
from zhizhi.apps.accounts.selectors.departments import departments
from zhizhi.apps.accounts.selectors.regions import region_names
from zhizhi.apps.actors import PERMISSIONS, Permission, Role
from zhizhi.apps.wording import lang, t


@dataclass(frozen=True, slots=True)
class Abilities:
    """The sentence that says where and up to which grade, what can be done, and what cannot."""

    sentence: str
    can: list[str]
    cannot: list[str]


def abilities(role: Role, region: str, department: str, grade: int, *, own: bool = False) -> Abilities:
    """Return what a post lets its holder see and do; ``own`` speaks to her, otherwise about her."""
    names = departments().get(department)
    params = {
        "role": t(f"accounts.role-{role.value}"),
        "region": region_names({region}, lang())[region],
        "department": names[lang()] if names else (department or t("accounts.department-all")),
        "grade": grade,
    }
    held = PERMISSIONS[role]
    return Abilities(
        t("accounts.may-own-sentence", **params) if own else t("accounts.may-sentence", **params),
        [may(permission) for permission in Permission if permission in held],
        [may(permission) for permission in Permission if permission not in held],
    )
