"""Identifiers with their check characters, made by the column: resident ids (GB 11643), USCC (GB 32100), household numbers."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from zhizhi.engines.synthesis.facts import Ints

Digits = npt.NDArray[np.uint8]

RESIDENT_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
RESIDENT_CHECKS: Final = np.frombuffer(b"10X98765432", np.uint8)
USCC_CHARACTERS: Final = np.frombuffer(b"0123456789ABCDEFGHJKLMNPQRTUWXY", np.uint8)
ORGANISATION_WEIGHTS: Final = (3, 7, 9, 10, 5, 8, 4, 2)
ORGANISATION_CHECKS: Final = np.frombuffer(b"0123456789X", np.uint8)
SEQUENCES: Final = 500
"""How many people of one sex, born in one county on one day, the three sequence digits can tell apart."""


def fixed_text(letters: Digits) -> pa.StringArray:
    """Return the rows of a matrix of ASCII bytes (rows x width) as strings, without a Python object a row."""
    rows, width = letters.shape
    if rows * width >= 2**31:
        half = rows // 2
        return pa.concat_arrays(
            [fixed_text(letters[:half]).cast(pa.large_string()), fixed_text(letters[half:]).cast(pa.large_string())]
        )
    offsets = np.arange(0, rows * width + 1, width, dtype=np.int32) if width else np.zeros(rows + 1, np.int32)
    data = np.ascontiguousarray(letters)
    return pa.StringArray.from_buffers(rows, pa.py_buffer(offsets), pa.py_buffer(data))


def put_number(letters: Digits, start: int, width: int, numbers: Ints) -> None:
    """Write ``numbers``, zero-padded to ``width`` digits, into the columns of ``letters`` from ``start``."""
    rest = numbers.astype(np.int64 if width > 9 else np.int32)
    for column in range(start + width - 1, start - 1, -1):
        rest, digit = np.divmod(rest, 10)
        letters[:, column] = digit + 48


def calendar_number(days: Ints) -> npt.NDArray[np.int32]:
    """Return days since 1970-01-01 as the number yyyymmdd."""
    day = days.astype("datetime64[D]")
    month = day.astype("datetime64[M]")
    months = month.astype(np.int32)
    number: npt.NDArray[np.int32] = (months // 12 + 1970) * 10000 + (months % 12 + 1) * 100 + (day - month).astype(np.int32) + 1
    return number


def sequence_numbers(origin: Ints, born: Ints, sex: Ints) -> npt.NDArray[np.int32]:
    """Return three-digit sequence numbers, odd for men, that no two people of one county, day and sex share.

    Args:
        origin: code of the county of first registration, one a person.
        born: days since 1970-01-01.
        sex: 1 for men, 0 for women.

    Raises:
        ValueError: more than ``SEQUENCES`` people share county, day and sex; no resident id is left for them.
    """
    group = (origin.astype(np.int64) * 100_000 + born + 40_000) * 2 + sex
    order = np.argsort(group, kind="stable")
    ordered = group[order]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    lengths = np.diff(np.append(starts, len(ordered)))
    if lengths.max(initial=0) > SEQUENCES:
        raise ValueError("more people of one county, day and sex than the sequence digits can tell apart")
    rank = np.arange(len(ordered)) - np.repeat(starts, lengths)
    scattered = (rank * 7 + ordered % 9_973) % SEQUENCES
    numbers = np.empty(len(group), np.int32)
    numbers[order] = scattered * 2
    return numbers + sex


def resident_ids(origin: Ints, born: Ints, sex: Ints) -> Digits:
    """Return valid, unique 18-character resident ids as a matrix of ASCII bytes (people x 18)."""
    letters = np.empty((len(born), 18), np.uint8)
    sequence = sequence_numbers(origin, born, sex)
    step = 1_000_000
    for low in range(0, len(born), step):
        part = slice(low, low + step)
        put_number(letters[part], 0, 6, origin[part])
        put_number(letters[part], 6, 8, calendar_number(born[part]))
        put_number(letters[part], 14, 3, sequence[part])
        letters[part, 17] = resident_check(letters[part])
    return letters


def resident_check(letters: Digits) -> Digits:
    """Return the check character of each row from its first 17 digits (GB 11643, ISO 7064 MOD 11-2)."""
    total = np.zeros(len(letters), np.int32)
    for column, weight in enumerate(RESIDENT_WEIGHTS):
        total += (letters[:, column].astype(np.int32) - 48) * weight
    return RESIDENT_CHECKS[total % 11]


def uscc(kind: bytes, county: Ints, serial: Ints) -> Digits:
    """Return unified social credit codes (GB 32100): ``kind`` (two characters), county, organisation code, check character."""
    letters = np.empty((len(serial), 18), np.uint8)
    letters[:, 0], letters[:, 1] = kind[0], kind[1]
    put_number(letters, 2, 6, county)
    put_number(letters, 8, 8, serial)
    inner = np.zeros(len(serial), np.int64)
    for column, weight in enumerate(ORGANISATION_WEIGHTS):
        inner += (letters[:, 8 + column].astype(np.int64) - 48) * weight
    letters[:, 16] = ORGANISATION_CHECKS[(11 - inner % 11) % 11]
    value = np.zeros(256, np.int64)
    value[USCC_CHARACTERS] = np.arange(31)
    total = np.zeros(len(serial), np.int64)
    for column in range(17):
        total += value[letters[:, column]] * pow(3, column, 31)
    letters[:, 17] = USCC_CHARACTERS[(31 - total % 31) % 31]
    return letters
