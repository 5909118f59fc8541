"""The root of every error Baton raises on purpose.

    BatonError
    ├── InputError       the caller's mistake: bad PRD, bad workspace, bad option (exit code 2)
    └── RunError         the run could not go on: no database, no Node, a tool that cannot be installed (exit code 1)

A check or guard that finds something wrong is a result, not an error. Anything else that reaches a caller is a bug.
"""

from __future__ import annotations

from typing import ClassVar


class BatonError(Exception):
    """Base of every error raised on purpose. Its text says what, where, and the next step.

    `transient`: may the same work succeed, unchanged, a little later?
    """

    code: ClassVar[str] = "error"  # stable and searchable; logged and stored, never renamed
    transient: ClassVar[bool] = False


class InputError(BatonError):
    """The caller's mistake. Nothing was written."""

    code = "bad_input"


class RunError(BatonError):
    """The run could not go on, through no fault of its input."""

    code = "run_error"
