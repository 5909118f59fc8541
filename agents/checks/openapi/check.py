"""Check of the API: the app is imported, its OpenAPI document written, and held against what was promised.

What was promised is the API contract of the work, whoever does it, and what the step's skills plan:
the same endpoints with examples, and with errors that business rules add. What goes into the handoff is measured:
methods, paths, who may call and the statuses come from the document; examples are the plan's, and only if they are
valid under the document's own schemas.

Not here: comparing with the contract (`contract`), words for the frontend (`agents.python_backend.notes`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

import jsonschema_rs

from agents.checks.evidence import Evidence
from agents.checks.openapi.contract import differences
from agents.checks.openapi.document import (
    ANY_ENDPOINT,
    FIRST_ERROR,
    Operation,
    body_schema,
    error_statuses,
    needs_sign_in,
    operations,
    response_schema,
    statuses,
)
from agents.checks.outcomes import failed_tool
from agents.checks.results import ServedApi
from agents.checks.scratch import Scratch
from agents.contracts import Api, Outcome, Work
from schemas.base import JSON
from schemas.handoffs import Endpoint


class OpenApiCheck:
    """The running app's OpenAPI document is the API that was promised; it is published."""

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
        broken = tuple(differences(work.contract, document)) if work.contract else ()
        if problems := broken or tuple(compare(planned, document)):
            promise = "API contract" if broken else "plan"
            summary = f"the app's OpenAPI differs from the {promise} in {len(problems)} places"
            return Outcome(passed=False, summary=summary, evidence=(evidence,), problems=problems)
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
        known = statuses(operation)
        result.append(
            endpoint.model_copy(
                update={
                    "auth_required": needs_sign_in(operation, document),
                    "response_status": min(status for status in known if status < FIRST_ERROR),
                    "errors": tuple(error for error in endpoint.errors if error.status in known),
                }
            )
        )
    return tuple(result)


def _differences(endpoint: Endpoint, operation: Operation, document: Mapping[str, JSON]) -> Iterator[str]:
    if endpoint.auth_required != needs_sign_in(operation, document):
        planned, actual = ("", "not ") if endpoint.auth_required else ("not ", "")
        yield f"planned {planned}to need sign-in, the document says it does {actual}need it"
    known = statuses(operation)
    if endpoint.response_status not in known:
        yield f"planned to answer {endpoint.response_status}, the document has {sorted(known)}"
    planned_errors = {error.status for error in endpoint.errors} - ANY_ENDPOINT
    actual_errors = error_statuses(operation)
    for status in sorted(planned_errors - actual_errors):
        yield f"error {status} is planned, but not in the document"
    for status in sorted(actual_errors - planned_errors):
        yield f"error {status} is in the document, but not planned"
    yield from _example_faults("request", endpoint.request, body_schema(operation), document)
    if endpoint.response_status in known:
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
