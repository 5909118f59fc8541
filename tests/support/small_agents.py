"""Three small real agents, their skills, and a program that runs them: `python small_agents.py WORKSPACE PRD SKILLS`.

They make a few files, run a real tool on them, and hand real handoffs on.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agents.checks.scratch import Scratch
from agents.contracts import Agent, Guard, Outcome, Proposal, Reads, Role, Violation, Work
from agents.toolchains.registry import Toolchains
from orchestrator import Orchestrator
from orchestrator.planning.pipeline import Pipeline
from orchestrator.planning.workflows import Workflows
from schemas.base import Document
from schemas.handoffs import DatabaseAgentOutput, Endpoint, Measure, PythonBackendAgentOutput, TestAgentOutput
from skills.core.registry import Registry

PRD = """# Feature PRD: Small

## Entities

### Thing

| Field | Type | Required | Rules |
|---|---|---|---|
| name | string | yes | 1..80 chars |
"""

_SKILL = """---
name: {name}
description: Makes files of {agent}.
license: Apache-2.0
metadata:
  agent: {agent}{more}
---

Makes two files.
"""

_BLUEPRINT = """
from schemas.base import Document
from schemas.feature import Feature
from skills.core.contribution import ContributedFile, Contribution


class Input(Document):
    feature: Feature


class Output(Contribution):
    entities: int


def contribute(request, templates):
    folder = "{folder}"
    names = [entity.name for entity in request.feature.entities]
    return Output(
        entities=len(names),
        files=(
            ContributedFile(path=folder + "/names.py", content=f"NAMES = {{names!r}}\\n"),
            ContributedFile(path=folder + "/deep/er/notes.md", content=request.feature.title + "\\n"),
        ),
    )
"""


def write_skill(parent: Path, name: str, agent: str, folder: str, *metadata: str) -> None:
    place = parent / name.replace("-", "_")
    (place / "templates").mkdir(parents=True)
    (place / "SKILL.md").write_text(
        _SKILL.format(name=name, agent=agent, more="".join(f"\n  {line}" for line in metadata))
    )
    (place / "blueprint.py").write_text(_BLUEPRINT.format(folder=folder))


class Compiled(Document):
    """How many files there were to compile."""

    files: int


@dataclass(frozen=True)
class Compiles:
    """Byte-compiles the agent's Python and leaves a file of its own, as a generated client would be."""

    folder: str
    name: str = "compiles"
    after: tuple[str, ...] = ()
    code: str = "import sys; compile(open(sys.argv[1]).read(), 'f', 'exec'); print('fine')"

    async def run(self, scratch: Scratch, work: Work, /) -> Outcome:
        argv: Sequence[str] = [sys.executable, "-c", self.code, f"{self.folder}/names.py"]
        evidence, output = await scratch.tool(self.name, argv)
        passed = evidence.exit_code == 0
        return Outcome(
            passed=passed,
            summary=f"{len(work.files)} files" if passed else "it does not compile",
            evidence=(evidence,),
            measured=Compiled(files=len(work.files)),
            files={f"{self.folder}/derived.json": '{"made": "by a tool"}\n'},
            problems=() if passed else (output,),
        )


@dataclass(frozen=True)
class NoWord:
    """Refuses a word in any file."""

    word: str = "forbidden"
    name: str = "no-word"

    def violations(self, proposal: Proposal, /) -> list[Violation]:
        return [
            Violation(guard=self.name, path=path, line=1, message=f"says `{self.word}`", hint="Say it otherwise.")
            for path, text in sorted(proposal.files.items())
            if self.word in text or not proposal.owned(path)
        ]


def compose_database(work: Work) -> Document:
    return DatabaseAgentOutput(
        task=work.task, files=work.files, tables=(), migrations=(), verification=work.verification
    )


def compose_backend(work: Work) -> Document:
    endpoint = Endpoint(method="GET", path="/things", auth_required=False, scopes="none", response_status=200)
    return PythonBackendAgentOutput(
        task=work.task,
        timestamp=work.timestamp,
        files=work.files,
        api_contract=(endpoint,),
        for_frontend_agent=(),
        dependencies_added=(),
        verification=work.verification,
    )


def compose_test(work: Work) -> Document:
    measure = Measure(name="Files", value=str(work.result(Compiled).files))
    return TestAgentOutput(
        task=work.task, files=work.files, measures=(measure,), endpoints=(), verification=work.verification
    )


PRD_READ = Reads(contract="feature-prd", name="prd")
DATABASE_READ = Reads(contract="database-agent-output", name="database", question="Where is the schema?")
BACKEND_READ = Reads(contract="python-backend-agent-output", name="backend", required=False)


@dataclass
class Kit:
    """Agents `one-agent`, `two-agent`, `three-agent` and their skills, with room for a test's own twist."""

    skills: Path
    checks: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    guards: tuple[Guard, ...] = (NoWord(),)
    fixed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for word in ("one", "two", "three"):
            if not (self.skills / f"make_{word}").exists():
                metadata = ("provides: frontend=none",) if word == "one" else ()
                write_skill(self.skills, f"make-{word}", f"{word}-agent", word, *metadata)

    def agent(self, word: str, reads: tuple[Reads, ...], writes: str, compose: Callable[[Work], Document]) -> Agent:
        return Agent(
            name=f"{word}-agent",
            title=word.capitalize(),
            reads=reads,
            writes=writes,
            owns=(f"{word}/**",),
            fixed=self.fixed,
            guards=self.guards,
            checks=self.checks.get(word, (Compiles(word),)),
            compose=compose,
        )

    def agents(self) -> tuple[Agent, Agent, Agent]:
        return (
            self.agent("one", (PRD_READ,), "database-agent-output", compose_database),
            self.agent("two", (PRD_READ, DATABASE_READ), "python-backend-agent-output", compose_backend),
            self.agent("three", (PRD_READ, DATABASE_READ, BACKEND_READ), "test-agent-output", compose_test),
        )

    def pipeline(self) -> Pipeline:
        return Pipeline.of(self.agents())

    def workflows(self) -> Workflows:
        return Workflows.around(self.pipeline())

    def workflow_class(self) -> type[Workflows]:
        """Return a `Workflows` that finds the small agents and theirs, where it is not told of others."""
        kit = self

        class SmallWorkflows(Workflows):
            def __init__(
                self,
                folders: Sequence[Path] = (),
                *,
                agents: Sequence[Role] | None = None,
                toolchains: Toolchains | None = None,
            ) -> None:
                pipeline = kit.pipeline()
                ours = pipeline.toolchains
                super().__init__(folders, agents=agents or pipeline.agents, toolchains=toolchains or ours)
                self._by_name[pipeline.workflow.name] = pipeline.workflow

        return SmallWorkflows

    def registry(self) -> Registry:
        return Registry((self.skills,), built_in=False)

    def engine(self, workspace: Path) -> Orchestrator:
        return Orchestrator(workspace, pipeline=self.pipeline(), registry=self.registry())


async def main(workspace: Path, prd: Path, skills: Path) -> str:
    """Start a run, or go on with the one that is there; return its status."""
    async with Kit(skills).engine(workspace) as engine:
        known = await engine.runs(workspace=workspace)
        if known and known[0].status.startswith("completed"):
            return known[0].status
        run = await (engine.resume(known[0].id) if known else engine.start(prd))
        result = await run.result()
        for problem in result.problems:
            sys.stderr.write(problem + "\n")
        return result.status


if __name__ == "__main__":
    print(asyncio.run(main(*(Path(word) for word in sys.argv[1:4]))))  # noqa: T201 - a program
