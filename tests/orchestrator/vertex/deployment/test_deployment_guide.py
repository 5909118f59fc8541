"""What docs/deploying.md tells people to type is what the commands take, and what it shows is what they say."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from orchestrator.cli import deploy, remote
from tests.orchestrator.vertex.deployment.agent_engine import AgentEngine
from tests.orchestrator.vertex.deployment.conftest import Ran

GUIDE = (Path(__file__).parents[4] / "docs/deploying.md").read_text("utf-8")
VERTEX = GUIDE.partition("## Vertex AI Agent Engine")[2].partition("\n## ")[0]


def options(command: object) -> set[str]:
    """Every option of a command and of those below it."""
    below = getattr(command, "commands", {}).values()
    own = {name for each in getattr(command, "params", ()) for name in each.opts}
    return own.union(*(options(each) for each in below))


def test_the_guide_names_no_option_that_is_not_there() -> None:
    known = options(typer.main.get_command(deploy.app)) | options(typer.main.get_command(remote.app))
    of_others = {"--data-file"}  # of gcloud

    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", VERTEX)) - known - of_others == set()


def test_the_guide_names_every_command() -> None:
    names = [*typer.main.get_command(remote.app).commands]  # type: ignore[attr-defined]  # a group

    assert [name for name in names if f"baton remote {name}" not in VERTEX] == []
    assert [name for name in ("status", "logs", "delete") if f"baton deploy vertex {name}" not in VERTEX] == []


def test_the_refusal_that_the_guide_shows_is_what_the_command_says(
    service: AgentEngine, baton: Callable[..., Ran]
) -> None:
    shown = VERTEX.partition("    $ baton deploy vertex")[2].split("\n\n")[0].splitlines()
    ran = baton("deploy", "vertex", "--project", "my-project", "--location", "europe", "--env", "OPENAI_API_KEY=k")

    for line in shown[1:]:
        assert line.strip().removesuffix(" …") in ran.err
    assert service.seen == []


@pytest.mark.parametrize("file", ["benchmarks/cold_start.py"])
def test_the_guide_names_programs_that_are_there(file: str) -> None:
    assert (Path(__file__).parents[4] / file).is_file()
    assert f"python -m {file.removesuffix('.py').replace('/', '.')}" in VERTEX
