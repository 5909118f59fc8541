"""What the shell completes: names found in folders, without asking the database, so that Tab answers at once."""

from __future__ import annotations

import re
from pathlib import Path

from orchestrator.storage.home import home

_LISTED = 50  # newest runs
_AGENTS = Path(__file__).parents[2] / "agents"
_QUESTIONS = ".claude/handoff/questions"


def run_ids(incomplete: str) -> list[str]:
    """Return the ids of runs that begin so, the newest first: those that have a folder in Baton's home."""
    try:
        names = sorted((path.name for path in (home() / "runs").iterdir()), reverse=True)
    except OSError:
        names = []
    return [name for name in ["latest", *names] if name.startswith(incomplete)][:_LISTED]


def agent_names(incomplete: str) -> list[str]:
    """Return the names of agents that begin so."""
    fronts = [path.read_text("utf-8").split("\n---\n", 1)[0] for path in sorted(_AGENTS.glob("*/agent.md"))]
    names = [name for front in fronts for name in re.findall(r"^name: *(\S+)$", front, re.MULTILINE)]
    return [name for name in names if name.startswith(incomplete)]


def question_ids(incomplete: str) -> list[str]:
    """Return the ids of open questions that begin so: those shown in this folder, or in one of its folders."""
    found = [path.stem for parent in (".", "*") for path in Path().glob(f"{parent}/{_QUESTIONS}/*.md")]
    return sorted(name for name in found if name.startswith(incomplete))
