"""A synthetic region: seed and size in, Arrow tables out. Nothing in it describes a real person."""

from zhizhi.engines.synthesis.region import Region, region
from zhizhi.engines.synthesis.tables import Names, clean_tables, population_tables

__all__ = ["Names", "Region", "clean_tables", "population_tables", "region"]
