"""The place where checks run: the staged tree, an environment with the app's locked packages, scratch databases.

    async with Scratch(run_id=…, tree=…, logs=…, environments=…, admin_dsn=…, locks=…) as scratch:
        python = await scratch.python()                               # interpreter with the app's packages
        dsn = await scratch.database("migrations")                    # a fresh PostgreSQL database
        evidence, output = await scratch.tool("mypy", [python, "-m", "mypy", "app"])

With an `isolation`, tools run as what nobody here wrote must: kept from everything but the place itself.

Not here: making environments (`agents.checks.environments.environments`), running a process
(`agents.checks.process`), isolated or not (`agents.checks.sandbox.sandbox`).
"""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Self

from agents.checks import journal
from agents.checks.diagnostics import machine_trouble, why
from agents.checks.environments.environments import Environments, NodeEnvironment, PythonEnvironment, link_modules
from agents.checks.environments.versions import tool_label
from agents.checks.errors import ScratchError
from agents.checks.evidence import Evidence
from agents.checks.orphans import home_prefix
from agents.checks.postgres.databases import ScratchDatabases
from agents.checks.process import RUN_MARKER, Finished, minimal_environment, run_process
from agents.checks.sandbox.isolation import Isolation
from agents.checks.sandbox.limits import limits_from_environment
from agents.checks.sandbox.sandbox import Sandbox
from agents.checks.sandbox.untrusted_files import read_derived
from agents.checks.time_limit import TimeLimit, scaled_limit
from handoff.store import safe_path
from skills.core.redaction import redact


@dataclass(frozen=True, kw_only=True, slots=True)
class Lock:
    """The lock file that an environment is made from. `path` is relative to the tree.

    `prepared` is used while the tree has none.
    """

    path: str
    prepared: Path | None = None


