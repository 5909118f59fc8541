"""The endpoints that follow from a feature, with an example and every refusal: the plan the running app is held to.

Left out of `errors` is what any endpoint may answer whatever it does (`ANY_ENDPOINT`): the OpenAPI document has it.

Source: `docs/prd-format.md`, "The API that follows from a PRD".
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from schemas.base import JSON
from schemas.feature import Entity, Feature, Operation
from schemas.handoffs import Endpoint, ErrorCase
from skills.codegen.naming import json_name
from skills.design import examples
from skills.design.access import accounts_exist, create_scopes, read_scopes, reads_signed_in, write_scopes
from skills.design.aspect import Subject
from skills.design.aspects import Aspects, SubjectAspects, built_in
from skills.design.names import BASE_PATH, METHODS, operation_path

ANY_ENDPOINT = (413, 500, 503, 504)  # 413 where there is a body

_CODES = {
    400: "VALIDATION_ERROR",
    401: "UNAUTHORIZED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    409: "CONFLICT",
    429: "RATE_LIMITED",
    503: "SERVICE_UNAVAILABLE",
}
_OPERATIONS: tuple[Operation, ...] = ("list", "create", "read", "update", "delete")
_BAD_ID = "the id is not a positive integer"
_BROKEN_RULE = "the body is not JSON, a field is unknown or breaks a rule"
_INVALID: dict[Operation, str] = {
    "list": "`limit` is not 1..100, or another query parameter is not valid",
    "create": _BROKEN_RULE,
    "read": _BAD_ID,
    "update": f"{_BAD_ID}, or {_BROKEN_RULE}",
    "delete": _BAD_ID,
}
_SIGN_IN = (401, "no access token, or one that is expired, forged, or of a session that has ended")
_TOO_OFTEN = (429, "too many attempts from this address")


def endpoints(feature: Feature, ruled: Collection[str] = (), aspects: Aspects | None = None) -> tuple[Endpoint, ...]:
    """Return every endpoint of the app: accounts, then each entity in the PRD's order, then those at the root.

    Records of the entities named in `ruled` have business rules, which may refuse any change. Without `aspects`, the
    built-in ones say what is refused.
    """
    accounts = _accounts(feature.user) if accounts_exist(feature) else ()
    added = aspects or built_in()
    subjects = [Subject(feature=feature, entity=entity, ruled=entity.name in ruled) for entity in feature.entities]
    records = [endpoint for subject in subjects for endpoint in _records(added.of(subject))]
    return (*accounts, *records, *_root())


def _accounts(user: Entity) -> tuple[Endpoint, ...]:
    taken = ", ".join(["email", *(json_name(field) for field in user.fields if field.unique)])
    tokens: dict[str, JSON] = {
        "access_token": "eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl",
        "token_type": "bearer",
        "expires_in": 900,
    }
    credentials: dict[str, JSON] = {"email": examples.EMAIL, "password": examples.PASSWORD}
    return (
        Endpoint(
            method="POST",
            path=f"{BASE_PATH}/auth/register",
            auth_required=False,
            scopes="none",
            request=examples.registration(user),
            response_status=201,
            response=examples.account(user),
            errors=_errors((400, _BROKEN_RULE), (409, f"another account has this {taken}"), _TOO_OFTEN),
        ),
        Endpoint(
            method="POST",
            path=f"{BASE_PATH}/auth/login",
            auth_required=False,
            scopes="none",
            request=credentials,
            response_status=200,
            response=tokens,
            errors=_errors((400, _BROKEN_RULE), (401, "the email or the password is wrong"), _TOO_OFTEN),
        ),
        Endpoint(
            method="POST",
            path=f"{BASE_PATH}/auth/refresh",
            auth_required=False,
            scopes="refresh cookie",
            response_status=200,
            response=tokens,
            errors=_errors(
                (401, "no refresh cookie, or one that is expired, forged, or of a session that has ended"),
                (403, "a browser sends this from a page of an origin that is not allowed"),
                _TOO_OFTEN,
            ),
        ),
        Endpoint(
            method="POST",
            path=f"{BASE_PATH}/auth/logout",
            auth_required=True,
            scopes="none",
            response_status=204,
            errors=_errors(_SIGN_IN),
        ),
        Endpoint(
            method="GET",
            path=f"{BASE_PATH}/auth/me",
            auth_required=True,
            scopes="none",
            response_status=200,
            response=examples.account(user),
            errors=_errors(_SIGN_IN),
        ),
    )


def _records(added: SubjectAspects) -> Iterator[Endpoint]:
    entity = added.subject.entity
    for operation in _OPERATIONS:
        if operation in entity.operations:
            yield _operation(operation, added)
    yield from (route.endpoint for route in added.routes())


def _operation(operation: Operation, added: SubjectAspects) -> Endpoint:
    entity, feature = added.subject.entity, added.subject.feature
    reads = operation in ("list", "read")
    return Endpoint(
        method=METHODS[operation],
        path=operation_path(operation, entity),
        auth_required=reads_signed_in(entity, feature) if reads else accounts_exist(feature),
        scopes=_scopes(operation, entity, feature),
        request=_request(operation, entity),
        response_status={"create": 201, "delete": 204}.get(operation, 200),
        response=_response(operation, entity),
        errors=_refusals((400, _INVALID[operation]), *added.refusals(operation)),
    )


def _scopes(operation: Operation, entity: Entity, feature: Feature) -> str:
    if operation in ("list", "read"):
        return read_scopes(entity, feature)
    return create_scopes(entity) if operation == "create" else write_scopes(entity)


def _request(operation: Operation, entity: Entity) -> JSON:
    bodies = {"create": examples.request_body, "update": examples.change}
    return bodies[operation](entity) if operation in bodies else None


def _response(operation: Operation, entity: Entity) -> JSON:
    if operation == "delete":
        return None
    return examples.page(entity) if operation == "list" else examples.record(entity)


def _refusals(*cases: tuple[int, str]) -> tuple[ErrorCase, ...]:
    """Return the cases by status; those that share one are one."""
    by_status: dict[int, list[str]] = {}
    for status, when in cases:
        by_status.setdefault(status, []).append(when)
    return _errors(*((status, ", or ".join(whens)) for status, whens in sorted(by_status.items())))


def _root() -> tuple[Endpoint, ...]:
    def operation(path: str, response: JSON, *errors: tuple[int, str]) -> Endpoint:
        return Endpoint(
            method="GET",
            path=path,
            auth_required=False,
            scopes="none",
            response_status=200,
            response=response,
            errors=_errors(*errors),
        )

    return (
        operation("/health", {"status": "ok"}),
        operation("/ready", {"status": "ready"}, (503, "the database does not answer, or the app is shutting down")),
        operation("/metrics", "# HELP http_requests_total Requests answered.\n"),
    )


def _errors(*cases: tuple[int, str]) -> tuple[ErrorCase, ...]:
    return tuple(ErrorCase(status=case[0], code=_CODES[case[0]], when=case[1]) for case in cases)
