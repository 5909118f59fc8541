"""Checks of a frontend that Vite builds: the generated client, types, component tests, the build.

What a check runs is the script of the staged `package.json`, so that Baton checks what `npm run …` runs. The build
leaves nothing in the tree.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from agents.checks.node.programs import JOURNAL, run_program, run_script
from agents.checks.outcomes import failed_tool
from agents.checks.scratch import Scratch
from agents.contracts import Outcome, Work
from schemas.base import JSON

FRONTEND = "frontend"
CLIENT = f"{FRONTEND}/src/api/schema.d.ts"
COMPONENT_TESTS, BUILD = "vitest", "vite-build"
_KILOBYTE = 1000
_SHOWN = 1000  # characters of a failure


class ClientCheck:
    """The API's types, made from `openapi.json`. Types written by anything but the generator are refused."""

    name = "client"
    after: tuple[str, ...] = ()

    async def run(self, scratch: Scratch, work: Work, /) -> Outcome:
        place = scratch.tree / CLIENT
        written = scratch.left(place) if CLIENT in work.files else None
        evidence, output = await run_script(scratch, self.name, FRONTEND, "api", tool="openapi-typescript")
        text = scratch.left(place)
        if evidence.exit_code or text is None:
            return failed_tool("the client cannot be made from openapi.json", evidence, output)
        if written is not None and written != text:
            problem = f"{CLIENT}: not what `npm run api` makes of openapi.json; leave it to that command"
            return Outcome(passed=False, summary="written by hand", evidence=(evidence,), problems=(problem,))
        return Outcome(passed=True, summary="made from openapi.json", evidence=(evidence,), files={CLIENT: text})


class TypesCheck:
    """`tsc` over the frontend and the API's types: where frontend and backend disagree, it fails."""

    name = "tsc"
    after: tuple[str, ...] = (ClientCheck.name,)

    async def run(self, scratch: Scratch, work: Work, /) -> Outcome:
        del work
        evidence, output = await run_script(scratch, self.name, FRONTEND, "typecheck", tool="typescript-native")
        if evidence.exit_code:
            return failed_tool("tsc finds faults", evidence, output)
        sources = [path for path in (scratch.tree / FRONTEND / "src").rglob("*.ts*") if path.is_file()]
        return Outcome(passed=True, summary=f"{len(sources)} files, strict", evidence=(evidence,))


class ComponentTestsCheck:
    """The component tests: they pass, there are some, and none is skipped."""

    name = COMPONENT_TESTS
    after: tuple[str, ...] = ()

    async def run(self, scratch: Scratch, work: Work, /) -> Outcome:
        del work
        report = scratch.home / "vitest.json"
        reporters = ["--reporter=default", f"--reporter={JOURNAL}", "--reporter=json", f"--outputFile.json={report}"]
        evidence, output = await run_script(
            scratch, self.name, FRONTEND, "test", *reporters, tool="vitest", notes_tests=True
        )
        found = scratch.left(report)
        if found is None:
            return failed_tool("the component tests cannot run", evidence, output)
        document = json.loads(found)
        failures = failed_tests(document, scratch.tree / FRONTEND)
        if failures:
            summary = f"{len(failures)} component tests fail"
            return Outcome(passed=False, summary=summary, evidence=(evidence,), problems=tuple(failures))
        if evidence.exit_code:
            return failed_tool("the component tests do not pass", evidence, output)
        counts = cast("Mapping[str, int]", document)
        passed = counts["numPassedTests"]
        if not passed or passed != counts["numTotalTests"]:
            problem = f"{passed} of {counts['numTotalTests']} tests ran; each must, and there must be one"
            return Outcome(passed=False, summary="tests are missing", evidence=(evidence,), problems=(problem,))
        return Outcome(passed=True, summary=f"{passed} tests", evidence=(evidence,))


def failed_tests(report: Mapping[str, JSON], folder: Path) -> list[str]:
    """Return each failed test of a Vitest JSON report: its file, its name, and how it failed."""
    failures = []
    for result in cast("list[Mapping[str, JSON]]", report["testResults"]):
        where = str(result["name"]).removeprefix(f"{folder}/")
        tests = cast("list[Mapping[str, JSON]]", result["assertionResults"])
        failed = [test for test in tests if test["status"] == "failed"]
        for test in failed:
            reason = "\n".join(cast("list[str]", test["failureMessages"]))
            failures.append(f"{where}: {test['fullName']}\n{reason[:_SHOWN]}")
        if result["status"] == "failed" and not failed:
            failures.append(f"{where}: {result['message']}")
    return failures


class BuildCheck:
    """`vite build`, for production."""

    name = BUILD
    after: tuple[str, ...] = ()

    async def run(self, scratch: Scratch, work: Work, /) -> Outcome:
        del work
        built = scratch.home / "dist"
        argv = ["vite", "build", "--outDir", str(built), "--emptyOutDir"]
        evidence, output = await run_program(scratch, self.name, FRONTEND, argv, tool="vite")
        files = [path for path in built.rglob("*") if path.is_file()] if built.is_dir() else []
        if evidence.exit_code or not files:
            return failed_tool("vite does not build the frontend", evidence, output)
        size = {kind: _kilobytes(files, kind) for kind in (".js", ".css")}
        summary = f"{size['.js']} kB of JavaScript, {size['.css']} kB of CSS"
        return Outcome(passed=True, summary=summary, evidence=(evidence,))


def _kilobytes(files: list[Path], suffix: str) -> int:
    return round(sum(path.stat().st_size for path in files if path.suffix == suffix) / _KILOBYTE)
