"""Arrow columns straight from NumPy memory, without a Python object a row."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from zhizhi.engines.synthesis.facts import BLANK, NONE, Ints
from zhizhi.engines.synthesis.identifiers import Digits, fixed_text, put_number


def date_column(days: Ints, blank: bool = True) -> pa.Array:
    """Return days since 1970-01-01 as dates; with ``blank``, ``NONE`` becomes null (without it, it is 31 December 1969)."""
    values = days.astype(np.int32)
    return pa.array(values, mask=values == NONE if blank else None).view(pa.date32())


def money_column(fen: Ints, blank: bool = False) -> pa.Array:
    """Return fen as DECIMAL(18, 2); with ``blank``, the value ``BLANK`` becomes null. Areas in 1/100 m² go the same way."""
    low = fen.astype(np.int64)
    words = np.empty((len(low), 2), np.int64)
    words[:, 0], words[:, 1] = low, low >> 63
    validity = None
    if blank:
        bits = np.packbits(low != BLANK, bitorder="little")
        validity = pa.py_buffer(bits)
    return pa.Array.from_buffers(pa.decimal128(18, 2), len(low), [validity, pa.py_buffer(words)])


def code_column(positions: Ints, words: list[str]) -> pa.Array:
    """Return the words at ``positions`` as strings; -1 becomes null."""
    at = positions.astype(np.int8)
    return pc.take(pa.array(words, pa.string()), pa.array(at, mask=at < 0))


def number_text(numbers: Ints, width: int) -> pa.Array:
    """Return ``numbers`` zero-padded to ``width`` digits."""
    letters = np.empty((len(numbers), width), np.uint8)
    put_number(letters, 0, width, numbers)
    return fixed_text(letters)


def prefixed(prefix: str, numbers: Ints, width: int) -> pa.Array:
    """Return ``prefix`` (ASCII) followed by zero-padded numbers."""
    letters = np.empty((len(numbers), len(prefix) + width), np.uint8)
    letters[:, : len(prefix)] = np.frombuffer(prefix.encode("ascii"), np.uint8)
    put_number(letters, len(prefix), width, numbers)
    return fixed_text(letters)


def with_digits(ids: Digits, *digits: Ints) -> pa.Array:
    """Return the rows of ``ids`` with one more digit for each of ``digits``."""
    tail = np.stack([digit.astype(np.uint8) + 48 for digit in digits], axis=1)
    return fixed_text(np.concatenate((ids, tail), axis=1))
