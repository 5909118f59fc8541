"""For whoever operates the app: is it alive, may it get traffic, how is it doing?"""

import asyncio
from typing import Literal

import structlog
from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from app.core.exceptions import ServiceUnavailable
from app.core.metrics import Metrics
from app.schemas.common import responses

DATABASE_PATIENCE_SECONDS = 3.0

router = APIRouter(tags=["operations"])
log = structlog.get_logger(__name__)


class Health(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    """The app may get traffic: it is not shutting down and its database answers."""

    status: Literal["ready"] = "ready"


@router.get("/health", operation_id="health")
async def health() -> Health:
    """Tell that the process is alive. Restart it if this fails."""
    return Health()


@router.get("/ready", operation_id="ready", responses=responses(503))
async def ready(request: Request) -> Readiness:
    """Tell whether the app may get traffic."""
    if not request.app.state.ready:
        raise ServiceUnavailable("The app is starting or shutting down.")
    try:
        async with asyncio.timeout(DATABASE_PATIENCE_SECONDS), request.app.state.session_factory() as db:
            await db.execute(select(1))
    except (SQLAlchemyError, OSError, TimeoutError) as error:
        log.warning("not_ready", error=type(error).__name__)
        raise ServiceUnavailable("The database does not answer.") from error
    return Readiness()


@router.get(
    "/metrics",
    operation_id="metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def metrics(request: Request) -> Response:
    """Return what Prometheus scrapes."""
    counts: Metrics = request.app.state.metrics
    return Response(generate_latest(counts.registry), media_type=CONTENT_TYPE_LATEST)
