"""The contracts of the handoff files in `.claude/handoff/`.

`x-markdown` hints (see `docs/handoff-format.md`) direct the codec's layout. What times, ids and hashes belong to a file
is in its front matter (`handoff.provenance`), not here, so that equal work gives equal bodies.
"""

from __future__ import annotations

from typing import Literal

from schemas.base import JSON, Document, Field
from schemas.feature import Gap


class Verdict(Document):
    """One check of the produced code, as it ran. Seconds, argv and log hashes are in the front matter."""

    check: str
    tool: str  # name and version
    result: str  # "passed", with the number that matters: "passed, 41 tests"


# ---- feature-prd ------------------------------------------------------------------------------------------------


class PrdField(Document):
    name: str = Field(min_length=1)
    type: str = Field(min_length=1)
    required: bool = False
    rules: str = ""


class PrdLabel(Document):
    """`**Owner:** yes` is `{"label": "Owner", "value": "yes"}`."""

    label: str = Field(min_length=1)
    value: str


class PrdEntity(Document):
    name: str = Field(min_length=1)
    description: str = ""
    labels: tuple[PrdLabel, ...] = ()
    fields: tuple[PrdField, ...] = ()


class PrdChoice(Document):
    part: str = Field(min_length=1)
    choice: str = Field(min_length=1)


class FeaturePrd(Document):
    """A feature PRD as written: `entities` and `stack` may be missing (prose only)."""

    title: str = Field(min_length=1)
    slug: str | None = None
    description: str = ""
    stack: tuple[PrdChoice, ...] = ()
    entities: tuple[PrdEntity, ...] = ()
    business_rules: tuple[str, ...] = ()


# ---- architect-output -------------------------------------------------------------------------------------------


class Decision(Document):
    topic: str
    decision: str
    reason: str


class ArchitectOutput(Document):
    """API design decisions made before the database work; optional input of the Python Backend agent."""

    task: str
    decisions: tuple[Decision, ...] = ()


# ---- database-agent-output --------------------------------------------------------------------------------------


class Reference(Document):
    table: str
    column: str
    on_delete: Literal["cascade", "restrict", "set null"]


class Column(Document):
    """`type` is PostgreSQL's own spelling, as `format_type` prints it: `character varying(80)`, `bigint`."""

    name: str
    type: str
    nullable: bool
    default: str | None = None  # SQL expression as `pg_get_expr` prints it
    references: str | None = None  # `todo_lists.id on delete cascade`


class Constraint(Document):
    """A primary key, unique or check constraint; `definition` as `pg_get_constraintdef` prints it."""

    name: str
    kind: Literal["primary key", "unique", "check"]
    definition: str


class Index(Document):
    name: str
    columns: tuple[str, ...]
    unique: bool = False


class Table(Document):
    """A table. `entity` is the PRD entity it stores, or null for a join table."""

    name: str
    entity: str | None
    description: str = ""
    columns: tuple[Column, ...]
    constraints: tuple[Constraint, ...] = ()
    indexes: tuple[Index, ...] = ()


class Migration(Document):
    revision: str
    file: str
    summary: str


class DatabaseAgentOutput(Document):
    """What the Database agent leaves: the schema as the live database has it, and how to get there."""

    task: str
    files: tuple[str, ...]
    tables: tuple[Table, ...]
    migrations: tuple[Migration, ...]
    verification: tuple[Verdict, ...]
    not_implemented: tuple[Gap, ...] | None = None


# ---- python-backend-agent-output --------------------------------------------------------------------------------


class ErrorCase(Document):
    status: int
    code: str
    when: str


class Endpoint(Document):
    """One endpoint as measured on the running app. `request` and `response` are examples valid under its OpenAPI."""

    method: str
    path: str
    auth_required: bool
    scopes: str
    request: JSON = None
    response_status: int
    response: JSON = None
    errors: tuple[ErrorCase, ...] = ()


class FrontendNote(Document):
    base_url: str
    endpoint: str
    auth_header: str
    content_type: str
    request_fields: str
    response_shape: str


class PythonBackendAgentOutput(Document):
    """The Python Backend agent's handoff, in the exact format of its specification."""

    task: str
    timestamp: str
    files: tuple[str, ...]
    api_contract: tuple[Endpoint, ...]
    for_frontend_agent: tuple[FrontendNote, ...]
    dependencies_added: tuple[str, ...]
    verification: tuple[Verdict, ...] | None = None
    not_implemented: tuple[Gap, ...] | None = None


# ---- frontend-agent-output --------------------------------------------------------------------------------------


class Page(Document):
    path: str
    component: str
    purpose: str
    endpoints: tuple[str, ...]


class FrontendAgentOutput(Document):
    task: str
    files: tuple[str, ...]
    pages: tuple[Page, ...]
    dependencies_added: tuple[str, ...]
    verification: tuple[Verdict, ...]
    not_implemented: tuple[Gap, ...] | None = None


# ---- test-agent-output ------------------------------------------------------------------------------------------


class Measure(Document):
    name: str
    value: str


class TestedEndpoint(Document):
    __test__ = False

    endpoint: str
    cases: int
    covers: str


class TestAgentOutput(Document):
    """What the Test agent measured by running the app's own suite."""

    __test__ = False

    task: str
    files: tuple[str, ...]
    measures: tuple[Measure, ...]
    endpoints: tuple[TestedEndpoint, ...]
    verification: tuple[Verdict, ...]
    not_implemented: tuple[Gap, ...] | None = None
