"""The base of every contract model.

A contract is a Pydantic model here and a JSON Schema 2020-12 file beside it (`schemas.export` writes them,
a test fails on drift). Models are frozen and closed: an unknown key is an error, never a silent loss.

Not here: reading markdown (`handoff.codec`), the registry of contracts (`schemas.contract`).
"""

from __future__ import annotations

from collections.abc import Container
from typing import TypeAlias, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, JsonValue

JSON: TypeAlias = JsonValue
_Fact = TypeVar("_Fact", bound="Document")


class Document(BaseModel):
    """A frozen, closed model: what a contract admits and nothing else."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def facts(document: Document, kind: type[_Fact], *, without: Container[str] = ()) -> tuple[_Fact, ...]:
    """Return what a document states of one kind, whatever the fields are called: `kind` itself, or tuples of it.

    Fields named in `without` are left out.
    """
    values = (getattr(document, name) for name in type(document).model_fields if name not in without)
    stated = (each for value in values for each in (value if isinstance(value, tuple) else (value,)))
    return tuple(each for each in stated if isinstance(each, kind))


def may_state(model: type[Document], kind: type[Document]) -> bool:
    """Return whether documents of `model` may hold what `facts` returns of one kind."""
    annotations = [field.annotation for field in model.model_fields.values()]
    while annotations:
        annotation = annotations.pop()
        if annotation is kind:
            return True
        annotations += get_args(annotation)
    return False


def markdown(**hints: JSON) -> dict[str, JSON]:
    """Return the `json_schema_extra` that tells the codec how a property is laid out (`x-markdown`)."""
    return {"x-markdown": hints}


__all__ = ["JSON", "Document", "Field", "facts", "markdown", "may_state"]
