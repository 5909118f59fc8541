"""What Claude Code needs to drive runs: a subagent an agent, a skill a skill, and commands.

The subagents do the work of a step that is done outside; the skills are what Baton's own are; the skill `baton` and the
commands say how a run is started, looked at, answered and gone on with.

Not here: the rules of these formats (`orchestrator.interop.formats`), writing the files
(`orchestrator.interop.export`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from agents.contracts import Agent
from handoff.files import read_regular
from orchestrator.interop import lenient_front_matter
from orchestrator.planning.choices import catalogue_of
from orchestrator.planning.pipeline import BoundStep, Pipeline, agents_of
from orchestrator.steps.external.folder import handoff_name, task_name
from skills.core.manifest import MAX_DESCRIPTION
from skills.core.registry import Registry
from skills.core.skill import Skill

AGENTS, SKILLS, COMMANDS = ".claude/agents", ".claude/skills", ".claude/commands"
_TEXTS = Path(__file__).with_name("texts")
_TOOLS = "Read, Write, Edit, Glob, Grep, Bash"


def exported(pipeline: Pipeline, registry: Registry) -> dict[str, str]:
    """Return the text of every file by path, relative to the project; agents as under the default stack."""
    steps = pipeline.bound(catalogue_of(registry, pipeline.toolchains).stack())
    files = {f"{AGENTS}/{agent.name}.md": _subagent(agent, steps) for agent in agents_of(steps)}
    for skill in registry.skills:
        if any(step.uses(skill) for step in pipeline.steps):
            files[f"{SKILLS}/{skill.name}/SKILL.md"] = _skill(skill)
    files[f"{SKILLS}/baton/SKILL.md"] = (_TEXTS / "skill.md").read_text("utf-8")
    for text in sorted((_TEXTS / "commands").glob("*.md")):
        files[f"{COMMANDS}/{text.name}"] = text.read_text("utf-8")
    return files


def _subagent(agent: Agent, steps: Sequence[BoundStep]) -> str:
    found = _own_text(agent)
    front = {
        "name": agent.name,
        "description": found.text("description") or f"Does the work of Baton's {agent.title} agent.",
        "tools": found.text("tools") or _TOOLS,
    }
    if model := found.text("model"):
        front["model"] = model
    own = [step for step in steps if step.agent.name == agent.name]
    tasks, handoffs = ("` or `".join(map(name, own)) for name in (task_name, handoff_name))
    asked = (_TEXTS / "outside.md").read_text("utf-8").format(task=tasks, handoff=handoffs)
    return _document(front, f"{found.body or _described(agent)}\n\n{asked}")


def _own_text(agent: Agent) -> lenient_front_matter.Loose:
    """Return the `agent.md` in an agent's folder; nothing if there is none."""
    text = agent.folder / "agent.md" if agent.folder else None
    if text is not None and text.is_file():
        return lenient_front_matter.read(read_regular(text))
    return lenient_front_matter.Loose()


def _described(agent: Agent) -> str:
    owns = "\n".join(f"- `{pattern}`" for pattern in agent.owns)
    reads = "\n".join(f"- `.claude/handoff/{each.contract}.md`" for each in agent.reads)
    return f"# {agent.title}\n\nYou read:\n\n{reads}\n\nYou create and change these, and nothing else:\n\n{owns}"


def _skill(skill: Skill) -> str:
    front = {"name": skill.name, "description": skill.description[:MAX_DESCRIPTION]}
    return _document(front, skill.instructions())


def _document(front: Mapping[str, str], body: str) -> str:
    head = yaml.safe_dump(dict(front), sort_keys=False, allow_unicode=True, width=1_000)
    return f"---\n{head}---\n\n{body.strip()}\n"
