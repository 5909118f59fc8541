"""Agent Engine through Google's own client: `agentplatform.Client().runtimes`, once `vertexai.Client().agent_engines`.

The client's public `create` waits inside and keeps the operation's name to itself, so a lost connection would leave an
engine that nobody can name. Here its requests are used one by one: the operation's name is known before anything is
waited for. `GOOGLE_VERTEX_BASE_URL`, application default credentials and the proxy variables are honoured.

Not here: waiting for operations (`orchestrator.vertex.deployment.operations`), what errors mean (`…refusals`).
"""

from __future__ import annotations

import importlib
import json
import os
import warnings
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from orchestrator.vertex.deployment.errors import lost, no_credentials, refused
from orchestrator.vertex.deployment.ndjson import FramingClient
from schemas.base import JSON, Document
from schemas.errors import RunError

T = TypeVar("T")

BASE_URL = "GOOGLE_VERTEX_BASE_URL"
CALL_SECONDS = 300.0  # an instance may have to start first
SILENT_SECONDS = 120.0  # after which a stream is taken for dead


class SdkMissing(RunError):
    """The package that talks to Vertex AI is not installed, or not one that Baton knows."""

    code = "sdk_missing"


class LongRunningOperation(Document):
    """A long-running operation. `engine` is its engine's name; `error` is `{code, message}` if it failed."""

    name: str
    engine: str
    done: bool = False
    error: Mapping[str, Any] | None = None


class DeployedEngine(Document):
    """An engine as the service knows it. `env` and `secrets` are the names of its variables."""

    name: str
    display_name: str = ""
    description: str = ""
    labels: Mapping[str, str] = {}
    created: str = ""
    updated: str = ""
    methods: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()


class Cloud:
    """The Agent Engine service of one project and location. An asynchronous context manager.

    Every method raises `CloudRefused` if the service refuses, and `CloudLost` if it does not answer.
    """

    def __init__(self, project: str, location: str) -> None:
        """Describe it; nothing is imported or opened.

        Args:
            project: Id of the Google Cloud project.
            location: As `us-central1`.
        """
        self.project, self.location = project, location
        self._held = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self._sdk = _Sdk()
        # one of our own: the client's other transport sends again what got no answer, and so creates a second engine
        http = await self._held.enter_async_context(FramingClient(follow_redirects=True))
        options = {"httpx_async_client": http, "base_url": os.environ.get(BASE_URL) or None}
        self._engines, self._streams = self._sdk.engines(self.project, self.location, options)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._held.aclose()

    # ---- engines

    async def create(self, resource: Mapping[str, Any]) -> LongRunningOperation:
        """Begin to create an engine; `resource` is a `ReasoningEngine` of the API."""
        created = self._engines._create(config={**resource, **_within(CALL_SECONDS)})  # noqa: SLF001 - see above
        return _operation(await self._do(created, "creating the engine"))

    async def update(self, name: str, resource: Mapping[str, Any], mask: str) -> LongRunningOperation:
        """Begin to update the fields of an engine that `mask` lists."""
        config = {**resource, "update_mask": mask, **_within(CALL_SECONDS)}
        return _operation(await self._do(self._engines._update(name=name, config=config), f"updating `{name}`"))  # noqa: SLF001

    async def delete(self, name: str, *, force: bool) -> LongRunningOperation:
        """Begin to delete an engine; with `force`, what hangs on it, too."""
        return _operation(await self._do(self._engines._delete(name=name, force=force), f"deleting `{name}`"))  # noqa: SLF001

    async def operation(self, name: str) -> LongRunningOperation:
        """Return how far an operation is."""
        asked = self._engines._get_agent_operation(operation_name=name)  # noqa: SLF001
        return _operation(await self._do(asked, f"asking for `{name}`"))

    async def engine(self, name: str) -> DeployedEngine:
        """Return an engine."""
        return _engine(await self._do(self._engines._get(name=name), f"asking for `{name}`"))  # noqa: SLF001

    async def engines(self, *, label: str | None = None, limit: int = 100) -> list[DeployedEngine]:
        """Return engines, of those that have a label `key=value` or of all."""
        config: dict[str, Any] = {"page_size": limit, **_within(CALL_SECONDS)}
        if label is not None:
            key, _, value = label.partition("=")
            config["filter"] = f'labels.{key}="{value}"'
        found = await self._do(self._engines._list(config=config), "listing the engines")  # noqa: SLF001
        return [_engine(each) for each in found.reasoning_engines or ()]

    # ---- calls

    async def call(self, name: str, method: str, given: Mapping[str, JSON]) -> JSON:
        """Return what a method of an engine's app returns."""
        config = {"class_method": method, "input": dict(given), "include_all_fields": True, **_within(CALL_SECONDS)}
        said = await self._do(self._engines._query(name=name, config=config), f"calling `{method}`")  # noqa: SLF001
        output: JSON = said.output
        return output

    async def stream(self, name: str, method: str, given: Mapping[str, JSON]) -> AsyncGenerator[JSON, None]:
        """Yield what a streaming method of an engine's app yields."""
        config = {"class_method": method, "input": dict(given), **_within(SILENT_SECONDS)}
        with self._translated(f"following `{method}`"):
            chunks: AsyncIterator[Any] = self._streams._async_stream_query(name=name, config=config)  # noqa: SLF001
            async for chunk in chunks:
                yield json.loads(chunk.body)

    # ---- how

    async def _do(self, asked: Awaitable[T], what: str) -> T:
        with self._translated(what):
            return await asked

    @contextmanager
    def _translated(self, what: str) -> Iterator[None]:
        try:
            yield
        except self._sdk.credential_errors as error:
            raise no_credentials(error) from error
        except self._sdk.api_error as error:
            raise refused(error, what, self.project, self.location) from error
        except self._sdk.transport_errors as error:
            raise lost(error, what) from error


