"""A check that could not be run at all. A check that ran and failed is an `Outcome`, not an error.

A `ScratchError` stays until someone acts: no such tool, a package that does not exist, a full disk. Its kinds are what
may pass by itself: the way to a registry, the connection to a database, too many processes at once.
"""

from __future__ import annotations

from schemas.errors import RunError


class ScratchError(RunError):
    """What a check needs cannot be had: a tool, an environment, a database. The text says what to do."""

    code = "scratch_error"


class RegistryUnreachable(ScratchError):
    """Packages could not be fetched: no connection, an overloaded registry, an answer cut short."""

    code = "registry_unreachable"
    transient = True


class ScratchDatabaseLost(ScratchError):
    """The connection to the server of the scratch databases is gone, and with it what protects them."""

    code = "scratch_database_lost"
    transient = True


class MachineBusy(ScratchError):
    """No process or thread could be started: as many run as the machine, or its limit, admits."""

    code = "machine_busy"
    transient = True
