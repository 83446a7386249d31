"""Identifiers of people and organisations, one value at a time: GB 11643 resident ids and GB 32100 credit codes.

The set-based SQL of ``engines.quality`` must agree with these plain functions (property tests hold it to that).
"""

from __future__ import annotations

import re
from datetime import date

#: Weights of the first 17 digits, 2^(17-i) mod 11 (GB 11643-1999, ISO 7064 MOD 11-2).
RESIDENT_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
#: Check character for each remainder 0..10.
RESIDENT_CHECKS = "10X98765432"
#: The 31 characters of a unified social credit code: digits and capitals without I, O, S, V, Z (GB 32100-2015).
USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
#: Weights of the first 17 characters, 3^i mod 31.
USCC_WEIGHTS = tuple(pow(3, i, 31) for i in range(17))

_RESIDENT = re.compile(r"[1-9][0-9]{16}[0-9X]", re.ASCII)
_FIRST_GENERATION = re.compile(r"[1-9][0-9]{14}", re.ASCII)
_USCC = re.compile(rf"[{USCC_ALPHABET}]{{18}}", re.ASCII)


def resident_id_check(digits: str) -> str:
    """Return the check character of the first 17 ``digits`` of a resident id.

    >>> resident_id_check("33010619990313292")
    'X'
    """
    return RESIDENT_CHECKS[sum(int(digit) * weight for digit, weight in zip(digits[:17], RESIDENT_WEIGHTS, strict=True)) % 11]


def resident_id_shaped(value: str) -> bool:
    """Return whether ``value`` has the form of an 18-character resident id (its check and date unseen)."""
    return _RESIDENT.fullmatch(value) is not None


def resident_id_birth(value: str) -> date | None:
    """Return the date of birth written in an 18-character resident id, or None if no such day exists."""
    year, month, day = int(value[6:10]), int(value[10:12]), int(value[12:14])
    try:
        return date(year, month, day)
    except ValueError:
        return None


def resident_id_valid(value: str) -> bool:
    """Return whether form, check character and date of birth of a resident id hold.

    >>> resident_id_valid("33010619990313292X"), resident_id_valid("330106199903132921")
    (True, False)
    """
    return resident_id_shaped(value) and value[17] == resident_id_check(value) and resident_id_birth(value) is not None


def resident_id_upgrade(value: str) -> str:
    """Return the 18-character form of a 15-digit id: the century 19 put in and the check character added (GB 11643-1999).

    >>> resident_id_upgrade("330106990313292")
    '33010619990313292X'
    """
    if not _FIRST_GENERATION.fullmatch(value):
        return value
    digits = f"{value[:6]}19{value[6:]}"
    return digits + resident_id_check(digits)


def resident_id_sex(value: str) -> str:
    """Return ``male`` or ``female`` as the 17th digit says: odd is male."""
    return "male" if int(value[16]) % 2 else "female"


def uscc_check(characters: str) -> str:
    """Return the check character of the first 17 ``characters`` of a unified social credit code (GB 32100-2015, 4.6)."""
    total = sum(USCC_ALPHABET.index(c) * weight for c, weight in zip(characters[:17], USCC_WEIGHTS, strict=True))
    return USCC_ALPHABET[(31 - total % 31) % 31]


def uscc_shaped(value: str) -> bool:
    """Return whether ``value`` has 18 characters of the code's alphabet."""
    return _USCC.fullmatch(value) is not None


def uscc_valid(value: str) -> bool:
    """Return whether form and check character of a unified social credit code hold.

    >>> uscc_valid("91350100M000100Y43"), uscc_valid("91350100M000100Y44")
    (True, False)
    """
    return uscc_shaped(value) and value[17] == uscc_check(value)


def masked(kind: str, value: str) -> str:
    """Return ``value`` for display: of numbers the first six characters, of names the first.

    The last digits stay hidden although custom often shows them: region, date of birth and the last four are the whole id.

    >>> masked("person", "33010619990313292X"), masked("name", "马春")
    ('330106************', '马*')
    """
    shown = 1 if kind == "name" else min(6, len(value) // 2)
    return value[:shown] + "*" * max(len(value) - shown, 1)
