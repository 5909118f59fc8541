from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from handoff.compiling import layout_of
from schemas.base import JSON, Document, markdown
from schemas.contract import AGENT_MODELS, HANDOFF_MODELS, Contract, ContractInvalid, ContractUnknown, contract_of
from schemas.export import drift, exported_files, skill_contracts, write

ALL = [*HANDOFF_MODELS, *AGENT_MODELS]


@pytest.mark.parametrize("contract_id", ALL)
def test_every_contract_is_json_schema_2020_12_with_id_and_version(contract_id: str) -> None:
    schema = dict(contract_of(contract_id).schema)

    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    version = {**HANDOFF_MODELS, **AGENT_MODELS}[contract_id][1]
    assert schema["$id"] == f"urn:baton:contract:{contract_id}:{version}"
    assert schema["title"] == contract_id


@pytest.mark.parametrize("contract_id", ALL)
def test_every_object_of_a_contract_is_closed(contract_id: str) -> None:
    schema = json.loads(json.dumps(dict(contract_of(contract_id).schema)))
    objects = [schema, *(each for each in schema.get("$defs", {}).values() if "properties" in each)]

    assert [each["title"] for each in objects if each.get("additionalProperties") is not False] == []


@pytest.mark.parametrize("contract_id", HANDOFF_MODELS)
def test_every_handoff_contract_can_be_laid_out(contract_id: str) -> None:
    assert layout_of(contract_of(contract_id)).root.members


def test_the_schema_files_are_those_of_the_models() -> None:
    assert drift() == [], "run `baton contracts export`"


def test_drift_names_what_is_missing_changed_or_left_over(tmp_path: Path) -> None:
    write(root=tmp_path)
    assert drift(root=tmp_path) == []
    (tmp_path / "handoff" / "feature-prd.schema.json").unlink()
    (tmp_path / "handoff" / "architect-output.schema.json").write_text("{}")
    (tmp_path / "agents" / "gone.schema.json").write_text("{}")
    named = ["agents/gone.schema.json", "handoff/architect-output.schema.json", "handoff/feature-prd.schema.json"]

    assert drift(root=tmp_path) == named
    assert write(root=tmp_path) == named
    assert drift(root=tmp_path) == []


def test_skills_contracts_are_handed_in() -> None:
    class Input(Document):
        name: str

    class Output(Document):
        size: int

    contracts = skill_contracts({"a-skill": (Input, Output)})

    assert [contract.id for contract in contracts] == ["a-skill.input", "a-skill.output"]
    files = exported_files(contracts)
    assert json.loads(files["skills/a-skill.input.schema.json"])["properties"] == {
        "name": {"title": "Name", "type": "string"}
    }


def test_an_unknown_contract_is_named_with_the_nearest() -> None:
    with pytest.raises(ContractUnknown, match="Did you mean `test-agent-output`"):
        contract_of("test-agent-ouput")


def test_a_schema_that_is_none_is_the_contracts_mistake() -> None:
    contract = Contract.from_schema({"type": "objekt"}, id="x", version="1")
    with pytest.raises(ContractInvalid, match="contract `x` is not valid JSON Schema 2020-12"):
        contract.holds({})


def test_nothing_is_fetched_for_a_reference() -> None:
    contract = Contract.from_schema({"$ref": "https://example.com/schema.json"}, id="x", version="1")
    with pytest.raises(ContractInvalid, match=r"example\.com"):
        contract.holds({})


@pytest.mark.parametrize(
    ("properties", "hints", "message"),
    [
        ({"a": {"type": "integer"} | markdown(layout="prose")}, {}, "only text can be laid out as prose"),
        ({"a": {"type": "string"}}, {"title": "{b}"}, "needs a required scalar member `b`"),
        ({"a": {"type": "string"}}, {"title": "x\ny"}, "may hold letters"),
        ({"a": {} | markdown(place="bare")}, {}, "`a` cannot be placed `bare`"),
    ],
)
def test_a_hint_that_the_schema_cannot_carry_is_refused(
    properties: dict[str, JSON], hints: dict[str, JSON], message: str
) -> None:
    schema: dict[str, JSON] = {
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
        "x-markdown": hints,
    }
    with pytest.raises(ContractInvalid, match=message):
        layout_of(Contract.from_schema(schema, id=message, version="1"))
