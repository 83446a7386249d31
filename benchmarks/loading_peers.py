"""The rules of the claims on Frictionless and pandera; prints seconds and bad rows as JSON. Called by ``loading.py``."""

from __future__ import annotations

import json
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
import pandera.pandas as pa
from frictionless import Check, Checklist, Resource, Schema, errors, fields

WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
CHECKS = "10X98765432"
KINDS = ["住院", "门诊", "普通门诊", "门诊特病", "inpatient", "outpatient", "special-disease"]
MONEY = ["医疗总费用", "基金支付", "个人负担"]
ID_FORM = r"[1-9][0-9]{16}[0-9X]"


def checksum(value: str) -> bool:
    return CHECKS[sum(int(c) * w for c, w in zip(value[:17], WEIGHTS, strict=True)) % 11] == value[17]


def frictionless_bad(path: Path, known: set[str]) -> list[int]:
    class Person(Check):
        Errors = [errors.RowError]  # noqa: RUF012

        def validate_row(self, row: Any) -> Any:
            value = row["证件号码"]
            if value and len(value) == 18 and not (checksum(value) and value in known):
                yield errors.RowError.from_row(row, note="resident id")
            total, fund, own = (row[name] for name in MONEY)
            if None not in (total, fund, own) and (own > total or fund > total or abs(fund + own - total) > 0.01):
                yield errors.RowError.from_row(row, note="parts")

    money = [fields.NumberField(name=n, constraints={"required": True, "minimum": 0, "maximum": 2_000_000}) for n in MONEY]
    schema = Schema(
        fields=[
            fields.StringField(name="结算流水号", constraints={"required": True, "unique": True, "pattern": "[A-Z]{2}[0-9]{10}"}),
            fields.StringField(name="证件号码", constraints={"required": True, "pattern": ID_FORM}),
            fields.DateField(name="结算日期", constraints={"required": True, "minimum": "2020-01-01"}),
            *money,
            fields.StringField(name="结算类型", constraints={"required": True, "enum": KINDS}),
            fields.StringField(name="定点医疗机构"),
        ]
    )
    resource = Resource(path=path.name, basepath=str(path.parent), schema=schema)
    report = resource.validate(Checklist(checks=[Person()], pick_errors=[]), limit_errors=10**9)
    return sorted({error.row_number for task in report.tasks for error in task.errors if hasattr(error, "row_number")})


def pandera_bad(path: Path, known: set[str]) -> list[int]:
    frame = pd.read_csv(path, dtype=str)
    for name in MONEY:
        frame[name] = pd.to_numeric(frame[name], errors="coerce")
    frame["结算日期"] = pd.to_datetime(frame["结算日期"], format="%Y-%m-%d", errors="coerce")

    def right(series: pd.Series) -> pd.Series:
        shaped = series.str.fullmatch(ID_FORM).fillna(False).astype(bool)
        total = sum(series.where(shaped, "0" * 18).str[i].astype(int) * w for i, w in enumerate(WEIGHTS))
        expected = (total % 11).map(dict(enumerate(CHECKS)))
        return shaped & (expected == series.str[17])

    def parts(data: pd.DataFrame) -> pd.Series:
        total, fund, own = (data[name] for name in MONEY)
        unknown = total.isna() | fund.isna() | own.isna()
        return unknown | ((own <= total) & (fund <= total) & ((fund + own - total).abs() <= 0.011))

    schema = pa.DataFrameSchema(
        {
            "结算流水号": pa.Column(
                str, [pa.Check.str_matches(r"^[A-Z]{2}[0-9]{10}$")], unique=True, report_duplicates="exclude_first"
            ),
            "证件号码": pa.Column(str, [pa.Check(right), pa.Check(lambda s: s.isin(known))]),
            "结算日期": pa.Column("datetime64[ns]", [pa.Check.ge(pd.Timestamp("2020-01-01"))], coerce=True),
            **{name: pa.Column(float, [pa.Check.in_range(0, 2_000_000)]) for name in MONEY},
            "结算类型": pa.Column(str, [pa.Check.isin(KINDS)]),
        },
        checks=[pa.Check(parts)],
    )
    try:
        schema.validate(frame, lazy=True)
    except pa.errors.SchemaErrors as found:
        cases = found.failure_cases
        return sorted({int(i) + 2 for i in cases["index"].dropna()})
    return []


def main() -> None:
    claims, people = Path(sys.argv[1]), Path(sys.argv[2])
    known = set(people.read_text(encoding="utf-8").split())
    found = {}
    for peer, run in (("frictionless", frictionless_bad), ("pandera", pandera_bad)):
        begun = time.perf_counter()
        bad = run(claims, known)
        found[peer] = {
            "version": version(peer),
            "seconds": round(time.perf_counter() - begun, 2),
            "found": len(bad),
            "bad rows": bad,
        }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
