"""What a test runner notes while it runs, so that one that is ended has named what failed and what was running.

A line a note, in JSON: `["started", TEST]`, `["ended", TEST]`, `["failed", TEST, REASON]`. Plugins of ours write them
(`python/probes/baton_journal.py`, `node/probes/journal.mjs`) to the file that BATON_JOURNAL names.

Not here: the reports of runners that came to their end (`agents.checks.python.suite`, the toolchains' checks).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from skills.core.redaction import redact

VARIABLE = "BATON_JOURNAL"
_SHOWN = 300  # characters of a test and its reason
_LISTED = 100  # tests


def told(journal: str) -> str:
    """Return what a journal says, in lines for a log: the tests that failed, and those that were running."""
    failed: dict[str, str] = {}
    running: dict[str, None] = {}
    for word, test, reason in _notes(journal):
        if word == "started":
            running[test] = None
        elif word == "failed":
            failed[test] = reason
        else:
            running.pop(test, None)
    return f"{_listed('failed until then', failed)}{_listed('still running', dict.fromkeys(running, ''))}"


def _notes(journal: str) -> Iterator[tuple[str, str, str]]:
    """Yield each note. What is none is left out: the code that is tested may write there, too."""
    for line in journal.splitlines():
        try:
            match json.loads(line):
                case [str(word), str(test), *reason]:
                    yield word, test, " ".join(map(str, reason))
        except (ValueError, RecursionError):
            continue


def _listed(what: str, tests: Mapping[str, str]) -> str:
    lines = [f"{test}: {reason}" if reason else test for test, reason in tests.items()]
    shown = [redact(" ".join(line.split()))[:_SHOWN] for line in lines[:_LISTED]]
    more = [f"… and {len(lines) - _LISTED} more"] if len(lines) > _LISTED else []
    return "\n".join([f"[{what}: {len(lines)}]", *(f"  {line}" for line in (*shown, *more)), ""])
