"""Run an agent's checks side by side, each as soon as those it comes after have passed.

A check that fails stops nothing that already runs; what comes after it is not started, and says so. One that cannot
run at all is told as not run, with the reason, before it ends everything: it is never taken for passed.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter

from agents.checks.diagnostics import machine_trouble
from agents.checks.errors import ScratchError
from agents.checks.sandbox.untrusted_files import write_derived
from agents.checks.scratch import Scratch
from agents.contracts import Check, Outcome, Work
from schemas.base import Document

_UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, RecursionError)


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckProgress:
    """A check started (`outcome` is None) or finished."""

    check: str
    outcome: Outcome | None = None


async def run_checks(
    checks: Sequence[Check],
    scratch: Scratch,
    work: Work,
    *,
    notify: Callable[[CheckProgress], None] = lambda _: None,
    at_once: int | None = None,
) -> dict[str, Outcome]:
    """Run every check and return the outcomes by name, in the order of `checks`.

    A check finds with `work.result` what the checks before it measured. The files of a passed check are in the tree
    before the next one starts.

    Args:
        checks: With distinct names; `after` names checks of the same sequence.
        scratch: Entered.
        work: The agent's work so far.
        notify: Called when a check starts and when it has finished, or was not started.
        at_once: The most checks to run at the same time; by default as many as there are processors.

    Raises:
        ScratchError: A check could not be run at all; the others are stopped.
        ValueError: `after` names no check, or goes in a circle.
    """
    _ordered(checks)
    run = _Run(scratch, work, notify, asyncio.Semaphore(at_once or os.cpu_count() or 1))
    tasks: dict[str, asyncio.Task[Outcome]] = {}
    try:
        async with asyncio.TaskGroup() as group:
            waiting = {check.name: check for check in checks}
            for name in _ordered(checks):
                before = {earlier: tasks[earlier] for earlier in waiting[name].after}
                tasks[name] = group.create_task(run.one(waiting[name], before), name=f"check {name}")
    except BaseExceptionGroup as failures:  # the group's first failure stopped the others
        raise failures.exceptions[0] from failures
    return {check.name: tasks[check.name].result() for check in checks}


class _Run:
    def __init__(
        self, scratch: Scratch, work: Work, notify: Callable[[CheckProgress], None], slots: asyncio.Semaphore
    ) -> None:
        self._scratch, self._work, self._notify, self._slots = scratch, work, notify, slots
        self._measured: list[Document] = [*work.measured]

    async def one(self, check: Check, before: Mapping[str, asyncio.Task[Outcome]]) -> Outcome:
        """Wait for `before`, then run the check."""
        for name, task in before.items():
            if not (await task).passed:
                return self._finish(
                    check, Outcome(passed=False, summary=f"not run: `{name}` did not pass", evidence=())
                )
        async with self._slots:
            self._notify(CheckProgress(check=check.name))
            work = replace(self._work, measured=tuple(self._measured))
            try:
                with machine_trouble(f"check `{check.name}`", self._scratch.folders):
                    outcome = await self._outcome(check, work)
                    if outcome.passed:
                        self._take(outcome)
            except ScratchError as error:
                reason = str(error).partition("\n")[0]
                self._finish(check, Outcome(passed=False, summary=f"not run: {reason}", evidence=()))
                raise
        return self._finish(check, outcome)

    async def _outcome(self, check: Check, work: Work) -> Outcome:
        try:
            return await check.run(self._scratch, work)
        except _UNREADABLE as error:
            if not self._scratch.isolated:
                raise
            # The code that was checked may have written over the tool's report, or the settings of the next tool.
            problem = f"what was found in place of a tool's settings or report: {type(error).__name__}: {error}"
            return Outcome(passed=False, summary="what it reads cannot be read", evidence=(), problems=(problem,))

    def _take(self, outcome: Outcome) -> None:
        if outcome.measured is not None:
            self._measured.append(outcome.measured)
        for path, text in outcome.files.items():
            write_derived(self._scratch.tree / path, self._scratch.tree, text.encode())

    def _finish(self, check: Check, outcome: Outcome) -> Outcome:
        self._notify(CheckProgress(check=check.name, outcome=outcome))
        return outcome


def _ordered(checks: Sequence[Check]) -> list[str]:
    """Return the names, each after those it comes after."""
    after = {check.name: set(check.after) for check in checks}
    unknown = {name for names in after.values() for name in names} - after.keys()
    if unknown or len(after) != len(checks):
        raise ValueError(f"checks need distinct names, and `after` must name one of them: {sorted(unknown)}")
    try:
        return list(TopologicalSorter(after).static_order())
    except CycleError as error:
        raise ValueError(f"checks wait for each other: {error.args[1]}") from error
