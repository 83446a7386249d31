"""Reads of datasets, quarantine, uploads and answers."""
