"""Contracts: a JSON Schema 2020-12 with an id and a version, and those that are known, by id.

A contract says what a document may hold. How a handoff file lays it out is directed by the `x-markdown` hints in the
same schema (`docs/handoff-format.md`); what it means is for whoever reads it.

Not here: the markdown (`handoff.codec`), the contracts of skills (`skills.core.registry` knows those), the files
(`schemas.export`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache, cached_property
from types import MappingProxyType
from typing import Any, NoReturn, cast

import jsonschema_rs

from schemas import agents, handoffs
from schemas.base import JSON, Document
from schemas.errors import InputError

DIALECT = "https://json-schema.org/draft/2020-12/schema"


class ContractInvalid(InputError):
    """A contract's schema is not valid JSON Schema 2020-12, or its layout hints contradict it."""

    code = "contract_invalid"


class ContractUnknown(InputError):
    """There is no contract with that id."""

    code = "contract_unknown"


@dataclass(frozen=True, slots=True)
class Breach:
    """One way in which data breaks a contract. `path` holds keys and positions from the root."""

    path: tuple[str | int, ...]
    keyword: str  # the JSON Schema keyword that failed
    argument: JSON  # what the schema says under that keyword
    message: str


@dataclass(frozen=True, eq=False)
class Contract:
    """What a document may hold. Two contracts are equal if id, version and schema are."""

    id: str
    version: str
    schema: Mapping[str, JSON] = field(repr=False)

    @classmethod
    def from_model(cls, model: type[Document], *, id: str, version: str) -> Contract:  # noqa: A002 (the format's word)
        """Return the contract that admits what `model` validates from JSON."""
        return cls.from_schema(model.model_json_schema() | {"title": id}, id=id, version=version)

    @classmethod
    def from_schema(cls, schema: Mapping[str, JSON], *, id: str, version: str) -> Contract:  # noqa: A002 (as above)
        """Return the contract of a JSON Schema 2020-12 that describes an object."""
        head: dict[str, JSON] = {"$schema": DIALECT, "$id": f"urn:baton:contract:{id}:{version}"}
        rest = {key: value for key, value in schema.items() if key not in head}
        return cls(id, version, MappingProxyType(head | rest))

    def breaches(self, data: JSON) -> Iterator[Breach]:
        """Yield every way in which `data` breaks the contract; nothing if it holds.

        Raises:
            ContractInvalid: The schema itself is broken.
        """
        for error in self._validator.iter_errors(data):
            argument = _at(self.schema, error.schema_path)
            yield Breach(tuple(error.instance_path), error.kind.name, argument, error.message)

    def holds(self, data: JSON) -> bool:
        """Tell whether `data` satisfies the contract."""
        return self._validator.is_valid(data)

    @cached_property
    def _validator(self) -> jsonschema_rs.Validator:
        # Compiled when first needed: importing the catalog must stay cheap.
        try:
            return jsonschema_rs.Draft202012Validator(dict(self.schema), retriever=refuse_to_fetch)
        except (ValueError, jsonschema_rs.ReferencingError) as error:
            raise ContractInvalid(f"contract `{self.id}` is not valid JSON Schema 2020-12: {error}") from error

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Contract):
            return NotImplemented
        return (self.id, self.version, dict(self.schema)) == (other.id, other.version, dict(other.schema))

    def __hash__(self) -> int:
        return hash((self.id, self.version))


def refuse_to_fetch(uri: str) -> NoReturn:
    """Refuse to fetch what a schema refers to: older `jsonschema-rs` know no `offline=True`.

    Raises:
        LookupError: Always.
    """
    raise LookupError(f"`{uri}` is outside the schema, and is not fetched")


def _at(schema: Mapping[str, JSON], path: list[str | int]) -> JSON:
    """Return what the schema says at `path`, or None where the path goes through a reference."""
    place: Any = schema
    for step in path:
        try:
            place = place[step]
        except (KeyError, IndexError, TypeError):
            return None
    return cast("JSON", place)


# One line adds a contract: its id, its model, its version. A changed schema needs a new version
# (`handoff.compatible` tells whether readers of the old one still understand it).

