"""Ask a person on the terminal what a run asks, and bring the answer to the run.

The terminal is read beside everything else, so a signal or a deadline ends the waiting.
"""

from __future__ import annotations

import asyncio
import os
import sys
import termios
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from orchestrator.cli.answers import value_of
from orchestrator.cli.console import say, say_error
from orchestrator.cli.project import catalogue_at
from orchestrator.records.answers import APPROVE, Reject
from schemas.errors import InputError

if TYPE_CHECKING:
    from orchestrator.storage.questions import Question
    from schemas.base import JSON

KEYS = "Enter or y approves, n asks why and rejects, e shows it all again."

_CHUNK = 65_536


class Asking(Protocol):
    """An engine, here or elsewhere, whose runs ask."""

    async def questions(self, run_id: str, /) -> list[Question]: ...

    async def answer(self, run_id: str, question_id: str, value: JSON, /) -> object: ...


async def ask_person(engine: Asking, run_id: str) -> bool:
    """Ask everything that a run asks, one question after the other.

    Returns:
        Whether each has its answer, from here, from elsewhere or by its deadline; not if the person left with Ctrl-D.
    """
    for question in await engine.questions(run_id):
        if question.is_open and not await _ask(engine, question):
            return False
    return True


async def _ask(engine: Asking, question: Question) -> bool:
    _show(question)
    if question.deadline is not None:
        say(f"Unanswered by {question.deadline.astimezone():%Y-%m-%d %H:%M:%S}, the answer is `{question.default}`.")
    while True:
        try:
            async with asyncio.timeout(_left(question)):
                text = await _typed(question)
        except TimeoutError:
            say(f"\nnobody answered in time: `{question.default}`")
            return True
        if text is None:
            return False
        if await _settled(engine, question, text):
            return True


def _show(question: Question) -> None:
    say(f"\n{question.node} asks:\n\n{question.text}\n")
    if is_approval(question):
        say(f"{KEYS}\n")
    for number, option in enumerate(() if is_approval(question) else question.options, 1):
        say(f"  {number}  {option}")


async def _settled(engine: Asking, question: Question, text: str) -> bool:
    """Answer with what was typed; return whether the question has its answer now."""
    try:
        value = value_of(question, chosen(question.options, text), catalogue_at())
        await engine.answer(question.run_id, question.id, value)
    except InputError as error:
        is_open = await _is_open(engine, question)
        say_error(KEYS if is_open and is_approval(question) else str(error))
        return not is_open
    return True


async def _typed(question: Question) -> str | None:
    """Return what was typed as an answer; None if the person left."""
    while (line := await read_line("answer: ")) is not None:
        text = line.strip()
        if not is_approval(question):
            if text:
                return text
        elif text.casefold() in {"", "y", "yes"}:
            return APPROVE
        elif text.casefold() in {"n", "no"}:
            why = await read_line("why not? (Enter gives no reason) ")
            return None if why is None else str(Reject(reason=why))
        elif text.casefold() in {"e", "explain"}:
            _show(question)
        else:
            return text
    return None


def is_approval(question: Question) -> bool:
    """Say whether a question is answered by yes or no."""
    return APPROVE in question.options


async def _is_open(engine: Asking, question: Question) -> bool:
    return any(each.is_open for each in await engine.questions(question.run_id) if each.id == question.id)


def _left(question: Question) -> float | None:
    """Return the seconds to a question's deadline; a moment if it is past, since the database's clock decides."""
    return None if question.deadline is None else max(1.0, (question.deadline - datetime.now(UTC)).total_seconds())


def chosen(options: tuple[str, ...], text: str) -> str:
    """Return the option that `text` means: its number, or the beginning of no other; else `text` itself."""
    if text.isascii() and text.isdigit() and 0 < int(text) <= len(options):
        return options[int(text) - 1]
    begun = [option for option in options if option.startswith(text.casefold())]
    return begun[0] if len(begun) == 1 else text


async def read_line(prompt: str) -> str | None:
    """Return the next line that is typed, without its end; None at the end of the input (Ctrl-D).

    What was typed before the prompt is thrown away: it was not meant for it.
    """
    descriptor = sys.stdin.fileno()
    termios.tcflush(descriptor, termios.TCIFLUSH)
    sys.stdout.write(prompt)
    sys.stdout.flush()
    line = bytearray()
    while not line.endswith(b"\n"):
        await _readable(descriptor)
        chunk = os.read(descriptor, _CHUNK)
        if not chunk:
            return None
        line += chunk
    return line.decode(errors="replace").removesuffix("\n")


async def _readable(descriptor: int) -> None:
    """Return when there is something to read."""
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(descriptor, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(descriptor)
