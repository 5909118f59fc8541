"""One call of a model: wait for it so long, try again so often, and tell what may pass from what will not.

Rate limits, overload, timeouts and broken connections pass; the provider's `Retry-After` is honoured up to the longest
wait. An answer that cannot be read is asked for once more. Anything else the provider says is final.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import TypeVar

from schemas.errors import BatonError
from skills.core.redaction import redact
from skills.model.errors import ModelCallFailed, ModelUnavailable

Reply = TypeVar("Reply")

_TOO_MANY, _TIMEOUT, _CONFLICT, _SERVER = 429, 408, 409, 500
# Base classes of the HTTP clients and SDKs that providers' packages bring; none of those is a dependency here.
_CONNECTION = frozenset({"TransportError", "APIConnectionError", "ClientConnectionError", "ClientPayloadError"})
# An error inside a stream comes with status 200 and a type.
_PASSING = frozenset({"overloaded_error", "rate_limit_error", "api_error", "timeout_error", "server_error"})
# Clients keep connections for the next call; the loop they were made in may be over by then.
_OTHER_LOOP = "Event loop is closed"
# What packages raise over an answer that is empty, no JSON, or other than they expect.
_GARBLED = (ValueError, TypeError, LookupError, AttributeError)
_TRIES_GARBLED = 2
_LONGEST_DETAIL = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class Patience:
    """How long to wait, in seconds. Waits double from `first` to `longest`; `call` is one call, stream included."""

    tries: int = 6
    first: float = 2.0
    longest: float = 60.0
    call: float = 600.0


async def call(skill: str, patience: Patience, once: Callable[[], Awaitable[Reply]]) -> Reply:
    """Return what `once` returns, called again while it fails for a reason that passes.

    Raises:
        ModelUnavailable: It failed `patience.tries` times.
        ModelCallFailed: It failed for a reason that does not pass.
    """
    wait = patience.first
    for tried in count(1):
        try:
            async with asyncio.timeout(patience.call):
                return await once()
        except BatonError:
            raise
        except Exception as error:
            passes, garbled = _passes(error), _is_garbled(error)
            if not passes and not garbled:
                raise ModelCallFailed(skill, _detail(error)) from error
            if tried >= (patience.tries if passes else min(_TRIES_GARBLED, patience.tries)):
                what = "" if passes else "no answer that can be read: "
                raise ModelUnavailable(skill, f"{what}{_detail(error, patience)} (tried {tried} times)") from error
            asked = _retry_after(error)
        await asyncio.sleep(min(patience.longest, max(wait, asked)))
        wait *= 2
    raise AssertionError  # `count` has no end


def _passes(error: BaseException) -> bool:
    status = next((found for found in map(_status, _causes(error)) if found), 0)
    if status >= _SERVER or status in {_TOO_MANY, _TIMEOUT, _CONFLICT}:
        return True
    return any(
        isinstance(each, TimeoutError | ConnectionError)
        or any(base.__name__ in _CONNECTION for base in type(each).__mro__)
        or _type(each) in _PASSING
        or (isinstance(each, RuntimeError) and str(each) == _OTHER_LOOP)
        for each in _causes(error)
    )


def _is_garbled(error: BaseException) -> bool:
    """Return whether an answer came that the provider's package could make nothing of. The next may be another."""
    return not any(map(_status, _causes(error))) and isinstance(error, _GARBLED)


def _causes(error: BaseException) -> Iterator[BaseException]:
    current: BaseException | None = error
    while current is not None:
        yield current
        current = current.__cause__


def _status(error: BaseException) -> int:
    for name in ("status_code", "code"):
        status = getattr(error, name, None)
        if isinstance(status, int) and status >= 400:  # noqa: PLR2004  # below are no errors of HTTP
            return status
    return 0


def _type(error: BaseException) -> str:
    body = getattr(error, "body", None)
    inner = body.get("error", body) if isinstance(body, dict) else None
    return str(inner.get("type", "")) if isinstance(inner, dict) else str(getattr(error, "type", ""))


def _retry_after(error: BaseException) -> float:
    for each in _causes(error):
        headers = getattr(getattr(each, "response", None), "headers", None) or {}
        try:
            return float(headers.get("retry-after", ""))
        except ValueError:
            continue
    return 0.0


def _detail(error: BaseException, patience: Patience | None = None) -> str:
    if patience and isinstance(error, TimeoutError) and not str(error):
        return f"no answer within {patience.call:g} seconds"
    text = redact(f"{type(error).__name__}: {error}".rstrip(": "))
    return text if len(text) <= _LONGEST_DETAIL else f"{text[:_LONGEST_DETAIL]}…"
