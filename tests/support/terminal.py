"""A command on a terminal of its own, as a person has it: what it shows is read, what is typed goes to it."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

CTRL_C, CTRL_D = "\x03", "\x04"
_PATIENCE = 600.0  # seconds; only what hangs takes so long


class Terminal:
    """A program at work on a terminal."""

    def __init__(self, process: subprocess.Popen[bytes], descriptor: int) -> None:
        self.process = process
        self.screen = ""
        self._descriptor = descriptor
        self._seen = 0

    def until(self, text: str) -> str:
        """Wait until `text` is shown, after what was waited for before; return all that was shown since then."""
        deadline = time.monotonic() + _PATIENCE
        while (at := self.screen.find(text, self._seen)) < 0:
            if time.monotonic() > deadline or not self._read():
                raise AssertionError(f"`{text}` was not shown, but:\n{self.screen[self._seen :]}")
        passage = self.screen[self._seen : at + len(text)]
        self._seen = at + len(text)
        return passage

    def type(self, text: str) -> None:
        os.write(self._descriptor, text.encode())

    def end(self) -> int:
        """Wait until the program ends; return its exit code."""
        deadline = time.monotonic() + _PATIENCE
        while self._read():
            assert time.monotonic() < deadline, self.screen
        return self.process.wait(timeout=_PATIENCE)

    def _read(self) -> bool:
        if select.select([self._descriptor], [], [], 0.2)[0]:
            try:
                chunk = os.read(self._descriptor, 65_536)
            except OSError:  # nobody holds the other side any more
                return False
            plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", chunk.decode(errors="replace"))
            self.screen += plain.replace("\r\n", "\n")
        return True


@contextmanager
def on_terminal(argv: Sequence[str], env: Mapping[str, str]) -> Iterator[Terminal]:
    """Run `argv` on a terminal; what is left of it is killed in the end."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(argv, stdin=theirs, stdout=theirs, stderr=theirs, env=env, start_new_session=True)
    os.close(theirs)
    try:
        yield Terminal(process, ours)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        os.close(ours)
