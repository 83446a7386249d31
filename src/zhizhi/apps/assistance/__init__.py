"""Findings made into help."""
