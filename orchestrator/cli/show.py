"""`baton show`."""

from __future__ import annotations

import asyncio
from json import dumps
from typing import Annotated

import typer

from orchestrator.cli.console import say, say_json
from orchestrator.cli.progress import watch
from orchestrator.cli.summary import result_line, show_result
from orchestrator.orchestrator import Orchestrator
from orchestrator.result import RunResult

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def show(
    run: Annotated[str, typer.Argument(help="The run's id.")],
    json: Annotated[bool, typer.Option("--json", help="Print events as JSON lines, then the result.")] = False,  # noqa: FBT002
) -> None:
    """Show one run: what happened, what it made, what it asks. A run at work is followed until it is over."""
    asyncio.run(_show(run, json=json))


async def _show(run_id: str, *, json: bool) -> None:
    async with Orchestrator() as engine:
        await watch(engine.events(run_id), json=json)
        record = await engine.run(run_id)
    if record.result is None:
        if json:
            say_json(dumps({"type": "killed", "run": run_id}))
        else:
            say(f"run {run_id} was killed; go on with: baton resume {run_id}")
        return
    result = RunResult.model_validate(record.result)
    if json:
        say_json(result_line(result))
    else:
        show_result(result)
