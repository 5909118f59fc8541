"""A loopback server that speaks as much of Cloud Storage's JSON API as archives need.

Multipart upload with `ifGenerationMatch=0`, metadata, and download of a range; each as the real one answers.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit


@dataclass
class Storage:
    """What is stored, by `bucket/name`; with `refuses`, every request is answered with that status."""

    url: str = ""
    objects: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    refuses: HTTPStatus | None = None


@contextmanager
def cloud_storage() -> Iterator[Storage]:
    storage = Storage()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"storage": storage}))
    storage.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield storage
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    storage: Storage
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        bucket, query = self._heard("/upload/storage/v1/b/")
        if self._is_refused():
            return
        kind = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        described, content = _parts(kind + body)
        name = f"{bucket.partition('/')[0]}/{json.loads(described)['name']}"
        if name in self.storage.objects and query.get("ifGenerationMatch") == ["0"]:
            self._error(HTTPStatus.PRECONDITION_FAILED)
            return
        self.storage.objects[name] = content
        self._json(HTTPStatus.OK, self._resource(name))

    def do_GET(self) -> None:
        downloads = self.path.startswith("/download")
        path, _ = self._heard("/download/storage/v1/b/" if downloads else "/storage/v1/b/")
        if self._is_refused():
            return
        bucket, _, name = path.partition("/o/")
        key = f"{bucket}/{unquote(name)}"
        if key not in self.storage.objects:
            self._error(HTTPStatus.NOT_FOUND)
        elif downloads:
            self._send_range(self.storage.objects[key])
        else:
            self._json(HTTPStatus.OK, self._resource(key))

    def _heard(self, prefix: str) -> tuple[str, dict[str, list[str]]]:
        parts = urlsplit(self.path)
        self.storage.asked.append(f"{self.command} {parts.path}")
        return parts.path.removeprefix(prefix), parse_qs(parts.query)

    def _is_refused(self) -> bool:
        if self.storage.refuses is not None:
            self._error(self.storage.refuses)
        return self.storage.refuses is not None

    def _resource(self, key: str) -> dict[str, Any]:
        content = self.storage.objects[key]
        bucket, _, name = key.partition("/")
        digest = base64.b64encode(hashlib.md5(content).digest()).decode()  # noqa: S324 - as the API does
        return {"kind": "storage#object", "bucket": bucket, "name": name, "size": str(len(content)), "md5Hash": digest}

    def _send_range(self, content: bytes) -> None:
        first, _, last = self.headers["Range"].removeprefix("bytes=").partition("-")
        part = content[int(first) : int(last) + 1]
        self.send_response(HTTPStatus.PARTIAL_CONTENT)
        self.send_header("Content-Range", f"bytes {first}-{int(first) + len(part) - 1}/{len(content)}")
        self._send(part, "application/gzip")

    def _error(self, status: HTTPStatus) -> None:
        self._json(status, {"error": {"code": status.value, "message": status.phrase, "errors": []}})

    def _json(self, status: HTTPStatus, document: dict[str, Any]) -> None:
        self.send_response(status)
        self._send(json.dumps(document).encode(), "application/json")

    def _send(self, body: bytes, kind: str) -> None:
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing."""


def _parts(message: bytes) -> list[bytes]:
    """The parts of a multipart message."""
    parts: list[Any] = [part for part in message_from_bytes(message).walk() if not part.is_multipart()]
    return [part.get_payload(decode=True) for part in parts]
