"""Reach Baton's database on Cloud SQL through Google's connector: encrypted, as an IAM user, without a proxy beside it.

    BATON_CLOUD_SQL            project:region:instance
    BATON_CLOUD_SQL_USER       the database's user
    BATON_CLOUD_SQL_PASSWORD   its password; without one it is an IAM user, with Google's default credentials
    BATON_CLOUD_SQL_DATABASE   `baton` by default
    BATON_CLOUD_SQL_IP         `public` by default, `private` or `psc`

Not here: what checks connect to. Tools in processes of their own need a URL, so that is another server
(`orchestrator.storage.postgres`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import asyncpg

from orchestrator.storage.errors import PostgresUnavailable

INSTANCE = "BATON_CLOUD_SQL"
ENDPOINT = "CLOUDSDK_API_ENDPOINT_OVERRIDES_SQL"  # read by the Cloud SDK, too
_USER, _PASSWORD, _DATABASE, _IP = (f"{INSTANCE}_{name}" for name in ("USER", "PASSWORD", "DATABASE", "IP"))
_KINDS = ("public", "private", "psc")
_SHAPE = 3  # parts of an instance's name

Dial: TypeAlias = Callable[..., Awaitable[Any]]  # takes asyncpg's settings of a connection, returns one


@asynccontextmanager
async def dialling(environment: Mapping[str, str]) -> AsyncIterator[Dial]:
    """Yield what opens connections to the database that the environment names; nothing is connected yet.

    Raises:
        PostgresUnavailable: The connector is not installed, the settings will not do, or there are no credentials.
    """
    instance, user, kind = _settings(environment)
    try:
        from google.cloud.sql.connector import create_async_connector  # noqa: PLC0415 - an optional extra
    except ImportError as error:
        raise PostgresUnavailable(
            f"{INSTANCE} is set, but Google's connector is not installed."
            " Install it with `pip install 'baton-engine[vertex]'`."
        ) from error
    password = environment.get(_PASSWORD)
    asked: dict[str, Any] = {"user": user, "db": environment.get(_DATABASE) or "baton", "enable_iam_auth": not password}
    if password:
        asked["password"] = password
    try:
        # Lazy: an instance without a request may have no processor time to refresh certificates in the background.
        connector = await create_async_connector(
            ip_type=kind, refresh_strategy="lazy", sqladmin_api_endpoint=environment.get(ENDPOINT) or None
        )
    except Exception as error:
        raise _unreachable(instance, error) from error

    async def dial(**settings: Any) -> Any:  # noqa: ANN401 - as asyncpg's own
        try:
            return await connector.connect_async(instance, "asyncpg", **asked, **settings)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            raise
        except Exception as error:
            raise _unreachable(instance, error) from error

    try:
        yield dial
    finally:
        await connector.close_async()


def _settings(environment: Mapping[str, str]) -> tuple[str, str, str]:
    """Return the instance, the user, and the kind of address."""
    instance = environment[INSTANCE]
    if len([part for part in instance.split(":") if part]) < _SHAPE:
        raise PostgresUnavailable(f"{INSTANCE}=`{instance}` names no instance. Set it to project:region:instance.")
    user = environment.get(_USER)
    if not user:
        raise PostgresUnavailable(
            f"{_USER} is not set: the database's user. For an IAM service account, that is its e-mail address without"
            " `.gserviceaccount.com`."
        )
    kind = environment.get(_IP, _KINDS[0]).lower()
    if kind not in _KINDS:
        raise PostgresUnavailable(f"{_IP}=`{kind}` is none of {', '.join(_KINDS)}.")
    return instance, user, kind


def _unreachable(instance: str, error: Exception) -> PostgresUnavailable:
    said = " ".join(str(error).split()) or type(error).__name__
    return PostgresUnavailable(
        f"the Cloud SQL instance `{instance}` cannot be reached: {said}\n"
        "Does it exist, is the Cloud SQL Admin API enabled, and does the service account have the role"
        " roles/cloudsql.client (and roles/cloudsql.instanceUser, for an IAM user)?"
    )
