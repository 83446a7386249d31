"""The second factor: a code from the person's telephone (TOTP, RFC 6238), and recovery codes for the day it is lost."""

from __future__ import annotations

import base64
import hashlib
import secrets
from datetime import datetime

from django.db import transaction
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from zhizhi.apps.accounts import schemas
from zhizhi.apps.accounts.models import User
from zhizhi.apps.accounts.selectors.people import user_of, user_over
from zhizhi.apps.actors import Actor, Permission
from zhizhi.apps.recording import happened
from zhizhi.kernel.errors import ConflictError, InvalidError

RECOVERY_CODES = 8


def _kept(code: str) -> str:
    """Return what is stored of a recovery code: 80 bits of its digest. A code has 80 bits of chance in it."""
    plain = code.replace("-", "").replace(" ", "").lower()
    return base64.b32encode(hashlib.sha256(plain.encode()).digest()[:10]).decode()


def factor_begin(actor: Actor) -> str:
    """Prepare a second factor and return its ``otpauth://`` address for the QR code; it counts only when confirmed.

    Raises:
        ConflictError: ``accounts.factor-present``.
    """
    actor.require(Permission.SELF)
    with transaction.atomic():
        user = user_of(actor, lock=True)
        if TOTPDevice.objects.filter(user=user, confirmed=True).exists():
            raise ConflictError("accounts.factor-present")
        device, _ = TOTPDevice.objects.get_or_create(user=user, confirmed=False, defaults={"name": "totp"})
    return str(device.config_url)


def factor_confirm(actor: Actor, *, code: str, now: datetime) -> list[str]:
    """Confirm the prepared factor with a code from it; return the recovery codes, which are shown once.

    Raises:
        InvalidError: ``accounts.code-wrong``.
    """
    actor.require(Permission.SELF)
    with transaction.atomic():
        user = user_of(actor, lock=True)
        device = TOTPDevice.objects.select_for_update().filter(user=user, confirmed=False).first()
        if device is not None and device.verify_token(code.strip()):
            device.confirmed = True
            device.save(update_fields=["confirmed"])
            happened(actor, schemas.FACTOR_CONFIRMED, now=now, subjects=[f"user:{user.pk}"], region=user.region)
            return _codes(actor, user, now)
    raise InvalidError("accounts.code-wrong", field="code")  # outside the transaction: the failed try stays counted


def recovery_codes_renew(actor: Actor, *, password: str, now: datetime) -> list[str]:
    """Make new recovery codes in place of the old ones and return them, to be shown once."""
    actor.require(Permission.SELF)
    with transaction.atomic():
        user = user_of(actor, lock=True)
        _check_password(user, password)
        if not TOTPDevice.objects.filter(user=user, confirmed=True).exists():
            raise ConflictError("accounts.factor-none")
        return _codes(actor, user, now)


def _codes(actor: Actor, user: User, now: datetime) -> list[str]:
    StaticDevice.objects.filter(user=user).delete()
    device = StaticDevice.objects.create(user=user, name="recovery")
    codes = [base64.b32encode(secrets.token_bytes(10)).decode().lower() for _ in range(RECOVERY_CODES)]
    StaticToken.objects.bulk_create([StaticToken(device=device, token=_kept(code)) for code in codes])
    happened(actor, schemas.RECOVERY_CODES_MADE, now=now, subjects=[f"user:{user.pk}"], region=user.region)
    return ["-".join(code[i : i + 4] for i in range(0, 16, 4)) for code in codes]


def factor_end(actor: Actor, *, password: str, now: datetime) -> None:
    """Take one's own second factor away; the password is asked again.

    Raises:
        InvalidError: ``accounts.password-wrong``.
    """
    actor.require(Permission.SELF)
    with transaction.atomic():
        user = user_of(actor, lock=True)
        _check_password(user, password)
        _end(actor, user, now)


def factor_take_away(actor: Actor, *, user_id: int, now: datetime) -> None:
    """Take away the second factor of a person who has lost her telephone and her recovery codes."""
    actor.require(Permission.ACCOUNTS_MANAGE)
    with transaction.atomic():
        _end(actor, user_over(actor, user_id, lock=True), now)


def _check_password(user: User, password: str) -> None:
    if not user.check_password(password):
        raise InvalidError("accounts.password-wrong", field="password")


def _end(actor: Actor, user: User, now: datetime) -> None:
    TOTPDevice.objects.filter(user=user).delete()
    StaticDevice.objects.filter(user=user).delete()
    happened(actor, schemas.FACTOR_ENDED, now=now, subjects=[f"user:{user.pk}"], region=user.region)


def factor_check(*, user_id: int, code: str, now: datetime) -> str:
    """Hold the code typed at the login against the person's devices; return ``code`` or ``recovery-code``.

    Every wrong code doubles the time until the next is looked at (django-otp's throttle).

    Raises:
        InvalidError: ``accounts.code-wrong``, or ``accounts.code-wait`` with the seconds to wait.
    """
    typed = code.strip()
    recovery = not typed.replace(" ", "").isdigit()
    wait = 0
    with transaction.atomic():
        user = User.objects.get(pk=user_id)
        actor = Actor(user.pk, None, user.display_name, None, user.region)
        kind = StaticDevice if recovery else TOTPDevice
        device = kind.objects.select_for_update().filter(user=user, confirmed=True).first()
        if device is not None:
            allowed, reason = device.verify_is_allowed()
            if not allowed:
                until = (reason or {}).get("locked_until")
                wait = max(1, int((until - now).total_seconds()) + 1) if until else 1
            elif device.verify_token(_kept(typed) if recovery else typed.replace(" ", "")):
                if recovery:
                    happened(actor, schemas.RECOVERY_CODE_USED, now=now, subjects=[f"user:{user.pk}"], region=user.region)
                return "recovery-code" if recovery else "code"
            else:
                happened(actor, schemas.FACTOR_FAILED, now=now, subjects=[f"user:{user.pk}"], region=user.region)
    if wait:
        raise InvalidError("accounts.code-wait", field="code", seconds=wait)
    raise InvalidError("accounts.code-wrong", field="code")
