"""The prompts of the built-in skills for one PRD, as a model gets them: `golden/prompts/<skill>.md`.

python -m tests.support.golden_prompts     writes them anew
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from agents.contracts import Agent
from agents.ownership import owns
from orchestrator.planning.choices import built_in
from orchestrator.steps.intake.draft import DRAFTER, context_of, materials_of, said_in
from schemas.base import JSON, Document
from schemas.handoffs import DatabaseAgentOutput, PythonBackendAgentOutput
from skills.core.contribution import Contribution, merge
from skills.core.executor import request_of, run_template
from skills.core.registry import Registry
from skills.core.skill_context import SkillContext
from skills.design.contract import api_contract
from skills.model.budget import Meter
from skills.model.prompt import Prompt, prompt_of
from skills.model.workspace import laid_out
from tests.support.bound_agents import DATABASE, FRONTEND, PYTHON_BACKEND, TEST
from tests.support.core_build import example, write
from tests.support.drafts import NOTE
from tests.support.front_openapi import openapi
from tests.support.gap_prompts import write_gap_prompts

GOLDEN = Path(__file__).parents[1] / "skills/golden" / "prompts"
PRD = "todo-lists"


def prompts() -> Iterator[tuple[str, Prompt]]:
    """Yield each built-in skill's prompt, with what templates left before it as its inputs."""
    feature = example(PRD)
    document: dict[str, JSON] = openapi(feature)
    materials: dict[str, Document | JSON] = {"feature": feature, "contract": api_contract(feature), "openapi": document}
    with tempfile.TemporaryDirectory() as name:
        tree = Path(name)
        for agent in (DATABASE, PYTHON_BACKEND, FRONTEND, TEST):
            outputs: dict[str, Contribution] = {}
            for selection in Registry().select(feature.stack):
                skill = selection.skill
                if selection.active and agent.name in skill.agents:
                    offered = {**materials, "assembled": merge(tuple(outputs.items()))}
                    yield skill.name, _prompt(agent, skill.name, offered, tree, outputs)
                    outputs[skill.name] = run_template(skill, offered)
            write({file.path: file.content for output in outputs.values() for file in output.files}, tree)
            materials |= handed_on(agent, outputs)
    yield DRAFTER, _drafting()


def _prompt(
    agent: Agent,
    name: str,
    offered: Mapping[str, Document | JSON],
    tree: Path,
    outputs: Mapping[str, Contribution],
) -> Prompt:
    skill = Registry().skill(name)
    blueprint = skill.blueprint()
    bench = SkillContext(
        agent=agent.name, tree=tree, owned=partial(owns, agent), owns=agent.owns, excludes=agent.excludes
    )
    made = sorted(file.path for output in outputs.values() for file in output.files)
    request = request_of(skill, blueprint, offered)
    return prompt_of(skill, blueprint, request, bench, there=laid_out(bench), fixed=made)


def _drafting() -> Prompt:
    """Return the prompt that asks for a draft of a meeting note."""
    skill = Registry().skill(DRAFTER)
    blueprint = skill.blueprint()
    request = request_of(skill, blueprint, materials_of(said_in(NOTE), built_in()))
    with tempfile.TemporaryDirectory() as name:
        bench = context_of("intake", Path(name), Meter())
        return prompt_of(skill, blueprint, request, bench, there=(), fixed=())


def handed_on(agent: Agent, outputs: Mapping[str, Contribution]) -> dict[str, Document | JSON]:
    """Return what the agent hands on, as far as skills read it."""
    files = tuple(sorted(file.path for output in outputs.values() for file in output.files))
    if agent is DATABASE:
        facts = outputs["database-schema-expander"].model_dump()
        handoff = DatabaseAgentOutput(
            task=PRD, files=files, tables=facts["tables"], migrations=facts["migrations"], verification=()
        )
        return {"database": handoff}
    if agent is PYTHON_BACKEND:
        facts = outputs["python-api-patterns"].model_dump()
        backend = PythonBackendAgentOutput(
            task=PRD,
            timestamp="2026-01-01T00:00:00Z",
            files=files,
            api_contract=facts["endpoints"],
            for_frontend_agent=(),
            dependencies_added=(),
        )
        return {"backend": backend}
    return {}


def as_markdown(name: str, prompt: Prompt) -> str:
    """Return a prompt for a reviewer: what is sent, under headings of its own."""
    attached = [f"- `/{path}`: {len(text):,} characters" for path, text in prompt.attachments.items()]
    answer = json.dumps(prompt.answer, indent=2, ensure_ascii=False)
    of = "a meeting note" if name == DRAFTER else f"examples/{PRD}.md"
    parts = [
        f"<!-- The prompt of `{name}` for {of}. Written by `python -m tests.support.golden_prompts`. -->",
        "<!-- ======== system ======== -->",
        prompt.system,
        "<!-- ======== message ======== -->",
        prompt.message,
        "<!-- ======== attached ======== -->",
        "\n".join(attached) or "nothing",
        "<!-- ======== the answer: arguments of `submit` ======== -->",
        f"```json\n{answer}\n```",
    ]
    return "\n\n".join(parts) + "\n"


def main() -> None:
    """Write every prompt, and remove those of skills that are no more."""
    GOLDEN.mkdir(parents=True, exist_ok=True)
    for place in GOLDEN.glob("*.md"):
        place.unlink()
    for name, prompt in prompts():
        (GOLDEN / f"{name}.md").write_text(as_markdown(name, prompt), encoding="utf-8")
    write_gap_prompts()


if __name__ == "__main__":
    main()
