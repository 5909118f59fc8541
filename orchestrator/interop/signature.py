"""Tell a file that Baton wrote, and nobody changed since, by its last line: a comment with the hash of the rest.

Not here: what is written (`orchestrator.interop.claude_code`).
"""

from __future__ import annotations

import hashlib
import re
from typing import Literal

Whose = Literal["ours", "edited", "another's"]

_MARK = re.compile(r"\n<!-- written by `baton export`, sha256 (?P<digest>[0-9a-f]{64}) -->\n\Z")
_ANYWHERE = "<!-- written by `baton export`, sha256 "


def marked(text: str) -> str:
    """Return `text` with the mark as its last line."""
    body = text.rstrip("\n") + "\n"
    return f"{body}\n<!-- written by `baton export`, sha256 {_digest(body)} -->\n"


def whose(content: bytes) -> Whose:
    """Return whether a file is as Baton wrote it, was changed since, or was never Baton's. Line ends do not count."""
    text = content.decode("utf-8", errors="replace").replace("\r\n", "\n")
    found = _MARK.search(text)
    if found is not None and _digest(text[: found.start()]) == found["digest"]:
        return "ours"
    return "edited" if _ANYWHERE in text else "another's"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
