"""The only floor that names a data engine or a table store."""
