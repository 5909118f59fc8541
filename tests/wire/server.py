"""A loopback server that speaks the providers' protocols, with a player for a model.

It refuses what the providers would refuse; `refused` keeps what it said, `asked` what it was asked. Only streams are
answered: that is how Baton asks.

Not here: the protocols (`tests.wire.anthropic_api` and its siblings).
"""

from __future__ import annotations

import json
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Protocol, Self

from tests.wire.exchange import (
    JSON,
    Closed,
    Cut,
    Dropped,
    Overloaded,
    Player,
    Raw,
    Refusal,
    Refused,
    Reply,
    Request,
    Silent,
    Trouble,
)

TOKEN = "a-token-of-the-loopback-server"


class Api(Protocol):
    """One provider's protocol."""

    def serves(self, path: str) -> bool:
        """Return whether requests to `path` are its own."""
        ...

    def request(self, path: str, headers: Mapping[str, str], body: JSON) -> Request:
        """Return what is asked.

        Raises:
            Refused: The provider would turn it down.
        """
        ...

    def stream(self, reply: Reply, request: Request) -> Iterator[bytes]:
        """Yield a reply, event by event."""
        ...

    def overloaded(self) -> bytes:
        """Return the event of an error within a stream."""
        ...

    def error(self, status: int, message: str) -> JSON:
        """Return the body of an error."""
        ...


class Loopback:
    """The server; a context manager. `url` has no slash at its end."""

    def __init__(self, apis: Sequence[Api], player: Player) -> None:
        self.apis, self.player = apis, player
        self.asked: list[Request] = []
        self.refused: list[str] = []
        self.broken: list[str] = []  # tracebacks
        self.over = threading.Event()
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.loopback = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        if self.broken and error is None:
            raise AssertionError(f"the player or the protocol failed {len(self.broken)} times:\n{self.broken[0]}")

    def played(self, request: Request) -> tuple[Request, Reply | Trouble]:
        """Return the request with its number, and what the player says; one at a time, in the order they came."""
        with self._lock:
            numbered = replace(request, number=len(self.asked) + 1)
            self.asked.append(numbered)
            return numbered, self.player(numbered)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    loopback: Loopback

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002  # the base's parameters
        """Keep what failed here; that clients went away is no failure."""
        error = sys.exception()
        if not isinstance(error, ConnectionError):
            self.loopback.broken.append("".join(traceback.format_exception(error)))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length", 0)))
        path, loopback = self.path.partition("?")[0], self.server.loopback
        if path == "/token":  # where Google's packages turn a service account's key into a token
            self._json(200, {"access_token": TOKEN, "expires_in": 3600, "token_type": "Bearer"})
            return
        api = next((each for each in loopback.apis if each.serves(path)), None)
        if api is None:
            self._json(404, {"error": {"message": f"no such path: {path}"}})
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            request = api.request(path, {**headers, "content-length": str(len(raw))}, _decoded(raw))
        except Refused as refused:
            loopback.refused.append(refused.message)
            self._json(refused.status, api.error(refused.status, refused.message))
            return
        self._answer(api, *loopback.played(request))

    def _answer(self, api: Api, request: Request, said: Reply | Trouble) -> None:
        match said:
            case Raw(body, headers):
                self._body(200, body, headers)
            case Refusal(page=None):
                self._json(said.status, api.error(said.status, said.message), said.headers)
            case Refusal():
                self._body(said.status, str(said.page).encode(), {"content-type": "text/html", **said.headers})
            case Closed():
                self.close_connection = True
            case _:
                self._streamed(api, request, said)

    def _streamed(self, api: Api, request: Request, said: Reply | Dropped | Cut | Overloaded | Silent) -> None:
        reply = said if isinstance(said, Reply) else said.reply
        events = [*api.stream(reply, request)] if reply is not None else []
        match said:
            case Reply():
                self._stream(events, whole=True)
            case Cut():
                self._stream(_half(events), whole=True)
            case Overloaded():
                self._stream([*_half(events), api.overloaded()], whole=True)
            case Dropped():
                self._stream(_half(events), whole=False)
            case Silent():
                if events:
                    self._stream(_half(events), whole=False)
                self.server.loopback.over.wait()

    def _stream(self, events: Sequence[bytes], *, whole: bool) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.send_header("connection", "close")  # so that no client keeps a socket beyond its test
        self.end_headers()
        for event in events:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
        if whole:
            self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()

    def _json(self, status: int, value: JSON, headers: Mapping[str, str] | None = None) -> None:
        self._body(status, json.dumps(value).encode(), {"content-type": "application/json", **(headers or {})})

    def _body(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.send_header("connection", "close")
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base's parameter
        """Say nothing."""


def event(value: JSON, name: str | None = None) -> bytes:
    """Return a server-sent event."""
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(value)}\n\n".encode()


def pieces(text: str, size: int = 100) -> Iterator[str]:
    """Yield a text as a stream brings it."""
    for start in range(0, len(text), size):
        yield text[start : start + size]


def _half(events: Sequence[bytes]) -> Sequence[bytes]:
    return events[: (len(events) + 1) // 2]


def _decoded(raw: bytes) -> JSON:
    try:
        return json.loads(raw.decode())
    except ValueError as error:
        raise Refused(400, f"the request body is not valid JSON: {error}") from error
