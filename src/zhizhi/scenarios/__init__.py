"""Scenario packages: read, check, localise."""
