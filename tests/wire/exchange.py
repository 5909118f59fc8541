"""What a model is asked and says, whichever provider's protocol carries it: what players of a loopback server see.

A player is a function of the request that returns a `Reply`, or a `Trouble` of the wire instead of one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

JSON: TypeAlias = Any


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a tool. Arguments that are text are sent as they are: JSON, or what a broken model takes for it."""

    name: str
    arguments: Mapping[str, JSON] | str


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """One message. A `tool` turn is the result of one call, by the `name` of the tool."""

    role: Literal["user", "model", "tool"]
    text: str = ""
    calls: tuple[Call, ...] = ()
    name: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """What was asked. `tools` are the schemas of their arguments, by name; `size` is the body's length in bytes.

    `number` counts the requests of a server, from 1.
    """

    provider: str
    model: str
    system: str
    turns: tuple[Turn, ...]
    tools: Mapping[str, JSON]
    headers: Mapping[str, str] = field(repr=False)
    size: int = 0
    number: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """What a model says. `stop` is why it ended."""

    text: str = ""
    calls: tuple[Call, ...] = ()
    stop: Literal["done", "length", "refusal"] = "done"


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """An HTTP error as the provider words it, or with a `page` in place of its JSON."""

    status: int
    message: str = "no"
    headers: Mapping[str, str] = field(default_factory=dict)
    page: str | None = None


@dataclass(frozen=True, slots=True)
class Dropped:
    """Half of the stream of a reply, then a closed connection."""

    reply: Reply


@dataclass(frozen=True, slots=True)
class Cut:
    """Half of the stream of a reply, then its end as if that were all."""

    reply: Reply


@dataclass(frozen=True, slots=True)
class Overloaded:
    """Half of the stream of a reply, then the provider's own error within the stream."""

    reply: Reply


@dataclass(frozen=True, slots=True)
class Silent:
    """Nothing for as long as the server lives, at once or after half of the stream of a reply."""

    reply: Reply | None = None


@dataclass(frozen=True, slots=True)
class Raw:
    """A body as it is."""

    body: bytes
    headers: Mapping[str, str] = field(default_factory=lambda: {"content-type": "text/event-stream"})


class Closed:
    """The connection is closed without a word."""


Trouble: TypeAlias = Refusal | Dropped | Cut | Overloaded | Silent | Raw | Closed
Player: TypeAlias = Callable[[Request], Reply | Trouble]


class Refused(Exception):
    """A request that the provider turns down, in its words."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(status, message)
        self.status, self.message = status, message


def require(holds: object, message: str) -> None:
    """Turn a request down as malformed unless `holds`."""
    if not holds:
        raise Refused(400, message)
