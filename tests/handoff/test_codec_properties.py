"""`parse(render(data)) == data`, for generated contracts and for the built-in ones."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handoff.codec import parse, render
from handoff.provenance import Provenance, with_front_matter
from handoff.store import as_data
from schemas.contract import HANDOFF_MODELS, Contract, contract_of, model_of
from tests.support.generated_contracts import admitted, documents

MANY = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
FEW = settings(MANY, max_examples=40)


@pytest.mark.slow
@MANY
@given(documents())
def test_whatever_a_contract_admits_survives_being_written_and_read(document: tuple[dict[str, Any], Any]) -> None:
    schema, data = document
    contract = Contract.from_schema(schema, id="generated", version="1")

    assert contract.holds(data)
    assert parse(contract, render(contract, data)).data == data


@pytest.mark.slow
@pytest.mark.parametrize("contract_id", HANDOFF_MODELS)
@FEW
@given(data=st.data())
def test_every_handoff_survives_whatever_it_holds(contract_id: str, data: st.DataObject) -> None:
    contract = contract_of(contract_id)
    value = data.draw(admitted(contract.schema, dict(contract.schema)))
    text = with_front_matter(Provenance(contract=contract_id, version="1"), render(contract, value))
    parsed = parse(contract, text)

    assert parsed.data == value
    assert not parsed.edited
    document = model_of(contract_id).model_validate(value)
    assert model_of(contract_id).model_validate(as_data(document)) == document


@pytest.mark.slow
@FEW
@given(documents())
def test_every_value_has_a_line_that_exists(document: tuple[dict[str, Any], Any]) -> None:
    schema, data = document
    contract = Contract.from_schema(schema, id="generated", version="1")
    text = render(contract, data)
    lines = parse(contract, text).lines

    assert all(1 <= line <= text.count("\n") for line in lines.values())
    assert all(
        f"/{name.replace('~', '~0').replace('/', '~1')}" in lines for name in data if name in schema["properties"]
    )
