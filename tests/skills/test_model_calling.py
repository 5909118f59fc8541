"""One call: what passes is waited for, as long as the provider asks; what does not is final."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from skills.model.call import Patience, call
from skills.model.errors import ModelCallFailed, ModelUnavailable


class Response(Exception):
    """An error as SDKs raise it."""

    def __init__(self, **facts: object) -> None:
        super().__init__("no")
        self.__dict__.update(facts)


class APIConnectionError(Exception):
    """Named as the SDKs of Anthropic and OpenAI name theirs."""


def wrapped() -> Exception:
    """Return an error around another, as LangChain's packages raise it."""
    error = RuntimeError("the chat failed")
    error.__cause__ = Response(code=503)
    return error


async def waits(monkeypatch: pytest.MonkeyPatch, errors: list[Exception], patience: Patience) -> list[float]:
    """Fail with `errors`, then answer; return how long was waited before each further try, in seconds."""
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    async def once() -> str:
        if errors:
            raise errors.pop(0)
        return "done"

    monkeypatch.setattr("asyncio.sleep", sleep)
    assert await call("note-writer", patience, once) == "done"
    return waited


PASSING = (
    Response(status_code=429),
    Response(status_code=408),
    Response(code=500),
    Response(status_code=529),
    Response(status_code=200, body={"type": "error", "error": {"type": "overloaded_error"}}),
    Response(type="server_error"),
    APIConnectionError("reset"),
    ConnectionResetError(),
    TimeoutError(),
    wrapped(),
    RuntimeError("Event loop is closed"),
)


@pytest.mark.parametrize("error", PASSING, ids=range(len(PASSING)))
async def test_what_passes_is_tried_again(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    assert await waits(monkeypatch, [error], Patience(first=3.0)) == [3.0]


FINAL = (
    Response(status_code=400),
    Response(status_code=401),
    Response(status_code=404),
    Response(code="model_not_found"),
    RuntimeError("the package will not"),
)


@pytest.mark.parametrize("error", FINAL, ids=range(len(FINAL)))
async def test_what_does_not_pass_is_final(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    with pytest.raises(ModelCallFailed):
        await waits(monkeypatch, [error], Patience())


GARBLED = (
    ValueError("No generations found in stream."),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "no"),
    KeyError("id"),
)


@pytest.mark.parametrize("error", GARBLED, ids=range(len(GARBLED)))
async def test_an_answer_that_cannot_be_read_is_asked_for_once_more(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    assert await waits(monkeypatch, [error], Patience(first=3.0)) == [3.0]
    with pytest.raises(ModelUnavailable, match=r"no answer that can be read: .* \(tried 2 times\)"):
        await waits(monkeypatch, [error] * 3, Patience())


async def test_waits_double_up_to_the_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    errors: list[Exception] = [Response(status_code=500) for _ in range(5)]

    assert await waits(monkeypatch, errors, Patience(first=2.0, longest=10.0)) == [2.0, 4.0, 8.0, 10.0, 10.0]


async def test_a_provider_says_how_long_to_wait_within_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    errors: list[Exception] = [
        Response(status_code=429, response=SimpleNamespace(headers={"retry-after": seconds}))
        for seconds in ("7", "3600", "Wed, 21 Oct 2026 07:28:00 GMT")
    ]

    assert await waits(monkeypatch, errors, Patience(first=1.0, longest=60.0)) == [7.0, 60.0, 4.0]


async def test_patience_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    errors: list[Exception] = [Response(status_code=429) for _ in range(3)]
    with pytest.raises(ModelUnavailable, match=r"Response: no \(tried 3 times\)"):
        await waits(monkeypatch, errors, Patience(tries=3))
