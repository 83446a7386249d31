"""Datasets, their contracts, loads, quality and corrections."""
