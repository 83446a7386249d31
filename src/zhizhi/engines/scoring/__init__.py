"""Indicators into comparable scores and honest ranks."""
