"""Hold a table to its declared contract: the contract's rules compiled to set-based SQL text."""
