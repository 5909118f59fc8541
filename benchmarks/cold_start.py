"""How long an instance of the deployed app takes to be ready, beside a bare LangGraph app of the same shape.

Run: python -m benchmarks.cold_start [--runs 7] [--json]

The source archive is made and installed with its requirements in an environment of its own, as the platform does. There
each program is begun anew, in turns, bytecode in place: importing the entrypoint, `set_up`, the memory it then has. The
bare app is what Agent Engine's documentation shows: a class with `set_up` and `query` and a LangGraph graph of as many
nodes, without a checkpointer or a tool. Both ratios are printed: Baton imports the engine in `set_up`, where the bare
app has done it already.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import uv

from orchestrator.storage.postgres import serve
from orchestrator.vertex.deployment.requirements import python_version, resolve
from orchestrator.vertex.deployment.source import (
    ENTRYPOINT_MODULE,
    ENTRYPOINT_OBJECT,
    LARGEST,
    REQUIREMENTS,
    make_source,
)

MOST_TIMES = 1.5
BARE = """
from typing import TypedDict

from langchain_core.messages import HumanMessage
from langgraph.graph import END, START, StateGraph


class State(TypedDict):
    messages: list
    status: str


def step(state):
    return {"status": "done"}


class App:
    def set_up(self):
        graph = StateGraph(State)
        names = ["intake", "database", "backend", "frontend", "test"]
        for name in names:
            graph.add_node(name, step)
        graph.add_edge(START, names[0])
        for before, after in zip(names, names[1:]):
            graph.add_edge(before, after)
        graph.add_edge(names[-1], END)
        self.graph = graph.compile()

    def query(self, text):
        return self.graph.invoke({"messages": [HumanMessage(text)], "status": "new"})


app = App()
"""
MEASURE = """
import importlib, json, resource, sys, time
sys.path.insert(0, "")
began = time.perf_counter()
app = getattr(importlib.import_module(sys.argv[1]), sys.argv[2])
imported = time.perf_counter()
app.set_up()
ready = time.perf_counter()
mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"import": imported - began, "set_up": ready - imported, "mib": mib}), flush=True)
import os; os._exit(0)
"""


def install(root: Path) -> tuple[Path, int]:
    """Install what would be deployed below `root`; return the environment's Python and the archive's bytes."""
    requirements = asyncio.run(resolve(python_version()))
    source = make_source(requirements)
    with tarfile.open(fileobj=io.BytesIO(source.archive)) as files:
        files.extractall(root / "source", filter="data")
    python, tool = root / "env/bin/python", uv.find_uv_bin()
    subprocess.run([tool, "venv", "--quiet", "--python", sys.executable, root / "env"], check=True)
    installing = [tool, "pip", "install", "--quiet", "--compile-bytecode", "--python", str(python)]
    subprocess.run([*installing, "--requirement", str(root / "source" / REQUIREMENTS)], check=True)
    subprocess.run([python, "-m", "compileall", "-q", root / "source"], check=False, stdout=subprocess.DEVNULL)
    return python, source.size


def measure(python: Path, root: Path, module: str, name: str, database: str) -> dict[str, float]:
    """Begin a program once; return its seconds and MiB."""
    env = {"PATH": os.environ["PATH"], "HOME": str(root), "BATON_HOME": str(root / "home")}
    argv = [str(python), "-P", "-c", MEASURE, module, name]
    done = subprocess.run(
        argv,
        cwd=root / "source",
        env={**env, "BATON_DATABASE_URL": database},
        capture_output=True,
        text=True,
        check=True,
    )
    measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return measured


async def compare(python: Path, root: Path, runs: int) -> dict[str, dict[str, float]]:
    """Return the medians of both programs, measured in turns after one start that does not count."""
    programs = {"Baton": (ENTRYPOINT_MODULE, ENTRYPOINT_OBJECT), "bare LangGraph": ("bare", "app")}
    measured: dict[str, list[dict[str, float]]] = {name: [] for name in programs}
    (root / "source/bare.py").write_text(BARE, encoding="utf-8")
    async with serve(root / "home") as server:
        for turn in range(runs + 1):
            for name, (module, attribute) in programs.items():
                one = await asyncio.to_thread(measure, python, root, module, attribute, server.database)
                if turn:
                    measured[name].append(one)
    return {
        name: {key: statistics.median(each[key] for each in every) for key in every[0]}
        for name, every in measured.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="baton-cold-") as folder:
        root = Path(folder)
        root.chmod(0o755)
        python, size = install(root)
        medians = asyncio.run(compare(python, root, options.runs))
    ready = {name: each["import"] + each["set_up"] for name, each in medians.items()}
    times = {
        "import": medians["Baton"]["import"] / medians["bare LangGraph"]["import"],
        "together": ready["Baton"] / ready["bare LangGraph"],
    }
    if options.json:
        print(json.dumps({"medians": medians, "times": times, "archive": size}))
        return
    print(f"{'':16}{'import s':>10}{'set_up s':>10}{'together':>10}{'MiB':>8}")
    for name, each in medians.items():
        print(f"{name:16}{each['import']:10.2f}{each['set_up']:10.2f}{ready[name]:10.2f}{each['mib']:8.0f}")
    print(f"\nimported in {times['import']:.2f} times what the bare app takes (target: at most {MOST_TIMES});")
    print(f"imported and set up, database and all, in {times['together']:.2f} times")
    print(f"archive: {size:,} bytes (target: below {LARGEST:,})")


if __name__ == "__main__":
    main()
