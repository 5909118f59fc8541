"""Deploy Baton to Agent Engine: look first, pack, send, wait; and say at every point what there is now.

The engine's name is known from the moment the service accepts it, and is told and remembered before anything is waited
for. If even that answer is lost, the engine is found again by a label that only this deployment has.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable, Sequence
from importlib import resources
from typing import TypeAlias

from orchestrator.vertex.deployment.cloud import Cloud, DeployedEngine, LongRunningOperation
from orchestrator.vertex.deployment.errors import CloudLost, DeploymentFailed
from orchestrator.vertex.deployment.operations import Begun, finished, forget, remember
from orchestrator.vertex.deployment.preflight import (
    advice,
    engine_to_update,
    refuse_unreachable,
    refuse_unworkable,
)
from orchestrator.vertex.deployment.requirements import resolve
from orchestrator.vertex.deployment.source import SourceArchive, make_source
from orchestrator.vertex.deployment.specification import ClassMethods, Deployment, mask, resource

Tell: TypeAlias = Callable[[str], None]
_LOOKS, _BETWEEN_LOOKS = 4, 2.0  # seconds; a list may be a little behind


async def prepare(
    cloud: Cloud, deployment: Deployment, requirements: Sequence[str], update: str | None, tell: Tell
) -> tuple[SourceArchive | None, DeployedEngine | None]:
    """Find out whether a deployment will work; return what is sent, and the engine that is updated.

    Raises:
        DeploymentRefused: It would not.
        Unresolvable: The requirements do not resolve.
        SourceTooLarge: There is too much of it.
        CloudRefused: The service does not take it.
        CloudLost: There is no answer.
    """
    if update is None:
        refuse_unworkable(cloud.project, cloud.location, deployment, None)
        await refuse_unreachable(cloud)
        before = None
    else:
        before = await engine_to_update(cloud, update)
        refuse_unworkable(cloud.project, cloud.location, deployment, before)
    for each in advice(deployment, before):
        tell(f"note: {each}")
    if deployment.image is not None:
        return None, before
    resolved = await resolve(deployment.python, requirements)
    source = await asyncio.to_thread(make_source, resolved)
    packages = len(resolved.splitlines())
    tell(
        f"source: {len(source.paths)} files, {source.size:,} bytes, sha256 {source.sha256[:12]};"
        f" {packages} packages for Python {deployment.python}"
    )
    return source, before


async def send(
    cloud: Cloud, deployment: Deployment, source: SourceArchive | None, update: str | None, tell: Tell
) -> Begun:
    """Have the engine created or updated; return what was begun, told and remembered.

    Raises:
        CloudRefused: The service refuses. Nothing was begun.
        CloudLost: There was no answer. The error says whether something was begun.
    """
    token = secrets.token_hex(8)
    wanted = resource(deployment, source, class_methods(), token)
    sending = asyncio.create_task(
        cloud.create(wanted) if update is None else cloud.update(update, wanted, mask(wanted))
    )
    left: asyncio.CancelledError | None = None
    try:
        try:
            operation = await asyncio.shield(sending)
        except asyncio.CancelledError as error:
            left, operation = error, await sending  # its answer says what there is now
    except CloudLost as error:
        raise await _lost(cloud, token, update, error) from error
    begun = Begun(engine=operation.engine, operation=operation.name, doing="create" if update is None else "update")
    remember(begun)
    tell(f"engine: {begun.engine}\noperation: {begun.operation}")
    if left is not None:
        tell(going_on(begun))
        raise left
    return begun


async def served(cloud: Cloud, begun: Begun, before: DeployedEngine | None, tell: Tell) -> None:
    """Wait until what was begun is done.

    Raises:
        DeploymentFailed: It failed; the error says what there is now, and what to do.
        CloudLost: There was no answer for long. The operation goes on in the cloud.
    """
    try:
        operation = await finished(cloud, LongRunningOperation(name=begun.operation, engine=begun.engine), tell)
    except CloudLost as error:
        raise CloudLost(f"{error}\n{going_on(begun)}") from error
    forget(begun.engine)
    if operation.error is not None:
        raise DeploymentFailed(_failed(begun, before, str(operation.error.get("message") or dict(operation.error))))


def going_on(begun: Begun) -> str:
    """Return what to say when the waiting ends before the operation does."""
    return (
        f"The operation goes on in the cloud; it will {begun.doing} {begun.engine}\n"
        f"Look again with: baton deploy vertex status {begun.engine}"
    )


def class_methods() -> ClassMethods:
    """Return the methods that the deployed app declares."""
    text = resources.files("orchestrator.vertex").joinpath("class_methods.json").read_text("utf-8")
    declared: ClassMethods = json.loads(text)
    return declared


async def _lost(cloud: Cloud, token: str, update: str | None, error: CloudLost) -> CloudLost:
    """Return what became of a request that got no answer."""
    if update is not None:
        return CloudLost(f"{error}\nWhether the update was begun is not known: baton deploy vertex status {update}")
    for _ in range(_LOOKS):
        await asyncio.sleep(_BETWEEN_LOOKS)
        try:
            found = await cloud.engines(label=f"deployment={token}", limit=1)
        except CloudLost:
            continue
        if found:
            name = found[0].name
            return CloudLost(
                f"{error}\nAn engine was begun, though: {name}\nLook at it with `baton deploy vertex status {name}`, or"
                f" remove it with `baton deploy vertex delete {name}`."
            )
    return CloudLost(
        f"{error}\nNo engine of this deployment is listed. Should one appear, its label is `deployment={token}`:"
        " baton deploy vertex status"
    )


def _failed(begun: Begun, before: DeployedEngine | None, said: str) -> str:
    logs = f"Its log says more: baton deploy vertex logs {begun.engine}"
    if begun.doing == "delete":
        return f"`{begun.engine}` could not be deleted: {said}\nWith `--force` what hangs on it is deleted, too."
    if begun.doing == "create":
        return (
            f"the engine does not serve: {said}\n{logs}\n"
            f"It exists, half-made: remove it with `baton deploy vertex delete {begun.engine}`, or correct the cause"
            f" and deploy again with `--update {begun.engine}`."
        )
    was = f" ({before.description})" if before is not None and before.description else ""
    return (
        f"the update failed: {said}\n{logs}\n"
        f"What was deployed before{was} is meant to go on serving. To go back for good, install that version of Baton"
        f" and run: baton deploy vertex --update {begun.engine}"
    )
