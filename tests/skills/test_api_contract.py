"""The API as a document: what it says of a feature, that nothing of it is lost, and that an app is held to it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from agents.checks.openapi.contract import differences
from handoff.codec import parse, render
from handoff.store import as_data
from schemas.contract import contract_of
from schemas.feature import Access, Entity, Feature
from schemas.handoffs import ApiContract, ApiField, ApiOperation
from skills.design.contract import api_contract
from skills.design.endpoints import endpoints
from skills.design.published import ApiDocument, entity_calls
from tests.handoff.test_feature_properties import features
from tests.support.core_build import EXAMPLES, entity, everything, example, feature, field
from tests.support.front_openapi import document

DESCRIBED = {**{path.stem: example(path.stem) for path in sorted(EXAMPLES.glob("*.md"))}, "everything": everything()}


def endpoint(contract: ApiContract, name: str) -> ApiOperation:
    return next(each for each in contract.endpoints if f"{each.method} {each.path}" == name)


def fields(contract: ApiContract, schema: str) -> dict[str, ApiField]:
    return {each.name: each for each in next(s for s in contract.schemas if s.name == schema).fields}


NOTES = feature(
    entity(
        "Note",
        field("title"),
        field("colour", "enum", values=("red", "blue"), required=False),
        field("pages", "integer", has_default=True, default=1),
        field("secret", write_only=True),
        field("views", "integer", read_only=True),
        field("tags", "references", target="Note"),
        access=Access(read="public", write="owner"),
    ).model_copy(update={"filters": ("colour", "pages"), "sorts": ("pages",)})
)


def test_an_endpoint_names_its_operation_its_schemas_and_its_parameters() -> None:
    contract = api_contract(NOTES)
    update = endpoint(contract, "PATCH /api/v1/notes/{note_id}")
    assert (update.operation_id, update.request, update.response) == ("update_note", "NoteUpdate", "NoteResponse")
    assert (update.auth_required, update.scopes, update.response_status) == (True, "owner", 200)
    assert [(each.name, each.place, each.required) for each in update.parameters] == [("note_id", "path", True)]
    listed = endpoint(contract, "GET /api/v1/notes")
    assert (listed.operation_id, listed.response, listed.auth_required) == ("list_notes", "NotePage", False)
    assert {each.name: (each.type, each.values) for each in listed.parameters} == {
        "limit": ("integer", ()),
        "offset": ("integer", ()),
        "colour": ("enum", ("red", "blue")),
        "pages": ("integer", ()),
        "pages_from": ("integer", ()),
        "pages_to": ("integer", ()),
        "sort": ("enum", ("pages", "-pages")),
    }


def test_a_schema_has_the_fields_that_are_sent_or_shown() -> None:
    contract = api_contract(NOTES)
    create, shown = fields(contract, "NoteCreate"), fields(contract, "NoteResponse")
    assert [name for name, each in create.items() if each.required] == ["title", "secret", "tags_ids"]
    assert create["colour"].nullable
    assert create["tags_ids"].type == "integer[]"
    assert not any(each.required for each in fields(contract, "NoteUpdate").values())
    assert {"id", "owner_id", "views", "created_at"} <= shown.keys()
    assert "secret" not in shown
    assert "views" not in create
    assert all(each.required for each in shown.values())
    assert fields(contract, "NotePage")["items"].type == "NoteResponse[]"


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(features())
def test_the_contract_comes_back_from_its_file_as_it_was(described: Feature) -> None:
    contract, of = api_contract(described), contract_of("api-contract")
    text = render(of, as_data(contract))
    assert ApiContract.model_validate(parse(of, text, "api-contract.md").data) == contract


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(features())
def test_every_endpoint_of_the_design_is_in_the_contract_and_every_name_in_it_means_something(
    described: Feature,
) -> None:
    contract = api_contract(described)
    assert [(e.method, e.path, e.errors) for e in contract.endpoints] == [
        (e.method, e.path, e.errors) for e in endpoints(described)
    ]
    operations = [each.operation_id for each in contract.endpoints]
    assert len({*operations}) == len(operations)
    schemas = {schema.name for schema in contract.schemas}
    named = {name for each in contract.endpoints for name in (each.request, each.response) if name}
    parts = {f.type.removesuffix("[]") for schema in contract.schemas for f in schema.fields if f.type[0].isupper()}
    assert named | parts <= schemas
    assert schemas <= named | parts | {"ErrorResponse"}


@pytest.mark.parametrize("name", DESCRIBED)
def test_a_frontend_finds_in_it_all_that_it_calls(name: str) -> None:
    api = ApiDocument(document(api_contract(DESCRIBED[name])))
    for each in DESCRIBED[name].entities:
        entity_calls(api, each)
    api.done()


@pytest.mark.parametrize("name", DESCRIBED)
def test_a_document_that_keeps_the_contract_differs_in_nothing(name: str) -> None:
    contract = api_contract(DESCRIBED[name])
    assert list(differences(contract, document(contract))) == []


def _without_path(app: dict[str, Any]) -> None:
    del app["paths"]["/api/v1/notes"]["get"]


def _renamed(app: dict[str, Any]) -> None:
    app["paths"]["/api/v1/notes"]["post"]["operationId"] = "add_note"


def _open(app: dict[str, Any]) -> None:
    app["paths"]["/api/v1/notes"]["post"]["security"] = []


def _other_status(app: dict[str, Any]) -> None:
    responses = app["paths"]["/api/v1/notes"]["post"]["responses"]
    responses["200"] = responses.pop("201")


def _without_error(app: dict[str, Any]) -> None:
    del app["paths"]["/api/v1/notes/{note_id}"]["get"]["responses"]["404"]


def _without_filter(app: dict[str, Any]) -> None:
    listed = app["paths"]["/api/v1/notes"]["get"]
    listed["parameters"] = [each for each in listed["parameters"] if each["name"] != "colour"]


def _other_filter(app: dict[str, Any]) -> None:
    colour = next(each for each in app["paths"]["/api/v1/notes"]["get"]["parameters"] if each["name"] == "colour")
    colour["schema"]["enum"] = ["red"]


def _other_schema(app: dict[str, Any]) -> None:
    body = app["paths"]["/api/v1/notes"]["post"]["requestBody"]["content"]["application/json"]
    body["schema"] = {"$ref": "#/components/schemas/NoteUpdate"}


def _schema(change: Callable[[dict[str, Any]], object]) -> Callable[[dict[str, Any]], object]:
    return lambda app: change(app["components"]["schemas"]["NoteResponse"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_without_path, "GET /api/v1/notes: the API contract has it, the app has no such endpoint"),
        (_renamed, "POST /api/v1/notes: `operationId` is `add_note`, in the API contract `create_note`"),
        (_open, "POST /api/v1/notes: a caller must be signed in by the API contract, the document says otherwise"),
        (_other_status, "POST /api/v1/notes: it never answers 201, as in the API contract"),
        (_without_error, "GET /api/v1/notes/{note_id}: error 404 is in the API contract, but not in the document"),
        (_without_filter, "GET /api/v1/notes: it has no query parameter `colour`, as in the API contract"),
        (_other_filter, "GET /api/v1/notes: the parameter `colour` is not one of `red`, `blue`"),
        (_other_schema, "POST /api/v1/notes: the request is `NoteUpdate`, in the API contract `NoteCreate`"),
        (
            _schema(lambda shown: shown["properties"].pop("title")),
            "schema `NoteResponse`: there is no field `title`, as in the API contract",
        ),
        (
            _schema(lambda shown: shown["properties"].update(title={"type": "integer"})),
            "schema `NoteResponse`: `title` is not `string`, as in the API contract",
        ),
        (
            _schema(lambda shown: shown["properties"].update(title={"type": ["string", "null"]})),
            "schema `NoteResponse`: `title` may be null in the document alone",
        ),
        (
            _schema(lambda shown: shown["required"].remove("title")),
            "schema `NoteResponse`: `title` is required in the API contract alone",
        ),
        (
            _schema(lambda shown: shown["properties"].update(password={"type": "string"})),
            "schema `NoteResponse`: the API contract has no field `password`",
        ),
    ],
)
def test_each_way_to_break_the_contract_is_named(change: Callable[[dict[str, Any]], object], said: str) -> None:
    contract = api_contract(NOTES)
    app = copy.deepcopy(document(contract))
    change(app)
    assert said in list(differences(contract, app))


def test_two_entities_have_schemas_of_their_own() -> None:
    both: tuple[Entity, ...] = (entity("Tag", field("label")), entity("TagGroup", field("label")))
    names = [schema.name for schema in api_contract(feature(*both)).schemas]
    assert len({*names}) == len(names)
    assert {"TagResponse", "TagGroupResponse"} <= {*names}
