"""Keep secrets out of what is told: logs, events, checkpoints, messages, traces.

    redact("cannot reach the database: password=hunter2 host=db")   # "… password=[redacted] host=db"

A secret is the value of a variable of this process whose name says so, as it is or as URLs, JSON, HTML and Python
write it; and whatever has a secret's shape. What people and skills wrote (PRDs, handoffs, files of the app) is
content, not talk, and does not come here.

The lowest layer whose texts come from outside is this one: models and their providers are asked here, tools one layer
up. Not here: the shapes (`skills.core.secret_shapes`).
"""

from __future__ import annotations

import html
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, quote_plus, unquote

from skills.core.secret_shapes import REDACTED, redact_shapes

_SHORTEST = 6  # characters of a secret; a shorter one would be found in words that are none
_ANYWHERE = 12  # characters from which a value is replaced within a longer word, too
_RANDOM = 16  # characters from which a value that mixes letters and digits is a key, not a name

_SECRET_NAME = re.compile(
    r"TOKEN(?!S|IZE)|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL|PRIVATE_?KEY|API_?KEY|ACCESS_?KEY"
    r"|(?:SIGNING|ENCRYPTION|MASTER|ACCOUNT|SESSION|JWT|HMAC|STORAGE|DEPLOY)_?KEY|(?:^|_)(?:PWD|PASS|AUTH|COOKIE|PAT)$"
)
# What a secret's name may end in without its value being one: where it is kept, or how it is used.
_ABOUT = re.compile(
    r"_(?:FILE|PATH|DIR|URL|URI|HOST|PORT|NAME|SOCK|HELPER|PROVIDER|ISSUER|ENDPOINT|AUDIENCE|ALGORITHM|TYPE|TTL"
    r"|EXPIRY|EXPIRES|EXPIRE_[A-Z]+|SECONDS|MINUTES|LENGTH|LIMIT|ENABLED|REQUIRED)$|^(?:OLD)?PWD$"
)
_DATA_SOURCE = re.compile(r"(?:^|_)(?:DSN|(?:DATABASE|DB|REDIS|BROKER|CONNECTION)_(?:URL|URI|STRING))$")
_KEY_NAME = re.compile(r"_KEY$")
_COMMON = (
    "changeme default develop development disabled enabled example localhost passwd password postgres production"
    " redacted [redacted] required secret staging testing unknown"
)
_TRIVIAL = frozenset(_COMMON.split())
_STANDS_FOR = ("{", "<", "*", "${")  # begins what stands for a secret that is put in later
_URL = re.compile(r"://([^\s,;\"']+)")
_PASSWORD_WORD = re.compile(
    r"(?i)(?<![a-z0-9])(?:password|pwd|accountkey|sharedaccesskey)\s?=\s?'?(?P<password>[^\s;'&]+)"
)


def redact(text: str) -> str:
    """Return `text` with every secret replaced by `[redacted]`; doing it twice changes nothing more.

    Takes time linear in the text: some 20 ms a megabyte.
    """
    if len(text) < _SHORTEST:
        return text
    for replace in _known():
        text = replace(text)
    return redact_shapes(text)


def redact_fields(value: Any) -> Any:  # noqa: ANN401 - whatever a log record holds
    """Return a log record's value, JSON or not, with every secret in it replaced.

    The text under a key that says secret (`password`, `api_key`) is one. What is neither JSON nor a tuple is shown by
    its `repr`, redacted.
    """
    match value:
        case str():
            return redact(value)
        case None | bool() | int() | float():
            return value
        case Mapping():
            return {str(key): _of_field(str(key), item) for key, item in value.items()}
        case list() | tuple():
            return [redact_fields(item) for item in value]
        case _:
            return redact(repr(value))


def _of_field(name: str, value: object) -> object:
    secret = isinstance(value, str) and _says_secret(name.upper()) and not _is_trivial(value)
    return REDACTED if secret else redact_fields(value)


