"""The floor of a run: the tools of its checks, recorded from a real run, replayed bare on the finished app.

Nothing of a command is made up here: a run is recorded with the arguments, environment and folders its checks used.
"""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any
from unittest.mock import patch

from agents.checks import journal
from agents.checks.environments.environments import Environments, link_modules
from agents.checks.evidence import Evidence
from agents.checks.postgres.databases import ScratchDatabases
from agents.checks.process import minimal_environment
from agents.checks.scratch import Scratch
from orchestrator.orchestrator import Orchestrator
from orchestrator.planning.choices import built_in
from orchestrator.planning.workflows import Workflows
from orchestrator.storage import postgres
from orchestrator.storage.home import cache_folder


@dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    """One tool as a check ran it.

    `tree` is its step's staged tree, `cwd` a folder in it. `home` is the folder it may fill; `given` what it found
    there, by path: a kept copy, or None for nothing yet. `databases` are the DSNs it was given, by label, empty when it
    began. `seconds` is what it took when recorded.
    """

    step: str
    check: str
    argv: tuple[str, ...]
    tree: Path
    cwd: Path
    env: Mapping[str, str]
    home: Path
    given: Mapping[Path, Path | None]
    databases: Mapping[str, str]
    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Recording:
    """The commands of one run in the order they began, and the finished app."""

    commands: tuple[Command, ...]
    app: Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Replayed:
    """One replay. `cpu` is the processor time of all its tools; `failed` names those that did not end well."""

    seconds: float
    cpu: float
    failed: tuple[str, ...]


@dataclass(kw_only=True, slots=True)
class _Recorder:
    kept: Path
    commands: list[Command] = field(default_factory=list)


def _recording(recorder: _Recorder) -> type[Scratch]:
    """Return a `Scratch` that notes what its tools are run with, and leaves its folder for the replay."""

    class RecordingScratch(Scratch):
        def __init__(self, *, logs: Path, **rest: Any) -> None:  # noqa: ANN401 - whatever `Scratch` takes
            super().__init__(logs=logs, **rest)
            self._step = logs.name
            self._given: dict[str, str] = {}  # DSN by label, not yet used by a command

        async def database(self, label: str, *, like: str | None = None) -> str:
            dsn = await super().database(label, like=like)
            self._given.setdefault(label, dsn)
            return dsn

        async def tool(
            self,
            check: str,
            argv: Sequence[str | Path],
            *,
            cwd: str = ".",
            env: Mapping[str, str] | None = None,
            tool: str | None = None,
            reads: Sequence[Path] = (),
            notes_tests: bool = False,
        ) -> tuple[Evidence, str]:
            words = tuple(str(word) for word in argv)
            whole = minimal_environment(
                self.home, {**(env or {}), journal.VARIABLE: str(self.home / f"{check}.journal")}
            )
            given = self._aside((*words, *(value for name, value in whole.items() if name not in {"HOME", "TMPDIR"})))
            used = {label: dsn for label, dsn in self._given.items() if dsn in whole.values()}
            before = len(recorder.commands)
            recorder.commands.append(
                Command(
                    step=self._step,
                    check=check,
                    argv=words,
                    tree=self.tree,
                    cwd=self.tree / cwd,
                    env=whole,
                    home=self.home,
                    given=given,
                    databases=used,
                    seconds=0.0,
                )
            )
            evidence, output = await super().tool(
                check, argv, cwd=cwd, env=env, tool=tool, reads=reads, notes_tests=notes_tests
            )
            recorder.commands[before] = _timed(recorder.commands[before], evidence.seconds)
            return evidence, output

        async def __aexit__(
            self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
        ) -> None:
            await self._databases.close()

        def _aside(self, words: Sequence[str]) -> dict[Path, Path | None]:
            """Keep what the command finds in the places of the folder that its words name."""
            kept: dict[Path, Path | None] = {}
            for word in words:
                if not word.startswith(f"{self.home}{os.sep}"):
                    continue
                place = self.home / Path(word).relative_to(self.home).parts[0]
                copy = Path(tempfile.mkdtemp(dir=recorder.kept)) / place.name
                if place.is_dir():
                    shutil.copytree(place, copy)
                kept[place] = copy if copy.is_dir() else None
            return kept

    return RecordingScratch


def _timed(command: Command, seconds: float) -> Command:
    values = {name: getattr(command, name) for name in Command.__dataclass_fields__}
    return Command(**{**values, "seconds": seconds})


