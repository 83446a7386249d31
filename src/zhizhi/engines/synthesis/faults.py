"""Faults as departments make them, in known numbers and places.

Two sorts. *Noise* changes how a right value is written (full-width digits, blanks, lower-case x, ￥ and commas): reading heals
it, the row is good. A *bad row* is a further row, made from a good one by breaking one thing; the good row stays. So nothing true
is lost, and what is bad is known exactly. The rule names are those of the shipped contracts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np

from zhizhi.engines.synthesis.facts import Bools
from zhizhi.engines.synthesis.identifiers import RESIDENT_WEIGHTS, uscc

Row = dict[str, str | None]
Generator = np.random.Generator
Breaker = Callable[[Row, Generator], None]

FULL_WIDTH: Final = str.maketrans("0123456789X.,", "０１２３４５６７８９Ｘ．，")
CHECKS: Final = "10X98765432"


@dataclass(frozen=True, slots=True)
class Noise:
    """Writing the right value of ``field`` in another way, in ``share`` of the rows where it stands."""

    field: str
    share: float
    rewrite: Callable[[str, Generator], str]


@dataclass(frozen=True, slots=True)
class Fault:
    """Further rows that break ``rule``.

    Their number is ``share`` of the rows, at least ``least``; they are made from rows where the field ``source`` has a value.
    """

    rule: str
    share: float
    breaks: Breaker
    after: bool = False
    """Whether the bad row must stand behind the good one from which it was made."""
    source: str = ""
    least: int = 2


def check_character(seventeen: str) -> str:
    """Return the 18th character of a resident id (GB 11643)."""
    return CHECKS[sum(int(digit) * weight for digit, weight in zip(seventeen, RESIDENT_WEIGHTS, strict=True)) % 11]


def full_width(text: str, rng: Generator) -> str:
    """All digits full width."""
    return text.translate(FULL_WIDTH)


def spaced(text: str, rng: Generator) -> str:
    """Blanks around or inside, ordinary or ideographic."""
    return (f" {text}", f"{text}\u3000", f"{text[:6]} {text[6:14]} {text[14:]}")[int(rng.integers(3))]


def lower_case(text: str, rng: Generator) -> str:
    """A lower-case x at the end."""
    return text.lower()


def with_currency(text: str, rng: Generator) -> str:
    """￥1,200.00 instead of 1200."""
    return f"￥{float(text):,.2f}"


def with_commas(text: str, rng: Generator) -> str:
    """1,200.00 instead of 1200."""
    return f"{float(text):,.2f}"


def in_ten_thousands(text: str, rng: Generator) -> str:
    """12.5万 instead of 125000."""
    return f"{float(text) / 10_000:.6f}".rstrip("0").rstrip(".") + "万"


def other_date(text: str, rng: Generator) -> str:
    """The same day in another of the usual forms."""
    digits = "".join(letter for letter in text if letter.isdigit())
    year, month, day = digits[:4], digits[4:6], digits[6:8]
    return (f"{year}年{int(month)}月{int(day)}日", f"{year}.{month}.{day}", f"{year}/{int(month)}/{int(day)}")[
        int(rng.integers(3))
    ]


def wrong_check(field: str) -> Breaker:
    """Another check character than the right one (in a certificate number: the 18th character)."""

    def breaks(row: Row, rng: Generator) -> None:
        text = str(row[field])
        wrong = CHECKS[(CHECKS.index(text[17]) + int(rng.integers(1, 11))) % 11]
        row[field] = text[:17] + wrong + text[18:]

    return breaks


def wrong_uscc_check(field: str) -> Breaker:
    """Another check character than the right one at the end of a USCC."""

    def breaks(row: Row, rng: Generator) -> None:
        text = str(row[field])
        row[field] = text[:17] + ("1" if text[17] != "1" else "2")

    return breaks


def fifteen_digits(field: str) -> Breaker:
    """An id of the first generation: two digits of the year, no check character."""

    def breaks(row: Row, rng: Generator) -> None:
        text = str(row[field])
        row[field] = text[:6] + text[8:17]

    return breaks


def misshapen(field: str) -> Breaker:
    """An id with a character too few."""

    def breaks(row: Row, rng: Generator) -> None:
        text = str(row[field])
        row[field] = text[:9] + text[10:]

    return breaks


def stranger(field: str) -> Breaker:
    """A valid id that nobody in the region has: born before 1916."""

    def breaks(row: Row, rng: Generator) -> None:
        text = str(row[field])
        other = f"{text[:6]}{int(rng.integers(1_901, 1_916))}{text[10:17]}"
        if other[10:14] == "0229":
            other = other[:10] + "0228" + other[14:]
        row[field] = other + check_character(other) + text[18:]

    return breaks


def strange_row(field: str, key: str, new: Callable[[str, Generator], str]) -> Breaker:
    """A valid id that nobody has, in a row with a ``key`` of its own (else the row would take the key of the good one)."""
    unknown = stranger(field)

    def breaks(row: Row, rng: Generator) -> None:
        unknown(row, rng)
        row[key] = new(str(row[key]), rng)

    return breaks


def next_number(text: str, rng: Generator) -> str:
    """A number of the same length that no right row has: its digits begin with 9 (right ones begin with 0)."""
    digits = sum(letter.isdigit() for letter in text[2:])
    return text[: len(text) - digits] + "9" + f"{int(rng.integers(10 ** (digits - 1))):0{digits - 1}d}"


def next_uscc(text: str, rng: Generator) -> str:
    """A valid USCC that no right row has: its organisation code begins with 9."""
    letters = uscc(text[:2].encode("ascii"), np.array([int(text[2:8])]), np.array([int(rng.integers(90_000_000, 100_000_000))]))
    return bytes(letters[0]).decode("ascii")


def no_household(field: str) -> Breaker:
    """A household number that nobody has."""

    def breaks(row: Row, rng: Generator) -> None:
        text = str(row[field])
        row[field] = text[:9] + f"{int(rng.integers(990_000, 999_999)):06d}"

    return breaks


def no_such_birth_date(row: Row, rng: Generator) -> None:
    """A person born on 30 February, in the id (with a right check character) and in the date."""
    text = str(row["resident_id"])
    other = f"{text[:10]}0230{text[14:17]}"
    row["resident_id"] = other + check_character(other)
    row["birth_date"] = f"{text[6:10]}-02-30"


def other_birth_date(row: Row, rng: Generator) -> None:
    """A date of birth that the id does not say."""
    born = date.fromisoformat(str(row["birth_date"]))
    row["birth_date"] = str(born - timedelta(days=int(rng.integers(1, 300))))


def other_sex(row: Row, rng: Generator) -> None:
    """The sex that the id does not say."""
    row["sex"] = "女" if row["sex"] == "男" else "男"


def no_such_date(field: str) -> Breaker:
    """31 June, or month 13, in the form of the column."""

    def breaks(row: Row, rng: Generator) -> None:
        text = str(row[field])
        digits = [position for position, letter in enumerate(text) if letter.isdigit()]
        month, day = [(6, 31), (2, 30), (13, 5)][int(rng.integers(3))]
        letters = list(text)
        for position, digit in zip(digits[4:8], f"{month:02d}{day:02d}", strict=True):
            letters[position] = digit
        row[field] = "".join(letters)

    return breaks


def negative(field: str) -> Breaker:
    """An amount below zero."""

    def breaks(row: Row, rng: Generator) -> None:
        row[field] = f"-{int(rng.integers(1, 5_000))}.{int(rng.integers(10, 99))}"

    return breaks


def put(field: str, value: str | None) -> Breaker:
    """``value`` in place of what is right; None is an empty cell."""

    def breaks(row: Row, rng: Generator) -> None:
        row[field] = value

    return breaks


def more(field: str) -> Breaker:
    """A larger number than the others of the row make."""

    def breaks(row: Row, rng: Generator) -> None:
        row[field] = f"{float(str(row[field])) + 100:.2f}"

    return breaks


def nothing(row: Row, rng: Generator) -> None:
    """An exact copy."""


def second_household(others: list[tuple[str, str]]) -> Breaker:
    """The same person in another household (number, town), registered earlier: the later registration is right."""

    def breaks(row: Row, rng: Generator) -> None:
        number, town = others[int(rng.integers(len(others)))]
        if number == row["household_no"]:
            number, town = others[0] if others[0][0] != number else others[-1]
        row["household_no"], row["residence_region"], row["relation"] = number, town, "其他"
        later = date(*(int(part) for part in str(row["registered_on"]).split("/")))
        row["registered_on"] = (later - timedelta(days=int(rng.integers(30, 2_000)))).strftime("%Y/%m/%d")

    return breaks


def rows_of(number: int, share: float, least: int) -> int:
    """Return how many of ``number`` rows a share is: at least ``least``, never more than there are."""
    return min(number, max(least, round(share * number)))


def drawn(number: int, wanted: int, candidates: Bools | None, rng: Generator) -> np.ndarray:
    """Return ``wanted`` different positions among ``number`` rows (or those of ``candidates``), in order."""
    pool = np.arange(number) if candidates is None else np.flatnonzero(candidates)
    return np.sort(rng.choice(pool, min(wanted, len(pool)), replace=False))
