"""The contracts of the handoff files in `.claude/handoff/`.

`x-markdown` hints (see `docs/handoff-format.md`) direct the codec's layout. What times, ids and hashes belong to a file
is in its front matter (`handoff.provenance`), not here, so that equal work gives equal bodies.
"""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict

from schemas.base import JSON, Document, Field, markdown
from schemas.feature import Gap

FILES = markdown(heading="Created/Modified Files", code=True)
GAPS = markdown(heading="Not implemented")
PACKAGES = markdown(layout="lines")


class Verdict(Document):
    """One check of the produced code, as it ran. Seconds, argv and log hashes are in the front matter."""

    check: str
    tool: str  # name and version
    result: str  # "passed", with the number that matters: "passed, 41 tests"


# ---- feature-prd ------------------------------------------------------------------------------------------------


class PrdField(Document):
    name: str = Field(min_length=1, json_schema_extra=markdown(label="Field", code="read"))
    type: str = Field(min_length=1, json_schema_extra=markdown(code="read"))
    required: bool = False
    rules: str = ""


class PrdLabel(Document):
    """`**Owner:** yes` is `{"label": "Owner", "value": "yes"}`."""

    label: str = Field(min_length=1)
    value: str


class PrdEntity(Document):
    name: str = Field(min_length=1)
    description: str = Field(default="", json_schema_extra=markdown(layout="prose"))
    labels: tuple[PrdLabel, ...] = Field(default=(), json_schema_extra=markdown(layout="labels"))
    fields: tuple[PrdField, ...] = Field(default=(), json_schema_extra=markdown(place="bare"))


class PrdChoice(Document):
    part: str = Field(min_length=1)
    choice: str = Field(min_length=1)


class PrdNote(Document):
    """A section of a person's own, such as `## Background`."""

    heading: str
    text: str


class FeaturePrd(Document):
    """A feature PRD as written: `entities` and `stack` may be missing (prose only)."""

    model_config = ConfigDict(json_schema_extra=markdown(title="Feature PRD: {title}", lenient=True))

    title: str = Field(min_length=1)
    slug: str | None = None
    description: str = Field(default="", json_schema_extra=markdown(layout="prose"))
    stack: tuple[PrdChoice, ...] = ()
    entities: tuple[PrdEntity, ...] = ()
    business_rules: tuple[str, ...] = ()
    notes: tuple[PrdNote, ...] = Field(default=(), json_schema_extra=markdown(layout="notes"))


# ---- architect-output -------------------------------------------------------------------------------------------


class Decision(Document):
    topic: str
    decision: str
    reason: str


class ArchitectOutput(Document):
    """API design decisions made before the database work; optional input of the Python Backend agent."""

    model_config = ConfigDict(json_schema_extra=markdown(title="Architect Handoff"))

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
    description: str = Field(default="", json_schema_extra=markdown(layout="prose"))
    columns: tuple[Column, ...]
    constraints: tuple[Constraint, ...] = ()
    indexes: tuple[Index, ...] = ()


class Migration(Document):
    revision: str
    file: str
    summary: str


class DatabaseAgentOutput(Document):
    """What the Database agent leaves: the schema as the live database has it, and how to get there."""

    model_config = ConfigDict(json_schema_extra=markdown(title="Database Agent Handoff"))

    task: str
    files: tuple[str, ...] = Field(json_schema_extra=FILES)
    tables: tuple[Table, ...]
    migrations: tuple[Migration, ...]
    verification: tuple[Verdict, ...]
    not_implemented: tuple[Gap, ...] | None = Field(default=None, json_schema_extra=GAPS)


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
    response: JSON = Field(default=None, json_schema_extra=markdown(label="Response ({response_status})"))
    errors: tuple[ErrorCase, ...] = ()


class FrontendNote(Document):
    base_url: str = Field(json_schema_extra=markdown(label="Base URL", code=True))
    endpoint: str = Field(json_schema_extra=markdown(code=True))
    auth_header: str = Field(json_schema_extra=markdown(label="Auth header", code=True))
    content_type: str = Field(json_schema_extra=markdown(label="Content-Type", code=True))
    request_fields: str = Field(json_schema_extra=markdown(label="Request fields"))
    response_shape: str = Field(json_schema_extra=markdown(label="Response shape"))


class PythonBackendAgentOutput(Document):
    """The Python Backend agent's handoff, in the exact format of its specification."""

    model_config = ConfigDict(json_schema_extra=markdown(title="Python Backend Agent Handoff", spacing="tight"))

    task: str
    timestamp: str
    files: tuple[str, ...] = Field(json_schema_extra=FILES)
    api_contract: tuple[Endpoint, ...] = Field(
        json_schema_extra=markdown(heading="API Contract", item="{method} {path}")
    )
    for_frontend_agent: tuple[FrontendNote, ...] = Field(json_schema_extra=markdown(layout="bullets"))
    dependencies_added: tuple[str, ...] = Field(json_schema_extra=PACKAGES)
    verification: tuple[Verdict, ...] | None = None
    not_implemented: tuple[Gap, ...] | None = Field(default=None, json_schema_extra=GAPS)


# ---- frontend-agent-output --------------------------------------------------------------------------------------


class Page(Document):
    path: str
    component: str
    purpose: str
    endpoints: tuple[str, ...]


class FrontendAgentOutput(Document):
    model_config = ConfigDict(json_schema_extra=markdown(title="Frontend Agent Handoff"))

    task: str
    files: tuple[str, ...] = Field(json_schema_extra=FILES)
    pages: tuple[Page, ...]
    dependencies_added: tuple[str, ...] = Field(json_schema_extra=PACKAGES)
    verification: tuple[Verdict, ...]
    not_implemented: tuple[Gap, ...] | None = Field(default=None, json_schema_extra=GAPS)


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
    model_config = ConfigDict(json_schema_extra=markdown(title="Test Agent Handoff"))

    task: str
    files: tuple[str, ...] = Field(json_schema_extra=FILES)
    measures: tuple[Measure, ...]
    endpoints: tuple[TestedEndpoint, ...]
    verification: tuple[Verdict, ...]
    not_implemented: tuple[Gap, ...] | None = Field(default=None, json_schema_extra=GAPS)
