"""What the command line prints: Rich's markup is off throughout, and what could steer a terminal is made harmless."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Container, Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from orchestrator.records.sanitize import sanitize

_UNFOLDED = 400  # columns
_WIDEST = 10_000  # characters of a line


def console(*, stderr: bool = False) -> Console:
    """Return a console that prints text as it is; where no person looks at a screen, lines are not folded."""
    width = None if (sys.stderr if stderr else sys.stdout).isatty() else _UNFOLDED
    return Console(stderr=stderr, markup=False, highlight=False, emoji=False, soft_wrap=True, width=width)


def say_table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, right: Container[str] = ()) -> None:
    """Print rows in columns, as wide as they are: a path broken in two is no use. `right` names headings of numbers."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in headings:
        table.add_column(heading, justify="right" if heading in right else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(sanitize(cell)) for cell in row))
    out = Console(markup=False, highlight=False, emoji=False, width=_WIDEST)
    out.print(table)


def say(text: str = "") -> None:
    """Print text to standard output."""
    sys.stdout.write(f"{sanitize(text)}\n")


def say_aside(text: str) -> None:
    """Print text to standard error: what is said about the output, and is not part of it."""
    sys.stderr.write(f"{sanitize(text)}\n")


def say_json(text: str) -> None:
    """Print JSON, which has its own escapes, on a line of its own."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def say_error(text: str) -> None:
    """Print an error to standard error, without secrets."""
    sys.stderr.write(f"baton: {sanitize(redacted(text))}\n")


def redacted(text: str) -> str:
    """Return `text` without secrets. What knows them is imported only when something went wrong."""
    return str(importlib.import_module("skills.core.redaction").redact(text))
