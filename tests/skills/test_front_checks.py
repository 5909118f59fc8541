"""The Frontend agent's checks with the real tools: made frontends pass, broken ones are named."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from agents.checks.environments.environments import Environments
from agents.checks.node.packages import InstallCheck, compare_packages
from agents.checks.runner import run_checks
from agents.checks.scratch import Scratch
from agents.checks.time_limit import TimeLimit
from agents.contracts import Check, Outcome, Work
from agents.toolchains.react_vite.checks import CLIENT, BuildCheck, ClientCheck, ComponentTestsCheck, TypesCheck
from orchestrator.storage.home import home
from schemas.feature import Feature
from schemas.handoffs import FrontendAgentOutput
from tests.skills.test_front_files import HOSTILE
from tests.support.agent_material import LOCKS
from tests.support.bound_agents import FRONTEND
from tests.support.core_build import EXAMPLES, entity, everything, example, feature, field, write
from tests.support.front_build import awkward, files, hostile, outputs
from tests.support.front_openapi import openapi

pytestmark = pytest.mark.slow

TODO = "frontend/src/pages/todos"
FEATURES = {
    **{path.stem: example(path.stem) for path in sorted(EXAMPLES.glob("*.md"))},
    "everything": everything(),
    "awkward": awkward(),
    "hostile": hostile(HOSTILE),
    "labels": feature(entity("Pipe", field("main"), field("related"), field("pages"))),
}


@pytest.fixture
async def environments() -> AsyncIterator[Environments]:
    made = Environments(home() / "cache")
    yield made
    await made.close()


@pytest.fixture
async def scratch(tmp_path: Path, environments: Environments) -> AsyncIterator[Scratch]:
    tree, logs = tmp_path / "tree", tmp_path / "logs"
    tree.mkdir()
    async with Scratch(
        run_id="test", tree=tree, logs=logs, environments=environments, admin_dsn="", locks=LOCKS
    ) as made:
        yield made


def work(feature: Feature, made: Mapping[str, str]) -> Work:
    return Work(
        task=feature.title,
        timestamp="2026-01-01T00:00:00Z",
        feature=feature,
        handoffs={},
        outputs=outputs(feature),
        files=tuple(sorted(made)),
    )


async def checked(scratch: Scratch, made: Mapping[str, str], *checks: Check) -> dict[str, Outcome]:
    feature = example("todo-lists")
    document = json.dumps(openapi(feature))
    write({**made, "openapi.json": document}, scratch.tree)
    return await run_checks(checks, scratch, work(feature, made))


def changed(path: str, old: str, new: str) -> dict[str, str]:
    made = dict(files(example("todo-lists")))
    assert old in made[path]
    made[path] = made[path].replace(old, new)
    return made


@pytest.mark.parametrize("name", FEATURES)
async def test_a_made_frontend_passes_every_check(name: str, scratch: Scratch) -> None:
    feature = FEATURES[name]
    made = files(feature)
    write({**made, "openapi.json": json.dumps(openapi(feature))}, scratch.tree)

    outcomes = await run_checks(FRONTEND.checks, scratch, work(feature, made))

    assert [problem for outcome in outcomes.values() for problem in outcome.problems] == []
    assert "components" in outcomes["client"].files[CLIENT]
    assert all(evidence.tool.split()[-1][0].isdigit() for o in outcomes.values() for evidence in o.evidence)
    left = {path.name for path in (scratch.tree / "frontend").iterdir()}
    assert left == {path.split("/")[1] for path in made} | {"node_modules"}


async def test_tsc_names_where_frontend_and_api_disagree(scratch: Scratch) -> None:
    made = changed(f"{TODO}/TodoForm.tsx", "title: draft.title", "titel: draft.title")

    outcomes = await checked(scratch, made, ClientCheck(), TypesCheck())

    assert "src/pages/todos/TodoForm.tsx" in outcomes["tsc"].problems[0]
    assert "'titel' does not exist" in outcomes["tsc"].problems[0]


async def test_a_component_that_breaks_fails_its_test(scratch: Scratch) -> None:
    made = changed("frontend/src/forms/controls.tsx", '"aria-invalid": error !== undefined', '"aria-invalid": false')

    outcomes = await checked(scratch, made, ComponentTestsCheck())

    assert not outcomes["vitest"].passed
    assert any(problem.startswith("src/forms/form.test.tsx: ") for problem in outcomes["vitest"].problems)


async def test_a_skipped_test_is_not_a_passed_one(scratch: Scratch) -> None:
    made = changed("frontend/src/forms/convert.test.ts", 'test("only what was', 'test.skip("only what was')

    outcomes = await checked(scratch, made, ComponentTestsCheck())

    assert not outcomes["vitest"].passed
    assert "tests ran; each must" in outcomes["vitest"].problems[0]


HANGS = """
import { expect, test } from "vitest";

