"""Open the app's service from what the environment says. Imports the engine: the app imports it when it is set up."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.orchestrator import Orchestrator
from orchestrator.planning.pipeline import Pipeline
from orchestrator.vertex.artifacts import open_artifacts
from orchestrator.vertex.service import RunService
from orchestrator.vertex.settings import read_settings
from orchestrator.vertex.workspaces import Workspaces
from skills.core.registry import Registry


async def open_service(
    environment: Mapping[str, str], pipeline: Pipeline | None, registry: Registry | None
) -> RunService:
    """Return the service, entered; whoever gets it leaves it.

    Raises:
        NotConfigured: The environment does not say where state is kept.
        PostgresUnavailable: There is no database.
    """
    settings = read_settings(environment)
    engine = Orchestrator(settings.workspaces, home=settings.home, pipeline=pipeline, registry=registry)
    service = RunService(engine, settings.home, Workspaces(settings.workspaces), open_artifacts(settings.artifacts))
    return await service.__aenter__()
