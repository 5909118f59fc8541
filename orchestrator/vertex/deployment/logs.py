"""What an engine's instances wrote to Cloud Logging.

Google's client for it is another package; one request of its REST API is all that is needed.
`CLOUDSDK_API_ENDPOINT_OVERRIDES_LOGGING`, which `gcloud` knows, names another address.
"""

from __future__ import annotations

import asyncio
import importlib
import os
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from orchestrator.vertex.deployment.errors import CloudRefused, lost, no_credentials
from schemas.base import Document

LOGGING, OVERRIDE = "https://logging.googleapis.com/", "CLOUDSDK_API_ENDPOINT_OVERRIDES_LOGGING"
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_TIMEOUT = 60.0  # seconds


class Entry(Document):
    """A line of a log; `at` as the service writes it (UTC)."""

    at: str
    severity: str
    text: str


async def entries(project: str, engine: str, *, since: timedelta, limit: int) -> list[Entry]:
    """Return the newest lines of an engine's log, the oldest of them first.

    Args:
        project: Whose log it is.
        engine: The engine's full name.
        since: How far back.
        limit: The most lines.

    Raises:
        CloudRefused: No credentials, or they may not read logs.
        CloudLost: There is no answer.
    """
    begin = datetime.now(UTC) - since
    wanted = {
        "resourceNames": [f"projects/{project}"],
        "filter": 'resource.type="aiplatform.googleapis.com/ReasoningEngine"'
        f' resource.labels.reasoning_engine_id="{engine.rpartition("/")[2]}" timestamp>="{begin.isoformat()}"',
        "orderBy": "timestamp desc",
        "pageSize": limit,
    }
    address = f"{(os.environ.get(OVERRIDE) or LOGGING).rstrip('/')}/v2/entries:list"
    headers = {"authorization": f"Bearer {await asyncio.to_thread(_token)}"}
    try:
        async with httpx.AsyncClient(timeout=_TIMEOUT) as client:
            answer = await client.post(address, json=wanted, headers=headers)
    except httpx.HTTPError as error:
        raise lost(error, "reading the log") from error
    if not answer.is_success:
        raise CloudRefused(
            f"Cloud Logging refuses ({answer.status_code}): {_said(answer)}\nGrant the role `roles/logging.viewer`, and"
            f" enable the API: gcloud services enable logging.googleapis.com --project {project}",
            answer.status_code,
        )
    return [_entry(each) for each in reversed(answer.json().get("entries", []))]


def _token() -> str:
    auth, errors = importlib.import_module("google.auth"), importlib.import_module("google.auth.exceptions")
    request = importlib.import_module("google.auth.transport.requests").Request()
    try:
        credentials, _ = auth.default(scopes=[_SCOPE])
        credentials.refresh(request)
    except errors.GoogleAuthError as error:
        raise no_credentials(error) from error
    token: str = credentials.token
    return token


def _said(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return answer.text[:300]


def _entry(said: dict[str, Any]) -> Entry:
    payload = said.get("jsonPayload", {})
    text = said.get("textPayload") or payload.get("message") or payload.get("event") or str(payload)
    return Entry(at=said.get("timestamp", ""), severity=said.get("severity", "DEFAULT"), text=text)
