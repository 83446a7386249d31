"""Writes of the journal: events, and their sealing into the ledger."""

from zhizhi.apps.journal.services.events import record, record_many

__all__ = ["record", "record_many"]
