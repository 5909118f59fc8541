"""What many runs at once cost, everything of Baton's included: `python -m benchmarks.load [--history 100000]`.

A run has four agents; each has one skill that makes one small file, no guard and no tool to run, and leaves a real
handoff. So what is measured is Baton: ledger, events, receipts, contents, checkpoints, files and handoffs. Beside it,
in the same process and on the same PostgreSQL, turn by turn: a bare LangGraph graph of four nodes that rewrite a
kilobyte of state, with `langgraph-checkpoint-postgres`, durability `sync`, as many at a time.

With `--history`, the same again after so many finished runs were put into the database.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver

from agents.contracts import Agent, Reads, Work
from benchmarks.checkpoint import KILOBYTE, Contents, graph, one_run
from orchestrator import Orchestrator
from orchestrator.planning.pipeline import Pipeline
from orchestrator.runtime.batch import Request
from orchestrator.storage import postgres
from orchestrator.storage.database import Database, connect
from schemas.base import Document
from schemas.handoffs import DatabaseAgentOutput, FrontendAgentOutput, PythonBackendAgentOutput, TestAgentOutput
from skills.core.registry import Registry

TARGET = 2.0  # times the runs a second of bare LangGraph with the official saver
PRD = """# Feature PRD: Small

## Entities

### Thing

| Field | Type | Required | Rules |
|---|---|---|---|
| name | string | yes | 1..80 chars |
"""
SKILL = """---
name: make-{name}
description: Makes a file of {name}.
license: Apache-2.0
metadata:
  agent: {name}-agent
---

Makes a file.
"""
BLUEPRINT = """
from schemas.base import Document
from schemas.feature import Feature
from skills.core.contribution import ContributedFile, Contribution


class Input(Document):
    feature: Feature


class Output(Contribution):
    pass


def contribute(request, templates):
    return Output(files=(ContributedFile(path="{name}/notes.md", content=request.feature.title + "\\n"),))
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Round:
    """Runs one after the other's place was free. `latencies` are seconds, sorted."""

    seconds: float
    latencies: tuple[float, ...]

    @property
    def rate(self) -> float:
        return len(self.latencies) / self.seconds

    def percentile(self, share: float) -> float:
        return self.latencies[min(int(share * len(self.latencies)), len(self.latencies) - 1)]


def pipeline() -> Pipeline:
    """Four agents in a row, each reading what the one before it wrote."""
    composed: tuple[tuple[str, str, Callable[[Work], Document]], ...] = (
        ("one", "database-agent-output", _database),
        ("two", "python-backend-agent-output", _backend),
        ("three", "frontend-agent-output", _frontend),
        ("four", "test-agent-output", _test),
    )
    reads: tuple[Reads, ...] = (Reads(contract="feature-prd", name="prd"),)
    agents = []
    for name, writes, compose in composed:
        agents.append(
            Agent(
                name=f"{name}-agent",
                title=name,
                reads=reads,
                writes=writes,
                owns=(f"{name}/**",),
                guards=(),
                checks=(),
                compose=compose,
            )
        )
        reads = (reads[0], Reads(contract=writes, name=name))
    return Pipeline.of(tuple(agents))


def _database(work: Work) -> Document:
    return DatabaseAgentOutput(task=work.task, files=work.files, tables=(), migrations=(), verification=())


def _backend(work: Work) -> Document:
    return PythonBackendAgentOutput(
        task=work.task,
        timestamp=work.timestamp,
        files=work.files,
        api_contract=(),
        for_frontend_agent=(),
        dependencies_added=(),
        verification=(),
    )


def _frontend(work: Work) -> Document:
    return FrontendAgentOutput(task=work.task, files=work.files, pages=(), dependencies_added=(), verification=())


def _test(work: Work) -> Document:
    return TestAgentOutput(task=work.task, files=work.files, measures=(), endpoints=(), verification=())


def registry(folder: Path) -> Registry:
    """Write the skills and return them."""
    for agent in pipeline().names:
        name = agent.removesuffix("-agent")
        place = folder / f"make_{name}"
        (place / "templates").mkdir(parents=True)
        (place / "SKILL.md").write_text(SKILL.format(name=name))
        (place / "blueprint.py").write_text(BLUEPRINT.format(name=name))
    return Registry((folder,), built_in=False)


async def baton(engine: Orchestrator, folder: Path, runs: int, at_once: int) -> Round:
    """Run the pipeline so often, so many at a time."""
    prd = folder / "prd.md"
    requests = [Request(prd=prd, workspace=folder / f"{time.monotonic_ns()}-{number}") for number in range(runs)]
    latencies = []
    started = time.perf_counter()
    async for finished in engine.run_many(requests, concurrency=at_once):
        if finished.result is None or finished.result.status != "completed":
            raise RuntimeError(f"a run did not complete: {finished.error or finished.result}")
        latencies.append(finished.result.timings["total"])
    return Round(seconds=time.perf_counter() - started, latencies=tuple(sorted(latencies)))


