"""`baton stop`."""

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
def stop(
    run: RunName,
    json: Json = False,  # noqa: FBT002 - typer's way to say a flag
) -> None:
    """Stop a run that is at work elsewhere, so that it can be resumed, and wait until it has."""
    raise typer.Exit(carry_out(_stop(run, json=json)))


async def _stop(name: str, *, json: bool) -> int:
    async with Orchestrator() as engine:
        run_id = await engine.find(name)
        watcher = Watcher(json=json, lines=True, after=await engine.last_event(run_id))
        if await engine.stop(run_id):
            if not json:
                say(f"asked whoever works on run {run_id} to stop")
            await watcher.watch(lambda after: engine.events(run_id, after=after))
        status = await engine.status_of(await engine.run(run_id))
    if json:
        say_json(dumps({"type": "stopped", "run": run_id, "status": status}))
    elif status in {"stopped", "waiting", "killed"}:
        say(f"run {run_id} is {status}. Go on with: baton resume {run_id}")
    else:
        say(f"run {run_id} is {status}")
    return 0