class _Sdk:
    """What is used of Google's packages, which take seconds to import and warn of their own ways."""

    def __init__(self) -> None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self._module = _client_module()
                errors = importlib.import_module("google.genai.errors")
                google_auth = importlib.import_module("google.auth.exceptions")
        except ImportError as error:
            raise SdkMissing(
                f"Vertex AI needs a package that is not installed ({error.name}): pip install 'baton-engine[vertex]'"
            ) from error
        self.api_error: type[Exception] = errors.APIError
        self.credential_errors = (google_auth.DefaultCredentialsError, google_auth.RefreshError)
        self.transport_errors = (
            httpx.HTTPError,
            google_auth.TransportError,
            OSError,
            errors.UnknownApiResponseError,
        )

    def engines(self, project: str, location: str, options: Mapping[str, Any]) -> tuple[Any, Any]:
        """Return the client's engines of a project and location, and the object that streams from them."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            client = self._module.Client(project=project, location=location, http_options=dict(options))
            name = "runtimes" if hasattr(type(client), "runtimes") else "agent_engines"
            return getattr(client.aio, name), getattr(client, name)


def _client_module() -> Any:  # noqa: ANN401
    try:
        module = importlib.import_module("agentplatform")
        return module if hasattr(module.Client, "runtimes") else importlib.import_module("vertexai")
    except ModuleNotFoundError as error:
        if error.name != "agentplatform":
            raise
        return importlib.import_module("vertexai")


def _within(seconds: float) -> dict[str, Any]:
    return {"http_options": {"timeout": int(seconds * 1000)}}


def _operation(said: Any) -> LongRunningOperation:  # noqa: ANN401
    name = str(said.name)
    return LongRunningOperation(
        name=name, engine=name.partition("/operations/")[0], done=bool(said.done), error=said.error or None
    )


def _engine(said: Any) -> DeployedEngine:  # noqa: ANN401
    spec = said.spec
    deployed = spec.deployment_spec if spec else None
    methods = (spec.class_methods if spec else None) or ()
    return DeployedEngine(
        name=said.name,
        display_name=said.display_name or "",
        description=said.description or "",
        labels=said.labels or {},
        created=said.create_time.isoformat() if said.create_time else "",
        updated=said.update_time.isoformat() if said.update_time else "",
        methods=tuple(str(each.get("name")) for each in methods),
        env=tuple(each.name for each in (deployed.env if deployed else None) or ()),
        secrets=tuple(each.name for each in (deployed.secret_env if deployed else None) or ()),
    )
