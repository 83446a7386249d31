"""The one declared table of settings: what can be set, what it means, and where a value came from.

A *home* is the folder that holds everything of one installation: ``zhizhi.toml``, the database (unless ``database_url`` names
another), the lake and its key, keys, attachments, uploads and the ledger's tiles. ``zhizhi init`` makes it.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from zhizhi.kernel.errors import Place, UsageError

HOME = "ZHIZHI_HOME"


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its default, its type, the environment variable that outranks the file, and what it means."""

    default: Any
    kind: type
    zh: str
    en: str
    variable: str = ""


# fmt: off
SETTINGS: dict[str, Setting] = {
    "database_url": Setting(
        "", str, "数据库地址；空则用主目录内的 SQLite", "Database; empty means SQLite inside the home", "DATABASE_URL"
    ),
    "region": Setting("330000", str, "本系统服务的区划代码", "Code of the region that this installation serves"),
    "region_geojson": Setting("", str, "自有边界文件（GeoJSON，属性 code）", "The region's own borders: GeoJSON with a code"),
    "packages": Setting(["social-assistance"], list, "启用的场景包", "Scenario packages in use: names or folders"),
    "lake": Setting("lake", str, "数据湖文件夹", "Folder of the lake"),
    "key_file": Setting("lake.key", str, "数据湖密钥文件", "File of the lake's key", "ZHIZHI_KEY_FILE"),
    "as_of": Setting("", str, "固定的核对日期（示例数据用）；空则用当天", "Fixed as-of date of sample data; empty: today"),
    "time_zone": Setting("Asia/Shanghai", str, "时区", "Time zone"),
    "hosts": Setting(["localhost", "127.0.0.1", "[::1]"], list, "允许的主机名", "Host names that are answered"),
    "https": Setting(False, bool, "在 HTTPS 反向代理之后", "Served behind a proxy that speaks HTTPS"),
    "demo": Setting(False, bool, "演示模式：合成数据、演示账号", "Demo mode: synthetic data, demo accounts"),
    "session_hours": Setting(8, int, "登录会话时长（小时）", "Hours until a session ends"),
    "upload_mb": Setting(512, int, "上传数据文件上限（MB）", "Largest data file that can be uploaded, MB"),
    "attachment_mb": Setting(10, int, "附件上限（MB）", "Largest attachment, MB"),
    "api_per_minute": Setting(600, int, "每个令牌每分钟最多请求数", "Requests a minute for one API token"),
    "contact": Setting("", str,
        "遇到困难找谁（姓名、电话），显示在登录页和帮助页", "Whom to call (name, telephone), on the login and help pages"),
    "highest_grade": Setting(4, int, "岗位可获的最高数据级别（1-4）", "Highest grade of data that a post can be given (1-4)"),
    "doors_per_day": Setting(10, int, "每名工作人员每天最多走访户数", "Doors a worker is given a day at most"),
    "ledger_origin": Setting("", str,
        "账本来源行；空则由区划代码生成", "Origin line of the ledger; empty means made of the region's code"),
    "witness_key_file": Setting("", str, "见证人私钥文件（由第二个单位保管）", "Key file of a witness (kept by a second office)"),
    "witness_url": Setting("", str, "见证服务地址", "Address of a witness service"),
    "witness_vkey": Setting("", str, "见证服务的公钥行", "Public key line of the witness service"),
    "debug": Setting(False, bool, "开发调试", "For developers only", "ZHIZHI_DEBUG"),
}
# fmt: on


@dataclass(frozen=True, slots=True)
class Configuration:
    """The settings of one home, read once."""

    home: Path
    values: Mapping[str, Any]

    def __getattr__(self, name: str) -> Any:
        if name in SETTINGS:
            return self.values[name]
        raise AttributeError(name)

    def path(self, name: str) -> Path:
        """Return a path-valued setting, relative to the home."""
        return self.home / str(self.values[name])

    @property
    def lake_path(self) -> Path:
        """Folder of the lake."""
        return self.path("lake")

    @property
    def key_path(self) -> Path:
        """File of the lake's key."""
        return self.path("key_file")

    @property
    def keys(self) -> Path:
        """Folder of this installation's own keys (0700)."""
        return self.home / "keys"

    @property
    def files(self) -> Path:
        """Folder of attachments, named by content."""
        return self.home / "files"

    @property
    def uploads(self) -> Path:
        """Folder of data files that wait for their preview to be confirmed."""
        return self.home / "uploads"

    @property
    def ledger(self) -> Path:
        """Folder of the ledger's tiles and checkpoints."""
        return self.home / "ledger"

    @property
    def origin(self) -> str:
        """Origin line of the ledger's checkpoints."""
        return str(self.values["ledger_origin"]) or f"zhizhi.local/{self.values['region']}"

    def screening_date(self, today: date) -> date:
        """Return the date that policies are matched on: the fixed one, else ``today``."""
        fixed = str(self.values["as_of"])
        return date.fromisoformat(fixed) if fixed else today


def read_configuration(home: Path, environment: Mapping[str, str]) -> Configuration:
    """Read ``zhizhi.toml`` of ``home``; the environment outranks it. An unknown key or a wrong type is an error.

    Raises:
        UsageError: ``web.setting-unknown``, ``web.setting-type``, ``web.settings-unreadable``.
    """
    file = home / "zhizhi.toml"
    given: dict[str, Any] = {}
    if file.exists():
        try:
            given = tomllib.loads(file.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise UsageError("web.settings-unreadable", Place(file.name), reason=str(error)) from error
    for name in given:
        if name not in SETTINGS:
            raise UsageError("web.setting-unknown", Place(file.name), name=name, known=", ".join(sorted(SETTINGS)))
    values: dict[str, Any] = {}
    for name, setting in SETTINGS.items():
        value = given.get(name, setting.default)
        if setting.variable and environment.get(setting.variable):
            raw = environment[setting.variable]
            value = raw.lower() in ("1", "true", "yes") if setting.kind is bool else setting.kind(raw)
        if not isinstance(value, setting.kind) or (setting.kind is int and isinstance(value, bool)):
            raise UsageError("web.setting-type", Place(file.name), name=name, seen=repr(value), wanted=setting.kind.__name__)
        values[name] = value
    if values["as_of"]:
        try:
            date.fromisoformat(values["as_of"])
        except ValueError as error:
            raise UsageError(
                "web.setting-type", Place(file.name), name="as_of", seen=values["as_of"], wanted="YYYY-MM-DD"
            ) from error
    return Configuration(home, values)


@cache
def configuration() -> Configuration:
    """Return the configuration of this process: the home that ``ZHIZHI_HOME`` names, else ``home`` in the working folder."""
    return read_configuration(Path(os.environ.get(HOME) or "home").absolute(), os.environ)
