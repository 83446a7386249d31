"""What was done, by whom and why; leaves of the ledger."""
