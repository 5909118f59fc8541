"""The questions of runs, and their answers. The first valid answer counts, once.

Deadlines are compared by the database's clock, so a machine whose clock jumps changes nothing.

Not here: what is asked and when (`orchestrator.steps.questions`).
"""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

import jsonschema_rs

from handoff.json_text import unwritable
from orchestrator.records.answers import Answer, QuestionKind, answer_of, words_of
from orchestrator.storage.database import Database
from orchestrator.storage.runs import RunRefused, storable
from orchestrator.storage.writer import Row, SqlStatement
from schemas.base import JSON, Document
from schemas.errors import InputError

if TYPE_CHECKING:
    import asyncpg

Answerer = Literal["person", "deadline"]

_ASK = SqlStatement(
    "INSERT INTO baton.questions (id, run_id, node, kind, text, schema, options, default_answer, deadline)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, now() + $9 * interval '1 second') ON CONFLICT (id) DO NOTHING",
    rank=3,
)


class AnswerRefused(InputError):
    """The question does not exist, has its answer, or this is not one. The question is as it was."""

    code = "answer_refused"


class Question(Document):
    """A question to a person.

    `answer_schema` is the JSON Schema of an answer; `options` are the answers that one can choose from, if there are
    such; `default` is taken at the `deadline` (UTC). `answer` are the words of one, null until
    it is answered.
    """

    id: str
    run_id: str
    node: str
    kind: QuestionKind
    text: str
    answer_schema: dict[str, JSON]
    options: tuple[str, ...] = ()
    default: JSON = None
    deadline: datetime | None = None
    answer: JSON = None
    answered_by: Answerer | None = None

    @property
    def is_open(self) -> bool:
        return self.answered_by is None

    @property
    def decision(self) -> Answer | None:
        """What its answer says, if it has one."""
        return None if self.is_open else answer_of(self.kind, self.answer)


def ask(question: Question, seconds: float | None) -> Row:
    """Return the row of a question that may be answered for `seconds`, or for ever. One that was asked stays."""
    return (
        _ASK,
        (
            question.id,
            question.run_id,
            question.node,
            question.kind,
            storable(question.text),
            json.dumps(question.answer_schema),
            json.dumps(question.options),
            json.dumps(question.default),
            seconds,
        ),
    )


class Questions:
    """The questions of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, run_id: str) -> list[Question]:
        """Return a run's questions in the order they were asked."""
        rows = await self._database.fetch(
            "SELECT * FROM baton.questions WHERE run_id = $1 ORDER BY asked_at, id", run_id
        )
        return [_question(row) for row in rows]

    async def pending(self, ids: Collection[str]) -> dict[str, Question | None]:
        """Return which questions steps wait for, by id: None for one that has its answer or that nobody waits for.

        Ids that are not known are left out.
        """
        rows = await self._database.fetch(
            "SELECT questions.*, answered_by IS NULL AND EXISTS (SELECT FROM baton.runs JOIN baton.steps ON run_id = id"
            " WHERE id = questions.run_id AND runs.status = ANY('{running,waiting,stopped}') AND step = node"
            " AND steps.status = 'waiting' AND NOT superseded) AS stands FROM baton.questions WHERE id = ANY($1)",
            list(ids),
        )
        return {row["id"]: _question(row) if row["stands"] else None for row in rows}

    async def answer(self, run_id: str, question_id: str, given: JSON | Answer) -> Question:
        """Store the answer to a question of a run that is not over; return it. Of two answers at once, one is refused.

        Raises:
            AnswerRefused: There is no such question in the run, it has its answer, or `given` is not one.
            RunRefused: The run is over.
        """
        known = {each.id: each for each in await self.of(run_id)}
        question = known.get(question_id)
        if question is None:
            waiting = ", ".join(f"`{each.id}`" for each in known.values() if each.is_open) or "none"
            raise AnswerRefused(f"run `{run_id}` has no question `{question_id}`; open questions: {waiting}.")
        if question.is_open:
            value = words_of(question.kind, given)
            refuse_invalid(question, value)
            if await self._store(question, value):
                return question.model_copy(update={"answer": value, "answered_by": "person"})
        status = await self._database.fetchval("SELECT status FROM baton.runs WHERE id = $1", run_id)
        if status not in {"running", "waiting", "stopped"}:
            raise RunRefused(f"run `{run_id}` has ended ({status}); it no longer takes answers.")
        raise AnswerRefused(
            f"question `{question_id}` already has its answer; this one changes nothing."
            f" `baton resume {run_id}` goes on."
        )

    async def _store(self, question: Question, value: JSON) -> bool:
        row = await self._database.fetchrow(
            "UPDATE baton.questions SET answer = $2, answered_by = 'person', answered_at = now()"
            " WHERE id = $1 AND answered_by IS NULL AND EXISTS (SELECT FROM baton.runs WHERE runs.id = run_id"
            " AND status IN ('running', 'waiting', 'stopped')) RETURNING id",
            question.id,
            json.dumps({"answer": value}),
        )
        return row is not None

    async def settle(self, run_id: str) -> None:
        """Answer what is past its deadline with its default."""
        await self._database.execute(
            "UPDATE baton.questions SET answer = json_build_object('answer', default_answer),"
            " answered_by = 'deadline', answered_at = now()"
            " WHERE run_id = $1 AND answered_by IS NULL AND deadline <= now()",
            run_id,
        )


def refuse_invalid(question: Question, value: JSON) -> None:
    """Refuse what is not an answer to a question.

    Raises:
        AnswerRefused: It says what may be chosen.
    """
    problem = _problem(question, value)
    if problem is not None:
        ways = [f"`{each}`" for each in question.options] or ["the path of a PRD, or its whole text"]
        if "reject" in question.options:
            ways.append("`reject: WHY`")
        if question.kind == "model":
            ways.append("`retry --max-money 10` (also `--max-calls`, `--max-tokens`, `--max-minutes`)")
        raise AnswerRefused(
            f"this is not an answer to question `{question.id}`{problem}. The question is still open.\n"
            f"Choose one of: {', '.join(ways)}."
        )


def _problem(question: Question, value: JSON) -> str | None:
    """Return what more there is to say of a `value` that is not an answer; None if it is one."""
    if problems := unwritable(value):
        return f": {problems[0].message}"
    if "\\u0000" in json.dumps(value).replace("\\\\", ""):
        return ": it holds a NUL character"
    if value is None or not jsonschema_rs.is_valid(question.answer_schema, value):
        return ""
    return None


def _question(row: asyncpg.Record) -> Question:
    fields: dict[str, Any] = {name: row[name] for name in ("id", "run_id", "node", "kind", "text", "deadline")}
    return Question(
        **fields,
        answer_schema=json.loads(row["schema"]),
        options=tuple(json.loads(row["options"])),
        default=json.loads(row["default_answer"]),
        answer=None if row["answer"] is None else json.loads(row["answer"])["answer"],
        answered_by=row["answered_by"],
    )
