"""What checkpoints cost: Baton's saver beside `langgraph-checkpoint-postgres`, on one PostgreSQL, in one run.

    python -m benchmarks.checkpoint [--rounds 7] [--quick]

Every number is the median over rounds, in each of which both savers are measured one after the other; a ratio is the
median of the rounds' ratios. The graph has 4 nodes, each of which rewrites the whole state; durability is `sync`. Both
savers run in the same process, whose garbage collector leaves alone what was there before. The official saver has one
connection, which is its fastest way here: it does one thing at a time even with a pool.

`text` is one long string in the state, `records` a list of small objects, `random` a string that cannot be compressed.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import gc
import random
import statistics
import sysconfig
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import cache, partial
from itertools import count
from pathlib import Path
from typing import Any, TypedDict

from orchestrator.runtime.langgraph.saver import PostgresSaver  # before LangGraph, to make that strict
from orchestrator.storage import postgres
from orchestrator.storage.database import connect

# isort: split
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver, ChannelVersions, empty_checkpoint
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.graph import END, START, StateGraph

NODES = 4
KILOBYTE, MEGABYTE = 1_000, 1_000_000
SIZES = (KILOBYTE, 100 * KILOBYTE, MEGABYTE)
CONCURRENT = (1, 100, 1000)
OPERATIONS = 100  # of each kind in a round
SEED = 5

Saver = BaseCheckpointSaver[Any]
Measure = Callable[[Any], Awaitable[float]]  # of a saver, or of None for a graph without one


class State(TypedDict):
    step: int
    content: Any


class Contents:
    """Contents of some size, each unlike the one before."""

    def __init__(self, kind: str, size: int) -> None:
        self._made = _made(kind, size)
        self._next = count()

    def next(self) -> object:
        return self._made[next(self._next) % len(self._made)]


@cache
def _made(kind: str, size: int) -> Sequence[object]:
    make: Mapping[str, Callable[[int], object]] = {"text": _text, "records": _records, "random": _random}
    return [make[kind](size) for _ in range(13)]  # no multiple of what a run takes


def _text(size: int) -> str:
    start = random.randrange(len(SOURCE) - size)  # noqa: S311 - not a secret
    return SOURCE[start : start + size]


def _records(size: int) -> list[dict[str, object]]:
    words = _text(size).split()[: size // 50]
    return [{"id": number, "name": word, "note": [word[::-1], number]} for number, word in enumerate(words)]


def _random(size: int) -> str:
    return base64.b85encode(random.randbytes(size * 4 // 5)).decode()  # noqa: S311 - not a secret


def _source() -> str:
    files = sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py"))
    return "\n".join(file.read_text(encoding="utf-8", errors="replace") for file in files)


SOURCE = _source()


def graph(saver: Saver | None, contents: Contents) -> Any:  # noqa: ANN401 - LangGraph's types are long
    async def node(state: State) -> State:
        return {"step": state["step"] + 1, "content": contents.next()}

    builder = StateGraph(State)
    names = [f"node{number}" for number in range(NODES)]
    for before, name in zip([START, *names], names, strict=False):
        builder.add_node(name, node)
        builder.add_edge(before, name)
    builder.add_edge(names[-1], END)
    return builder.compile(checkpointer=saver)


async def one_run(compiled: Any, contents: Contents) -> None:  # noqa: ANN401 - as above
    config = {"configurable": {"thread_id": uuid.uuid4().hex}}
    durability = "sync" if compiled.checkpointer else None
    result = await compiled.ainvoke({"step": 0, "content": contents.next()}, config, durability=durability)
    if result["step"] != NODES:
        raise RuntimeError(f"the run ended at step {result['step']}")


async def seconds_a_run(saver: Saver | None, *, kind: str, size: int, runs: int) -> float:
    """One run after the other."""
    contents = Contents(kind, size)
    compiled = graph(saver, contents)
    await one_run(compiled, contents)
    started = time.perf_counter()
    for _ in range(runs):
        await one_run(compiled, contents)
    return (time.perf_counter() - started) / runs


async def seconds_a_run_at_once(saver: Saver | None, *, concurrent: int, runs: int) -> float:
    """So many runs begun at once, over and over."""
    contents = Contents("text", KILOBYTE)
    compiled = graph(saver, contents)
    started = time.perf_counter()
    for _ in range(runs // concurrent):
        await asyncio.gather(*(one_run(compiled, contents) for _ in range(concurrent)))
    return (time.perf_counter() - started) / (runs // concurrent * concurrent)


def _checkpoint(content: object, number: int) -> tuple[Any, ChannelVersions]:
    versions: ChannelVersions = {"content": f"{number:032}.0"}
    return {**empty_checkpoint(), "channel_values": {"content": content}, "channel_versions": versions}, versions


async def _filled(saver: Saver, thread: str, checkpoints: int) -> RunnableConfig:
    contents = Contents("text", KILOBYTE)
    config: RunnableConfig = {"configurable": {"thread_id": thread, "checkpoint_ns": ""}}
    for number in range(checkpoints):
        checkpoint, versions = _checkpoint([contents.next()], number)
        config = await saver.aput(config, checkpoint, {"source": "loop", "step": number}, versions)
        await saver.aput_writes(config, [("content", contents.next()), ("step", number)], f"task{number}")
    return config


async def put(saver: Saver) -> float:
    config: RunnableConfig = {"configurable": {"thread_id": uuid.uuid4().hex, "checkpoint_ns": ""}}
    contents = Contents("text", KILOBYTE)
    made = [_checkpoint([contents.next()], number) for number in range(OPERATIONS)]
    started = time.perf_counter()
    for number, (checkpoint, versions) in enumerate(made):
        config = await saver.aput(config, checkpoint, {"source": "loop", "step": number}, versions)
    return (time.perf_counter() - started) / OPERATIONS


async def put_writes(saver: Saver) -> float:
    config = await _filled(saver, uuid.uuid4().hex, 1)
    contents = Contents("text", KILOBYTE)
    made = [[("content", contents.next()), ("step", number)] for number in range(OPERATIONS)]
    started = time.perf_counter()
    for number, writes in enumerate(made):
        await saver.aput_writes(config, writes, f"another{number}")
    return (time.perf_counter() - started) / OPERATIONS


async def get_tuple(saver: Saver) -> float:
    config: RunnableConfig = {"configurable": {"thread_id": uuid.uuid4().hex, "checkpoint_ns": ""}}
    await _filled(saver, config["configurable"]["thread_id"], 10)
    started = time.perf_counter()
    for _ in range(OPERATIONS):
        await saver.aget_tuple(config)
    return (time.perf_counter() - started) / OPERATIONS


async def list_ten(saver: Saver) -> float:
    config: RunnableConfig = {"configurable": {"thread_id": uuid.uuid4().hex, "checkpoint_ns": ""}}
    await _filled(saver, config["configurable"]["thread_id"], 20)
    started = time.perf_counter()
    for _ in range(OPERATIONS // 5):
        if len([each async for each in saver.alist(config, limit=10)]) != 10:  # noqa: PLR2004 - the limit
            raise RuntimeError("not ten checkpoints")
    return (time.perf_counter() - started) / (OPERATIONS // 5)


async def compare(name: str, measure: Measure, savers: Sequence[Saver | None], rounds: int) -> None:
    """Print the medians of a measurement for Baton's saver, the official one, and none if asked for."""
    taken: list[list[float]] = []
    for number in range(rounds):
        order = list(range(len(savers)))[:: 1 if number % 2 else -1]  # neither is always the first
        row = [0.0] * len(savers)
        for index in order:
            gc.collect()
            row[index] = await measure(savers[index])
        taken.append(row)
    ours, official, *none = (statistics.median(column) * 1000 for column in zip(*taken, strict=True))
    ratios = sorted(row[0] / row[1] for row in taken)
    bare = f"{none[0]:>9.3f}" if none else " " * 9
    print(
        f"{name:<28}{ours:>9.3f}{official:>10.3f}{bare}{statistics.median(ratios):>9.2f}"
        f"   {ratios[0]:.2f} to {ratios[-1]:.2f}" + (f"{1000 / ours:>10.0f} runs/s" if "at once" in name else ""),
        flush=True,
    )


