"""Look up in an OpenAPI document what the frontend calls, so that it never calls what the backend does not offer.

Operations are found by `operationId`; their paths and parameters are the document's, not guessed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import cast

from schemas.base import JSON
from schemas.errors import RunError
from schemas.feature import Entity
from skills.design.names import operation_id, schema_name
from skills.design.queries import filter_parameters

_METHODS = ("get", "post", "put", "patch", "delete")

Object = Mapping[str, JSON]


class ApiMismatch(RunError):
    """The frontend needs what the published API does not have."""

    code = "api_mismatch"

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        listed = "\n".join(f"  {problem}" for problem in self.problems)
        return (
            f"`openapi.json` lacks what the frontend needs ({len(self.problems)} found):\n{listed}\n"
            "Correct the backend and publish its document again, or leave the operation out of the PRD"
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """An operation of the API. `parameter` is the path's one parameter, empty if it has none."""

    operation: str
    method: str  # GET
    path: str  # /api/v1/todos/{todo_id}
    parameter: str
    query: frozenset[str]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class ApiDocument:
    """An OpenAPI document, by operation and schema. What is missing is collected, to be reported at once."""

    def __init__(self, document: Object) -> None:
        """Read `document`; it may lack anything."""
        self._calls = {call.operation: call for call in _calls(document)}
        components = cast("Object", document.get("components") or {})
        self._schemas = cast("Object", components.get("schemas") or {})
        self._problems: list[str] = []

    def call(self, operation: str) -> Call:
        """Return an operation; a made-up one, and a problem, if there is none."""
        found = self._calls.get(operation)
        if found is None:
            self._problems.append(f"no operation `{operation}`{_near(operation, self._calls)}")
            return Call(operation=operation, method="GET", path="/", parameter="", query=frozenset())
        return found

    def require_schema(self, name: str) -> None:
        """Note a problem if the document has no schema of that name."""
        if name not in self._schemas:
            self._problems.append(f"no schema `{name}`{_near(name, self._schemas)}")

    def properties(self, schema: str) -> Mapping[str, Object]:
        """Return a schema's properties by name."""
        self.require_schema(schema)
        found = cast("Object", self._schemas.get(schema) or {})
        return cast("Mapping[str, Object]", found.get("properties") or {})

    def require_query(self, call: Call, names: frozenset[str]) -> None:
        """Note a problem for each query parameter that an operation does not have."""
        self._problems += [
            f"`{call}` has no query parameter `{name}`{_near(name, call.query)}" for name in sorted(names - call.query)
        ]

    def done(self) -> None:
        """Go on if nothing was missing.

        Raises:
            ApiMismatch: With everything that was, in the order it was asked for.
        """
        if self._problems:
            raise ApiMismatch(tuple(dict.fromkeys(self._problems)))


def entity_calls(api: ApiDocument, entity: Entity) -> dict[str, Call]:
    """Return the calls of an entity's operations by name (`list`, `create` …); what is missing is noted in `api`."""
    calls: dict[str, Call] = {name: api.call(operation_id(name, entity)) for name in entity.operations}
    if {"list", "read", "create", "update"} & set(calls):
        api.require_schema(schema_name(entity, "Response"))
    if "create" in calls:
        api.require_schema(schema_name(entity, "Create"))
    if "update" in calls:
        api.require_schema(schema_name(entity, "Update"))
    if "list" in calls:
        wanted = {parameter.parameter for parameter in filter_parameters(entity)} | {"limit", "offset"}
        api.require_query(calls["list"], frozenset(wanted | ({"sort"} if entity.sorts else set())))
    return calls


def _calls(document: Object) -> list[Call]:
    calls = []
    for path, item in cast("Mapping[str, Mapping[str, Object]]", document.get("paths") or {}).items():
        for method in _METHODS:
            operation = item.get(method)
            if operation is None:
                continue
            parameters = cast("list[Object]", operation.get("parameters") or [])
            in_path = [str(each["name"]) for each in parameters if each.get("in") == "path"]
            calls.append(
                Call(
                    operation=str(operation.get("operationId")),
                    method=method.upper(),
                    path=path,
                    parameter=in_path[0] if in_path else "",
                    query=frozenset(str(each["name"]) for each in parameters if each.get("in") == "query"),
                )
            )
    return calls


def _near(name: str, known: Mapping[str, object] | frozenset[str]) -> str:
    near = get_close_matches(name, sorted(known), 1)
    return f" (is `{near[0]}` meant?)" if near else ""