test("adds up", () => expect(1 + 1).toBe(3));
test("holds", () => expect(1).toBe(1));
test("waits", () => new Promise(() => {}), 1_000_000);
"""


async def test_component_tests_that_hang_name_what_failed_and_what_was_running(
    scratch: Scratch, environments: Environments, tmp_path: Path
) -> None:
    made = {path: text for path, text in files(example("todo-lists")).items() if ".test." not in path}
    impatient = Scratch(
        run_id="test",
        tree=scratch.tree,
        logs=tmp_path / "logs",
        environments=environments,
        admin_dsn="",
        locks=LOCKS,
        limit=TimeLimit(idle=10),
    )
    async with impatient:
        outcomes = await checked(impatient, {**made, "frontend/src/hang.test.ts": HANGS}, ComponentTestsCheck())
    outcome = outcomes["vitest"]
    assert outcome.summary == "`vitest` made no progress"
    log = Path(outcome.evidence[0].log).read_text()
    assert "[failed until then: 1]\n  src/hang.test.ts: adds up: expected 2 to be 3" in log
    assert "[still running: 2]\n  src/hang.test.ts\n  src/hang.test.ts: waits\n" in log


async def test_types_written_by_hand_are_refused(scratch: Scratch) -> None:
    made = {**files(example("todo-lists")), CLIENT: "export type components = any;\n"}

    outcomes = await checked(scratch, made, ClientCheck())

    assert outcomes["client"].problems == (
        "frontend/src/api/schema.d.ts: not what `npm run api` makes of openapi.json; leave it to that command",
    )


async def test_a_package_of_another_version_than_locked_is_named(scratch: Scratch) -> None:
    outcomes = await checked(scratch, files(example("todo-lists")), InstallCheck("frontend/package-lock.json"))
    assert outcomes["npm-ci"].passed
    lock = scratch.tree / "frontend/package-lock.json"
    environment = await scratch.node()
    document = json.loads(lock.read_text(encoding="utf-8"))
    document["packages"]["node_modules/react"]["version"] = "0.0.1"

    _, problems = compare_packages(document, environment)

    assert len(problems) == 1
    assert problems[0].startswith("node_modules/react: ")


async def test_a_page_that_cannot_be_built_is_named(scratch: Scratch) -> None:
    made = changed("frontend/src/main.tsx", "./routes", "./nowhere")

    outcomes = await checked(scratch, made, BuildCheck())

    assert "nowhere" in outcomes["vite-build"].problems[0]


def test_the_handoff_states_pages_endpoints_and_gaps() -> None:
    feature = awkward()
    made = files(feature)
    locked = json.loads(made["frontend/package.json"])

    handoff = FRONTEND.compose(work(feature, made))

    assert isinstance(handoff, FrontendAgentOutput)
    listed = next(page for page in handoff.pages if page.path == "/links")
    assert listed.endpoints == ("GET /api/v1/links",)
    assert f"vite@{locked['devDependencies']['vite']} (dev)" in handoff.dependencies_added
    assert handoff.not_implemented is not None
