"""`baton` with the small agents: `python small_cli.py SKILLS CODE WORD…`. CODE, if any, is what `two` checks with."""

from __future__ import annotations

import fcntl
import os
import sys
import termios
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from orchestrator import orchestrator as engine
from orchestrator.cli.main import main
from tests.support.small_agents import Compiles, Kit


def with_small_agents(skills: Path, code: str) -> Kit:
    kit = Kit(skills)
    if code:
        kit.checks = {"two": (replace(Compiles("two"), code=code),)}
    module = cast("Any", engine)
    module.Workflows, module.Registry = kit.workflow_class(), kit.registry
    return kit


if __name__ == "__main__":
    if os.isatty(0):  # a session's leader without a terminal: this one becomes it, and Ctrl-C reaches this process
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    with_small_agents(Path(sys.argv[1]), sys.argv[2])
    sys.argv = ["baton", *sys.argv[3:]]
    main()
