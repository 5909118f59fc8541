"""What the platform does with a deployed app: `python host.py MODULE OBJECT`, in the folder of the source.

Imports the object, sets it up, and answers `POST /call` and `POST /stream` with `{"method": …, "given": …}`. What it
prints is one line of JSON: the port, and where the packages came from. Only the standard library is used.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


def drained(items: Any) -> list[Any]:  # noqa: ANN401 - of whatever is deployed
    async def all_of() -> list[Any]:
        return [item async for item in items]

    return asyncio.run(all_of())


def main(module: str, name: str) -> None:
    sys.path.insert(0, "")
    app = getattr(importlib.import_module(module), name)
    app.set_up()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            said = getattr(app, body["method"])(**body["given"])
            if inspect.iscoroutine(said):
                said = asyncio.run(said)
            self.send_response(200)
            if self.path == "/call":
                content = json.dumps(said).encode()
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
                return
            self.send_header("connection", "close")
            self.end_headers()
            for item in drained(said) if inspect.isasyncgen(said) else said:
                self.wfile.write(json.dumps(item).encode() + b"\n")
                self.wfile.flush()
            self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    packages = ("schemas", "handoff", "skills", "agents", "orchestrator")
    found = {name: importlib.import_module(name).__file__ for name in packages}
    sys.stdout.write(json.dumps({"port": server.server_port, "found": found}) + "\n")
    sys.stdout.flush()
    sys.stdin.read()  # until whoever began this one ends it


if __name__ == "__main__":
    main(*sys.argv[1:3])
