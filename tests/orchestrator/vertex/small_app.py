"""An instance of the app with small agents: `python -m tests.orchestrator.vertex.small_app PORT SKILLS GATE`.

The second agent's check waits until the file GATE is there. Prints the port that it listens at.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from agents.checks.scratch import Scratch
from agents.contracts import Outcome, Work
from orchestrator.vertex.app import BatonApp
from orchestrator.vertex.serve import asgi
from tests.support.small_agents import Kit


@dataclass(frozen=True)
class Gate:
    """Passes once a file is there."""

    path: Path
    name: str = "gate"
    after: tuple[str, ...] = ()

    async def run(self, scratch: Scratch, work: Work, /) -> Outcome:  # noqa: ARG002 - a check's signature
        while not self.path.exists():  # noqa: ASYNC110 - another process makes it
            await asyncio.sleep(0.02)
        return Outcome(passed=True, summary="open", evidence=())


def app(skills: Path, gate: Path) -> BatonApp:
    kit = Kit(skills, checks={"two": (Gate(gate),)})
    return BatonApp(pipeline=kit.pipeline(), registry=kit.registry())


def main(port: int, skills: Path, gate: Path) -> None:
    with socket.create_server(("127.0.0.1", port)) as listening:
        sys.stdout.write(f"{listening.getsockname()[1]}\n")
        sys.stdout.flush()
        config = uvicorn.Config(asgi(app(skills, gate)), log_level="warning", timeout_graceful_shutdown=5)
        uvicorn.Server(config).run([listening])


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]))
