"""The endpoints that follow from a feature, with an example and every refusal: the plan the running app is held to.

Left out of `errors` is what any endpoint may answer whatever it does (`ANY_ENDPOINT`): the OpenAPI document has it.

Source: `docs/prd-format.md`, "The API that follows from a PRD".
"""

from __future__ import annotations

from collections.abc import Collection

from schemas.base import JSON
from schemas.feature import Entity, Feature
from schemas.handoffs import Endpoint, ErrorCase
from skills.codegen.naming import json_name, title
from skills.design import examples
from skills.design.access import accounts_exist, create_scopes, read_scopes, reads_signed_in, write_scopes
from skills.design.fields import writable
from skills.design.names import BASE_PATH, collection_path, item_path

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
_CONFLICT = 409
_SIGN_IN = (401, "no access token, or one that is expired, forged, or of a session that has ended")
_TOO_OFTEN = (429, "too many attempts from this address")


def endpoints(feature: Feature, ruled: Collection[str] = ()) -> tuple[Endpoint, ...]:
    """Return every endpoint of the app: accounts, then each entity in the PRD's order, then those at the root.

    Records of the entities named in `ruled` have business rules, which may refuse any change.
    """
    accounts = _accounts(feature.user) if accounts_exist(feature) else ()
    records = [
        _refused_by_rules(endpoint) if entity.name in ruled else endpoint
        for entity in feature.entities
        for endpoint in _records(entity, feature)
    ]
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
            errors=_errors((400, _broken_rule()), (409, f"another account has this {taken}"), _TOO_OFTEN),
        ),
        Endpoint(
            method="POST",
            path=f"{BASE_PATH}/auth/login",
            auth_required=False,
            scopes="none",
            request=credentials,
            response_status=200,
            response=tokens,
            errors=_errors((400, _broken_rule()), (401, "the email or the password is wrong"), _TOO_OFTEN),
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


def _records(entity: Entity, feature: Feature) -> list[Endpoint]:
    make = {"list": _list, "create": _create, "read": _read, "update": _update, "delete": _delete}
    return [make[operation](entity, feature) for operation in make if operation in entity.operations]


def _list(entity: Entity, feature: Feature) -> Endpoint:
    return Endpoint(
        method="GET",
        path=collection_path(entity),
        auth_required=reads_signed_in(entity, feature),
        scopes=read_scopes(entity, feature),
        response_status=200,
        response=examples.page(entity),
        errors=_errors(
            (400, "`limit` is not 1..100, or another query parameter is not valid"), _reader(entity, feature)
        ),
    )


def _create(entity: Entity, feature: Feature) -> Endpoint:
    return Endpoint(
        method="POST",
        path=collection_path(entity),
        auth_required=accounts_exist(feature),
        scopes=create_scopes(entity),
        request=examples.request_body(entity),
        response_status=201,
        response=examples.record(entity),
        errors=_errors(
            (400, _broken_rule(entity)),
            _writer(feature),
            _only_admins(entity),
            _taken(entity),
        ),
    )


def _read(entity: Entity, feature: Feature) -> Endpoint:
    return Endpoint(
        method="GET",
        path=item_path(entity),
        auth_required=reads_signed_in(entity, feature),
        scopes=read_scopes(entity, feature),
        response_status=200,
        response=examples.record(entity),
        errors=_errors(_bad_id(), _reader(entity, feature), _missing(entity)),
    )


def _update(entity: Entity, feature: Feature) -> Endpoint:
    return Endpoint(
        method="PATCH",
        path=item_path(entity),
        auth_required=accounts_exist(feature),
        scopes=write_scopes(entity),
        request=examples.change(entity),
        response_status=200,
        response=examples.record(entity),
        errors=_errors(
            (400, f"the id is not a positive integer, or {_broken_rule(entity)}"),
            _writer(feature),
            _only_admins(entity) or _only_owners(entity),
            _missing(entity),
            _taken(entity),
        ),
    )


def _delete(entity: Entity, feature: Feature) -> Endpoint:
    return Endpoint(
        method="DELETE",
        path=item_path(entity),
        auth_required=accounts_exist(feature),
        scopes=write_scopes(entity),
        response_status=204,
        errors=_errors(
            _bad_id(),
            _writer(feature),
            _only_admins(entity) or _only_owners(entity),
            _missing(entity),
            _still_needed(entity, feature),
        ),
    )


def _refused_by_rules(endpoint: Endpoint) -> Endpoint:
    """Return an endpoint of a record that business rules have a say in."""
    if endpoint.method == "GET":
        return endpoint
    taken = next((f"{error.when}, or " for error in endpoint.errors if error.status == _CONFLICT), "")
    others = [error for error in endpoint.errors if error.status != _CONFLICT]
    refused = _errors((_CONFLICT, f"{taken}a business rule does not allow it"))
    return endpoint.model_copy(update={"errors": (*others, *refused)})


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


def _errors(*cases: tuple[int, str] | None) -> tuple[ErrorCase, ...]:
    return tuple(ErrorCase(status=case[0], code=_CODES[case[0]], when=case[1]) for case in cases if case)


def _reader(entity: Entity, feature: Feature) -> tuple[int, str] | None:
    return _SIGN_IN if reads_signed_in(entity, feature) else None


def _writer(feature: Feature) -> tuple[int, str] | None:
    return _SIGN_IN if accounts_exist(feature) else None


def _only_admins(entity: Entity) -> tuple[int, str] | None:
    return (403, "the caller is not an administrator") if entity.access.write == "admin" else None


def _only_owners(entity: Entity) -> tuple[int, str] | None:
    if entity.access.write != "owner" or entity.access.read == "owner":
        return None
    return 403, f"the {_words(entity)} belongs to someone else"


def _missing(entity: Entity) -> tuple[int, str]:
    hidden = ", or it belongs to someone else" if entity.access.read == "owner" else ""
    return 404, f"there is no such {_words(entity)}{hidden}"


def _bad_id() -> tuple[int, str]:
    return 400, "the id is not a positive integer"


def _broken_rule(entity: Entity | None = None) -> str:
    references = [f"`{json_name(field)}`" for field in writable(entity) if field.type.target] if entity else []
    unknown = f", or {' or '.join(references)} names a record that does not exist" if references else ""
    return f"the body is not JSON, a field is unknown or breaks a rule{unknown}"


def _taken(entity: Entity) -> tuple[int, str] | None:
    alone = [(field.name, *field.unique_per) for field in entity.fields if field.unique or field.unique_per]
    writable = {field.name for field in entity.fields if not field.read_only}
    sets = [names for names in (*alone, *entity.unique) if writable & {*names}]
    if not sets:
        return None
    spelled = {"owner": "owner", **{field.name: json_name(field) for field in entity.fields}}
    listed = " or ".join(f"`{'`, `'.join(spelled[name] for name in names)}`" for names in dict.fromkeys(sets))
    return 409, f"another {_words(entity)} has the same {listed}"


def _still_needed(entity: Entity, feature: Feature) -> tuple[int, str] | None:
    holders = [
        _words(other)
        for other in (feature.user, *feature.entities)
        for field in other.fields
        if field.type.kind == "reference" and field.type.target == entity.name and field.on_delete == "restrict"
    ]
    if not holders:
        return None
    return 409, f"a {' or '.join(dict.fromkeys(holders))} still refers to it"


def _words(entity: Entity) -> str:
    return title(entity.name).lower()
