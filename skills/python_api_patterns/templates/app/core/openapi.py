"""Make the OpenAPI document say what the app does.

FastAPI documents its own answer to an invalid request (422, another body), where this app answers 400 with the error
body, and it cannot know that the body limit applies to every request with a body.
"""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

METHODS = frozenset({"get", "post", "put", "patch", "delete"})
_TOO_LARGE = {
    "description": "Content Too Large",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorResponse"}}},
}


def install_openapi(app: FastAPI) -> None:
    """Have `app.openapi()` return the corrected document, made once."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            app.openapi_schema = _corrected(document)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to change the document


def _corrected(document: dict[str, Any]) -> dict[str, Any]:
    for item in document["paths"].values():
        for method in METHODS & item.keys():
            _correct(item[method])
    for name in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(name, None)
    return document


def _correct(operation: dict[str, Any]) -> None:
    documented = operation["responses"]
    documented.pop("422", None)
    if "requestBody" in operation:
        documented["413"] = _TOO_LARGE
    operation["responses"] = dict(sorted(documented.items()))