async def bare(server: postgres.Server, runs: int, at_once: int) -> Round:
    """Run a bare graph so often, so many at a time."""
    async with AsyncPostgresSaver.from_conn_string(server.database) as saver:
        await saver.setup()
        contents = Contents("text", KILOBYTE)
        compiled = graph(saver, contents)
        places, latencies = asyncio.Semaphore(at_once), []

        async def one() -> None:
            async with places:
                began = time.perf_counter()
                await one_run(compiled, contents)
                latencies.append(time.perf_counter() - began)

        started = time.perf_counter()
        await asyncio.gather(*(one() for _ in range(runs)))
        return Round(seconds=time.perf_counter() - started, latencies=tuple(sorted(latencies)))


async def add_history(database: Database, runs: int) -> None:
    """Copy a finished run so often."""
    model = await database.fetchval("SELECT id FROM baton.runs WHERE status = 'completed' LIMIT 1")
    tables = await database.fetch(
        "SELECT table_name AS name, array_agg(column_name::text ORDER BY ordinal_position) AS columns"
        " FROM information_schema.columns WHERE table_schema = 'baton' GROUP BY table_name"
    )
    by_name = {row["name"]: row["columns"] for row in tables}
    keys = {"runs": "id"} | {name: "run_id" for name, columns in by_name.items() if "run_id" in columns}
    keys |= {name: "thread_id" for name, columns in by_name.items() if "thread_id" in columns}
    for name in sorted(keys, key=lambda each: each != "runs"):
        key = keys[name]
        others = ", ".join(column for column in by_name[name] if column != key)
        like = f"{model}.%" if key == "thread_id" else model
        for first in range(0, runs, 5000):
            await database.execute(
                f"INSERT INTO baton.{name} ({key}, {others})"  # noqa: S608 - names from the catalogue
                f" SELECT replace({key}, $1, 'old-' || number), {others} FROM baton.{name},"
                f" generate_series($3::int, $4::int) AS number WHERE {key} LIKE $2 ON CONFLICT DO NOTHING",
                model,
                like,
                first,
                min(first + 5000, runs) - 1,
            )
    for name in keys:
        await database.execute(f"ANALYZE baton.{name}")


async def stored_bytes(database: Database) -> int:
    """Return the size of Baton's tables with their indexes."""
    return int(
        await database.fetchval(
            "SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname = 'baton' AND c.relkind = 'r'"
        )
    )


@asynccontextmanager
async def place() -> AsyncIterator[tuple[Path, postgres.Server, Database]]:
    """Yield a folder of its own with a PostgreSQL of its own."""
    with tempfile.TemporaryDirectory(prefix="baton-load-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "prd.md").write_text(PRD)
        async with postgres.serve(folder / "home") as server, connect(server) as database:
            yield folder, server, database


def show(name: str, rounds: list[Round]) -> None:
    rates = sorted(each.rate for each in rounds)
    middle = sorted(rounds, key=lambda each: each.rate)[len(rounds) // 2]
    p50, p95, p99 = (1000 * middle.percentile(share) for share in (0.50, 0.95, 0.99))
    print(
        f"{name:<34} {statistics.median(rates):7.1f} runs/s ({rates[0]:.1f} .. {rates[-1]:.1f})"
        f"   p50 {p50:.0f} ms, p95 {p95:.0f} ms, p99 {p99:.0f} ms"
    )


async def main(runs: int, at_once: int, rounds: int, history: int) -> None:
    async with place() as (folder, server, database):
        engine = Orchestrator(folder / "w", home=folder / "home", pipeline=pipeline(), registry=registry(folder / "s"))
        async with engine:
            await baton(engine, folder, at_once, at_once)
            gc.collect()
            gc.freeze()
            gc.set_threshold(100_000, 20, 50)
            memory, before = psutil.Process().memory_info().rss, await stored_bytes(database)
            ours, theirs = [], []
            for _ in range(rounds):
                ours.append(await baton(engine, folder, runs, at_once))
                theirs.append(await bare(server, runs, at_once))
            show(f"Baton, {runs} runs, {at_once} at a time", ours)
            show("LangGraph + official saver", theirs)
            ratios = sorted(a.rate / b.rate for a, b in zip(ours, theirs, strict=True))
            print(f"ratio {statistics.median(ratios):.2f} ({ratios[0]:.2f} .. {ratios[-1]:.2f}); target {TARGET}")
            grown = psutil.Process().memory_info().rss - memory
            size = await stored_bytes(database) - before
            print(f"memory {grown / 1024 / at_once:.0f} KB more for each run at work", end="; ")
            print(f"{size / 1024 / runs / rounds:.1f} KB stored a run")
            if history:
                await add_history(database, history)
                late = [await baton(engine, folder, runs, at_once) for _ in range(rounds)]
                show(f"Baton, after {history} finished runs", late)
                flat = statistics.median(a.rate for a in late) / statistics.median(a.rate for a in ours)
                print(f"{flat:.2f} times the runs a second of the empty database")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--at-once", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--history", type=int, default=0)
    words = parser.parse_args()
    asyncio.run(main(words.runs, words.at_once, words.rounds, words.history))
