"""The folder of an installation: what lies in it, how it is made, and how it is told from somebody else's folder.

Needs no Django: the settings must stand before Django can be set up.
"""

from __future__ import annotations

import fcntl
import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from zhizhi.apps.configuration import HOME, SETTINGS, Configuration, configuration, read_configuration
from zhizhi.apps.keys import make_secret_key
from zhizhi.kernel.errors import UnavailableError, UsageError

FILE = "zhizhi.toml"
LOCK = ".init.lock"


def home_path(given: Path | None) -> Path:
    """Return the home that an option, else ``ZHIZHI_HOME``, else the working folder names."""
    return (given or Path(os.environ.get(HOME) or "home")).absolute()


def enter(given: Path | None) -> Configuration:
    """Make an existing home the one of this process, and return its configuration.

    Raises:
        UsageError: ``serve.no-home``.
    """
    home = home_path(given)
    if not (home / FILE).is_file():
        raise UsageError("serve.no-home", home=home)
    os.environ[HOME] = str(home)
    configuration.cache_clear()
    return configuration()


def make_folders(home: Path, chosen: Mapping[str, Any]) -> list[str]:
    """Make the folders, the settings and the secret of a home, each only where it is missing; return settings left alone.

    The settings come first and whole (written beside, then renamed): a folder that holds them is ours, so that a run that was
    killed can go on, and an empty folder is still an empty folder.

    Raises:
        UsageError: ``init.not-a-home``, or the settings do not hold together.
        UnavailableError: ``init.cannot-write``.
    """
    try:
        strange = home.exists() and (not home.is_dir() or {p.name for p in home.iterdir()} - {LOCK, f"{FILE}.new", FILE})
        if strange and not (home / FILE).is_file():
            raise UsageError("init.not-a-home", folder=home)
        home.mkdir(parents=True, exist_ok=True)
        home.chmod(0o750)
        left = _settings(home, chosen)
        made = read_configuration(home, os.environ)
        for folder in (made.files, made.uploads, made.ledger):
            folder.mkdir(exist_ok=True)
            folder.chmod(0o750)
        make_secret_key(made.keys)
    except OSError as error:
        raise UnavailableError("init.cannot-write", folder=home, reason=error.strerror or str(error)) from error
    return left


@contextmanager
def alone(home: Path) -> Iterator[None]:
    """Hold the home while it is made: a second ``zhizhi init`` waits, and then finds everything done."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        handle = os.open(home / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise UnavailableError("init.cannot-write", folder=home, reason=error.strerror or str(error)) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def read_choices(given: Sequence[str]) -> dict[str, Any]:
    """Return the settings of ``--set NAME=VALUE``; a value is read as TOML, and what is no TOML is a text.

    Raises:
        UsageError: ``init.setting-form``, ``web.setting-unknown``.
    """
    chosen: dict[str, Any] = {}
    for text in given:
        name, sign, value = text.partition("=")
        if not sign:
            raise UsageError("init.setting-form", value=text)
        if name not in SETTINGS:
            raise UsageError("web.setting-unknown", name=name, known=", ".join(sorted(SETTINGS)))
        try:
            chosen[name] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            chosen[name] = value
        if SETTINGS[name].kind is str:
            chosen[name] = value.strip('"')
    return chosen


def settings_text(chosen: Mapping[str, Any]) -> str:
    """Return the file of settings: every setting with its meaning in both languages, set or as a comment with its default."""
    lines = [
        "# 智治的设置：去掉行首的 # 即生效，改后重新启动。",
        "# Settings of Zhizhi: take the # away to set one, then restart.",
        "",
    ]
    for name, setting in SETTINGS.items():
        lines += [f"# {setting.zh}", f"# {setting.en}"]
        lines += [f"# ({setting.variable})"] if setting.variable else []
        value = chosen.get(name, setting.default)
        lines += [f"{'' if name in chosen else '# '}{name} = {_toml(value)}", ""]
    return "\n".join(lines)


def _settings(home: Path, chosen: Mapping[str, Any]) -> list[str]:
    file = home / FILE
    if file.is_file():
        stands = read_configuration(home, {})
        return [name for name, value in chosen.items() if stands.values[name] != value]
    text = settings_text(chosen)
    with TemporaryDirectory() as folder:  # held against the table before it counts
        (Path(folder) / FILE).write_text(text, encoding="utf-8")
        read_configuration(Path(folder), {})
    new = home / f"{FILE}.new"
    new.write_text(text, encoding="utf-8")
    new.chmod(0o640)
    new.replace(file)
    return []


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list):
        return f"[{', '.join(_toml(part) for part in value)}]"
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'
