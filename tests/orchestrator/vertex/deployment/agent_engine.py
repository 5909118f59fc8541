"""The REST API of Agent Engine on this machine: what a client may do to engines, and what may go wrong.

What is deployed is handed to `open_app`, which returns something that answers calls; calls are forwarded to it.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol, TypeAlias
from urllib.parse import parse_qs, urlsplit

Json: TypeAlias = Any  # what came over the wire
TOKEN = "ya29.a-token-of-the-fake"
_ENGINE = r"/v1beta1/(?P<name>projects/[^/]+/locations/[^/]+/reasoningEngines/(?P<id>[^/:]+))"
_ENGINES = r"/v1beta1/(?P<parent>projects/(?P<project>[^/]+)/locations/[^/]+)/reasoningEngines"


class App(Protocol):
    """A deployed app."""

    def call(self, method: str, given: dict[str, Any]) -> Json: ...

    def stream(self, method: str, given: dict[str, Any]) -> Iterator[Any]: ...

    def close(self) -> None: ...


@dataclass
class Fault:
    """What happens to requests whose method and path match, so many times."""

    matching: str
    times: int = 1
    status: int = 0
    body: Json = None
    drop: str = ""  # `before` or `after` the request is carried out
    then: Callable[[], None] = lambda: None


@dataclass
class Seen:
    method: str
    path: str
    query: dict[str, list[str]]
    body: Json
    headers: dict[str, str]


@dataclass
class AgentEngine:
    """The service. `polls` is how often an operation says that it is not done."""

    open_app: Callable[[dict[str, Any]], App] | None = None
    project: str = "a-project"
    polls: int = 1
    failure: dict[str, Any] | None = None
    engines: dict[str, dict[str, Any]] = field(default_factory=dict)
    apps: dict[str, App] = field(default_factory=dict)
    operations: dict[str, dict[str, Any]] = field(default_factory=dict)
    log: list[dict[str, Any]] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    url: str = ""
    stream_lasts: int = 0  # items after which a stream is ended, as the platform ends long ones
    lock: threading.RLock = field(default_factory=threading.RLock)

    def sent(self, method: str, ending: str) -> list[Seen]:
        return [each for each in self.seen if each.method == method and each.path.endswith(ending)]

    # ---- what the API does

    def do(self, method: str, path: str, query: dict[str, list[str]], body: Json) -> tuple[int, Json]:
        for pattern, verb, work in (
            (r"/token", "POST", self._token),
            (r"/v2/entries:list", "POST", self._logged),
            (_ENGINES, "POST", self._create),
            (_ENGINES, "GET", self._list),
            (_ENGINE + r"/operations/[^/]+", "GET", self._operation),
            (_ENGINE, "GET", self._get),
            (_ENGINE, "PATCH", self._update),
            (_ENGINE, "DELETE", self._delete),
            (_ENGINE + ":query", "POST", self._query),
        ):
            found = re.fullmatch(pattern, path)
            if found is not None and verb == method:
                return work(found, query, body)
        return 404, problem(404, "NOT_FOUND", f"no method for {method} {path}")

    def _token(self, *_: Json) -> tuple[int, Json]:
        return 200, {"access_token": TOKEN, "expires_in": 3600, "token_type": "Bearer"}

    def _logged(self, _found: Json, _query: Json, body: Json) -> tuple[int, Json]:
        return 200, {"entries": [each for each in self.log if each["engine"] in body["filter"]]}

    def _create(self, found: Json, _query: Json, body: Json) -> tuple[int, Json]:
        if found["project"] != self.project:
            text = f"Permission denied on resource project {found['project']}."
            return 403, problem(403, "PERMISSION_DENIED", text, reason="CONSUMER_INVALID")
        name = f"{found['parent']}/reasoningEngines/{8_000_000 + len(self.engines)}"
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self.engines[name] = {"name": name, "createTime": now, "updateTime": now, **body}
        return 200, self._begin(name, lambda: self._opened(name))

    def _update(self, found: Json, query: Json, body: Json) -> tuple[int, Json]:
        engine = self.engines.get(found["name"])
        if engine is None:
            return self._gone(found["name"])
        for path in query["updateMask"][0].split(","):
            put(engine, body, [camel(part) for part in path.split(".")])
        return 200, self._begin(found["name"], lambda: self._opened(found["name"]))

    def _delete(self, found: Json, _query: Json, _body: Json) -> tuple[int, Json]:
        name = found["name"]
        if name not in self.engines:
            return self._gone(name)

        def gone() -> None:
            self.engines.pop(name, None)
            app = self.apps.pop(name, None)
            if app is not None:
                app.close()

        return 200, self._begin(name, gone)

    def _begin(self, name: str, done: Callable[[], None]) -> dict[str, Any]:
        operation = f"{name}/operations/{700 + len(self.operations)}"
        self.operations[operation] = {"left": self.polls, "engine": name, "done": done, "failure": self.failure}
        return {"name": operation, "metadata": {"genericMetadata": {}}}

    def _operation(self, found: Json, _query: Json, _body: Json) -> tuple[int, Json]:
        name = found.group().removeprefix("/v1beta1/")
        known = self.operations.get(name)
        if known is None:
            return 404, problem(404, "NOT_FOUND", f"Operation {name} does not exist.")
        known["left"] -= 1
        if known["left"] >= 0:
            return 200, {"name": name}
        if known["failure"] is not None:
            return 200, {"name": name, "done": True, "error": known["failure"]}
        if known["done"] is not None:
            known["done"]()
            known["done"] = None
        return 200, {"name": name, "done": True, "response": self.engines.get(known["engine"], {})}

    def _opened(self, name: str) -> None:
        if self.open_app is not None:
            before = self.apps.pop(name, None)
            self.apps[name] = self.open_app(self.engines[name])
            if before is not None:
                before.close()

    def _get(self, found: Json, _query: Json, _body: Json) -> tuple[int, Json]:
        engine = self.engines.get(found["name"])
        return (200, engine) if engine is not None else self._gone(found["name"])

    def _list(self, found: Json, query: Json, _body: Json) -> tuple[int, Json]:
        if found["project"] != self.project:
            text = f"Permission denied on resource project {found['project']}."
            return 403, problem(403, "PERMISSION_DENIED", text, reason="CONSUMER_INVALID")
        wanted = re.fullmatch(r'labels\.([^=]+)="([^"]*)"', query.get("filter", [""])[0])
        listed = [e for e in self.engines.values() if wanted is None or e.get("labels", {}).get(wanted[1]) == wanted[2]]
        return 200, {"reasoningEngines": listed}

    def _query(self, found: Json, _query: Json, body: Json) -> tuple[int, Json]:
        app = self.apps.get(found["name"])
        if app is None:
            return self._gone(found["name"])
        return 200, {"output": app.call(body["classMethod"], body.get("input", {}))}

    def _gone(self, name: str) -> tuple[int, Json]:
        return 404, problem(404, "NOT_FOUND", f"The ReasoningEngine {name} does not exist.")


def camel(name: str) -> str:
    return re.sub(r"_([a-z])", lambda found: found[1].upper(), name)


def camelled(value: Json) -> Json:
    """Take both spellings of a field, as the real service does; keys of free JSON are data."""
    if isinstance(value, list):
        return [camelled(each) for each in value]
    if not isinstance(value, dict):
        return value
    plain = {"labels", "class_methods", "classMethods", "input"}
    return {camel(key): each if key in plain else camelled(each) for key, each in value.items()}


def put(into: dict[str, Any], source: dict[str, Any], path: list[str]) -> None:
    for part in path[:-1]:
        into, source = into.setdefault(part, {}), source.get(part, {})
    if path[-1] in source:
        into[path[-1]] = source[path[-1]]
    else:
        into.pop(path[-1], None)


def problem(code: int, status: str, message: str, *, reason: str = "") -> dict[str, Any]:
    kind = "type.googleapis.com/google.rpc.ErrorInfo"
    details = [{"@type": kind, "reason": reason, "domain": "googleapis.com"}] if reason else []
    return {"error": {"code": code, "message": message, "status": status, "details": details}}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    service: AgentEngine

    def log_message(self, *_: Json) -> None:
        pass

    def _serve(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        raw = self.rfile.read(length)
        address = urlsplit(self.path)
        body = camelled(json.loads(raw)) if raw.startswith(b"{") else raw.decode()
        seen = Seen(
            self.command, address.path, parse_qs(address.query), body, {k.lower(): v for k, v in self.headers.items()}
        )
        self.service.seen.append(seen)
        fault = next(
            (each for each in self.service.faults if re.search(each.matching, f"{self.command} {address.path}")), None
        )
        if fault is not None:
            fault.times -= 1
            if fault.times <= 0:
                self.service.faults.remove(fault)
            fault.then()
            if fault.status:
                return self._reply(fault.status, fault.body)
            if fault.drop == "before":
                return self._drop()
        if address.path != "/token" and self.headers.get("authorization") != f"Bearer {TOKEN}":
            return self._reply(401, problem(401, "UNAUTHENTICATED", "Request had invalid authentication credentials."))
        if address.path.endswith(":streamQuery"):
            return self._stream(seen, fault)
        if address.path.endswith(":query"):
            status, answer = self.service.do(self.command, address.path, seen.query, body)
        else:
            with self.service.lock:
                status, answer = self.service.do(self.command, address.path, seen.query, body)
        if fault is not None and fault.drop == "after":
            return self._drop()
        return self._reply(status, answer)

    do_GET = do_POST = do_PATCH = do_DELETE = _serve  # noqa: N815 - the base class looks for these

    def _drop(self) -> None:
        self.close_connection = True
        self.connection.close()

    def _reply(self, status: int, body: Json) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _stream(self, seen: Seen, fault: Fault | None) -> None:
        found = re.fullmatch(_ENGINE + ":streamQuery", seen.path)
        app = self.service.apps.get(found["name"]) if found else None
        if app is None:
            return self._reply(404, problem(404, "NOT_FOUND", "The ReasoningEngine does not exist."))
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        items = app.stream(seen.body["classMethod"], seen.body.get("input", {}))
        for number, item in enumerate(items, 1):
            line = json.dumps(item, ensure_ascii=False).encode() + b"\n"
            self.wfile.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")
            self.wfile.flush()
            if fault is not None and fault.drop == "after":
                return self._drop()
            if number == self.service.stream_lasts:
                break
        self.wfile.write(b"0\r\n\r\n")
        return None


@contextmanager
def serving(service: AgentEngine) -> Iterator[AgentEngine]:
    """Serve until the block ends."""
    handler = type("Handler", (_Handler,), {"service": service})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    service.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        for app in service.apps.values():
            app.close()
