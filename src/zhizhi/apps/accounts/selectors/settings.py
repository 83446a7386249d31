"""The settings of the installation as an administrator sees them: values, where they come from, no secrets."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass

from zhizhi.apps.actors import Actor, Permission
from zhizhi.apps.configuration import SETTINGS, configuration

SECRET = {"database_url", "key_file", "witness_key_file"}
"""Never shown: they name passwords, or where keys lie."""


@dataclass(frozen=True, slots=True)
class ShownSetting:
    """One setting: its name, meaning in both languages, value (None where it is kept secret) and origin."""

    name: str
    zh: str
    en: str
    value: str | None
    origin: str
    """``default``, ``file`` or ``environment``."""


def settings_shown(actor: Actor) -> list[ShownSetting]:
    """Return all settings in the order of the declared table."""
    actor.require(Permission.ACCOUNTS_MANAGE)
    settings = configuration()
    file = settings.home / "zhizhi.toml"
    written = tomllib.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    shown = []
    for name, setting in SETTINGS.items():
        value = settings.values[name]
        given = "environment" if setting.variable and os.environ.get(setting.variable) else "default"
        origin = "file" if given == "default" and name in written else given
        text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        shown.append(ShownSetting(name, setting.zh, setting.en, None if name in SECRET and text else text, origin))
    return shown
