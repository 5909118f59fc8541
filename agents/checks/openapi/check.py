"""Check of the API: the app is imported, its OpenAPI document written, and the plan compared with what it says.

What goes into the handoff is measured: methods, paths, who may call and the statuses come from the document; examples
are the plan's, and only if they are valid under the document's own schemas.

Not here: words for the frontend (`agents.python_backend.notes`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

import jsonschema_rs

from agents.checks.evidence import Evidence
from agents.checks.outcomes import failed_tool
from agents.checks.results import ServedApi
from agents.checks.scratch import Scratch
from agents.contracts import Api, Outcome, Work
from schemas.base import JSON
from schemas.handoffs import Endpoint

ANY_ENDPOINT = frozenset(
    {413, 500, 503, 504}
)  # any endpoint may answer these, whatever it does; a plan leaves them out
_METHODS = ("get", "post", "put", "patch", "delete")
_FIRST_ERROR = 400
_JSON_TYPE = "application/json"

Operation = Mapping[str, JSON]


class OpenApiCheck:
    """The running app's OpenAPI document is the API that was planned; it is published."""

    name = "openapi"
    after: tuple[str, ...] = ()

    def __init__(self, api: Api) -> None:
        """Ask for the document as `api` says."""
        self._api = api

    async def run(self, scratch: Scratch, work: Work, /) -> Outcome:
        found = await running_document(self._api, scratch, self.name)
        if isinstance(found, Outcome):
            return found
        evidence, text = found
        document: dict[str, JSON] = json.loads(text)
        planned = work.facts(Endpoint)
        problems = compare(planned, document)
        if problems:
            summary = f"the app's OpenAPI differs from the plan in {len(problems)} places"
            return Outcome(passed=False, summary=summary, evidence=(evidence,), problems=tuple(problems))
        return Outcome(
            passed=True,
            summary=f"{len(planned)} endpoints, examples valid",
            evidence=(evidence,),
            measured=ServedApi(endpoints=measured(planned, document), document=document),
            files={self._api.document: text},
        )


async def running_document(api: Api, scratch: Scratch, check: str) -> tuple[Evidence, str] | Outcome:
    """Return the document of the running app as text, or the outcome of a check that cannot have it.

    Raises:
        ScratchError: The app's environment cannot be had.
    """
    target = scratch.home / f"{check}.json"
    evidence, output = await api.write(scratch, check, target)
    text = scratch.left(target)
    if evidence.exit_code or text is None:
        return failed_tool("the app cannot be imported", evidence, output)
    return evidence, text


def operations(document: Mapping[str, JSON]) -> Iterator[tuple[str, str, Operation]]:
    """Yield every operation of an OpenAPI document as (METHOD, path, operation)."""
    paths = cast("Mapping[str, Mapping[str, JSON]]", document.get("paths") or {})
    for path, item in paths.items():
        for method in _METHODS:
            if method in item:
                yield method.upper(), path, cast("Operation", item[method])


def compare(planned: Sequence[Endpoint], document: Mapping[str, JSON]) -> list[str]:
    """Say, one line each, where the document is not the plan."""
    found = {(method, path): operation for method, path, operation in operations(document)}
    wanted = {(endpoint.method, endpoint.path): endpoint for endpoint in planned}
    problems = [f"{m} {p}: planned, but the app has no such endpoint" for m, p in sorted(wanted.keys() - found.keys())]
    problems += [f"{m} {p}: the app has it, but it is not planned" for m, p in sorted(found.keys() - wanted.keys())]
    for key, endpoint in wanted.items():
        if key in found:
            problems += [f"{key[0]} {key[1]}: {fault}" for fault in _differences(endpoint, found[key], document)]
    return problems


def measured(planned: Sequence[Endpoint], document: Mapping[str, JSON]) -> tuple[Endpoint, ...]:
    """Return the endpoints as the document has them; words and examples, already found true, are the plan's."""
    found = {(method, path): operation for method, path, operation in operations(document)}
    result = []
    for endpoint in planned:
        operation = found[endpoint.method, endpoint.path]
        statuses = _statuses(operation)
        result.append(
            endpoint.model_copy(
                update={
                    "auth_required": needs_sign_in(operation, document),
                    "response_status": min(status for status in statuses if status < _FIRST_ERROR),
                    "errors": tuple(error for error in endpoint.errors if error.status in statuses),
                }
            )
        )
    return tuple(result)


def needs_sign_in(operation: Operation, document: Mapping[str, JSON]) -> bool:
    """Say whether a caller without credentials is refused; `{}` among the requirements makes them optional."""
    security = operation.get("security", document.get("security"))
    return bool(security) and {} not in cast("list[JSON]", security)


def body_schema(operation: Operation) -> JSON:
    """Return the schema of the request's JSON body, or None."""
    return _schema(operation.get("requestBody"))


def response_schema(operation: Operation, status: int) -> JSON:
    """Return the schema of a response's JSON body, or None."""
    return _schema(cast("Mapping[str, JSON]", operation.get("responses") or {}).get(str(status)))


def _differences(endpoint: Endpoint, operation: Operation, document: Mapping[str, JSON]) -> Iterator[str]:
    if endpoint.auth_required != needs_sign_in(operation, document):
        planned, actual = ("", "not ") if endpoint.auth_required else ("not ", "")
        yield f"planned {planned}to need sign-in, the document says it does {actual}need it"
    statuses = _statuses(operation)
    if endpoint.response_status not in statuses:
        yield f"planned to answer {endpoint.response_status}, the document has {sorted(statuses)}"
    planned_errors = {error.status for error in endpoint.errors} - ANY_ENDPOINT
    actual_errors = {status for status in statuses if status >= _FIRST_ERROR} - ANY_ENDPOINT
    for status in sorted(planned_errors - actual_errors):
        yield f"error {status} is planned, but not in the document"
    for status in sorted(actual_errors - planned_errors):
        yield f"error {status} is in the document, but not planned"
    yield from _example_faults("request", endpoint.request, body_schema(operation), document)
    if endpoint.response_status in statuses:
        response = response_schema(operation, endpoint.response_status)
        yield from _example_faults(f"response {endpoint.response_status}", endpoint.response, response, document)


def _example_faults(what: str, example: JSON, schema: JSON, document: Mapping[str, JSON]) -> Iterator[str]:
    if schema is None:
        if isinstance(example, dict | list):
            yield f"the plan has an example {what}, the document no JSON body"
        return
    if example is None and what == "request":
        yield "the document has a request body, the plan no example of it"
        return
    for error in document_validator(schema, document).iter_errors(example):
        where = "/".join(str(part) for part in error.instance_path) or "(whole)"
        yield f"example {what}, at {where}: {error.message}"


def document_validator(schema: JSON, document: Mapping[str, JSON]) -> jsonschema_rs.Validator:
    """Return a validator of one schema of the document; its `$ref`s into `components` are followed."""
    whole = {"allOf": [schema], "components": document.get("components") or {}}
    return cast("jsonschema_rs.Validator", jsonschema_rs.Draft202012Validator(whole, validate_formats=True))


def _schema(holder: JSON) -> JSON:
    if not isinstance(holder, dict):
        return None
    content = holder.get("content")
    media = content.get(_JSON_TYPE) if isinstance(content, dict) else None
    return media.get("schema") if isinstance(media, dict) else None


def _statuses(operation: Operation) -> set[int]:
    responses = cast("Mapping[str, JSON]", operation.get("responses") or {})
    return {int(status) for status in responses if status.isdigit()}
