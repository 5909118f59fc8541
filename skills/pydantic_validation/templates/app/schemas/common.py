"""What all schemas share: the base model, pages of records, and the body of every error."""

from http import HTTPStatus
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from app.schemas.types import MAX_INTEGER

ItemT = TypeVar("ItemT")

RESPONSES: dict[int, str] = {
    400: "The request is not valid; `details` names each field.",
    401: "The caller is not signed in, or the session has ended.",
    403: "The caller may not do this.",
    404: "No such record, or none that the caller may see.",
    409: "It conflicts with what is stored already.",
    429: "Too many requests; `Retry-After` says how many seconds to wait.",
    500: "An error on the server's side; quote `request_id` when reporting it.",
}
# Documents the header that every 201 answer has.
CREATED: dict[int | str, dict[str, Any]] = {
    201: {"headers": {"Location": {"description": "Path of the new record.", "schema": {"type": "string"}}}}
}


class Schema(BaseModel):
    """The base of all bodies: unknown fields are refused, database records can be read."""

    model_config = ConfigDict(
        extra="forbid",
        from_attributes=True,
        validate_by_alias=True,
        validate_by_name=True,
    )


class ErrorDetail(Schema):
    """What is wrong with one field. Nested names are joined by dots."""

    field: str
    message: str


class ErrorBody(Schema):
    """What went wrong: `code` for programs, `message` for people."""

    code: str
    message: str
    details: list[ErrorDetail]
    request_id: str


class ErrorResponse(Schema):
    """The body of every error."""

    error: ErrorBody


class PageParams(BaseModel):
    """Which part of a list is wanted. Unknown query parameters are ignored."""

    model_config = ConfigDict(extra="ignore", validate_by_alias=True, validate_by_name=True)

    limit: int = Field(default=20, ge=1, le=100)
    offset: int = Field(default=0, ge=0, le=MAX_INTEGER)


class Page(Schema, Generic[ItemT]):
    """A part of a list; `total` counts all records that match."""

    items: list[ItemT]
    total: int = Field(ge=0)
    limit: int
    offset: int


def omitted(alias: str | None = None) -> Any:  # noqa: ANN401  # it stands in for a value of any field's type
    """Return the default of a field that a PATCH may leave out, but not set to null.

    It is never read: `model_dump(exclude_unset=True)` holds only what was sent.
    """
    return Field(default=None, alias=alias, json_schema_extra=_without_default)


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI description of error responses, for a route's or router's `responses`."""
    return {
        status: {"model": ErrorResponse, "description": RESPONSES.get(status) or HTTPStatus(status).phrase}
        for status in statuses
    }


def _without_default(schema: dict[str, Any]) -> None:
    schema.pop("default", None)
