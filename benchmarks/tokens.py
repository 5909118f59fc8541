"""What a model reads at each step, beside what a shared history would have it read: `python -m benchmarks.tokens`.

Both sides are the first request of each skill: what a model is told before it does anything, its file tools included.
Contract-scoped is what Baton sends; inputs too long for the prompt are counted as if they were read to the end. Shared
is what agents read that keep one conversation: the same rules, instructions and tools, then the PRD, the handoffs of
all agents before, what each skill stated, and every file that anybody wrote so far. What each was told is left out, in
their favour, and so are lock files, which nobody would read.

Four characters are counted as a token on both sides. Hybrid is what a model reads where templates do what they can.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby

from langchain_core.messages import BaseMessage

from benchmarks.run import verdict
from skills.core.contribution import ContributedFile
from skills.core.executor import TemplateExecutor, request_of
from skills.model.call import Patience
from skills.model.errors import ModelUnavailable
from skills.model.executor import ModelExecutor
from skills.model.hybrid import HybridExecutor
from skills.model.prompt import as_text, prompt_of
from skills.model.scripted import Asked, ScriptedModel
from tests.support.core_build import EXAMPLES
from tests.wire.workplaces import Workplace, workplaces

CHARACTERS = 4  # of a token
PRDS = ("todo-lists", "room-bookings", "journal")
TARGET = 0.25
LOCKS = (".lock", "-lock.json")


@dataclass(frozen=True, kw_only=True)
class Read:
    """Tokens of one skill's first request, each way. `hybrid` is 0 where the template leaves nothing to do."""

    agent: str
    skill: str
    scoped: int
    shared: int
    hybrid: int


async def measure(prd: str) -> list[Read]:
    """Count for every skill of an example."""
    text = (EXAMPLES / f"{prd}.md").read_text(encoding="utf-8")
    written: list[ContributedFile] = []  # by everyone so far
    stated: list[str] = []
    measured = []
    for place in workplaces(prd):
        whole = await _asked(place, all_skills=True)
        assert whole is not None, place.skill.name  # noqa: S101  # a model that does everything is asked
        hybrid = await _asked(place, all_skills=False)
        handoffs = [as_text(handoff) for handoff in place.handoffs.values()]
        files = [f"{file.path}\n{file.content}" for file in written if not file.path.endswith(LOCKS)]
        measured.append(
            Read(
                agent=place.bench.agent,
                skill=place.skill.name,
                scoped=_tokens(*_texts(whole.messages), _tools(whole), *_attached(place)),
                shared=_tokens(*_texts(whole.messages[:1]), _tools(whole), text, *handoffs, *stated, *files),
                hybrid=_tokens(*_texts(hybrid.messages), _tools(hybrid)) if hybrid else 0,
            )
        )
        written += place.output.files
        stated.append(place.output.model_dump_json(exclude={"files"}, exclude_defaults=True))
    return measured


async def _asked(place: Workplace, *, all_skills: bool) -> Asked | None:
    """Return a model's first request in a skill; None if it is not asked."""
    model = ScriptedModel([ConnectionAbortedError("that is enough")])
    once = ModelExecutor(model, patience=Patience(tries=1))
    executor = HybridExecutor(TemplateExecutor(), once, all_skills=all_skills)
    with suppress(ModelUnavailable):
        await executor.execute(place.skill, place.materials, place.bench)
    return model.asked[0] if model.asked else None


def _texts(messages: Sequence[BaseMessage]) -> list[str]:
    return [str(message.text) for message in messages]


def _tools(asked: Asked) -> str:
    return json.dumps(asked.tools)


def _attached(place: Workplace) -> list[str]:
    """Return the inputs that are too long for the prompt, as files."""
    blueprint = place.skill.blueprint()
    request = request_of(place.skill, blueprint, place.materials)
    prompt = prompt_of(place.skill, blueprint, request, place.bench, there=(), fixed=())
    return list(prompt.attachments.values())


def _tokens(*texts: str) -> int:
    return sum(map(len, texts)) // CHARACTERS


def lines(prd: str, measured: Sequence[Read]) -> Iterator[str]:
    """Yield the table of one PRD for people."""
    yield f"{prd + ', tokens':44}{'scoped':>10}{'shared':>10}{'scoped/shared':>15}{'hybrid':>10}"
    for agent, reads in groupby(measured, key=lambda read: read.agent):
        step = list(reads)
        yield _line(agent, step)
        yield from (_line(f"  {read.skill}", [read]) for read in step)
    yield _line("all", measured)
    hybrid, scoped = sum(read.hybrid for read in measured), sum(read.scoped for read in measured)
    yield f"hybrid / all-model {hybrid / scoped:.2f}"


def ratio(measured: Sequence[Read]) -> float:
    """Return scoped / shared of a whole run."""
    return sum(read.scoped for read in measured) / sum(read.shared for read in measured)


def _line(name: str, reads: Sequence[Read]) -> str:
    scoped, shared, hybrid = (sum(getattr(read, way) for read in reads) for way in ("scoped", "shared", "hybrid"))
    return f"{name:44}{scoped:10,}{shared:10,}{scoped / shared:15.2f}{hybrid:10,}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("prds", nargs="*", default=PRDS, help=f"names of examples (by default {', '.join(PRDS)})")
    given = parser.parse_args()
    for prd in given.prds:
        measured = asyncio.run(measure(prd))
        print("\n".join(lines(prd, measured)))
        print(f"scoped / shared {ratio(measured):.2f}, at most {TARGET}: {verdict(ratio(measured), TARGET)}\n")


if __name__ == "__main__":
    main()
