"""Install a deployed archive in an environment of its own, with nothing else of the repository, and run it there."""

from __future__ import annotations

import base64
import http.client
import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uv

from tests.orchestrator.vertex.deployment.agent_engine import Json

_HOST = Path(__file__).with_name("host.py")
_INSTALLING, _STARTING, _ANSWERING = 600, 120, 300  # seconds


class Instance:
    """A process that serves the app."""

    def __init__(self, python: Path, source: Path, entrypoint: tuple[str, str], env: dict[str, str]) -> None:
        self.log = source.parent / f"instance-{os.urandom(4).hex()}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [python, "-P", _HOST, *entrypoint],
                cwd=source,
                env=env,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,  # what it starts dies with it
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.log.read_text()
        begun = json.loads(line)
        self.port, self.found = begun["port"], begun["found"]

    def call(self, method: str, given: dict[str, Any]) -> Json:
        connection, answer = self._ask("/call", method, given)
        try:
            return json.loads(answer.read())
        finally:
            connection.close()

    def stream(self, method: str, given: dict[str, Any]) -> Iterator[Json]:
        connection, answer = self._ask("/stream", method, given)
        try:
            while line := answer.readline():
                yield json.loads(line)
        except (OSError, http.client.HTTPException):
            return  # killed: the platform ends the stream, too
        finally:
            connection.close()

    def _ask(
        self, path: str, method: str, given: dict[str, Any]
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_ANSWERING)
        connection.request("POST", path, json.dumps({"method": method, "given": given}))
        return connection, connection.getresponse()

    def kill(self) -> None:
        """Kill it and what it started, without any warning."""
        os.killpg(self.process.pid, 9)
        self.process.wait()
        self._close()

    def close(self) -> None:
        """End it as the platform does."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=_STARTING)
            except subprocess.TimeoutExpired:
                self.kill()
        self._close()

    def _close(self) -> None:
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()


@dataclass
class Platform:
    """Builds what is deployed, and runs instances of it. `secrets` is Secret Manager."""

    root: Path
    secrets: dict[str, str]
    env: dict[str, str] = field(default_factory=dict)
    instances: list[Instance] = field(default_factory=list)
    source: Path = Path()

    def open_app(self, engine: dict[str, Any]) -> Instance:
        spec = engine["spec"]
        self.source = self.root / "source"
        self._unpack(spec["sourceCodeSpec"]["inlineSource"]["sourceArchive"])
        deployed = spec["deploymentSpec"]
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.root),
            **{each["name"]: each["value"] for each in deployed.get("env", ())},
            **{each["name"]: self.secrets[each["secretRef"]["secret"]] for each in deployed.get("secretEnv", ())},
        }
        python = spec["sourceCodeSpec"]["pythonSpec"]
        self._install(python["requirementsFile"])
        self.entrypoint = python["entrypointModule"], python["entrypointObject"]
        return self.instance()

    def instance(self) -> Instance:
        """Start one more instance."""
        begun = Instance(self.root / "env/bin/python", self.source, self.entrypoint, self.env)
        self.instances.append(begun)
        return begun

    def _unpack(self, archive: str) -> None:
        with tarfile.open(fileobj=io.BytesIO(base64.urlsafe_b64decode(archive))) as files:
            files.extractall(self.source, filter="data")

    def _install(self, requirements: str) -> None:
        env, tool = self.root / "env", uv.find_uv_bin()
        if not env.exists():
            self._run([tool, "venv", "--quiet", "--python", sys.executable, str(env)])
            install = [tool, "pip", "install", "--quiet", "--python", str(env / "bin/python")]
            self._run([*install, "--requirement", str(self.source / requirements)])

    def _run(self, argv: list[str]) -> None:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=_INSTALLING, check=False)
        assert done.returncode == 0, done.stderr

    def close(self) -> None:
        for each in self.instances:
            each.close()
