"""`baton deploy`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from json import dumps
from typing import Annotated

import typer

from orchestrator.cli.console import say, say_error, say_json, say_table
from orchestrator.cli.options import duration
from orchestrator.cli.signals import carry_out
from orchestrator.vertex.deployment.cloud import Cloud, DeployedEngine
from orchestrator.vertex.deployment.deploy import going_on, prepare, send, served
from orchestrator.vertex.deployment.errors import CloudRefused
from orchestrator.vertex.deployment.logs import entries
from orchestrator.vertex.deployment.names import EngineLocation, engine_name, place_of
from orchestrator.vertex.deployment.operations import Begun, forget, remember, remembered
from orchestrator.vertex.deployment.requirements import python_version
from orchestrator.vertex.deployment.specification import LABEL, MADE_BY, MOST_MAX, MOST_MIN, Deployment, SecretRef

app = typer.Typer(rich_markup_mode=None, add_completion=False, no_args_is_help=True)
vertex = typer.Typer(rich_markup_mode=None, add_completion=False)
app.add_typer(vertex, name="vertex", help="Deploy to Vertex AI Agent Engine.")


@app.callback()
def deploy() -> None:
    """Deploy Baton to a platform."""


_HOUR = 3600.0
_GONE = 404
Project = Annotated[
    str | None, typer.Option("--project", envvar="GOOGLE_CLOUD_PROJECT", help="Id of the Google Cloud project.")
]
Location = Annotated[
    str | None, typer.Option("--location", envvar="GOOGLE_CLOUD_LOCATION", help="Region, as us-central1.")
]
Name = Annotated[str, typer.Argument(metavar="NAME", help="The engine's full name, or its id.", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON lines; the last line is the result.")]


@dataclass(frozen=True, slots=True)
class Reporter:
    """Where what happens is told: to people, or as JSON lines."""

    json: bool

    def note(self, text: str) -> None:
        if self.json:
            say_json(dumps({"type": "note", "text": text}))
        else:
            say(text)

    def result(self, kind: str, text: str, /, **facts: object) -> None:
        if self.json:
            say_json(dumps({"type": kind, **facts}))
        else:
            say(text)


@vertex.callback(invoke_without_command=True)
def deploy_vertex(
    context: typer.Context,
    project: Project = None,
    location: Location = None,
    name: Annotated[str, typer.Option(help="What the engine is called in lists.")] = "baton",
    update: Annotated[str | None, typer.Option(metavar="NAME", help="Update this engine instead.")] = None,
    service_account: Annotated[str | None, typer.Option(help="The service account that instances run as.")] = None,
    min_instances: Annotated[int | None, typer.Option(min=0, max=MOST_MIN)] = None,
    max_instances: Annotated[int | None, typer.Option(min=1, max=MOST_MAX)] = None,
    cpu: Annotated[int | None, typer.Option(help="CPUs of an instance.")] = None,
    memory: Annotated[int | None, typer.Option(help="Memory of an instance, in GiB.")] = None,
    env: Annotated[list[str] | None, typer.Option(metavar="K=V", help="A variable of the instances.")] = None,
    secret: Annotated[
        list[str] | None,
        typer.Option(metavar="K=SECRET:VERSION", help="A variable with a value from Secret Manager."),
    ] = None,
    psc: Annotated[str | None, typer.Option(metavar="ATTACHMENT", help="Network attachment to reach a VPC by.")] = None,
    requirement: Annotated[
        list[str] | None, typer.Option(help="A package to install as well, as pip takes it.")
    ] = None,
    python: Annotated[str | None, typer.Option(help="Python of the instances; by default as here.")] = None,
    image: Annotated[str | None, typer.Option(help="Deploy this container image instead of the source.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Look at everything, and send nothing.")] = False,  # noqa: FBT002
    json: Json = False,  # noqa: FBT002
) -> None:
    """Deploy Baton as it is installed here to Vertex AI Agent Engine.

    What would fail in the cloud is refused here first, with what to do about it.
    """
    if context.invoked_subcommand is not None:
        return
    deployment = Deployment(
        name=name,
        python=python_version(python),
        service_account=service_account,
        min_instances=min_instances,
        max_instances=max_instances,
        cpu=cpu,
        memory=memory,
        env=dict(_assigned(each, "--env") for each in env or ()),
        secrets={key: _secret(value) for key, value in (_assigned(each, "--secret") for each in secret or ())},
        network=psc,
        image=image,
    )
    place = place_of(project, location, update)
    engine = None if update is None else engine_name(place, update)
    work = _deploy(place, deployment, requirement or (), engine, dry_run=dry_run, said=Reporter(json))
    raise typer.Exit(carry_out(work))


async def _deploy(
    place: EngineLocation,
    deployment: Deployment,
    requirements: Sequence[str],
    update: str | None,
    *,
    dry_run: bool,
    said: Reporter,
) -> int:
    async with Cloud(place.project, place.location) as cloud:
        source, before = await prepare(cloud, deployment, requirements, update, said.note)
        if dry_run:
            said.result("dry_run", "all of it would be accepted; nothing was sent", size=source.size if source else 0)
            return 0
        begun = await send(cloud, deployment, source, update, said.note)
        await _wait(cloud, begun, before, said)
    said.result("deployed", _next(begun), engine=begun.engine)
    return 0


async def _wait(cloud: Cloud, begun: Begun, before: DeployedEngine | None, said: Reporter) -> None:
    said.note("waiting for the operation; it takes minutes, and Ctrl-C leaves it going on")
    async with _leaving(begun):
        await served(cloud, begun, before, said.note)


async def _wait_again(cloud: Cloud, begun: Begun, said: Reporter) -> None:
    try:
        await _wait(cloud, begun, None, said)
    except CloudRefused as error:
        if error.status != _GONE:
            raise
        forget(begun.engine)  # it ended so long ago that the service has forgotten it


@asynccontextmanager
async def _leaving(begun: Begun) -> AsyncIterator[None]:
    try:
        yield
    except asyncio.CancelledError:
        say_error(going_on(begun))
        raise


def _next(begun: Begun) -> str:
    return f"{begun.engine} serves\nRun something there: baton remote run feature-prd.md --engine {begun.engine}"


@vertex.command()
def status(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="An engine; all of Baton's by default.")] = None,
    project: Project = None,
    location: Location = None,
    json: Json = False,  # noqa: FBT002
) -> None:
    """Say how an engine is, and go on waiting for what was begun with it; or list the engines."""
    place = place_of(project, location, name)
    raise typer.Exit(carry_out(_list(place, Reporter(json)) if name is None else _status(place, name, Reporter(json))))


async def _status(place: EngineLocation, name: str, said: Reporter) -> int:
    engine = engine_name(place, name)
    begun = remembered(engine)
    async with Cloud(place.project, place.location) as cloud:
        if begun is not None:
            said.note(f"operation: {begun.operation} ({begun.doing})")
            await _wait_again(cloud, begun, said)
            if begun.doing == "delete":
                said.result("deleted", f"{engine} is deleted", engine=engine)
                return 0
        found = await cloud.engine(engine)
    variables = ", ".join([*found.env, *(f"{each} (secret)" for each in found.secrets)]) or "none"
    text = (
        f"{found.name}: {found.display_name}\n  {found.description}\n  created {found.created}, updated {found.updated}"
        f"\n  variables: {variables}\n  {len(found.methods)} methods"
    )
    said.result("engine", text, **found.model_dump(mode="json"))
    return 0


async def _list(place: EngineLocation, said: Reporter) -> int:
    async with Cloud(place.project, place.location) as cloud:
        found = await cloud.engines(label=f"{LABEL}={MADE_BY[LABEL]}")
    if said.json:
        said.result("engines", "", engines=[each.model_dump(mode="json") for each in found])
    elif found:
        say_table(
            ("Engine", "Called", "What", "Updated"), ((e.name, e.display_name, e.description, e.updated) for e in found)
        )
    else:
        say(f"Baton has no engine in {place.project}, {place.location}")
    return 0


@vertex.command()
def delete(
    name: Name,
    project: Project = None,
    location: Location = None,
    force: Annotated[bool, typer.Option("--force", help="Delete what hangs on it, too.")] = False,  # noqa: FBT002
    json: Json = False,  # noqa: FBT002
) -> None:
    """Delete an engine. Its runs stay in their database."""
    place = place_of(project, location, name)
    raise typer.Exit(carry_out(_delete(place, engine_name(place, name), Reporter(json), force=force)))


async def _delete(place: EngineLocation, engine: str, said: Reporter, *, force: bool) -> int:
    async with Cloud(place.project, place.location) as cloud:
        operation = await cloud.delete(engine, force=force)
        begun = Begun(engine=engine, operation=operation.name, doing="delete")
        remember(begun)
        await _wait(cloud, begun, None, said)
    said.result("deleted", f"{engine} is deleted. Its runs stay in their database.", engine=engine)
    return 0


@vertex.command()
def logs(
    name: Name,
    project: Project = None,
    location: Location = None,
    since: Annotated[
        float | None, typer.Option(metavar="DURATION", parser=duration, help="How far back; an hour by default.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="The most lines.")] = 100,
    json: Json = False,  # noqa: FBT002
) -> None:
    """Show what an engine's instances wrote to their log."""
    place = place_of(project, location, name)
    raise typer.Exit(
        carry_out(_logs(place, engine_name(place, name), timedelta(seconds=since or _HOUR), limit, Reporter(json)))
    )


async def _logs(place: EngineLocation, engine: str, since: timedelta, limit: int, said: Reporter) -> int:
    found = await entries(place.project, engine, since=since, limit=limit)
    for each in found:
        said.result("line", f"{each.at} {each.severity} {each.text}", **each.model_dump())
    if not found:
        said.note(f"nothing was logged in the last {since}")
    return 0


def _assigned(text: str, option: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise typer.BadParameter(f"`{option} {name or '…'}`: write it as NAME=VALUE.")
    return name, value


def _secret(text: str) -> SecretRef:
    secret, _, version = text.partition(":")
    return SecretRef(secret=secret, version=version or "latest")
