"""Checks of Python code with its own tools: ruff, mypy, pytest, and how much of it is annotated."""

from __future__ import annotations

import ast
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from agents.checks.outcomes import failed_tool
from agents.checks.python.mypy_seed import seeded_cache
from agents.checks.rules import absent, rule_tests
from agents.checks.sandbox.untrusted_files import read_plain
from agents.checks.scratch import Scratch
from agents.contracts import Outcome, Work
from agents.guards.annotations import unannotated
from schemas.handoffs import BusinessRule

UNIT_TESTS = "unit-tests"
PROBES = Path(__file__).parent / "probes"
JOURNAL = ("-p", "baton_journal")  # a plugin of pytest in PROBES
_PYTEST_COUNT = re.compile(r"(\d+) (passed|failed|skipped|error|errors|xfailed|xpassed|deselected)")
_NOT_RUN = ("skipped", "xfailed", "xpassed", "deselected")
_STANDALONE = ("--isolated", "--line-length", "120")  # where no `pyproject.toml` says otherwise
_STANDALONE_RULES = ("--select", "ANN,ASYNC,B,E,F,S,UP,W", "--ignore", "E501")


class RuffCheck:
    """`ruff check` and `ruff format --check`, under the tree's own configuration if it has one."""

    name = "ruff"
    after: tuple[str, ...] = ()

    def __init__(self, *paths: str) -> None:
        """Look at `paths` of the tree."""
        self._paths = paths

    async def run(self, scratch: Scratch, work: Work, /) -> Outcome:
        del work
        standalone = not (scratch.tree / "pyproject.toml").is_file()
        ruff: list[str | Path] = [await scratch.python(), "-m", "ruff"]
        common: list[str | Path] = ["--no-cache", *(_STANDALONE if standalone else ()), *self._paths]
        rules = _STANDALONE_RULES if standalone else ()
        checked, problems = await scratch.tool(
            self.name, [*ruff, "check", "--output-format", "concise", *rules, *common]
        )
        if checked.exit_code:
            return failed_tool("ruff finds faults", checked, problems)
        formatted, difference = await scratch.tool(self.name, [*ruff, "format", "--check", *common])
        if formatted.exit_code:
            return failed_tool("ruff would format files differently", formatted, difference)
        return Outcome(passed=True, summary="no faults, formatted", evidence=(checked, formatted))


class MypyCheck:
    """`mypy --strict` over folders of the tree."""

    name = "mypy"
    after: tuple[str, ...] = ()

    def __init__(self, *folders: str) -> None:
        """Look at `folders`, and at what they import."""
        self._folders = folders

    async def run(self, scratch: Scratch, work: Work, /) -> Outcome:
        environment = await scratch.python_environment()
        place = scratch.home / "mypy"
        await seeded_cache(scratch, environment, place, self._folders)
        argv: list[str | Path] = [
            environment.python,
            "-m",
            "mypy",
            "--strict",
            "--cache-dir",
            place,
            "--no-error-summary",
            *self._folders,
            *rule_tests(work),
        ]
        evidence, output = await scratch.tool(self.name, argv)
        if evidence.exit_code:
            return failed_tool("mypy --strict finds faults", evidence, output)
        count = sum(1 for folder in self._folders for _ in (scratch.tree / folder).rglob("*.py"))
        return Outcome(passed=True, summary=f"{count} files, strict", evidence=(evidence,))


class UnitTestsCheck:
    """The app's unit tests: they pass, and there are some; where there are business rules, none is skipped."""

    name = UNIT_TESTS
    after: tuple[str, ...] = ()

    def __init__(self, folder: str, environment: Mapping[str, str]) -> None:
        """Run the tests of `folder` with the app's `environment`."""
        self._folder, self._environment = folder, environment

    async def run(self, scratch: Scratch, work: Work, /) -> Outcome:
        environment = await unit_environment(scratch, work, self._environment)
        argv: list[str | Path] = [await scratch.python(), "-m", "pytest", self._folder, "-q", "-p", "no:cacheprovider"]
        argv += JOURNAL
        evidence, output = await scratch.tool(self.name, argv, env=environment, notes_tests=True)
        counts = pytest_counts(output)
        if evidence.exit_code or not counts.get("passed"):
            return failed_tool("the unit tests do not pass", evidence, output)
        if problems := _rule_problems(scratch, work, counts):
            summary = "not every business rule is shown to hold"
            return Outcome(passed=False, summary=summary, evidence=(evidence,), problems=problems)
        return Outcome(passed=True, summary=f"{counts['passed']} tests", evidence=(evidence,))


async def unit_environment(scratch: Scratch, work: Work, app: Mapping[str, str]) -> dict[str, str]:
    """Return the environment that unit tests run in: the app's, with a database if there are business rules to try.

    Raises:
        ScratchError: The database server cannot be reached.
    """
    database = {"TEST_DATABASE_URL": await scratch.database(UNIT_TESTS)} if work.facts(BusinessRule) else {}
    return {**app, **database, "PYTHONPATH": str(PROBES)}


def _rule_problems(scratch: Scratch, work: Work, counts: Mapping[str, int]) -> tuple[str, ...]:
    if not work.facts(BusinessRule):
        return ()
    skipped = [f"{counts[word]} tests ended as `{word}`; all must pass" for word in _NOT_RUN if counts.get(word)]
    return (*absent(scratch, work), *skipped)


class TypeHintsCheck:
    """How many of a folder's parameters and returns are annotated; all of them must be."""

    name = "type-hints"
    after: tuple[str, ...] = ()

    def __init__(self, folder: str) -> None:
        """Look at `folder`."""
        self._folder = folder

    async def run(self, scratch: Scratch, work: Work, /) -> Outcome:
        del work
        started = time.monotonic()
        annotated, missing = measure_annotations(sorted((scratch.tree / self._folder).rglob("*.py")), scratch.tree)
        total = annotated + len(missing)
        share = annotated / total if total else 1.0
        text = "\n".join([f"{annotated} of {total} parameters and returns of {self._folder}/ are annotated", *missing])
        evidence = scratch.record(self.name, "Python syntax tree", text, time.monotonic() - started)
        return Outcome(
            passed=not missing,
            summary=f"{share:.0%} of {total} parameters and returns annotated",
            evidence=(evidence,),
            problems=tuple(missing),
        )


def measure_annotations(files: Sequence[Path], tree: Path) -> tuple[int, list[str]]:
    """Return how many parameters and returns are annotated, and where one is not; an unreadable file is named."""
    annotated, missing = 0, []
    for path in files:
        where = path.relative_to(tree).as_posix()
        text = read_plain(path)
        if text is None:
            missing.append(f"{where}: not a plain file")
            continue
        try:
            module = ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:  # as deep code makes of the parser
            missing.append(f"{where}: not Python: {error}")
            continue
        for function in _functions(module):
            lacking = unannotated(function)
            annotated += len(lacking.all) - len(lacking.missing)
            missing += [f"{where}:{function.lineno}: `{function.name}`: {name}" for name in lacking.missing]
    return annotated, missing


def pytest_counts(output: str) -> dict[str, int]:
    """Return the counts of pytest's last line: `{"passed": 12, "skipped": 1}`."""
    for line in reversed(output.splitlines()):
        found = _PYTEST_COUNT.findall(line)
        if found and " in " in line:
            return {word: int(number) for number, word in found}
    return {}


def _functions(module: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node
