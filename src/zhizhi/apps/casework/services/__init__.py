"""Writes of casework: each checks permission, changes, and records one event in one transaction."""
