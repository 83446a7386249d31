"""Which faults each export has, and the exports with them: text as the departments write it, and the list of bad rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from zhizhi.engines.synthesis import faults as f
from zhizhi.engines.synthesis.faults import Fault, Noise
from zhizhi.engines.synthesis.layouts import LAYOUTS, Layout, written

DUPLICATE: Final = Fault("duplicate row", 0.0002, f.nothing, after=True)
BAD_DATE: Final = "impossible date"
NEGATIVE: Final = "negative amount"
STRANGER: Final = "unknown person"
CHECK: Final = "resident id checksum"


@dataclass(frozen=True, slots=True)
class BadRow:
    """One row that a right load puts into quarantine: file, row as a spreadsheet shows it, and the rule it breaks."""

    file: str
    row: int
    rule: str


@dataclass(frozen=True, slots=True)
class Export:
    """One file to be written: its layout, name, and text columns under the departments' headers (null is an empty cell)."""

    layout: Layout
    file: str
    table: pa.Table
    bad: tuple[BadRow, ...]


def id_noise(field: str, share: float = 0.002) -> tuple[Noise, ...]:
    """Ids in full width, with blanks, with a small x."""
    return (Noise(field, share, f.full_width), Noise(field, share, f.spaced), Noise(field, share * 2, f.lower_case))


def id_faults(field: str, share: float = 0.0002, stranger: f.Breaker | None = None) -> tuple[Fault, ...]:
    """A wrong check character, and a valid id that nobody has."""
    return (Fault(CHECK, share, f.wrong_check(field)), Fault(STRANGER, share, stranger or f.stranger(field)))


def money_noise(field: str, share: float = 0.01) -> tuple[Noise, ...]:
    """Amounts with ￥, thousands commas, full-width digits."""
    return (Noise(field, share, f.with_currency), Noise(field, share, f.with_commas), Noise(field, share / 5, f.full_width))