async def report(
    savers: Sequence[Saver | None],
    rounds: int,
    *,
    quick: bool,
    sizes: Sequence[int] = SIZES,
    at_once: Sequence[int] = CONCURRENT,
) -> None:
    print(f"{'milliseconds':<28}{'Baton':>9}{'official':>10}{'no saver':>9}{'ratio':>9}   over {rounds} rounds")
    for name, operation in {"put": put, "put_writes": put_writes, "get_tuple": get_tuple, "list 10": list_ten}.items():
        await compare(name, operation, savers[:2], rounds)
    for kind, chosen in {"text": sizes, "records": sizes[1:], "random": sizes[2:]}.items():
        for size in chosen:
            runs = {KILOBYTE: 40, 100 * KILOBYTE: 10, MEGABYTE: 3}[size]
            measure = partial(seconds_a_run, kind=kind, size=size, runs=runs)
            await compare(f"a run, {size // KILOBYTE:,} KB of {kind}", measure, savers, rounds)
    for concurrent in at_once:
        runs = min(concurrent * 3, 1000) if quick else max(200, concurrent)
        measure = partial(seconds_a_run_at_once, concurrent=concurrent, runs=runs)
        await compare(f"{concurrent:,} runs at once, 1 KB", measure, savers, rounds)


@asynccontextmanager
async def both_savers() -> AsyncIterator[Sequence[Saver | None]]:
    with tempfile.TemporaryDirectory(prefix="baton-benchmark-") as folder:
        home = Path(folder)
        home.chmod(0o755)  # as root, PostgreSQL's own user must be able to enter it
        async with (
            postgres.serve(home) as server,
            connect(server) as database,
            AsyncPostgresSaver.from_conn_string(server.database) as official,
        ):
            await official.setup()
            yield PostgresSaver(database), official, None


async def main() -> None:
    parser = argparse.ArgumentParser(description="Measure Baton's checkpoint saver beside the official one.")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="fewer runs at once")
    arguments = parser.parse_args()
    random.seed(SEED)
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    async with both_savers() as savers:
        await report(savers, arguments.rounds, quick=arguments.quick)


if __name__ == "__main__":
    asyncio.run(main())