class Scratch:
    """One step's place for checks. Leaving it drops its databases and its temporary folder; `tree` and `logs` stay.

    Attributes:
        run_id: The run that the step belongs to.
        tree: The staged tree: the workspace as it would be. Tools run here and may leave caches in it.
        home: A temporary folder outside the tree, HOME of every tool.
        cache: A folder that runs share; entries are made with `agents.checks.environments.cache.cached_folder`.
    """

    def __init__(
        self,
        *,
        run_id: str,
        tree: Path,
        logs: Path,
        environments: Environments,
        admin_dsn: str,
        locks: Mapping[str, Lock] | None = None,
        isolation: Isolation | None = None,
        limit: TimeLimit | None = None,
    ) -> None:
        """Describe the place; nothing is made before it is entered or asked for.

        Args:
            run_id: In the environment of every tool, by which one that outlives Baton is found.
            tree: An existing folder.
            logs: Where the tools' outputs are kept; made if missing.
            environments: Shared by the whole run.
            admin_dsn: A PostgreSQL DSN whose role may create databases.
            locks: Of the environments that may be asked for, by ecosystem (`python`, `node`).
            isolation: How tools are isolated; not at all without it.
            limit: How long a tool may take; by default it grows with the files it may work on.

        Raises:
            LimitsInvalid: BATON_CHECK_LIMITS cannot be understood.
        """
        self.run_id = run_id
        self.tree = tree
        self.cache = environments.cache
        self._logs = logs
        self._environments = environments
        self._admin_dsn = admin_dsn
        self._sandbox = Sandbox(isolation, limits_from_environment()) if isolation else None
        self._locks = dict(locks or {})
        self._limit = limit
        self._linking = asyncio.Lock()
        self._runs: dict[str, int] = {}

    async def __aenter__(self) -> Self:
        with machine_trouble("making a place for checks", (self._logs, Path(tempfile.gettempdir()))):
            self._logs.mkdir(parents=True, exist_ok=True)
            self.home = Path(tempfile.mkdtemp(prefix=home_prefix(self.run_id)))
            # Not in `home`: a tool could put a server of its own in the place of the databases' socket.
            self._sockets = Path(tempfile.mkdtemp(prefix=home_prefix(self.run_id))) if self._sandbox else None
        if self._sockets is not None:
            self._let_read(self._sockets)
        self._databases = ScratchDatabases(self._admin_dsn, self._sockets)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._databases.close()
        finally:
            for place in filter(None, (self.home, self._sockets)):
                await asyncio.to_thread(shutil.rmtree, place, ignore_errors=True)

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
        """Run a tool on the tree; a tool that fails, or takes too long and is ended, is an exit code, no exception.

        Args:
            check: The check's name; names the log.
            argv: Program and arguments, no shell. A relative program is looked up in PATH.
            cwd: Folder relative to the tree.
            env: Added to the minimal environment (PATH, HOME, locale): nothing else is inherited.
            tool: The package that provides the tool, if its name does not say it (`typescript` for `tsc`).
            reads: Files and folders outside the tree that the tool needs, such as a script of the check's own; an
                isolated one sees no others.
            notes_tests: It runs tests and keeps a journal of them (`agents.checks.journal`): if it is ended, its output
                names those that had failed and those that were running.

        Returns:
            The evidence, and the output (stdout and stderr as they came) with paths relative to the tree.

        Raises:
            ScratchError: There is no such program or folder, or the machine has no disk or process left for it.
            ScratchDatabaseLost: The tool failed, and the server of the scratch databases is gone.
        """
        words = [str(word) for word in argv]
        if not (self.tree / cwd).is_dir():
            raise ScratchError(f"check `{check}` cannot run in `{cwd}`: the staged tree has no such folder")
        self._let_read(*reads)
        noted = self.home / f"{check}.journal"
        finished = await self._run(check, words, cwd, {**(env or {}), journal.VARIABLE: str(noted)})
        if finished.exit_code:
            await self._databases.require()
        if notes_tests and finished.was_ended:
            finished = replace(finished, output=f"{finished.output}{journal.told(self.left(noted) or '')}")
        label = tool_label(words, tool, self.tree / cwd)
        reason = why(finished, label.partition(" ")[0], self.folders)
        log, sha256 = self._keep(check, f"{finished.output}\n[{reason}]\n" if reason else finished.output)
        evidence = Evidence(
            argv=tuple(map(redact, words)),
            exit_code=finished.exit_code,
            seconds=finished.seconds,
            tool=label,
            log=log,
            log_sha256=sha256,
            reason=reason,
        )
        return evidence, finished.output.replace(f"{self.tree}/", "")

    async def _run(self, check: str, words: list[str], cwd: str, env: Mapping[str, str]) -> Finished:
        with machine_trouble(f"check `{check}`", self.folders):
            try:
                return await self.run_quietly(words, cwd=self.tree / cwd, env=env)
            except (FileNotFoundError, PermissionError) as error:
                raise ScratchError(
                    f"check `{check}` cannot run `{words[0]}`: {error.strerror}. Run `baton doctor`;"
                    " if it finds nothing wrong, remove the cache that it names"
                ) from error

    async def run_quietly(
        self,
        argv: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        write: Sequence[Path] = (),
    ) -> Finished:
        """Run a tool that is no check and leaves no evidence, isolated like one.

        Args:
            argv: Program and arguments.
            cwd: In the tree, in `home` or in `write`.
            env: Added to the minimal environment.
            write: Existing folders that it may change besides the tree and `home`.

        Raises:
            OSError: There is no such program, or the machine has nothing left to run it with.
            ScratchError: It cannot be isolated.
        """
        env = minimal_environment(self.home, {**env, RUN_MARKER: self.run_id})
        limit = self._limit
        if limit is None:
            worked_on = cwd if cwd.is_relative_to(self.tree) else self.tree
            limit = await asyncio.to_thread(scaled_limit, worked_on)
        if self._sandbox is None:
            return await run_process(argv, cwd=cwd, env=env, limit=limit)
        places = (self.tree, self.home, *write)
        return await self._sandbox.run(argv, cwd=cwd, env=env, limit=limit, write=places)

    @property
    def isolated(self) -> bool:
        """Say whether tools may have run code that nobody here wrote."""
        return self._sandbox is not None

    def left(self, path: Path) -> str | None:
        """Return the text of a file that a tool left in the tree or in `home`; None if there is no plain file there.

        What tools leave is to be read so, for links that they leave must not be followed.
        """
        return read_derived(path, self.tree if path.is_relative_to(self.tree) else self.home)

    def record(self, check: str, tool: str, text: str, seconds: float) -> Evidence:
        """Leave the evidence of a measurement that Baton made itself: `text` is what it saw, `tool` what it asked."""
        log, sha256 = self._keep(check, redact(text))
        return Evidence(
            argv=(),
            exit_code=0,
            seconds=round(seconds, 3),
            tool=tool,
            log=log,
            log_sha256=sha256,
        )

    async def python_environment(self) -> PythonEnvironment:
        """Return the environment with the app's locked packages.

        Raises:
            ScratchError: It cannot be installed.
        """
        environment = await self._environments.python(self._lock_file("python"), build=not self.isolated)
        self._let_read(environment.root)
        return environment

    async def python(self) -> Path:
        """Return the interpreter of the app's environment.

        Raises:
            ScratchError: It cannot be installed.
        """
        return (await self.python_environment()).python

    async def node(self) -> NodeEnvironment:
        """Return Node with the locked packages, and have `node_modules` beside the lock in the tree.

        Raises:
            ScratchError: Node or the packages cannot be installed.
        """
        environment = await self._environments.node(self._lock_file("node"))
        folder = PurePosixPath(self._locks["node"].path).parent
        with machine_trouble("linking the app's packages", self.folders):
            async with self._linking:
                await asyncio.to_thread(link_modules, environment, safe_path(self.tree, str(folder)))
        self._let_read(environment.bin, environment.bin.resolve().parent, environment.modules)
        return environment

    async def database(self, label: str, *, like: str | None = None) -> str:
        """Return the DSN of the step's database `label`: empty when first asked for, the same one ever after.

        With `like`, it begins as a copy of the database of that label, to which nobody may be connected.

        Raises:
            ScratchError: The server cannot be reached, or refuses.
        """
        return await self._databases.get(label, like=like)

    def _lock_file(self, ecosystem: str) -> Path:
        if ecosystem not in self._locks:
            raise ScratchError(f"no toolchain names a lock file for {ecosystem}: a check that needs one cannot run")
        lock = self._locks[ecosystem]
        staged = self.tree / lock.path
        if staged.is_file() and not staged.is_symlink():
            return staged
        if lock.prepared is None:
            raise ScratchError(
                f"there is no `{lock.path}` to make an environment from: the plan has no skill that prepares one"
            )
        return lock.prepared

    def _let_read(self, *places: Path) -> None:
        if self._sandbox:
            self._sandbox.read.update(places)

    @property
    def folders(self) -> tuple[Path, ...]:
        """Where checks write."""
        return (self.tree, self.home, self.cache, self._logs)

    def _keep(self, check: str, text: str) -> tuple[str, str]:
        """Write a log, named for the check and numbered from its second tool on; return its path and hash."""
        self._runs[check] = self._runs.get(check, 0) + 1
        suffix = f"-{self._runs[check]}" if self._runs[check] > 1 else ""
        log, content = self._logs / f"{check}{suffix}.log", text.encode()
        with machine_trouble(f"check `{check}`", self.folders):
            log.write_bytes(content)
        return str(log), hashlib.sha256(content).hexdigest()