@dataclass(frozen=True, slots=True)
class _Replace:
    """Replaces one spelling of a known value; a short one only where no letter or digit goes on."""

    spelling: str
    pattern: re.Pattern[str] | None

    def __call__(self, text: str) -> str:
        if self.spelling not in text:
            return text
        return text.replace(self.spelling, REDACTED) if self.pattern is None else self.pattern.sub(REDACTED, text)


class _Environment:
    """The secrets of this process's environment, looked for again whenever it has changed."""

    def __init__(self) -> None:
        self._seen: dict[Any, Any] | None = None
        self._replacements: tuple[_Replace, ...] = ()

    def __call__(self) -> tuple[_Replace, ...]:
        # The dictionary inside `os.environ`, if there is one: comparing it takes 1 µs, decoding every variable 40.
        now = getattr(os.environ, "_data", os.environ)
        if now != self._seen:
            seen = dict(now)
            self._replacements = _replacements(dict(os.environ))
            self._seen = seen  # last: another thread must not take the old replacements for the new ones
        return self._replacements


_known: Callable[[], tuple[_Replace, ...]] = _Environment()


def _replacements(environment: Mapping[str, str]) -> tuple[_Replace, ...]:
    """Return how to replace each spelling of each secret, the longest first: one secret may hold another."""
    spellings = {each for secret in secrets_of(environment) for each in _spellings(secret)}
    return tuple(_Replace(each, _bounded(each)) for each in sorted(spellings, key=lambda text: (-len(text), text)))


def secrets_of(environment: Mapping[str, str]) -> set[str]:
    """Return the values in `environment` that are secret: by their variable's name, or as credentials in a URL."""
    found: set[str] = set()
    for name, value in environment.items():
        found.update(_credentials(value))
        if _is_secret(name.upper(), value):
            found.add(value.strip())
    return {each for each in found if not _is_trivial(each) and not each.startswith(_STANDS_FOR)}


def _is_secret(name: str, value: str) -> bool:
    if _DATA_SOURCE.search(name):
        return False  # its host and database may be told; its credentials are found as such
    if _says_secret(name):
        return not (value.startswith(("/", "~", "./")) and os.path.exists(os.path.expanduser(value)))  # noqa: PTH110, PTH111 - a value may be no path at all
    return bool(_KEY_NAME.search(name)) and _looks_random(value)


def _says_secret(name: str) -> bool:
    return bool(_SECRET_NAME.search(name)) and not _ABOUT.search(name)


def _credentials(value: str) -> Iterator[str]:
    """Yield the passwords in a URL or a connection string, as they are and decoded."""
    for rest in _URL.findall(value):
        user, colon, password = _userinfo(rest).partition(":")
        if colon:
            yield from (password, unquote(password))
        elif _looks_random(user):
            yield user
    for match in _PASSWORD_WORD.finditer(value):
        yield from (match["password"], unquote(match["password"]))


def _userinfo(rest: str) -> str:
    """Return what stands before the host in a URL without its scheme, even if its password holds a `/`, `?` or `#`."""
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    return (authority if "@" in authority else rest).rpartition("@")[0]


def _looks_random(value: str) -> bool:
    return len(value) >= _RANDOM and any(map(str.isdigit, value)) and any(map(str.isalpha, value))


def _is_trivial(value: str) -> bool:
    """Return whether a value is too common to be looked for everywhere: a short one, a number, a plain word."""
    text = value.strip()
    plain = text.isalpha() and text.islower() and len(text) <= _SHORTEST + 1
    return len(text) < _SHORTEST or text.lower() in _TRIVIAL or plain or (text.isdigit() and len(text) < _ANYWHERE)


def _spellings(secret: str) -> set[str]:
    encoded = {quote(secret, safe=""), quote(secret), quote_plus(secret)}
    lower = {re.sub(r"%[0-9A-F]{2}", lambda match: match.group().lower(), each) for each in encoded}
    escaped = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], repr(secret)[1:-1]}
    return {secret, html.escape(secret), *encoded, *lower, *escaped}


def _bounded(spelling: str) -> re.Pattern[str] | None:
    if len(spelling) >= _ANYWHERE:
        return None
    return re.compile(rf"(?<![A-Za-z0-9]){re.escape(spelling)}(?![A-Za-z0-9])")