HANDOFF_MODELS: Mapping[str, tuple[type[Document], str]] = MappingProxyType({
    "feature-prd": (handoffs.FeaturePrd, "1"),
    "architect-output": (handoffs.ArchitectOutput, "2"),
    "api-contract": (handoffs.ApiContract, "1"),
    "database-agent-output": (handoffs.DatabaseAgentOutput, "1"),
    "python-backend-agent-output": (handoffs.PythonBackendAgentOutput, "1"),
    "frontend-agent-output": (handoffs.FrontendAgentOutput, "1"),
    "test-agent-output": (handoffs.TestAgentOutput, "1"),
})  # fmt: skip

# A project's own agents hand over `<agent>-handoff`: one contract for all of them, whatever they do.
_OWN = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*-handoff")
_ID = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")  # a handoff's file is called so

AGENT_MODELS: Mapping[str, tuple[type[Document], str]] = MappingProxyType({
    "@python-specialist.input": (agents.PythonSpecialistInput, "1"),
    "@python-specialist.output": (agents.PythonSpecialistOutput, "1"),
    "@database-agent.input": (agents.DatabaseAgentInput, "2"),
    "@database-agent.output": (agents.DatabaseAgentResult, "1"),
    "@frontend-agent.input": (agents.FrontendAgentInput, "1"),
    "@frontend-agent.output": (agents.FrontendAgentResult, "1"),
    "@test-agent.input": (agents.TestAgentInput, "1"),
    "@test-agent.output": (agents.TestAgentResult, "1"),
})  # fmt: skip


# What agents outside the tree bring; known as long as the process lives.
_REGISTERED: dict[str, tuple[type[Document], str]] = {}


def register(contract_id: str, model: type[Document], *, version: str = "1") -> None:
    """Make the contract of a handoff known that no module here lists. Registering the same one again changes nothing.

    Raises:
        ContractInvalid: Another contract has that id, it names no file, or the model is none.
    """
    if not _ID.fullmatch(contract_id):
        raise ContractInvalid(f"a contract cannot be called `{contract_id}`: write lower-case words joined by hyphens.")
    if not hasattr(model, "model_json_schema"):
        raise ContractInvalid(f"the model of the contract `{contract_id}` must extend `schemas.base.Document`.")
    new = Contract.from_model(model, id=contract_id, version=version)
    if (contract_id in _known() or is_handoff(contract_id)) and contract_of(contract_id) != new:
        raise ContractInvalid(f"there is another contract `{contract_id}` already. Give this one an id of its own.")
    _REGISTERED.setdefault(contract_id, (model, version))


def is_handoff(contract_id: str) -> bool:
    """Return whether there may be a handoff file of that contract."""
    return contract_id in HANDOFF_MODELS or contract_id in _REGISTERED or _OWN.fullmatch(contract_id) is not None


def model_of(contract_id: str) -> type[Document]:
    """Return the Pydantic model of a contract.

    Raises:
        ContractUnknown: With the nearest id.
    """
    return _find(contract_id)[0]


@cache
def contract_of(contract_id: str) -> Contract:
    """Return a contract by id, such as `feature-prd` or `@python-specialist.input`.

    Raises:
        ContractUnknown: With the nearest id.
    """
    model, version = _find(contract_id)
    return Contract.from_model(model, id=contract_id, version=version)


def _known() -> dict[str, tuple[type[Document], str]]:
    return {**HANDOFF_MODELS, **AGENT_MODELS, **_REGISTERED}


def _find(contract_id: str) -> tuple[type[Document], str]:
    known = _known()
    if contract_id not in known and is_handoff(contract_id):
        return handoffs.OwnAgentOutput, "1"
    if contract_id not in known:
        near = get_close_matches(contract_id, known, n=1)
        hint = f"Did you mean `{near[0]}`?" if near else f"Known: {', '.join(f'`{name}`' for name in known)}."
        raise ContractUnknown(f"There is no contract `{contract_id}`. {hint}")
    return known[contract_id]
