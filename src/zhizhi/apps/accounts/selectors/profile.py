"""One's own account as its page shows it, and in sentences what a post lets its holder see and do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django_otp.plugins.otp_static.models import StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from zhizhi.apps.accounts.models import User
from zhizhi.apps.actors import PERMISSIONS, Permission, Role


@dataclass(frozen=True, slots=True)
class Profile:
    """A person's own account."""

    username: str
    name: str
    phone: str
    must_change_password: bool
    temporary_until: datetime | None
    has_second_factor: bool
    recovery_codes_left: int
    last_login: datetime | None


def profile_get(user_id: int) -> Profile:
    """Return a person's own account."""
    user = User.objects.get(pk=user_id)
    return Profile(
        username=user.username,
        name=user.display_name,
        phone=user.phone,
        must_change_password=user.must_change_password,
        temporary_until=user.temporary_until,
        has_second_factor=second_factor_of(user_id),
        recovery_codes_left=StaticToken.objects.filter(device__user_id=user_id).count(),
        last_login=user.last_login,
    )


def second_factor_of(user_id: int) -> bool:
    """Whether a person has a confirmed second factor."""
    return bool(TOTPDevice.objects.filter(user_id=user_id, confirmed=True).exists())


def demo_accounts() -> list[tuple[str, str, Role]]:
    """Return login name, name and role of the demonstration's accounts, in the order of the roles."""
    order = list(Role)
    rows = User.objects.filter(is_demo=True, is_active=True, posts__is_active=True).values_list(
        "username", "display_name", "posts__role"
    )
    return sorted(((name, shown, Role(role)) for name, shown, role in rows), key=lambda row: (order.index(row[2]), row[0]))


def permission_table() -> list[tuple[Permission, list[bool]]]:
    """Return every permission and, role by role in the order of ``Role``, whether the role has it."""
    return [(permission, [permission in PERMISSIONS[role] for role in Role]) for permission in Permission]
