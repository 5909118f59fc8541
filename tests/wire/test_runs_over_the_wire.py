"""Whole runs of small agents with the providers' own packages: recorded at the wire, replayed with nobody there."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator import Orchestrator
from orchestrator.planning.model_policy import ModelUse
from orchestrator.planning.policy import Policy
from orchestrator.records.result import RunResult
from tests.support.small_agents import Kit
from tests.wire.conftest import Serve
from tests.wire.exchange import Refusal, Reply, Request, Trouble
from tests.wire.hand import Hand
from tests.wire.providers import KEY
from tests.wire.trials import contents

pytestmark = pytest.mark.slow


async def ran(kit: Kit, folder: Path, name: str, use: ModelUse) -> RunResult:
    async with Orchestrator(folder / name, pipeline=kit.pipeline(), registry=kit.registry()) as engine:
        run = await engine.start(folder / "prd.md", policy=Policy(model=use))
        result = await run.result()
        assert [each.text for each in await engine.questions(run.id)] == []
        return result


def app(workspace: Path) -> dict[str, bytes]:
    return {path: text for path, text in contents(workspace).items() if not path.startswith((".claude/", ".baton/"))}


async def test_a_run_is_recorded_at_the_wire_and_replayed_with_nobody_there(
    kit: Kit, tmp_path: Path, serve: Serve, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    loopback = serve(Hand(kit.registry()))
    tape = str(tmp_path / "tape")
    recorded = await ran(kit, tmp_path, "recorded", ModelUse(name=model, all_skills=True, record=tape))

    assert (recorded.status, recorded.problems, loopback.refused) == ("completed", (), [])
    assert {each.provider for each in loopback.asked} == {model.partition(":")[0]}
    assert [each.by for each in recorded.work] == [model] * 3
    assert not any(KEY.encode() in text for text in contents(Path(tape)).values())

    asked = len(loopback.asked)
    for variable in ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_APPLICATION_CREDENTIALS"):
        monkeypatch.delenv(variable)
    replayed = await ran(kit, tmp_path, "replayed", ModelUse(name=model, all_skills=True, replay=tape))

    assert replayed.status == "completed"
    assert app(tmp_path / "replayed") == app(tmp_path / "recorded")
    assert len(loopback.asked) == asked


async def test_a_wrong_key_is_a_question_that_does_not_show_it(kit: Kit, tmp_path: Path, serve: Serve) -> None:
    def refuse(request: Request) -> Reply | Trouble:
        return Refusal(status=401, message=f"Incorrect API key provided: {request.headers['authorization']}.")

    serve(refuse)
    use = ModelUse(name="openai:gpt-6-sol", all_skills=True)
    async with Orchestrator(tmp_path / "w", pipeline=kit.pipeline(), registry=kit.registry()) as engine:
        run = await engine.start(tmp_path / "prd.md", policy=Policy(model=use))
        result = await run.result()
        (question,) = await engine.questions(run.id)

    assert (result.status, question.kind) == ("waiting", "model")
    assert "the provider turned the request down" in question.text
    assert "Incorrect API key provided" in question.text
    assert KEY not in question.text
    assert app(tmp_path / "w") == {}
