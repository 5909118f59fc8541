"""A project's own agents and workflow in a folder outside the tree: notes are written, checked by a reviewer, polished.

.baton/agents/writer/agent.py, skills/   `writer-agent`: writes `notes/*.md`; it has two steps
.baton/agents/reviewer/…                 `reviewer-agent`: finds the word "draft" in notes
.baton/workflows/notes.yaml              draft → review → polish
"""

from __future__ import annotations

from pathlib import Path

WRITER = """
from agents.contracts import Agent, Reads
from agents.guards.ownership import Ownership
from schemas.base import Document, Field, markdown


class Notes(Document):
    task: str
    files: tuple[str, ...] = Field(json_schema_extra=markdown(code=True))


class Polished(Notes):
    pass


def compose(work):
    return Notes(task=work.task, files=work.files)


AGENT = Agent(
    name="writer-agent",
    title="Writer",
    reads=(Reads(contract="feature-prd", name="prd"),),
    writes="toy-notes",
    owns=("notes/**",),
    guards=(Ownership(),),
    checks=(),
    compose=compose,
    contracts={"toy-notes": Notes, "toy-polished": Polished},
)
"""
REVIEWER = """
from agents.contracts import Agent, Reads
from schemas.base import Document
from schemas.findings import Finding


class Review(Document):
    task: str
    findings: tuple[Finding, ...]


def compose(work):
    return Review(task=work.task, findings=work.facts(Finding))


AGENT = Agent(
    name="reviewer-agent",
    title="Reviewer",
    reads=(Reads(contract="toy-notes", name="notes"),),
    writes="toy-review",
    owns=("reviews/**",),
    guards=(),
    checks=(),
    compose=compose,
    contracts={"toy-review": Review},
)
"""
WRITE = """
from schemas.base import Document
from schemas.feature import Feature
from schemas.findings import Finding
from skills.core.contribution import ContributedFile, Contribution


class Input(Document):
    feature: Feature
    findings: tuple[Finding, ...] = ()


class Output(Contribution):
    pass


def contribute(request, templates):
    state = "ready" if request.findings and {learns} else "draft"
    text = f"{{request.feature.title}}: {{state}}\\n" + "".join(f"- {{each}}\\n" for each in request.findings)
    return Output(files=(ContributedFile(path="notes/today.md", content=text),))
"""
POLISH = """
from schemas.base import Document
from schemas.feature import Feature
from skills.core.contribution import ContributedFile, Contribution


class Input(Document):
    feature: Feature


class Output(Contribution):
    pass


def contribute(request, templates):
    return Output(files=(ContributedFile(path="notes/polished.md", content=request.feature.title + "\\n"),))
"""
REVIEW = """
from schemas.base import JSON, Document
from schemas.feature import Feature
from schemas.findings import Finding
from skills.core.contribution import ContributedFile, Contribution

TOLD = {told!r}


class Input(Document):
    feature: Feature


class Output(Contribution):
    findings: tuple[Finding, ...]


def contribute(request, templates):
    import pathlib

    text = pathlib.Path(TOLD, "notes/today.md").read_text()
    found = (
        Finding(severity="blocking", rule="no-draft", file="notes/today.md", line=1, evidence="it says draft"),
    ) if text.splitlines()[0].endswith("draft") else ()
    advice = Finding(severity="advice", rule="length", file="notes/today.md", evidence="it is short")
    return Output(findings=(*found, advice), files=(ContributedFile(path="reviews/seen.txt", content=text),))
"""
WORKFLOW = """name: notes
title: Write notes about a feature.
entry: feature-prd
steps:
  - name: draft
    agent: writer-agent
    skills: [write-notes]
  - name: review
    agent: reviewer-agent
  - name: polish
    agent: writer-agent
    task: Make the notes short.
    skills: [polish-notes]
    reads: [feature-prd, toy-notes, toy-review]
    writes: toy-polished
"""


def build_house(root: Path, *, learns: bool = True) -> None:
    """Write the house below `root`; with `learns`, the writer puts right what was found."""
    house = root / ".baton"
    _agent(house, "writer", WRITER)
    _agent(house, "reviewer", REVIEWER)
    _skill(house / "agents/writer/skills", "write-notes", "writer-agent", WRITE.format(learns=learns))
    _skill(house / "agents/writer/skills", "polish-notes", "writer-agent", POLISH)
    _skill(house / "agents/reviewer/skills", "review-notes", "reviewer-agent", REVIEW.format(told=str(root)))
    (house / "workflows").mkdir()
    (house / "workflows/notes.yaml").write_text(WORKFLOW)


def _agent(house: Path, name: str, text: str) -> None:
    folder = house / "agents" / name
    (folder / "skills").mkdir(parents=True)
    (folder / "agent.py").write_text(text)


def _skill(parent: Path, name: str, agent: str, text: str) -> None:
    folder = parent / name.replace("-", "_")
    (folder / "templates").mkdir(parents=True)
    front = f"---\nname: {name}\ndescription: Does {name}.\nmetadata:\n  agent: {agent}\n---\n"
    (folder / "SKILL.md").write_text(f"{front}\nDo it.\n")
    (folder / "blueprint.py").write_text(text)
