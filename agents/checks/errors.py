"""A check that could not be run at all. A check that ran and failed is an `Outcome`, not an error."""

from __future__ import annotations

from schemas.errors import RunError


class ScratchError(RunError):
    """What a check needs cannot be had: a tool, an environment, a database. The text says what to do."""

    code = "scratch_error"
