"""What was agreed or decided about an API beforehand: carried out, listed as a gap, or refused with its place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from handoff.store import Handoff, HandoffStore
from schemas.base import Document
from schemas.handoffs import (
    ApiContract,
    ApiField,
    ApiOperation,
    ApiParameter,
    ApiSchema,
    ArchitectEndpoint,
    ArchitectOutput,
    Decision,
    ErrorCase,
)
from skills.design.agreement import NO_READER, NO_SKILL, DesignContradicted, agree
from skills.design.contract import api_contract
from tests.support.core_build import entity, feature, field

NOTE = entity("Note", field("title"), field("pages", "integer")).model_copy(update={"filters": ("pages",)})
NOTES = feature(NOTE)
DESIGN = api_contract(NOTES)
CREATE = next(each for each in DESIGN.endpoints if each.operation_id == "create_note")
LIST = next(each for each in DESIGN.endpoints if each.operation_id == "list_notes")
SENT = next(each for each in DESIGN.schemas if each.name == "NoteCreate")
SHOWN = next(each for each in DESIGN.schemas if each.name == "NoteResponse")
ARCHIVE = ApiOperation(
    method="POST",
    path="/api/v1/notes/{note_id}/archive",
    operation_id="archive_note",
    auth_required=True,
    scopes="owner",
    request="Archiving",
    response_status=200,
    response="NoteResponse",
)
ARCHIVING = ApiSchema(name="Archiving", fields=(ApiField(name="why", type="string", required=True),))


@pytest.fixture
def left(tmp_path: Path) -> Callable[[str, Document], Handoff]:
    """Leave a document in a workspace, and read it as a run does."""

    def leave(contract: str, document: Document) -> Handoff:
        store = HandoffStore(tmp_path)
        store.write(contract, document)
        return store.read(contract)

    return leave


Left = Callable[[str, Document], Handoff]


def agreed(*endpoints: ApiOperation, schemas: tuple[ApiSchema, ...] = ()) -> ApiContract:
    return ApiContract(task="Notes", endpoints=endpoints, schemas=schemas)


def test_the_whole_design_and_any_part_of_it_may_be_agreed_beforehand(left: Left) -> None:
    assert agree(NOTES, agreed=left("api-contract", DESIGN)) == NOTES
    part = CREATE.model_copy(update={"errors": CREATE.errors[:1]})
    assert agree(NOTES, agreed=left("api-contract", agreed(part, schemas=(SENT,)))) == NOTES


def test_an_endpoint_that_the_prd_does_not_lead_to_is_a_gap(left: Left) -> None:
    found = agree(NOTES, agreed=left("api-contract", agreed(CREATE, ARCHIVE, schemas=(ARCHIVING,))))
    assert [(gap.text, gap.reason) for gap in found.gaps] == [
        ("The endpoint `POST /api/v1/notes/{note_id}/archive` exists.", NO_SKILL)
    ]
    assert api_contract(found) == DESIGN


def test_what_the_prd_already_lists_as_a_gap_is_listed_once(left: Left) -> None:
    contract = left("api-contract", agreed(ARCHIVE, schemas=(ARCHIVING,)))
    once = agree(NOTES, agreed=contract)
    assert agree(once, agreed=contract) == once


def changed(endpoint: ApiOperation, **members: object) -> ApiContract:
    return agreed(endpoint.model_copy(update=members))


def with_schema(schema: ApiSchema, *fields: ApiField) -> ApiContract:
    return agreed(CREATE, schemas=(schema.model_copy(update={"fields": fields}),))


@pytest.mark.parametrize(
    ("contract", "said"),
    [
        (changed(CREATE, operation_id="add_note"), "`operation_id` is `add_note`; the PRD leads to `create_note`"),
        (changed(CREATE, auth_required=False), "`auth_required` is no; the PRD leads to yes"),
        (changed(CREATE, response_status=200), "`response_status` is `200`; the PRD leads to `201`"),
        (changed(CREATE, request=None), "`request` is nothing; the PRD leads to `NoteCreate`"),
        (
            changed(CREATE, errors=(ErrorCase(status=418, code="TEAPOT", when="always"),)),
            "the error 418 `TEAPOT` never comes; those of the PRD's design: 400 `VALIDATION_ERROR`",
        ),
        (
            changed(LIST, parameters=(ApiParameter(name="page", place="query", type="integer", required=False),)),
            "the PRD leads to no parameter `page` (is `pages` meant?)",
        ),
        (
            changed(LIST, parameters=(ApiParameter(name="pages", place="query", type="string", required=False),)),
            "`pages`: `type` is `string`; the PRD leads to `integer`",
        ),
        (
            with_schema(SHOWN, ApiField(name="titel", type="string", required=True)),
            "schema `NoteResponse`: the PRD leads to no field `titel` (is `title` meant?)",
        ),
        (
            with_schema(SHOWN, ApiField(name="title", type="string", required=True, nullable=True)),
            "schema `NoteResponse`: `title`: `nullable` is yes; the PRD leads to no",
        ),
        (
            with_schema(SENT, SENT.fields[0]),
            "schema `NoteCreate`: the field `pages`, which the PRD requires, is missing",
        ),
        (agreed(ARCHIVE), "nobody describes the schema `Archiving`"),
        (agreed(CREATE, schemas=(ARCHIVING,)), "no endpoint exchanges the schema `Archiving`"),
        (
            changed(LIST, path="/api/v1/notes/{id}", method="GET", operation_id="read_note"),
            "`GET /api/v1/notes/{id}`: the PRD leads to the path `/api/v1/notes/{note_id}`",
        ),
    ],
)
def test_what_contradicts_the_prd_is_refused(left: Left, contract: ApiContract, said: str) -> None:
    with pytest.raises(DesignContradicted) as refused:
        agree(NOTES, agreed=left("api-contract", contract))
    assert said in str(refused.value)


def test_a_refusal_names_the_line(left: Left) -> None:
    contract = left("api-contract", changed(CREATE, response_status=200))
    with pytest.raises(DesignContradicted) as refused:
        agree(NOTES, agreed=contract)
    (problem,) = refused.value.problems
    assert contract.path.read_text().splitlines()[problem.line - 1] == "**Response Status:** 200"


def test_an_endpoint_that_the_prd_leaves_out_is_refused(left: Left) -> None:
    kept = feature(NOTE.model_copy(update={"operations": ("list", "read")}))
    with pytest.raises(DesignContradicted, match="the PRD leaves it out of the endpoints of `Note`"):
        agree(kept, agreed=left("api-contract", agreed(CREATE, schemas=(SENT,))))


def told(*decisions: Decision, endpoints: tuple[ArchitectEndpoint, ...] = ()) -> ArchitectOutput:
    return ArchitectOutput(task="Notes", decisions=decisions, endpoints=endpoints)


def test_a_decision_that_the_stack_carries_out_leaves_nothing_open(left: Left) -> None:
    decided = told(
        Decision(subject="Authentication", choice="jwt"), Decision(subject="Background tasks", choice="none")
    )
    assert agree(NOTES, architect=left("architect-output", decided)).gaps == ()


def test_a_decision_against_the_stack_is_refused(left: Left) -> None:
    decided = told(Decision(subject="Authentication", choice="OAuth2"))
    with pytest.raises(DesignContradicted, match="Authentication: `OAuth2` is decided, the PRD's stack has `JWT`"):
        agree(NOTES, architect=left("architect-output", decided))


def test_a_decision_that_no_skill_reads_is_a_gap(left: Left) -> None:
    decided = told(Decision(subject="Log lines", choice="JSON", reason="they are searched"))
    (gap,) = agree(NOTES, architect=left("architect-output", decided)).gaps
    assert (gap.text, gap.reason) == ("Log lines: JSON", NO_READER)


def test_an_architect_restates_an_endpoint_in_part_and_adds_others(left: Left) -> None:
    restated = ArchitectEndpoint(method="POST", path="/api/v1/notes", auth_required=True, response_status=201)
    added = ArchitectEndpoint(method="GET", path="/api/v1/stats", purpose="How many notes there are.")
    (gap,) = agree(NOTES, architect=left("architect-output", told(endpoints=(restated, added)))).gaps
    assert gap.text == "The endpoint `GET /api/v1/stats` exists. How many notes there are."
    other = restated.model_copy(update={"response_status": 200})
    with pytest.raises(DesignContradicted, match="`response_status` is `200`; the PRD leads to `201`"):
        agree(NOTES, architect=left("architect-output", told(endpoints=(other,))))
