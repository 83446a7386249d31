"""Django apps: each owns its tables and one slice of government work; lower may not know higher."""
