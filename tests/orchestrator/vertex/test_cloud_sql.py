"""Baton's database on Cloud SQL, through Google's own connector."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from orchestrator.storage.embedded import SOCKET_NAME, Embedded
from orchestrator.storage.errors import PostgresUnavailable
from orchestrator.storage.postgres import Server, serve
from orchestrator.vertex.app import BatonApp
from tests.orchestrator.vertex.sql_admin import CloudSql, cloud_sql
from tests.support.small_agents import PRD


@pytest.fixture
async def instance(
    app: BatonApp, server: Server, embedded: Embedded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[CloudSql]:
    """A Cloud SQL instance that the environment names; `app` and its own settings come first."""
    assert app.register_operations()
    address = f"127.77.{os.getpid() % 250}.{os.getpid() // 250 % 250 + 1}"
    async with cloud_sql(tmp_path, embedded._socket_folder() / SOCKET_NAME, address) as instance:
        monkeypatch.delenv("BATON_DATABASE_URL")
        monkeypatch.setenv("BATON_CLOUD_SQL", "project:region:instance")
        monkeypatch.setenv("BATON_CLOUD_SQL_USER", "postgres")
        monkeypatch.setenv("BATON_CLOUD_SQL_DATABASE", urlsplit(server.database).path[1:])
        monkeypatch.setenv("CLOUDSDK_API_ENDPOINT_OVERRIDES_SQL", instance.url)
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(instance.credentials()))
        yield instance
        await asyncio.to_thread(app.close)


async def test_runs_are_kept_there_and_checks_have_a_server_of_their_own(app: BatonApp, instance: CloudSql) -> None:
    begun = await app.async_start(prd=PRD)
    events = [event async for event in app.async_events(run=begun["run"])]
    capabilities: Any = await app.async_capabilities()

    assert events[-1]["status"] == "completed"
    assert instance.connections > 0
    assert any(path.endswith(":generateEphemeralCert") for path in instance.asked)
    assert capabilities["checks"][0]["possible"]


async def test_an_instance_that_may_not_be_reached_names_the_roles(
    app: BatonApp, instance: CloudSql, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BATON_CLOUD_SQL", "project:region:another")
    error: Any = (await app.async_runs())["error"]

    assert instance.connections == 0
    assert error["code"] == "no_database"
    assert "`project:region:another` cannot be reached" in error["message"]
    assert "roles/cloudsql.client" in error["message"]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("BATON_CLOUD_SQL", "instance", "project:region:instance"),
        ("BATON_CLOUD_SQL_USER", "", "BATON_CLOUD_SQL_USER is not set"),
        ("BATON_CLOUD_SQL_IP", "secret", "none of public, private, psc"),
    ],
)
async def test_settings_that_will_not_do_are_refused(
    instance: CloudSql, baton_home: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(PostgresUnavailable, match=said):
        async with serve(baton_home):
            pass
    assert instance.asked == []
