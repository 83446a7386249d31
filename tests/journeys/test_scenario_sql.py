"""The SQL of a package is text of the engine that was asked for."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlglot
from typer.testing import CliRunner

from zhizhi.cli.main import app
from zhizhi.kernel.errors import UsageError

PACKAGE = Path(__file__).resolve().parents[2] / "scenarios" / "social-assistance"


@pytest.mark.parametrize(("dialect", "reader"), [("duckdb", "duckdb"), ("postgres", "postgres"), ("pyspark", "spark")])
def test_every_step_parses_in_its_dialect_and_the_last_ones_are_the_bits(dialect: str, reader: str) -> None:
    told = CliRunner().invoke(app, ["scenario", "sql", str(PACKAGE), "--dialect", dialect, "--on", "2025-09-01"])
    assert told.exit_code == 0
    made = [statement.this.name for statement in sqlglot.parse(told.output, read=reader) if statement is not None]
    assert made[-2:] == ["household_bits", "person_bits"]
    assert "household_file" in made


def test_an_unknown_dialect_names_those_that_exist() -> None:
    told = CliRunner().invoke(app, ["scenario", "sql", str(PACKAGE), "--dialect", "oracle", "--on", "2025-09-01"])
    assert isinstance(told.exception, UsageError)
    assert "pyspark" in told.exception.text("en")
