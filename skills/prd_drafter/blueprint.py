"""What drafting a PRD takes and states. It has no template: only a model can read prose."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from schemas.base import Document
from skills.core.contribution import Contribution


class NumberedStatement(Document):
    """A statement, word for word. `by` says whose it is, if not the document's; a `heading` names what follows."""

    number: int
    text: str
    heading: bool = False
    by: Literal["", "the reader"] = ""


class Placed(Document):
    """Where the statements from `first` to `last` (by default only `first`) went."""

    first: int = Field(ge=1)
    last: int | None = Field(default=None, ge=1)
    places: tuple[str, ...] = Field(min_length=1)


class Input(Document):
    """The statements of a document, in order, and what the stack can be made of: `choices` by part."""

    statements: tuple[NumberedStatement, ...]
    choices: Mapping[str, tuple[str, ...]]


class Output(Contribution):
    """`placed` accounts for the statements, `open` asks what they leave open."""

    placed: tuple[Placed, ...] = ()
    open: tuple[str, ...] = ()