async def record(prd: Path, workspace: Path, home: Path, kept: Path, agents: Sequence[str] | None = None) -> Recording:
    """Run a PRD once, or these agents, in this process, and note each tool of the checks; `kept` is an empty folder."""
    recorder = _Recorder(kept=kept)
    with patch("orchestrator.steps.run_checks.Scratch", _recording(recorder)):
        async with Orchestrator(workspace, home=home) as engine:
            result = await (await engine.start(prd, agents=agents)).result()
    if result.status not in {"completed", "completed with gaps"}:
        raise RuntimeError(f"the recorded run ended as {result.status}: {result.problems}")
    return Recording(commands=tuple(recorder.commands), app=workspace)


async def replay(recording: Recording, home: Path, at_once: int) -> Replayed:
    """Run the recorded tools again on the finished app, at most `at_once` at a time, the longest chain first.

    Not in the time: laying out the app and the folders, starting the server. In it: making the databases, every tool.
    """
    await _lay_out(recording, home)
    after = _order(recording.commands)
    async with postgres.serve(home) as server, _databases(server.admin) as databases:
        cpu, started = _children(), time.perf_counter()
        failed = await _schedule(recording.commands, after, databases, at_once)
        return Replayed(seconds=time.perf_counter() - started, cpu=_children() - cpu, failed=tuple(failed))


@asynccontextmanager
async def _databases(admin: str) -> AsyncIterator[ScratchDatabases]:
    databases = ScratchDatabases(admin)
    try:
        yield databases
    finally:
        await databases.close()


async def _lay_out(recording: Recording, home: Path) -> None:
    """Make each step's tree the finished app, and the tools' folders what the checks gave them."""
    environments = Environments(cache_folder(home))
    for tree in {command.tree for command in recording.commands}:
        shutil.rmtree(tree)
        shutil.copytree(recording.app, tree, ignore=shutil.ignore_patterns(".claude"))
        lock = tree / "frontend/package-lock.json"
        if lock.is_file():
            link_modules(await environments.node(lock), lock.parent)
    for folder in {command.home for command in recording.commands}:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    for place, copy in {pair for command in recording.commands for pair in command.given.items()}:
        if copy is not None:
            shutil.copytree(copy, place)


def discard(recording: Recording) -> None:
    """Remove the tools' folders."""
    for folder in {command.home for command in recording.commands}:
        shutil.rmtree(folder, ignore_errors=True)


def _order(commands: Sequence[Command]) -> dict[int, set[int]]:
    """Return which commands, by index, each one waits for: its check's earlier ones, and the checks named in `after`.

    Steps do not wait for each other: on the finished app everything that they would wait for is there.
    """
    of: dict[tuple[str, str], list[int]] = {}
    for index, command in enumerate(commands):
        of.setdefault((command.step, command.check), []).append(index)
    steps = Workflows().pipeline().bound(built_in().stack())
    checks = {(step.agent.name, check.name): check for step in steps for check in step.agent.checks}
    after: dict[int, set[int]] = {}
    for (step, name), indexes in of.items():
        earlier = {index for other in checks[step, name].after for index in of.get((step, other), [])}
        for index in indexes:
            after[index] = set(earlier)
            earlier = earlier | {index}
    return after


def _chains(commands: Sequence[Command], after: Mapping[int, set[int]]) -> dict[int, float]:
    """Return the seconds of the longest chain of commands that begins with each one."""
    chains: dict[int, float] = {}

    def chain(index: int) -> float:
        if index not in chains:
            followers = [chain(other) for other, earlier in after.items() if index in earlier]
            chains[index] = commands[index].seconds + max(followers, default=0.0)
        return chains[index]

    return {index: chain(index) for index in after}


async def _schedule(
    commands: Sequence[Command], after: Mapping[int, set[int]], databases: ScratchDatabases, at_once: int
) -> list[str]:
    chains = _chains(commands, after)
    waiting, done, failed = set(after), set[int](), list[str]()
    running: dict[asyncio.Task[int], int] = {}
    while waiting or running:
        ready = sorted((index for index in waiting if after[index] <= done), key=lambda index: -chains[index])
        for index in ready[: at_once - len(running)]:
            waiting.remove(index)
            running[asyncio.create_task(_run(commands[index], databases))] = index
        ended, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        for task in ended:
            index = running.pop(task)
            done.add(index)
            if task.result():
                failed.append(f"{commands[index].step}/{commands[index].check}")
    return failed


async def _run(command: Command, databases: ScratchDatabases) -> int:
    env = dict(command.env)
    for label, recorded in command.databases.items():
        dsn = await databases.get(label)
        env = {name: dsn if value == recorded else value for name, value in env.items()}
    null = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        *command.argv, cwd=command.cwd, env=env, stdin=null, stdout=null, stderr=null
    )
    return await process.wait()


def _children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
