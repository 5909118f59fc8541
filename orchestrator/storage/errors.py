"""What goes wrong with the server that Baton remembers in."""

from __future__ import annotations

from schemas.errors import RunError


class PostgresUnavailable(RunError):
    """There is no PostgreSQL to work with."""

    code = "no_database"
