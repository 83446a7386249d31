"""People, their posts, and the tree of regions. Private to this app."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.db import models

from zhizhi.apps.actors import Role


class UserManager(BaseUserManager["User"]):
    """Finds users by their login name; making one is the service's work."""

    def get_by_natural_key(self, username: str | None) -> User:
        """Return the user of a login name, whatever its case: names are stored small."""
        return self.get(username=(username or "").lower())


class User(AbstractBaseUser):
    """A person who can log in. What she may do is said by her posts alone."""

    username = models.CharField(max_length=64, unique=True)
    display_name = models.CharField(max_length=64)
    phone = models.CharField(max_length=32, blank=True)
    region = models.CharField(max_length=12, blank=True, db_index=True)
    language = models.CharField(max_length=8, default="zh-hans")
    is_active = models.BooleanField(default=True)
    must_change_password = models.BooleanField(default=False)
    temporary_until = models.DateTimeField(null=True)
    is_demo = models.BooleanField(default=False)
    created_at = models.DateTimeField()

    USERNAME_FIELD = "username"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects = UserManager()

    def has_perm(self, _perm: str, _obj: Any = None) -> bool:
        """Django's own permissions are not used: a post's are."""
        return False

    def __str__(self) -> str:
        return self.display_name


class Region(models.Model):
    """One place of the tree: province, city, county, town or village."""

    code = models.CharField(max_length=12, primary_key=True)
    name_zh = models.CharField(max_length=64)
    name_en = models.CharField(max_length=96)
    parent = models.CharField(max_length=12, blank=True, db_index=True)
    level = models.CharField(max_length=8)
    people = models.IntegerField(null=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["code"]

    def __str__(self) -> str:
        return self.name_zh


class Post(models.Model):
    """A role in a region subtree, for a department, up to a data grade."""

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="posts")
    role = models.CharField(max_length=24, choices=[(role.value, role.value) for role in Role])
    region = models.CharField(max_length=12)
    department = models.CharField(max_length=48, blank=True)
    grade = models.PositiveSmallIntegerField(default=2)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["role", "region"])]

    def __str__(self) -> str:
        return f"{self.role} {self.region}"


class Token(models.Model):
    """A key for programs: acts in one post with some of its permissions. The secret itself is not stored, only its digest."""

    name = models.CharField(max_length=64)
    post = models.ForeignKey(Post, on_delete=models.PROTECT, related_name="tokens")
    permissions = models.JSONField(default=list)
    digest = models.CharField(max_length=64, unique=True)
    prefix = models.CharField(max_length=12)
    created_at = models.DateTimeField()
    created_by = models.BigIntegerField(null=True)
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.name} {self.prefix}"
