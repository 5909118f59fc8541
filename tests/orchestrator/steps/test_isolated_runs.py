"""Checks of a run are isolated where somebody else than its templates wrote what they run."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agents.checks.sandbox.isolation import Isolation, isolation
from agents.checks.scratch import Scratch
from agents.contracts import Outcome, Work
from orchestrator import Orchestrator
from orchestrator.planning.model_policy import ModelUse
from orchestrator.planning.policy import Policy
from skills.model.scripted import ScriptedModel, submit, write
from tests.support.small_agents import Compiles, Kit

pytestmark = pytest.mark.slow

RUNS_IT = "import sys; exec(open(sys.argv[1]).read())"
MODEL = Policy(model=ModelUse(skills=("make-two",), repairs=0))


@dataclass(frozen=True)
class Notes(Compiles):
    """Notes, beside its work, whether it was isolated."""

    noted: list[tuple[str, bool]] = field(default_factory=list)

    async def run(self, scratch: Scratch, work: Work, /) -> Outcome:
        self.noted.append((self.folder, scratch.isolated))
        return await super().run(scratch, work)


@pytest.fixture(autouse=True)
def as_by_default(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    del kit  # first: it switches isolation off
    monkeypatch.delenv("BATON_ISOLATION")


def noting(kit: Kit) -> list[tuple[str, bool]]:
    noted: list[tuple[str, bool]] = []
    kit.checks.update({word: (Notes(word, noted=noted),) for word in ("one", "two", "three")})
    return noted


def writing(content: str) -> ScriptedModel:
    """Return a model that writes the second agent's file."""
    return ScriptedModel([write({"two/names.py": content}), submit(entities=1)])


def engine(kit: Kit, folder: Path, model: ScriptedModel | None = None) -> Orchestrator:
    return Orchestrator(folder / "w", pipeline=kit.pipeline(), registry=kit.registry(), model=model)


async def test_a_run_of_templates_alone_is_not_isolated(kit: Kit, tmp_path: Path) -> None:
    noted = noting(kit)
    async with engine(kit, tmp_path) as orchestrator:
        await (await orchestrator.start(tmp_path / "prd.md")).result()
    assert noted == [("one", False), ("two", False), ("three", False)]


async def test_a_run_with_a_model_is_isolated_and_so_is_one_that_goes_on_from_its_files(
    kit: Kit, tmp_path: Path
) -> None:
    noted = noting(kit)
    async with engine(kit, tmp_path, writing("NAMES = []\n")) as orchestrator:
        made = await (await orchestrator.start(tmp_path / "prd.md", policy=MODEL)).result()
    assert (made.status, noted) == ("completed", [("one", True), ("two", True), ("three", True)])
    noted.clear()
    async with engine(kit, tmp_path) as orchestrator:
        await (await orchestrator.start(tmp_path / "prd.md", agents=["three-agent"])).result()
    assert noted == [("three", True)]


async def test_what_a_model_wrote_changes_nothing_outside_when_a_check_runs_it(kit: Kit, tmp_path: Path) -> None:
    found = await isolation()
    if not all(each.held for each in found.assets() if each.name == "files"):
        pytest.skip("this machine cannot keep tools from files; `baton doctor` says it")
    kit.checks["two"] = (Compiles("two", code=RUNS_IT),)
    planted = tmp_path / "planted"
    async with engine(kit, tmp_path, writing(f"open({str(planted)!r}, 'w').write('x')\n")) as orchestrator:
        result = await (await orchestrator.start(tmp_path / "prd.md", policy=MODEL)).result()
    assert result.status == "waiting"  # for somebody who knows what to do with such a model
    assert not planted.exists()
    assert not (tmp_path / "w/two/names.py").exists()


async def test_isolation_that_is_required_and_cannot_be_had_fails_the_step_and_says_so(
    kit: Kit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BATON_ISOLATION", "required")
    monkeypatch.setattr("agents.checks.sandbox.isolation._tried", Isolation)
    async with engine(kit, tmp_path) as orchestrator:
        result = await (await orchestrator.start(tmp_path / "prd.md")).result()
    assert result.status == "failed"
    assert "checks must run isolated (BATON_ISOLATION=required), and this machine can do that with limits only" in (
        "\n".join(result.problems)
    )