NOISE: Final[dict[str, tuple[Noise, ...]]] = {
    "population": (
        *id_noise("resident_id"),
        Noise("birth_date", 0.003, f.other_date),
        Noise("registered_on", 0.003, f.other_date),
    ),
    "moves": id_noise("resident_id"),
    "aid_register": (Noise("registered_on", 0.02, f.other_date),),
    "aid_recipients": (*id_noise("head_id", 0.01), *money_noise("monthly_amount", 0.02)),
    "medical_claims": (*id_noise("resident_id"), *money_noise("self_paid", 0.002), *money_noise("total", 0.002)),
    "serious_illness": (*id_noise("resident_id", 0.01), Noise("diagnosed_on", 0.02, f.other_date)),
    "disability": id_noise("certificate_no", 0.005),
    "disability_benefits": (*id_noise("resident_id", 0.005), *money_noise("monthly_amount")),
    "wages": (*id_noise("resident_id"), *money_noise("wage"), *money_noise("previous_wage")),
    "pensions": (*id_noise("resident_id"), *money_noise("pension")),
    "education": id_noise("resident_id"),
    "homes": (*id_noise("resident_id"), Noise("area", 0.01, f.with_commas), Noise("homes", 0.01, f.full_width)),
    "vehicles": (*id_noise("resident_id"), Noise("price", 0.01, f.full_width)),
    "businesses": (
        Noise("registered_capital", 0.05, f.in_ten_thousands),
        *money_noise("registered_capital", 0.03),
        *id_noise("resident_id"),
    ),
    "incidents": (*money_noise("loss", 0.05), Noise("occurred_on", 0.05, f.other_date)),
}
FAULTS: Final[dict[str, tuple[Fault, ...]]] = {
    "population": (
        Fault(CHECK, 0.0002, f.wrong_check("resident_id")),
        Fault("15-digit id", 0.0001, f.fifteen_digits("resident_id")),
        Fault("resident id format", 0.00005, f.misshapen("resident_id")),
        Fault("impossible birth date", 0.0001, f.no_such_birth_date),
        Fault("birth date is not that of the id", 0.0001, f.other_birth_date),
        Fault("sex is not that of the id", 0.0001, f.other_sex),
        Fault("missing value", 0.00005, f.put("household_no", None)),
        Fault("not in the code list", 0.00005, f.put("sex", "未填写")),
        DUPLICATE,
    ),
    "moves": (*id_faults("resident_id"), Fault(BAD_DATE, 0.0004, f.no_such_date("moved_on")), DUPLICATE),
    "aid_register": (
        Fault("unknown household", 0.002, f.no_household("household_no")),
        Fault(BAD_DATE, 0.002, f.no_such_date("registered_on")),
        Fault("not in the code list", 0.001, f.put("hardship_type", "待定")),
        DUPLICATE,
    ),
    "aid_recipients": (*id_faults("head_id", 0.002), Fault(NEGATIVE, 0.002, f.negative("monthly_amount")), DUPLICATE),
    "medical_claims": (
        *id_faults("resident_id", stranger=f.strange_row("resident_id", "claim_id", f.next_number)),
        Fault("15-digit id", 0.0001, f.fifteen_digits("resident_id")),
        Fault("missing claim number", 0.00005, f.put("claim_id", None)),
        Fault("claim number form", 0.00005, f.put("claim_id", "补录")),
        Fault(BAD_DATE, 0.0002, f.no_such_date("settled_on")),
        Fault("not a number", 0.0001, f.put("self_paid", "待核定")),
        Fault("not in the code list", 0.0001, f.put("kind", "其他类")),
        Fault(NEGATIVE, 0.0002, f.negative("self_paid")),
        Fault("parts do not make the total", 0.0001, f.more("total")),
        Fault("duplicate claim number", 0.0001, f.put("hospital", "市外医疗机构"), after=True),
        DUPLICATE,
    ),
    "serious_illness": (*id_faults("resident_id", 0.002), Fault(BAD_DATE, 0.004, f.no_such_date("diagnosed_on"))),
    "disability": (
        *id_faults("certificate_no", 0.001),
        Fault(BAD_DATE, 0.001, f.no_such_date("certified_on")),
        Fault("not in the code list", 0.0005, f.put("grade", "五级")),
        DUPLICATE,
    ),
    "disability_benefits": (*id_faults("resident_id", 0.001), Fault(NEGATIVE, 0.002, f.negative("monthly_amount")), DUPLICATE),
    "wages": (
        *id_faults("resident_id"),
        Fault("15-digit id", 0.0001, f.fifteen_digits("resident_id")),
        Fault("USCC checksum", 0.0001, f.wrong_uscc_check("employer_uscc")),
        Fault(NEGATIVE, 0.0002, f.negative("wage"), source="wage"),
        Fault("not a number", 0.0001, f.put("wage", "见附件")),
        Fault(BAD_DATE, 0.0002, f.no_such_date("job_ended_on"), source="job_ended_on"),
        DUPLICATE,
    ),
    "pensions": (*id_faults("resident_id"), Fault(NEGATIVE, 0.0004, f.negative("pension")), DUPLICATE),
    "education": (
        *id_faults("resident_id"),
        Fault("15-digit id", 0.0002, f.fifteen_digits("resident_id")),
        Fault("not in the code list", 0.0002, f.put("stage", "其他")),
        DUPLICATE,
    ),
    "homes": (
        *id_faults("resident_id", stranger=f.strange_row("resident_id", "certificate_no", f.next_number)),
        Fault("negative area", 0.0002, f.negative("area")),
        DUPLICATE,
    ),
    "vehicles": (
        *id_faults("resident_id", stranger=f.strange_row("resident_id", "plate", f.next_number)),
        Fault(NEGATIVE, 0.0002, f.negative("price")),
        Fault("duplicate plate", 0.0002, f.put("registered_on", "2019/01/02"), after=True),
        DUPLICATE,
    ),
    "businesses": (
        Fault("USCC checksum", 0.002, f.wrong_uscc_check("uscc")),
        *id_faults("resident_id", 0.002, f.strange_row("resident_id", "uscc", f.next_uscc)),
        Fault(NEGATIVE, 0.001, f.negative("registered_capital")), DUPLICATE,
    ),
    "incidents": (
        Fault("unknown household", 0.01, f.no_household("household_no")),
        Fault(BAD_DATE, 0.01, f.no_such_date("occurred_on")),
        Fault(NEGATIVE, 0.01, f.negative("loss")),
        DUPLICATE,
    ),
}  # fmt: skip
TWO_HOUSEHOLDS: Final = 0.0003


def exports(clean: dict[str, pa.Table], rng: np.random.Generator) -> Iterator[Export]:
    """Yield the exports one by one, with noise and bad rows; ``wages`` comes with its corrections as a second file."""
    for layout, chance in zip(LAYOUTS, rng.spawn(len(LAYOUTS)), strict=True):
        columns = {column.field: written(column, clean[layout.dataset][column.field]) for column in layout.columns}
        if layout.dataset == "wages":
            yield from _wages(layout, columns, chance)
        else:
            yield faulty(layout, layout.file, columns, _faults(layout, columns, chance), chance)


