from __future__ import annotations

from typing import Any

from generated import documents
from hypothesis import HealthCheck, given, settings

from handoff.codec import parse, render
from schemas.contract import Contract


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(documents())
def test_whatever_a_contract_admits_survives_being_written_and_read(document: tuple[dict[str, Any], Any]) -> None:
    schema, data = document
    contract = Contract.from_schema(schema, id="generated", version="1")

    assert contract.holds(data)
    assert parse(contract, render(contract, data)).data == data
