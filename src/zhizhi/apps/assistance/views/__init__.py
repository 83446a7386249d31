"""Pages of findings, households, policies and warnings."""
