"""Do the tests of a business rule fail without it? Tests that pass either way show nothing.

It runs alone, after the other checks: while it runs, the tree holds the app without the rules.

Not here: that the tests pass with the rules (`agents.checks.python.tools`), which tests these are
(`skills.model.hybrid`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from agents.checks.outcomes import failed_tool
from agents.checks.python.tools import JOURNAL, unit_environment
from agents.checks.rules import rules_to_try
from agents.checks.sandbox.untrusted_files import write_derived
from agents.checks.scratch import Scratch
from agents.contracts import Outcome, Work
from handoff.store import safe_path

_ENDED = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)
_RAN = frozenset({0, 1})  # exit codes of pytest that ran the tests


class RuleTestsCheck:
    """Each test that a business rule names fails where the rule is left out."""

    name = "rule-tests"

    def __init__(self, after: Sequence[str] = (), *, environment: Mapping[str, str]) -> None:
        """Run after the checks named `after`, which should be all others, with the app's `environment`."""
        self.after, self._environment = tuple(after), environment

    async def run(self, scratch: Scratch, work: Work, /) -> Outcome:
        rules = rules_to_try(work)
        named = tuple(dict.fromkeys(test for rule in rules for test in rule.tests))
        tests = {test.partition("::")[0] for test in named}
        without = {path: text for path, text in _baseline(work).items() if path not in tests}
        argv: list[str | Path] = [
            await scratch.python(), "-m", "pytest", *named,
            "-q", "-rfE", "--tb=line", "--continue-on-collection-errors", *JOURNAL, "-p", "no:cacheprovider",
        ]  # fmt: skip
        env = {
            **await unit_environment(scratch, work, self._environment),
            "PYTHONPYCACHEPREFIX": str(scratch.home / "without-rules"),
        }
        with _in_place(scratch.tree, without):
            evidence, output = await scratch.tool(self.name, argv, env=env, notes_tests=True)
        if evidence.exit_code not in _RAN and not _ENDED.search(output):
            return failed_tool("the rules' tests could not be run without the rules", evidence, output)
        problems = tuple(
            f"`{test}` does not fail without the rule that it is named for, so it does not test it: “{rule.text}”."
            f" Without the rule, {_listed(without)} as the template left it."
            for rule in rules
            for test in rule.tests
            if not fails(test, output)
        )
        summary = f"{len(named)} tests fail without their rule"
        if problems:
            return Outcome(
                passed=False, summary="tests that do not test their rule", evidence=(evidence,), problems=problems
            )
        return Outcome(passed=True, summary=summary, evidence=(evidence,))


def fails(test: str, output: str) -> bool:
    """Return whether pytest's summary says that `test` (`path::name`), a case of it or its whole file failed."""
    path = test.partition("::")[0]
    ended = _ENDED.findall(output)
    return any(each in {test, path} or each.startswith((f"{test}[", f"{test}::")) for each in ended)


def _baseline(work: Work) -> dict[str, str]:
    return {path: text for output in work.outputs.values() for path, text in output.baseline.items()}


@contextmanager
def _in_place(tree: Path, files: Mapping[str, str]) -> Iterator[None]:
    """Have `files` in the tree instead of what is there, then what was there again."""
    before = {path: safe_path(tree, path).read_bytes() for path in files}
    try:
        for path, text in files.items():
            write_derived(tree / path, tree, text.encode())
        yield
    finally:
        for path, content in before.items():
            write_derived(tree / path, tree, content)


def _listed(paths: Mapping[str, str]) -> str:
    names = [f"`{path}`" for path in sorted(paths)]
    return f"{' and '.join(names)} {'is' if len(names) == 1 else 'are'}"
