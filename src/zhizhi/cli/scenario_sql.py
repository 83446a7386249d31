"""``zhizhi scenario sql``: what a package's policies say, as the SQL text of an engine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zhizhi.backends.screening import plan_package
from zhizhi.cli.screen import OnOption, as_of
from zhizhi.kernel.errors import UsageError
from zhizhi.scenarios.package import read_package
from zhizhi.scenarios.shipped import find_package

DIALECTS = ("duckdb", "postgres", "pyspark", "sqlite")


def sql(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the scenario package.")],
    dialect: Annotated[str, typer.Option("--dialect", help="duckdb, postgres, pyspark or sqlite.")] = "duckdb",
    on: OnOption = "",
) -> None:
    """Print the steps that decide the package's policies on a date, each table as one SELECT.

    They read person_base, household_base and records_* (whole numbers of 10^-scale, dates as yyyymmdd) and end in
    household_bits and person_bits.
    """
    if dialect not in DIALECTS:
        raise UsageError("usage.dialect", value=dialect, known=", ".join(DIALECTS))
    plan = plan_package(read_package(find_package(folder)), as_of(on))
    for name, select in plan.tables(dialect, plan.steps):
        typer.echo(f"CREATE TABLE {name} AS\n{select};\n")
