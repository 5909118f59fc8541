"""`baton cancel`."""

from __future__ import annotations

from json import dumps

import typer

from orchestrator.cli.console import say, say_json
from orchestrator.cli.options import Json, RunName
from orchestrator.cli.progress import Watcher
from orchestrator.cli.signals import carry_out
from orchestrator.orchestrator import Orchestrator

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def cancel(
    run: RunName,
    json: Json = False,  # noqa: FBT002 - typer's way to say a flag
) -> None:
    """Give a run up, so that its workspace is free. One at work ends its tools first; that is waited for."""
    raise typer.Exit(carry_out(_cancel(run, json=json)))


async def _cancel(name: str, *, json: bool) -> int:
    async with Orchestrator() as engine:
        run_id = await engine.find(name)
        watcher = Watcher(json=json, lines=True, after=await engine.last_event(run_id))
        while not await engine.cancel(run_id):
            if not json:
                say(f"asked whoever works on run {run_id} to end")
            await watcher.watch(lambda after: engine.events(run_id, after=after))
            if (await engine.run(run_id)).status == "cancelled":
                break
    if json:
        say_json(dumps({"type": "cancelled", "run": run_id}))
    else:
        say(f"cancelled {run_id}. What it published stays in its workspace.")
    return 0
