"""`baton run`."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.console import say_json
from orchestrator.cli.progress import watch
from orchestrator.cli.summary import exit_code, result_line, show_result
from orchestrator.orchestrator import Orchestrator

if TYPE_CHECKING:
    from orchestrator.result import RunResult
    from orchestrator.run import Run

app = typer.Typer(rich_markup_mode=None, add_completion=False)

TERMINATED = 143  # as a shell reports SIGTERM

Json = Annotated[bool, typer.Option("--json", help="Print events as JSON lines; the last line is the result.")]
Verbose = Annotated[bool, typer.Option("--verbose", help="Log to standard error.")]


@app.command()
def run(
    prd: Annotated[Path, typer.Argument(help="The feature PRD.")],
    workspace: Annotated[Path, typer.Option(help="Folder of the app; made if missing.")] = Path(),
    agents: Annotated[str, typer.Option(help="Only these agents, names separated by commas.")] = "",
    json: Json = False,  # noqa: FBT002 - typer's way to say a flag
    verbose: Verbose = False,  # noqa: FBT002
) -> None:
    """Build the app that a PRD describes."""
    names = [name.strip() for name in agents.split(",") if name.strip()]
    raise typer.Exit(asyncio.run(_run(prd, workspace, names, json=json, verbose=verbose)))


async def _run(prd: Path, workspace: Path, agents: list[str], *, json: bool, verbose: bool) -> int:
    async with Orchestrator(workspace) as engine:
        started = await engine.start(prd, agents=agents or None)
        return await attend(started, json=json, verbose=verbose)


async def attend(run: Run, *, json: bool, verbose: bool = False) -> int:
    """Show a run until it is over or waits; return the exit code. A signal stops the run and its tools first."""
    await show_run(run, json=json, verbose=verbose)
    result = await run.result()
    _say_result(result, json=json)
    return exit_code(result.status)


def _say_result(result: RunResult, *, json: bool) -> None:
    if json:
        say_json(result_line(result))
    else:
        show_result(result)


async def show_run(run: Run, *, json: bool, verbose: bool) -> None:
    """Show a run's events until it is over or waits; stopped by a signal, stop the run and say so."""
    terminated = asyncio.Event()
    with _on_sigterm(terminated):
        try:
            await watch(run.events(), json=json, verbose=verbose)
        except asyncio.CancelledError:
            _say_result(await run.cancel(), json=json)
            if terminated.is_set():
                raise typer.Exit(TERMINATED) from None
            raise


@contextmanager
def _on_sigterm(terminated: asyncio.Event) -> Iterator[None]:
    """Cancel the current task if the process is asked to end, as a supervisor or a container does."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()

    def stop() -> None:
        terminated.set()
        if task is not None:
            task.cancel()

    loop.add_signal_handler(signal.SIGTERM, stop)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
