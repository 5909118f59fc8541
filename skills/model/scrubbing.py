"""Keep the environment's secrets out of texts that are stored or shown."""

from __future__ import annotations

import os
import re

SHORTEST = 8  # characters: replacing every `dev` of a text would spoil it and protect nothing

_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|DSN|DATABASE_URL", re.IGNORECASE)
# What providers put into their own messages, whether or not it came from the environment.
_KEYS = re.compile(r"\b(?:sk-[\w-]{16,}|AIza[\w-]{30,}|ya29\.[\w.-]{20,}|Bearer\s+[\w.~+/-]{16,}=*)")


def scrubbed(text: str) -> str:
    """Return `text` with every secret of the environment, and all that looks like a provider's key, replaced."""
    secrets = [(name, value) for name, value in os.environ.items() if _SECRET.search(name) and len(value) >= SHORTEST]
    for name, value in sorted(secrets, key=lambda pair: -len(pair[1])):
        text = text.replace(value, f"<{name}>")
    return _KEYS.sub("<key>", text)
