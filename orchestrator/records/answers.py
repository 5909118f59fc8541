"""What a question can be answered with: one type an answer, the words that say the same, and the JSON Schema of both.

An answer is stored as its words, `retry --max-money 10`, whoever gave it and in which form.

Not here: giving one (`orchestrator.runtime.answers`), what is done then (`orchestrator.steps.questions`).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from decimal import Decimal
from functools import reduce
from operator import or_
from typing import Annotated, Any, Literal, TypeAlias, cast

from pydantic import ConfigDict, Field, TypeAdapter

from schemas.base import JSON, Document

QuestionKind = Literal["prd", "draft", "handoff", "approval", "failure", "model", "outside"]

APPROVE, REJECT = "approve", "reject"
DONE, RETRY, GIVE_UP = "done", "retry", "give up"
EDIT, TEMPLATE = "edit by hand", "take the template"

_NUMBER = r"[1-9][0-9]*"
_DECIMAL = r"(?:[1-9][0-9]*(?:\.[0-9]+)?|0\.[0-9]*[1-9][0-9]*)"
_LIMIT = rf"(?:--max-(?:calls|tokens) {_NUMBER}|--max-(?:money|minutes) {_DECIMAL})"


class SpendingLimits(Document):
    """What models may spend in a run from its beginning on; what is null stays. Money is US dollars."""

    calls: int | None = Field(default=None, gt=0)
    tokens: int | None = Field(default=None, gt=0)
    money: Decimal | None = Field(default=None, gt=0)
    minutes: float | None = Field(default=None, gt=0)


def _say_which(schema: dict[str, Any]) -> None:
    schema["required"] = ["answer", *schema.get("required", ())]


class _Answer(Document):
    model_config = ConfigDict(json_schema_extra=_say_which)


class Approve(_Answer):
    """What is shown is as it should be."""

    answer: Literal["approve"] = "approve"

    def __str__(self) -> str:
        return APPROVE


class Reject(_Answer):
    """It is not, and why."""

    answer: Literal["reject"] = "reject"
    reason: str = ""

    def __str__(self) -> str:
        return f"{REJECT}: {self.reason.strip()}" if self.reason.strip() else REJECT


class Retry(_Answer):
    """The step is done once more, by a model within these limits."""

    answer: Literal["retry"] = "retry"
    limits: SpendingLimits = SpendingLimits()

    def __str__(self) -> str:
        given = [f" --max-{name} {Decimal(str(value)):f}" for name, value in self.limits if value is not None]
        return RETRY + "".join(given)


class UseTemplate(_Answer):
    """Templates do the step instead of a model."""

    answer: Literal["take the template"] = "take the template"

    def __str__(self) -> str:
        return TEMPLATE


class EditByHand(_Answer):
    """A person does the step."""

    answer: Literal["edit by hand"] = "edit by hand"

    def __str__(self) -> str:
        return EDIT


class GiveUp(_Answer):
    """The step is not done."""

    answer: Literal["give up"] = "give up"

    def __str__(self) -> str:
        return GIVE_UP


class Done(_Answer):
    """What was asked for is in its place."""

    answer: Literal["done"] = "done"

    def __str__(self) -> str:
        return DONE


class GivePrd(_Answer):
    """Another PRD: its path, or its whole text if that has more than one line."""

    answer: Literal["prd"] = "prd"
    prd: str = Field(min_length=1)

    def __str__(self) -> str:
        return self.prd


Answer: TypeAlias = Annotated[
    Approve | Reject | Retry | UseTemplate | EditByHand | GiveUp | Done | GivePrd, Field(discriminator="answer")
]
ANSWERS: Mapping[QuestionKind, tuple[type[_Answer], ...]] = {
    "prd": (GivePrd, GiveUp),
    "draft": (Approve, Reject),
    "handoff": (Done, GiveUp),
    "approval": (Approve, Reject),
    "failure": (Retry, GiveUp),
    "model": (Retry, EditByHand, UseTemplate, GiveUp),
    "outside": (Done, GiveUp),
}
_WORDS: Mapping[str, Answer] = {
    str(each): each for each in (Approve(), Reject(), Retry(), UseTemplate(), EditByHand(), GiveUp(), Done())
}
_ADAPTER: TypeAdapter[Answer] = TypeAdapter(Answer)


def words_of(kind: QuestionKind, value: JSON | Answer) -> JSON:
    """Return the answer to a question of `kind` as it is stored: its words.

    What is none is returned as JSON, for the question's schema to refuse.
    """
    answer = value if isinstance(value, _Answer) else _read(value)
    if answer is None:
        return cast("JSON", value)
    return str(answer) if isinstance(answer, ANSWERS[kind]) else answer.model_dump(mode="json")


def _read(value: JSON) -> Answer | None:
    try:
        return _ADAPTER.validate_python(value)
    except ValueError:
        return None


def answer_of(kind: QuestionKind, words: JSON) -> Answer:
    """Return what the stored answer to a question of `kind` says.

    Raises:
        ValueError: It is no answer.
    """
    text = str(words)
    if kind == "prd" and text != GIVE_UP:
        return GivePrd(prd=text)
    if text.startswith(f"{REJECT}:"):
        return Reject(reason=text.removeprefix(f"{REJECT}:").strip())
    if re.fullmatch(rf"{RETRY}(?: {_LIMIT})+", text):
        return Retry(limits=SpendingLimits.model_validate(dict(re.findall(r"--max-(\w+) (\S+)", text))))
    if text in _WORDS:
        return _WORDS[text]
    raise ValueError(f"`{text}` answers no question")


def options_of(kind: QuestionKind, without: Collection[str] = ()) -> tuple[str, ...]:
    """Return the answers to choose from, but those of `without`; a PRD is not one of a few."""
    return () if kind == "prd" else tuple(_name(each) for each in _types(kind, without))


def schema_of(kind: QuestionKind, without: Collection[str] = ()) -> dict[str, JSON]:
    """Return the JSON Schema of what answers a question: words, or the same as an object."""
    types = _types(kind, without)
    words: list[JSON] = [{"enum": [*options_of(kind, without)]}]
    if kind == "prd":
        words = [{"type": "string", "minLength": 1}]
    if Reject in types:
        words.append({"type": "string", "pattern": f"^{REJECT}: "})
    if kind == "model":
        words.append({"type": "string", "pattern": f"^{RETRY}(?: {_LIMIT})+$"})
    objects = TypeAdapter(reduce(or_, types)).json_schema()
    return {"anyOf": [*words, *objects["anyOf"]], "$defs": objects["$defs"]}


def _types(kind: QuestionKind, without: Collection[str]) -> tuple[type[_Answer], ...]:
    return tuple(each for each in ANSWERS[kind] if _name(each) not in without)


def _name(kind: type[_Answer]) -> str:
    return str(kind.model_fields["answer"].default)
