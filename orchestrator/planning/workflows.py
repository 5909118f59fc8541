"""Find the workflows: a YAML file is one; and the agents that work in them.

The built-in ones are in `definitions`, others come from folders passed in. Adding a file adds a workflow; nothing else
changes.

Not here: what a file says (`orchestrator.planning.workflow`), finding agents (`agents.registry`).

Source: `docs/extending.md`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Self

import yaml
from pydantic import ValidationError

from agents.contracts import Role
from agents.registry import find_agents
from agents.toolchains.registry import Toolchains
from handoff.files import read_regular
from orchestrator.planning.pipeline import Pipeline
from orchestrator.planning.workflow import FEATURE, PRD, Workflow
from schemas.contract import is_handoff
from schemas.errors import InputError
from skills.core.executor import refusals

BUILT_IN = Path(__file__).with_name("definitions")


class WorkflowInvalid(InputError):
    """Files of workflows that cannot be used, with every problem found."""

    code = "workflow_invalid"

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        listed = "\n".join(f"  {problem}" for problem in self.problems)
        return f"the workflows cannot be used ({len(self.problems)} found):\n{listed}"


class WorkflowUnknown(InputError):
    """No workflow has that name."""

    code = "workflow_unknown"


class Workflows:
    """All workflows, and all agents."""

    def __init__(
        self,
        folders: Sequence[Path] = (),
        *,
        agents: Sequence[Role] | None = None,
        toolchains: Toolchains | None = None,
    ) -> None:
        """Discover the built-in workflows and those in `folders`; agents and toolchains are built in by default.

        Raises:
            WorkflowInvalid: With every problem of every file, or two workflows of one name.
            AgentInvalid: With every problem of the built-in agents.
        """
        self.agents = tuple(find_agents() if agents is None else agents)
        self.toolchains = toolchains or Toolchains()
        self._by_name = _discover((BUILT_IN, *folders))

    @classmethod
    def around(cls, pipeline: Pipeline) -> Self:
        """Return the workflows beside `pipeline`, whose own takes the place of one of its name, with its agents."""
        workflows = cls(agents=pipeline.agents, toolchains=pipeline.toolchains)
        workflows._by_name[pipeline.workflow.name] = pipeline.workflow
        return workflows

    def __iter__(self) -> Iterator[Workflow]:
        return (self.workflow(name) for name in sorted(self._by_name))

    def workflow(self, name: str = FEATURE) -> Workflow:
        """Return the workflow called `name`, with its steps.

        Raises:
            WorkflowUnknown: With the nearest name.
        """
        if name not in self._by_name:
            near = get_close_matches(name, self._by_name, 1)
            hint = f"; did you mean `{near[0]}`?" if near else "."
            raise WorkflowUnknown(f"no workflow is called `{name}`{hint} `baton workflows` lists them.")
        entries = {each.entry for each in self._by_name.values()}
        return self._by_name[name].placing(self.agents, entries)

    def pipeline(self, name: str = FEATURE) -> Pipeline:
        """Return the workflow called `name`, bound to its agents.

        Raises:
            WorkflowUnknown: With the nearest name.
            AgentUnknown: It needs an agent that is not there.
        """
        return self.bind(self.workflow(name))

    def bind(self, workflow: Workflow) -> Pipeline:
        """Return a workflow, one that a run was started with, say, bound to the agents that are there now.

        Raises:
            AgentUnknown: It needs an agent that is not there.
        """
        return Pipeline.joining(workflow, self.agents, self.toolchains)


def _discover(folders: Sequence[Path]) -> dict[str, Workflow]:
    problems: list[str] = []
    found: dict[str, tuple[Path, Workflow]] = {}
    for folder in folders:
        if not folder.is_dir():
            problems.append(f"{folder}: no such folder of workflows")
        for path in sorted(folder.glob("*.yaml")):
            try:
                workflow = _read(path)
            except WorkflowInvalid as error:
                problems.extend(error.problems)
                continue
            other, _ = found.setdefault(workflow.name, (path, workflow))
            if other != path:
                problems.append(f"{path}: a workflow called `{workflow.name}` is already in {other}; rename one")
    if problems:
        raise WorkflowInvalid(tuple(problems))
    return {name: workflow for name, (_, workflow) in found.items()}


def _read(path: Path) -> Workflow:
    """Return the workflow that a file holds.

    Raises:
        WorkflowInvalid: With every problem of the file.
    """
    try:
        workflow = Workflow.model_validate(yaml.safe_load(read_regular(path)))
    except ValidationError as error:
        raise WorkflowInvalid(tuple(f"{path}: {each}" for each in refusals("workflow", error))) from error
    except (yaml.YAMLError, UnicodeDecodeError, OSError, ValueError, RecursionError) as error:
        raise WorkflowInvalid((f"{path}: cannot be read: {error}",)) from error
    if workflow.entry != PRD:
        raise WorkflowInvalid((f"{path}: starts from `{workflow.entry}`; runs start from `{PRD}` so far",))
    named = [*(each for step in workflow.steps for each in (*(step.reads or ()), step.writes) if each)]
    unknown = [each for each in dict.fromkeys(named) if not is_handoff(each)]
    if unknown:
        raise WorkflowInvalid(tuple(f"{path}: there is no handoff `{each}`" for each in unknown))
    return workflow
