"""Pages of login, account and administration."""
