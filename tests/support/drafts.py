"""A meeting note, and what a model may make of it: what the tests of prose PRDs share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from langchain_core.messages import AIMessage

from orchestrator import Orchestrator
from orchestrator.planning.model_policy import ModelUse
from orchestrator.planning.policy import Policy
from orchestrator.records.result import RunResult
from orchestrator.runtime.run import Run
from skills.model.scripted import Script, ScriptedModel, submit, write
from tests.support.small_agents import Kit

# The statements are 1 the heading, 2 and 3 its sentences, 4 and 5 the items, 6 and 7 the last line.
NOTE = """# Besprechung 🚀 Bibliothek

Wir leihen Bücher aus. Jedes Buch hat einen Titel, den man nicht weglassen darf.

- Ein Buch ist verfügbar oder verliehen.
- Nach 3 Wochen wird gemahnt 📬, z. B. per E-Mail.

Anna bringt Kuchen mit! Nächstes Treffen am Dienstag.
"""
DRAFT = """# Feature PRD: Bibliothek

## Entities

### Book

| Field | Type | Required | Rules |
|---|---|---|---|
| title | string | yes | |
| status | enum(verfügbar, verliehen) | yes | |
"""
PLACED: tuple[Mapping[str, object], ...] = (
    {"first": 1, "places": ["title"]},
    {"first": 2, "places": ["description", "Book"]},
    {"first": 3, "places": ["Book.title"]},
    {"first": 4, "places": ["Book.status"]},
    {"first": 6, "last": 7, "places": ["background"]},
)
STRUCTURED = """# Feature PRD: Bibliothek

Wir leihen Bücher aus.

## Entities

### Book

Wir leihen Bücher aus.

| Field | Type | Required | Rules |
|-------|------|----------|-------|
| title | string | yes | |
| status | enum(verfügbar, verliehen) | yes | |

## Business Rules

- Nach 3 Wochen wird gemahnt 📬, z. B. per E-Mail.

## Background

Anna bringt Kuchen mit!

Nächstes Treffen am Dienstag.
"""


def drafting(
    text: str = DRAFT, placed: Sequence[Mapping[str, object]] = PLACED, unsettled: Sequence[str] = ()
) -> list[AIMessage]:
    """Return the replies that hand in a draft."""
    return [write({"feature-prd.md": text}), submit(placed=list(placed), open=list(unsettled))]


def engine_with(kit: Kit, workspace: Path, script: Script) -> tuple[Orchestrator, ScriptedModel]:
    """Return an engine of small agents with a scripted model, and the model."""
    model = ScriptedModel(script)
    return Orchestrator(workspace, pipeline=kit.pipeline(), registry=kit.registry(), model=model), model


async def started(engine: Orchestrator, prd: Path, policy: Policy | None = None) -> tuple[Run, RunResult]:
    run = await engine.start(prd, policy=policy)
    return run, await run.result()


async def answered(engine: Orchestrator, result: RunResult, value: str) -> RunResult:
    """Answer what a run asks, and go on."""
    await engine.answer(result.run, result.questions[0].id, value)
    return await (await engine.resume(result.run)).result()


async def recorded(kit: Kit, tape: Path, note: Path) -> None:
    """Record how a model drafts a PRD of the note."""
    engine, _ = engine_with(kit, tape.parent / "recording", drafting())
    async with engine:
        run, asked = await started(engine, note, Policy(model=ModelUse(record=str(tape))))
        assert asked.status == "waiting"
        await engine.cancel(run.id)
