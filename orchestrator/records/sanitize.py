"""Text of a PRD or a tool made safe to look at: it is shown, never obeyed."""

from __future__ import annotations

import unicodedata

_STEERING = {"Cc", "Cf", "Co", "Cs"}
_KEPT = {"\n", "\t", "\N{ZERO WIDTH JOINER}", "\N{ZERO WIDTH NON-JOINER}"}


def sanitize(text: str) -> str:
    """Return `text` with control and direction-changing characters replaced by their escapes."""
    if text.isprintable():
        return text
    return "".join(
        f"\\x{ord(each):02x}" if unicodedata.category(each) in _STEERING and each not in _KEPT else each
        for each in text
    )
