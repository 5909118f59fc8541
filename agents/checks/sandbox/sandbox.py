"""Run a tool on code that nobody here wrote: isolated as far as this machine can, under limits, watched.

Not here: what is possible (`agents.checks.sandbox.isolation`), how many of what (`agents.checks.sandbox.limits`), the
way to the scratch databases (`agents.checks.sandbox.relay`).
"""

from __future__ import annotations

import shutil
import signal
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from agents.checks.errors import ScratchError
from agents.checks.machine import size
from agents.checks.process import Finished, run_process
from agents.checks.sandbox.isolation import Isolation, isolated_argv
from agents.checks.sandbox.launcher import CANNOT
from agents.checks.sandbox.limits import CheckLimits, Watch
from agents.checks.time_limit import TimeLimit

_PACKAGE = Path(__file__).parents[2]  # its probes are what some tools run
_BY_SHELL = 128  # what runs between the tool and Baton passes a signal on as an exit code above this
# A tool of its own doing hardly ends with the code of one of these.
_PASSED_ON = (signal.SIGABRT, signal.SIGBUS, signal.SIGKILL, signal.SIGSEGV, signal.SIGXCPU, signal.SIGXFSZ)


class Sandbox:
    """Runs tools isolated.

    Attributes:
        isolation: How.
        read: Files and folders that tools may read besides the system; may grow.
    """

    def __init__(self, isolation: Isolation, limits: CheckLimits) -> None:
        """Run tools isolated like that, under those limits."""
        self.isolation = isolation
        self.read: set[Path] = {_PACKAGE}
        self._limits = limits

    async def run(
        self,
        argv: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        limit: TimeLimit,
        write: Sequence[Path],
    ) -> Finished:
        """Run a tool as `agents.checks.process.run_process` does.

        Args:
            argv: Program and arguments. A relative program is looked up in the PATH of `env`.
            cwd: An existing folder within `write`.
            env: The whole environment. HOME is a folder within `write`; temporary files are kept beside it.
            limit: As there.
            write: Existing folders that the tool may change.

        Raises:
            OSError: There is no such program, or the machine has nothing left to run it with.
            ScratchError: It cannot be isolated as was found possible before.
        """
        program = _found(argv[0], env)
        private = Path(env["HOME"]) / ".private"
        private.mkdir(exist_ok=True)
        words = isolated_argv(
            self.isolation,
            [str(program), *argv[1:]],
            cwd=cwd,
            read=[*sorted(self.read), *_beside(program)],
            write=write,
            private=private,
            limits=self._limits.of_each_process(),
        )
        watch = Watch(self._limits, write)
        finished = await run_process(words, cwd=cwd, env=env, limit=limit, watch=watch)
        if finished.exit_code == CANNOT and "cannot isolate: " in finished.output:
            raise ScratchError(
                f"`{program.name}` cannot be run isolated, as was possible a moment ago:\n{finished.output.strip()}"
                "\nRun `baton doctor`, then resume the run"
            )
        return self._told(finished, watch)

    def _told(self, finished: Finished, watch: Watch) -> Finished:
        """Return how the tool ended as the tool's own end, with what it used too much of."""
        code, exceeded = finished.exit_code, watch.exceeded
        if code - _BY_SHELL in _PASSED_ON:
            code = _BY_SHELL - code
        if code == -signal.SIGXCPU:
            exceeded = f"used more than {self._limits.cpu} s of processor time"
        elif code == -signal.SIGXFSZ:
            exceeded = f"wrote a file of more than {size(self._limits.file)}"
        note = f"\n[stopped: it {exceeded}]\n" if exceeded else ""
        return replace(finished, exit_code=code, exceeded=exceeded, isolated=True, output=f"{finished.output}{note}")


def _found(program: str, env: Mapping[str, str]) -> Path:
    """Return the program's path, for it is not known by its name where it will run."""
    found = program if "/" in program else shutil.which(program, path=env.get("PATH"))
    if found is None or (found.startswith("/") and not Path(found).is_file()):
        raise FileNotFoundError(2, "No such file or directory", program)
    return Path(found)


def _beside(program: Path) -> list[Path]:
    """Return what belongs to a program: its folder, and its environment if it is Python's."""
    if not program.is_absolute():
        return []
    environment = program.parent.parent
    return [environment if (environment / "pyvenv.cfg").is_file() else program.parent, program.resolve()]
