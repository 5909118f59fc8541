"""Have a stream of JSON lines read as what it is.

Agent Engine streams one JSON value a line. Google's client puts such lines together by counting braces, those in texts
included: one `{` in an event's text would swallow all that follows. Lines framed as server-sent events it takes as they
are, so they are framed on their way in.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx

_STREAMING = ":streamQuery"
_FRAME = b"data:"
# they end a line to whoever splits text into lines, not to JSON
_ENDS = {text.encode(): f"\\u{ord(text):04x}".encode() for text in ("\x85", "\u2028", "\u2029")}


class FramingClient(httpx.AsyncClient):
    """Frames the lines of what `streamQuery` answers, which it asks for uncompressed."""

    async def send(self, request: httpx.Request, **options: Any) -> httpx.Response:  # noqa: ANN401 - httpx's own
        """Send a request."""
        streams = request.url.path.endswith(_STREAMING)
        if streams:
            request.headers["accept-encoding"] = "identity"
        response = await super().send(request, **options)
        if streams and response.is_success and isinstance(response.stream, httpx.AsyncByteStream):
            response.stream = _Framed(response.stream)
        return response


class _Framed(httpx.AsyncByteStream):
    def __init__(self, lines: httpx.AsyncByteStream) -> None:
        self._lines = lines

    async def __aiter__(self) -> AsyncIterator[bytes]:
        rest = b""
        async for chunk in self._lines:
            *lines, rest = (rest + chunk).split(b"\n")
            for each in lines:
                yield _framed(each)
        yield _framed(rest)

    async def aclose(self) -> None:
        await self._lines.aclose()


def _framed(line: bytes) -> bytes:
    line = line.rstrip(b"\r")
    if not line or line.startswith(_FRAME):
        return line + b"\n"
    for end, escaped in _ENDS.items():
        line = line.replace(end, escaped)
    return b"data: " + line + b"\n\n"
