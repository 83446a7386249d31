"""A synthetic region: seed and size in, Arrow tables out. Nothing in it describes a real person."""

from zhizhi.engines.synthesis.answers import Answers
from zhizhi.engines.synthesis.faulty import BadRow, Export, exports
from zhizhi.engines.synthesis.layouts import LAYOUTS, Layout
from zhizhi.engines.synthesis.region import LARGEST, SMALLEST, Region, region
from zhizhi.engines.synthesis.tables import Names, clean_tables, population_tables

__all__ = [
    "LARGEST",
    "LAYOUTS",
    "SMALLEST",
    "Answers",
    "BadRow",
    "Export",
    "Layout",
    "Names",
    "Region",
    "clean_tables",
    "exports",
    "population_tables",
    "region",
]
