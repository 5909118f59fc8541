"""What each agent takes and returns as one JSON document, for callers that drive agents as a pipeline phase.

The Python Backend agent is the Phase-14 `@python-specialist`: field names are those of feature F08. Parts that F08 does
not have are marked "added"; all of them are optional, so a document written for F08 stays valid.
"""

from __future__ import annotations

from typing import Final, Literal

from pydantic import ConfigDict

from schemas.base import Document, Field
from schemas.feature import Feature
from schemas.handoffs import (
    DatabaseAgentOutput,
    FrontendAgentOutput,
    PrdEntity,
    PythonBackendAgentOutput,
    TestAgentOutput,
    Unimplemented,
)

BackendLanguage = Literal[".NET", "Node.js", "Python", "Go", "Java"]

# Phase 14: the one specialist that is active for a backend language (feature F08).
SPECIALISTS: Final[dict[BackendLanguage, str]] = {
    ".NET": "@dotnet-specialist",
    "Node.js": "@nodejs-specialist",
    "Python": "@python-specialist",
    "Go": "@go-specialist",
    "Java": "@java-specialist",
}


# ---- @python-specialist, input -----------------------------------------------------------------------------------


class BackendArchitecture(Document):
    framework: Literal["FastAPI", "Django", "Flask"] = "FastAPI"
    async_support: bool = True
    project_structure: str | None = None
    dependency_manager: Literal["pip", "poetry", "pipenv", "uv"] = "uv"


class ApiEndpoint(Document):
    """An endpoint the caller expects. `path` as clients will call it."""

    path: str = Field(pattern="^/")
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    auth_required: bool = True
    request_model: str | None = None
    response_model: str | None = None


class SpecialistDatabase(Document):
    """`models` names the entities; their fields come from `entities` or from a PRD."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, serialize_by_alias=True)

    type: Literal["PostgreSQL", "MySQL", "SQLite"] = "PostgreSQL"
    orm: Literal["SQLAlchemy", "Django ORM"] = "SQLAlchemy"
    is_async: bool = Field(default=True, alias="async")
    models: tuple[str, ...] = ()


class Authentication(Document):
    method: Literal["JWT", "OAuth2", "Token"] = "JWT"
    providers: tuple[str, ...] = ("local",)


class BackgroundTasks(Document):
    library: Literal["Celery", "ARQ", "FastAPI BackgroundTasks"]
    broker: Literal["Redis", "RabbitMQ"] | None = None


class PythonSpecialistInput(Document):
    """The Phase-14 request. Added to F08: `backend_language`, `title`, `slug`, `entities`, `business_rules`."""

    backend_architecture: BackendArchitecture = BackendArchitecture()
    api_endpoints: tuple[ApiEndpoint, ...] = ()
    database: SpecialistDatabase = SpecialistDatabase()
    authentication: Authentication = Authentication()
    background_tasks: BackgroundTasks | None = None
    api_docs: str = "OpenAPI (auto-generated)"
    testing_framework: str = "pytest"
    backend_language: BackendLanguage = "Python"
    title: str = Field(default="Service", min_length=1)
    slug: str | None = None
    entities: tuple[PrdEntity, ...] = ()
    business_rules: tuple[str, ...] = ()


# ---- @python-specialist, output ----------------------------------------------------------------------------------


class Artifact(Document):
    """A produced file: its path in the workspace and its whole text."""

    file: str
    content: str


class Artifacts(Document):
    main: tuple[Artifact, ...] = ()
    routers: tuple[Artifact, ...] = ()
    models: tuple[Artifact, ...] = ()
    schemas: tuple[Artifact, ...] = ()
    services: tuple[Artifact, ...] = ()
    database: tuple[Artifact, ...] = ()
    migrations: tuple[Artifact, ...] = ()
    tests: tuple[Artifact, ...] = ()
    config: tuple[Artifact, ...] = ()


class CodeQuality(Document):
    """Measured on the produced code. Coverages are percentages, 0 to 100."""

    type_hints_coverage: float = Field(ge=0, le=100)
    test_coverage: float = Field(ge=0, le=100)
    endpoints_generated: int = Field(ge=0)


class PythonSpecialistOutput(Document):
    """The Phase-14 result. Added to F08: `gaps`, what was asked for and is not implemented."""

    artifacts: Artifacts
    code_quality: CodeQuality
    next_phase: str
    gaps: tuple[Unimplemented, ...] = ()


# ---- the other agents --------------------------------------------------------------------------------------------


class DatabaseAgentInput(Document):
    """What the Database agent reads."""

    feature: Feature


class DatabaseAgentResult(Document):
    artifacts: tuple[Artifact, ...]
    handoff: DatabaseAgentOutput


class FrontendAgentInput(Document):
    """What the Frontend agent reads."""

    feature: Feature
    backend: PythonBackendAgentOutput


class FrontendAgentResult(Document):
    artifacts: tuple[Artifact, ...]
    handoff: FrontendAgentOutput


class TestAgentInput(Document):
    """What the Test agent reads."""

    __test__ = False

    feature: Feature
    database: DatabaseAgentOutput
    backend: PythonBackendAgentOutput


class TestAgentResult(Document):
    __test__ = False

    artifacts: tuple[Artifact, ...]
    handoff: TestAgentOutput
