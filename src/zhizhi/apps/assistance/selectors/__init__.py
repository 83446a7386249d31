"""Reads of findings, households and policies."""
