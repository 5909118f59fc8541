"""A package registry on the loopback interface: it has one tiny package for uv and npm, and misbehaves on request."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import socket
import ssl
import struct
import subprocess
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Literal

Mood = Literal["serve", "reset", "hang", "cut", "garbage"] | int
"""What it answers with: what was asked for, a reset connection, nothing, half of a file, a web page, or that status."""


def _wheel() -> bytes:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as archive:
        info = "tiny-1.0.dist-info"
        archive.writestr("tiny.py", "NAME = 'tiny'\n")
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return raw.getvalue()


def _tarball() -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:gz") as archive:
        content = json.dumps({"name": "tiny", "version": "1.0.0"}).encode()
        member = tarfile.TarInfo("package/package.json")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return raw.getvalue()


WHEEL, TARBALL = _wheel(), _tarball()
WHEEL_NAME = "tiny-1.0-py3-none-any.whl"


class Registry(ThreadingHTTPServer):
    """`mood` may be changed at any time; `asked` counts the requests."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.mood: Mood = "serve"
        self.asked = 0
        self.over = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def use_tls(self, folder: Path) -> None:
        """Speak HTTPS with a certificate that nobody has reason to trust; OpenSSL's program makes it."""
        certificate, key = str(folder / "certificate.pem"), str(folder / "key.pem")
        made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=registry"]
        subprocess.run([*made, "-keyout", key, "-out", certificate], check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.socket = context.wrap_socket(self.socket, server_side=True)

    def handle_error(self, request: object, client_address: object) -> None:
        """Stay silent: clients hang up, which is the point."""

    def python_lock(self, *, digest: str = "", name: str = "tiny") -> bytes:
        """Return a lock file for uv; a `digest` (hexadecimal) is not the package's."""
        return f"{name}==1.0 --hash=sha256:{digest or hashlib.sha256(WHEEL).hexdigest()}\n".encode()

    def node_lock(self, *, digest: str = "", name: str = "tiny") -> bytes:
        """Return a lock file for npm; a `digest` (hexadecimal) is not the package's."""
        integrity = bytes.fromhex(digest * 2) or hashlib.sha512(TARBALL).digest()
        package = {
            "version": "1.0.0",
            "resolved": f"{self.url}/{name}/-/{name}-1.0.0.tgz",
            "integrity": f"sha512-{base64.b64encode(integrity).decode()}",
        }
        root = {"name": "app", "version": "1.0.0", "dependencies": {name: "1.0.0"}}
        packages = {"": root, f"node_modules/{name}": package}
        return json.dumps({"name": "app", "version": "1.0.0", "lockfileVersion": 3, "packages": packages}).encode()


class _Handler(BaseHTTPRequestHandler):
    server: Registry

    def do_GET(self) -> None:
        self.server.asked += 1
        mood = self.server.mood
        if isinstance(mood, int):
            self.send_error(mood)
        elif mood == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        elif mood == "hang":
            self.server.over.wait()
        elif mood == "garbage":
            self._answer(b"<html>this is a captive portal</html>", "text/html")
        else:
            self._serve(cut=mood == "cut")

    def _serve(self, *, cut: bool) -> None:
        if self.path == "/simple/tiny/":
            self._answer(f'<a href="/files/{WHEEL_NAME}">{WHEEL_NAME}</a>'.encode(), "text/html")
        elif self.path == f"/files/{WHEEL_NAME}":
            self._answer(WHEEL, "application/octet-stream", cut=cut)
        elif self.path == "/tiny/-/tiny-1.0.0.tgz":
            self._answer(TARBALL, "application/octet-stream", cut=cut)
        else:
            self.send_error(404)

    def _answer(self, body: bytes, kind: str, *, cut: bool = False) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if cut else body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # as the base class names it
        """Stay silent."""


@contextmanager
def registry() -> Iterator[Registry]:
    with Registry() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.over.set()
            server.shutdown()
            thread.join()