def _faults(layout: Layout, columns: dict[str, pa.StringArray], rng: np.random.Generator) -> tuple[Fault, ...]:
    chosen = FAULTS[layout.dataset]
    if layout.dataset != "population":
        return chosen
    at = rng.integers(0, len(columns["household_no"]), 500)
    others = list(
        zip(*(columns[name].take(pa.array(at)).to_pylist() for name in ("household_no", "residence_region")), strict=True)
    )
    return (*chosen, Fault("person in two households: earlier registration", TWO_HOUSEHOLDS, f.second_household(others)))


def _wages(layout: Layout, columns: dict[str, pa.StringArray], rng: np.random.Generator) -> Iterator[Export]:
    """Yield the month's file with some wages wrong or missing, and the later file that corrects them."""
    number = len(columns["wage"])
    known = columns["wage"].is_valid().to_numpy(zero_copy_only=False)
    at = f.drawn(number, f.rows_of(number, 0.004, 5), known, rng)
    corrected = {field: values.take(pa.array(at)) for field, values in columns.items()}
    wrong = [None if rng.random() < 0.3 else f"{int(rng.integers(25, 200))}00" for _ in at]
    first = dict(columns, wage=_replaced(columns["wage"], at, wrong))
    yield faulty(layout, layout.file, first, FAULTS["wages"], rng)
    yield faulty(layout, f"{layout.stem}_更正.{layout.kind}", corrected, (), rng)


def faulty(
    layout: Layout, file: str, columns: dict[str, pa.StringArray], faults: tuple[Fault, ...], rng: np.random.Generator
) -> Export:
    """Return the export of ``columns`` with the dataset's noise and with ``faults``, merged in at known rows."""
    number = len(next(iter(columns.values())))
    noisy = dict(columns)
    extra: list[f.Row] = []
    rules: list[str] = []
    places: list[float] = []
    for fault in faults:
        candidates = columns[fault.source].is_valid().to_numpy(zero_copy_only=False) if fault.source else None
        at = f.drawn(number, f.rows_of(number, fault.share, fault.least), candidates, rng)
        sources = pa.table(columns).take(pa.array(at)).to_pylist()
        for position, row in zip(at.tolist(), sources, strict=True):
            fault.breaks(row, rng)
            extra.append(row)
            rules.append(fault.rule)
            behind = position + 1 + int(rng.integers(0, 40))
            places.append(min(behind, number) - 0.5 if fault.after else float(rng.integers(0, number + 1)) - 0.5)
    for noise in NOISE[layout.dataset]:
        values = noisy[noise.field]
        at = f.drawn(number, f.rows_of(number, noise.share, 1), values.is_valid().to_numpy(zero_copy_only=False), rng)
        noisy[noise.field] = _replaced(
            values, at, [noise.rewrite(text, rng) for text in columns[noise.field].take(pa.array(at)).to_pylist()]
        )
    table, order = _merged(noisy, extra, places, number)
    where = np.empty(len(order), np.int64)
    where[order] = np.arange(len(order))
    bad = [BadRow(file, int(where[number + index]) + layout.first_row, rule) for index, rule in enumerate(rules)]
    if layout.totals:
        bad.append(BadRow(file, len(order) + layout.first_row, "total row, not data"))
    headers = [column.header for column in layout.columns]
    return Export(
        layout,
        file,
        table.select([column.field for column in layout.columns]).rename_columns(headers),
        tuple(sorted(bad, key=lambda b: b.row)),
    )


def _merged(
    columns: dict[str, pa.StringArray], extra: list[f.Row], places: list[float], number: int
) -> tuple[pa.Table, np.ndarray]:
    base = pa.table(columns)
    order = np.argsort(np.concatenate((np.arange(number, dtype=np.float64), np.array(places, np.float64))), kind="stable")
    if not extra:
        return base, order
    further = pa.Table.from_pylist(extra, schema=base.schema)
    return pa.concat_tables([base, further]).combine_chunks().take(pa.array(order)), order


def _replaced(values: pa.StringArray, at: np.ndarray, texts: list[str | None]) -> pa.StringArray:
    mask = np.zeros(len(values), bool)
    mask[at] = True
    return pc.replace_with_mask(values, pa.array(mask), pa.array(texts, pa.string()))
