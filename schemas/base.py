"""The base of every contract model.

A contract is a Pydantic model here and a JSON Schema 2020-12 file beside it (`schemas.export` writes them,
a test fails on drift). Models are frozen and closed: an unknown key is an error, never a silent loss.

Not here: reading markdown (`handoff.codec`), the registry of contracts (`schemas.contract`).
"""

from __future__ import annotations

from typing import TypeAlias

from pydantic import BaseModel, ConfigDict, Field, JsonValue

JSON: TypeAlias = JsonValue


class Document(BaseModel):
    """A frozen, closed model: what a contract admits and nothing else."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def markdown(**hints: JSON) -> dict[str, JSON]:
    """Return the `json_schema_extra` that tells the codec how a property is laid out (`x-markdown`)."""
    return {"x-markdown": hints}


__all__ = ["JSON", "Document", "Field", "markdown"]
