"""A home, a tree of regions and one actor a role: the world of every test of the desk. SQLite, or the server of DATABASE_URL."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth import get_user_model
from django.test import Client
from sample_lake import make_lake

from zhizhi.apps.accounts.selectors.posts import actor_of, posts_of
from zhizhi.apps.accounts.selectors.regions import Place
from zhizhi.apps.accounts.services.people import post_grant, regions_put, user_create
from zhizhi.apps.actors import Actor, Role
from zhizhi.apps.configuration import Configuration, configuration

NOW = datetime(2026, 3, 4, 2, 0, tzinfo=UTC)  # 10:00 of a Wednesday in Shanghai
PLACES = [
    Place("330000", "浙江省", "Zhejiang", "province", "", None),
    Place("330100", "杭州市", "Hangzhou", "city", "330000", None),
    Place("330102", "上城区", "Shangcheng", "county", "330100", None),
    Place("330106", "西湖区", "Xihu", "county", "330100", None),
    Place("330106002", "北山街道", "Beishan", "town", "330106", None),
    Place("330106109", "三墩镇", "Sandun", "town", "330106", None),
    Place("330102001", "清波街道", "Qingbo", "town", "330102", None),
]
POSTS: dict[Role, tuple[str, str, int]] = {  # region, department, grade
    Role.VILLAGE_WORKER: ("330106109", "", 3),
    Role.TOWN_OFFICER: ("330106109", "", 3),
    Role.COUNTY_MANAGER: ("330106", "", 3),
    Role.POLICY_ANALYST: ("330100", "civil-affairs", 2),
    Role.DATA_STEWARD: ("330100", "civil-affairs", 4),
    Role.AUDITOR: ("330100", "", 2),
    Role.REFORM_OFFICE: ("330100", "", 1),
    Role.ADMINISTRATOR: ("330100", "", 1),
}
PASSWORD = "a long enough secret 7"


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    tmp_path_factory: pytest.TempPathFactory, django_db_modify_db_settings_parallel_suffix: None
) -> None:
    """SQLite as it is in use: a file with WAL, which several threads and processes open. A database for each test process."""
    database = django_settings.DATABASES["default"]
    if "sqlite" in database["ENGINE"]:
        database.setdefault("TEST", {})["NAME"] = str(tmp_path_factory.mktemp("db") / "test.sqlite3")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Configuration]:
    """A home of its own for every test; more settings: write zhizhi.toml there and clear the cache."""
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / "zhizhi.toml").write_text('region = "330100"\nas_of = "2025-09-01"\n', encoding="utf-8")
    monkeypatch.setenv("ZHIZHI_HOME", str(folder))
    configuration.cache_clear()
    yield configuration()
    configuration.cache_clear()


@pytest.fixture(scope="session")
def made_lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small synthetic lake, made once; nobody writes to it."""
    return make_lake(tmp_path_factory.mktemp("sample"))


@pytest.fixture
def desk_lake(made_lake: Path, home: Configuration) -> Path:
    """A copy of the small synthetic lake in the test's own home, with its key and exports."""
    shutil.copytree(made_lake, home.lake_path)
    shutil.copy2(made_lake.parent / "lake.key", home.key_path)
    return home.lake_path


@pytest.fixture(autouse=True)
def quick_passwords(settings: Any) -> None:
    """Eight Argon2 hashes a test would take longer than the tests; those of the login put the real hasher back."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher", *settings.PASSWORD_HASHERS]


@pytest.fixture
def now() -> datetime:
    """The moment at which everything in a test happens unless it says otherwise."""
    return NOW


@pytest.fixture
def system(home: Configuration) -> Actor:
    """The actor of jobs and commands."""
    return Actor.system("tests", "330000", via="cli")


@pytest.fixture
def region_tree(db: None, system: Actor) -> list[Place]:
    """Two counties with towns."""
    regions_put(system, places=PLACES)
    return PLACES


@pytest.fixture
def users(region_tree: list[Place], system: Actor, now: datetime) -> dict[Role, int]:
    """One user with one post a role; all have the password PASSWORD."""
    made = {}
    for role, (region, department, grade) in POSTS.items():
        user = user_create(system, username=role.value, display_name=role.value, password=PASSWORD, now=now)
        post_grant(system, user_id=user, role=role, region=region, department=department, grade=grade, now=now)
        made[role] = user
    return made


@pytest.fixture
def actors(users: dict[Role, int]) -> dict[Role, Actor]:
    """One actor a role."""
    return {role: actor_of(posts_of(user)[0]) for role, user in users.items()}


@pytest.fixture
def client_for(users: dict[Role, int]) -> Callable[[Role], Client]:
    """A browser's session, logged in as the user of a role."""

    def make(role: Role) -> Client:
        client = Client()
        client.force_login(
            get_user_model().objects.get(pk=users[role]),
            backend="django.contrib.auth.backends.ModelBackend",
        )
        return client

    return make
