"""The contracts of the handoff files in `.claude/handoff/`.

`x-markdown` hints (see `docs/handoff-format.md`) direct the codec's layout. What times, ids and hashes belong to a file
is in its front matter (`handoff.provenance`), not here, so that equal work gives equal bodies.
"""

from __future__ import annotations

from typing import Literal, Self

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


class Unimplemented(Document):
    """Something asked for, in the words of who asked, that is not there; for people to read."""

    text: str
    reason: str

    @classmethod
    def of(cls, gap: Gap) -> Self:
        """Return what people are told of a gap."""
        return cls(text=gap.text, reason=gap.reason)


class BusinessRule(Document):
    """A rule of the PRD, in its own words, that is implemented: where it lives, and the tests that fail without it.

    `files` are paths, `tests` are `path::name`; the files are there, and the tests passed.
    """

    text: str
    files: tuple[str, ...]
    tests: tuple[str, ...]


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


# ---- api-contract -----------------------------------------------------------------------------------------------

METHOD = "^(GET|POST|PUT|PATCH|DELETE)$"
API_TYPE = r"^[A-Za-z][A-Za-z0-9_]*(\[\])?$"


class ErrorCase(Document):
    status: int
    code: str
    when: str


class ApiParameter(Document):
    """A parameter of an endpoint's path or query. `values` are an enum's."""

    name: str = Field(min_length=1, json_schema_extra=markdown(label="Parameter"))
    place: Literal["path", "query"] = Field(json_schema_extra=markdown(label="In"))
    type: str = Field(pattern=API_TYPE)
    required: bool
    values: tuple[str, ...] = ()


class ApiOperation(Document):
    """An endpoint as it is to be. `request` and `response` name schemas; null: there is no JSON body.

    What any endpoint may answer whatever it does (413, 500, 503, 504) is not among its `errors`.
    """

    method: str = Field(pattern=METHOD)
    path: str = Field(pattern="^/")
    operation_id: str = Field(min_length=1)
    auth_required: bool
    scopes: str
    request: str | None = None
    response_status: int
    response: str | None = None
    parameters: tuple[ApiParameter, ...] = ()
    errors: tuple[ErrorCase, ...] = ()


class ApiField(Document):
    """A field of a schema.

    `type` is `string`, `integer`, `float`, `decimal` (sent as a string), `boolean`, `date`, `time`, `datetime`, `uuid`,
    `email`, `url`, `json`, `enum` (one of `values`) or the name of a schema; `[]` after it makes a list. What is
    `required` in a request must be sent, in a response is always there. Rules of values are the PRD's.
    """

    name: str = Field(min_length=1, json_schema_extra=markdown(label="Field"))
    type: str = Field(pattern=API_TYPE)
    required: bool
    nullable: bool = False
    values: tuple[str, ...] = ()


class ApiSchema(Document):
    name: str = Field(pattern="^[A-Za-z][A-Za-z0-9_]*$")
    fields: tuple[ApiField, ...] = Field(default=(), json_schema_extra=markdown(place="bare"))


class ApiContract(Document):
    """The API as a document, before there is one: what a backend is held to, and a frontend may count on."""

    model_config = ConfigDict(json_schema_extra=markdown(title="API Contract"))

    task: str
    endpoints: tuple[ApiOperation, ...] = Field(json_schema_extra=markdown(item="{method} {path}"))
    schemas: tuple[ApiSchema, ...] = ()


# ---- architect-output -------------------------------------------------------------------------------------------


class Decision(Document):
    """A choice somebody made: `| Authentication | JWT | no server-side sessions |`."""

    subject: str = Field(min_length=1)
    choice: str = Field(min_length=1)
    reason: str = ""


class ArchitectEndpoint(Document):
    """An endpoint that the architect wants. What is not said of one that the PRD leads to is as designed."""

    method: str = Field(pattern=METHOD)
    path: str = Field(pattern="^/")
    purpose: str = ""
    operation_id: str | None = None
    auth_required: bool | None = None
    scopes: str | None = None
    request: str | None = None
    response_status: int | None = None
    response: str | None = None


class ArchitectOutput(Document):
    """Decisions made before the database work. Each is carried out, listed as not implemented, or refused."""

    model_config = ConfigDict(json_schema_extra=markdown(title="Architect Handoff"))

    task: str
    decisions: tuple[Decision, ...] = ()
    endpoints: tuple[ArchitectEndpoint, ...] = Field(default=(), json_schema_extra=markdown(item="{method} {path}"))


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
    default: str | None = None  # as `pg_get_expr` prints it, or `generated by default as identity`
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
    not_implemented: tuple[Unimplemented, ...] | None = Field(default=None, json_schema_extra=GAPS)


# ---- python-backend-agent-output --------------------------------------------------------------------------------


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
    business_rules: tuple[BusinessRule, ...] | None = None
    not_implemented: tuple[Unimplemented, ...] | None = Field(default=None, json_schema_extra=GAPS)


# ---- frontend-agent-output --------------------------------------------------------------------------------------


class Page(Document):
    path: str
    component: str
    purpose: str
    endpoints: tuple[str, ...]


class Unreachable(Document):
    """Something that the API offers, and no page can."""

    text: str
    reason: str


class FrontendAgentOutput(Document):
    model_config = ConfigDict(json_schema_extra=markdown(title="Frontend Agent Handoff"))

    task: str
    files: tuple[str, ...] = Field(json_schema_extra=FILES)
    pages: tuple[Page, ...]
    dependencies_added: tuple[str, ...] = Field(json_schema_extra=PACKAGES)
    verification: tuple[Verdict, ...]
    business_rules: tuple[BusinessRule, ...] | None = None
    not_implemented: tuple[Unimplemented, ...] | None = Field(default=None, json_schema_extra=GAPS)


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
    business_rules: tuple[BusinessRule, ...] | None = None
    not_implemented: tuple[Unimplemented, ...] | None = Field(default=None, json_schema_extra=GAPS)


# ---- <agent>-handoff --------------------------------------------------------------------------------------------


class WorkNotes(Document):
    """A skill's own words about its work, for the handoff of an agent that states nothing else."""

    text: str


class OwnAgentOutput(Document):
    """What an agent of a project's own leaves. `notes` are its own words; all else was measured."""

    model_config = ConfigDict(json_schema_extra=markdown(title="Agent Handoff"))

    task: str
    files: tuple[str, ...] = Field(json_schema_extra=FILES)
    notes: str = Field(default="", json_schema_extra=markdown(layout="prose"))
    verification: tuple[Verdict, ...] | None = None
    not_implemented: tuple[Unimplemented, ...] | None = Field(default=None, json_schema_extra=GAPS)
