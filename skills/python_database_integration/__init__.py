"""The skill `python-database-integration`."""
