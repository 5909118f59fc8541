"""Make the app's methods from their contracts: one that blocks and one that is awaited, with one signature.

Not here: what they do (`orchestrator.vertex.service`), how they are declared (`orchestrator.vertex.operation_schemas`).
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias, TypeVar

from orchestrator.vertex.contracts import MethodCall
from schemas.base import JSON

Reply: TypeAlias = dict[str, JSON]
Mode: TypeAlias = Literal["", "async", "stream", "async_stream"]  # as the platform calls them
F = TypeVar("F", bound=Callable[..., Any])
_ATTRIBUTE = "operation"


class App(Protocol):
    """What has the methods: each comes down to one of these four calls of the service."""

    def call(self, name: str, contract: type[MethodCall], given: Mapping[str, object], /) -> Reply: ...

    async def acall(self, name: str, contract: type[MethodCall], given: Mapping[str, object], /) -> Reply: ...

    def iterate(self, name: str, contract: type[MethodCall], given: Mapping[str, object], /) -> Iterator[Reply]: ...

    def aiterate(
        self, name: str, contract: type[MethodCall], given: Mapping[str, object], /
    ) -> AsyncIterator[Reply]: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Operation:
    """A method of the app: its name, how it is called, the contract of its input, and what it does in a sentence."""

    name: str
    mode: Mode
    contract: type[MethodCall]
    text: str


def method(
    name: str, contract: type[MethodCall], text: str
) -> tuple[Callable[..., Reply], Callable[..., Awaitable[Reply]]]:
    """Return the method `name` of the service as one of the app that blocks, and one that is awaited."""

    def call(self: App, **given: JSON) -> Reply:
        return self.call(name, contract, given)

    async def acall(self: App, **given: JSON) -> Reply:
        return await self.acall(name, contract, given)

    return _named(call, name, "", contract, text), _named(acall, f"async_{name}", "async", contract, text)


def stream(
    name: str, contract: type[MethodCall], text: str
) -> tuple[Callable[..., Iterator[Reply]], Callable[..., AsyncIterator[Reply]]]:
    """Return the generator `name` of the service as one of the app that blocks, and one that is awaited."""

    def iterate(self: App, **given: JSON) -> Iterator[Reply]:
        yield from self.iterate(name, contract, given)

    async def aiterate(self: App, **given: JSON) -> AsyncIterator[Reply]:
        async for reply in self.aiterate(name, contract, given):
            yield reply

    return (
        _named(iterate, name, "stream", contract, text),
        _named(aiterate, f"async_{name}", "async_stream", contract, text),
    )


def operations_of(app: type) -> tuple[Operation, ...]:
    """Return the operations of an app, in the order they are written in."""
    return tuple(getattr(each, _ATTRIBUTE) for each in vars(app).values() if hasattr(each, _ATTRIBUTE))


def _named(function: F, name: str, mode: Mode, contract: type[MethodCall], text: str) -> F:
    itself = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    signature = inspect.signature(contract)
    function.__name__, function.__doc__ = name, text
    function.__qualname__ = f"BatonApp.{name}"
    described: Any = function
    described.__signature__ = signature.replace(parameters=[itself, *signature.parameters.values()])
    setattr(described, _ATTRIBUTE, Operation(name=name, mode=mode, contract=contract, text=text))
    return function
