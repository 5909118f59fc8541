"""The providers' own packages, as far as a machine without their servers can show it."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from langchain_core.tools import StructuredTool

from skills.core.registry import Registry
from skills.model.call import Patience
from skills.model.errors import ModelPackageMissing, ModelUnavailable
from skills.model.executor import ModelExecutor
from skills.model.models import chat_model
from skills.model.prompt import answer_schema
from skills.model.scripted import ScriptedModel
from tests.support.model_skill import bench, done, feature, note_writer

ADDRESSES = {
    "anthropic:claude-sonnet-5-5": ("ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL"),
    "google_genai:gemini-4-argon": ("GOOGLE_API_KEY", "GOOGLE_GEMINI_BASE_URL"),
    "ollama:qwen3:8b": ("OLLAMA_API_KEY", "OLLAMA_HOST"),
    "openai:gpt-6-sol": ("OPENAI_API_KEY", "OPENAI_BASE_URL"),
}


@pytest.fixture
def nobody() -> Iterator[str]:
    """An address where nobody listens, and nobody else will meanwhile."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


@pytest.fixture(params=ADDRESSES)
def name(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, nobody: str) -> str:
    key, address = ADDRESSES[request.param]
    monkeypatch.setenv(key, "x")
    monkeypatch.setenv(address, nobody)
    return str(request.param)


async def test_a_provider_that_does_not_answer_is_unavailable(tmp_path: Path, name: str) -> None:
    executor = ModelExecutor(name, patience=Patience(tries=2, first=0.0, longest=0.0))
    with pytest.raises(ModelUnavailable, match=r"\(tried 2 times\)"):
        await executor.execute(note_writer(tmp_path), {"feature": feature()}, bench(tmp_path))


def test_every_skills_answer_can_be_asked_of_every_provider(name: str) -> None:
    model = chat_model(name)
    for skill in Registry().skills:
        schema = dict(answer_schema(skill.blueprint().output))
        model.bind_tools([StructuredTool(name="submit", description="", args_schema=schema)])


async def test_ones_own_model_without_the_extra_is_answered_with_the_line_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "skills.model.conversation", raising=False)
    for module in [each for each in sys.modules if each.partition(".")[0] == "deepagents"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "deepagents", None)
    with pytest.raises(
        ModelPackageMissing, match=r"needs the package `deepagents`.*\n  pip install 'baton-engine\[model\]'"
    ):
        await done(tmp_path, ScriptedModel([]))
