"""What `baton run` costs, beside the tools of its own checks replayed bare: `python -m benchmarks.run`.

Wall and floor are measured turn by turn, so that a busy machine slows both. Numbers stand beside their targets; nothing
is asserted.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import statistics
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from benchmarks.floor import Replayed, discard, record, replay
from benchmarks.wall import Measured, checkpoint_bytes, measure_run

PRD = Path(__file__).parent.parent / "examples" / "todo-lists.md"
BIG_ENTITIES = 30
BIG_AGENTS = ("database-agent",)
RATIO, SHARE, MEMORY, CHECKPOINTS = 1.3, 0.05, 250_000_000, 64_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """All that was measured. `floors` by how many tools ran at a time; bytes of checkpoints."""

    machine: str
    cold: Measured
    warm: tuple[Measured, ...]
    floors: dict[int, tuple[Replayed, ...]]
    checkpoints: int
    small_checkpoints: int
    big_checkpoints: int

    @property
    def wall(self) -> float:
        return statistics.median(run.seconds for run in self.warm)

    @property
    def floor(self) -> float:
        """The best order's median."""
        return min(statistics.median(each.seconds for each in rounds) for rounds in self.floors.values())

    @property
    def ratios(self) -> list[float]:
        """Wall / floor of each round, sorted: what was measured side by side, by the round's best order."""
        floors = zip(*self.floors.values(), strict=True)
        return sorted(
            run.seconds / min(each.seconds for each in orders) for run, orders in zip(self.warm, floors, strict=True)
        )


async def measure(
    folder: Path, home: Path, rounds: int, agents: Sequence[str] | None = None, entities: int = BIG_ENTITIES
) -> Report:
    """Measure everything, or what `agents` alone do, in `folder`, an empty one; `home` is BATON_HOME."""
    cold = measure_run(PRD, folder / "cold", home, agents or ())
    kept = folder / "kept"
    kept.mkdir()
    recording = await record(PRD, folder / "recorded", home, kept, agents)
    cores = os.cpu_count() or 1
    warm: list[Measured] = []
    floors: dict[int, list[Replayed]] = {cores: [], cores + 1: []}
    try:
        for number in range(rounds):
            warm.append(measure_run(PRD, folder / f"warm-{number}", home, agents or ()))
            for at_once, replayed in floors.items():
                replayed.append(await replay(recording, home, at_once))
    finally:
        discard(recording)
    big = folder / "big.md"
    big.write_text(prd_of(entities), encoding="utf-8")
    small_run = measure_run(PRD, folder / "small", home, BIG_AGENTS)
    big_run = measure_run(big, folder / "big", home, BIG_AGENTS)
    return Report(
        machine=machine(),
        cold=cold,
        warm=tuple(warm),
        floors={at_once: tuple(replayed) for at_once, replayed in floors.items()},
        checkpoints=await checkpoint_bytes(home, warm[-1].run),
        small_checkpoints=await checkpoint_bytes(home, small_run.run),
        big_checkpoints=await checkpoint_bytes(home, big_run.run),
    )


def prd_of(entities: int) -> str:
    """Return a PRD with that many entities, each with an owner, rules, filters and a reference to the one before."""
    stack = "| Part | Choice |\n|---|---|\n| Backend | Python |\n| Framework | FastAPI |\n| Database | PostgreSQL |\n"
    stack += "| Frontend | React |\n| Authentication | JWT |\n"
    parts = [f"# Feature PRD: Big\n\n**Slug:** big\n\nMany things.\n\n## Stack\n\n{stack}\n## Entities\n"]
    names = [f"Thing{chr(ord('A') + number // 26)}{chr(ord('a') + number % 26)}x" for number in range(entities)]
    for number, name in enumerate(names):
        reference = f"| before | {names[number - 1]} | no | |\n" if number else ""
        parts.append(
            f"### {name}\n\nA thing.\n\n**Owner:** yes\n**Filter:** size, done\n**Sort:** title\n\n"
            "| Field | Type | Required | Rules |\n|---|---|---|---|\n"
            "| title | string | yes | 1..80 chars |\n| notes | text | no | max 5000 |\n"
            "| size | integer | yes | min 1; max 9; default 3 |\n| done | boolean | yes | default false |\n"
            f"{reference}"
        )
    return "\n".join(parts)


def machine() -> str:
    """Describe the machine in one line."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.machine(),
    )
    memory = round(psutil.virtual_memory().total / 2**30)
    return f"{os.cpu_count()} cores ({model}), {memory} GiB, {platform.system()}, Python {platform.python_version()}"


def verdict(value: float, target: float) -> str:
    return "met" if value <= target else "missed"


def lines(report: Report) -> Sequence[str]:
    """Return the report for people."""
    warm, wall, floor = report.warm, report.wall, report.floor
    ratio = statistics.median(report.ratios)
    own = statistics.median(run.own_cpu / run.seconds for run in warm)
    idle = statistics.median(sum(run.idle) / run.seconds for run in warm)
    parts = [statistics.median(run.idle[part] for run in warm) for part in range(3)]
    peak = max(run.peak for run in (report.cold, *warm))
    tools = statistics.median(run.tools_cpu for run in warm)
    best = min(report.floors, key=lambda n: statistics.median(each.seconds for each in report.floors[n]))
    bare = statistics.median(each.cpu for each in report.floors[best])
    failed = sorted({name for rounds in report.floors.values() for each in rounds for name in each.failed})
    loads = ", ".join(f"{run.load:.1f}" for run in (report.cold, *warm))
    return [
        report.machine,
        f"load average after each run: {loads}"
        + (" (others were at work: read ratios)" if max(run.load for run in warm) > 2 * (os.cpu_count() or 1) else ""),
        f"`baton run {PRD.name}`, wall",
        f"  nothing prepared          {report.cold.seconds:8.1f} s   fresh BATON_HOME; uv and npm have caches",
        f"  warm caches               {wall:8.1f} s   median of {len(warm)}: {_each(run.seconds for run in warm)}",
        "the same tools bare on the finished app (arguments, environment and folders recorded from a run)",
        "  included: every tool, from process start on, and making its databases. Not: skills, guards, environments,",
        "  mypy's seed, starting PostgreSQL, files, handoffs. Steps do not wait for each other here; in a run they do.",
        *(
            f"  {at_once} at once                 {statistics.median(each.seconds for each in rounds):8.1f} s   "
            f"{_each(each.seconds for each in rounds)}"
            for at_once, rounds in report.floors.items()
        ),
        *([f"  these did not end well: {', '.join(failed)}"] if failed else []),
        (
            f"wall / floor                {ratio:8.2f}     at most {RATIO}: {verdict(ratio, RATIO)}"
            f" (median of the rounds' ratios: {', '.join(f'{each:.2f}' for each in report.ratios)};"
            f" of the medians {wall / floor:.2f})"
        ),
        f"processor time of the tools {tools:8.1f} s   bare {bare:.1f} s, ratio {tools / bare:.2f}",
        "Baton itself",
        f"  own processor time        {own:8.1%}     of the wall, at most {SHARE:.0%}: {verdict(own, SHARE)}",
        (
            f"  wall without any tool     {idle:8.1%}     of the wall, at most {SHARE:.0%}: {verdict(idle, SHARE)}"
            f" (before the first {parts[0]:.2f} s, between {parts[1]:.2f} s, after the last {parts[2]:.2f} s)"
        ),
        f"  peak memory               {peak / 1e6:8.1f} MB  under {MEMORY / 1e6:.0f} MB: {verdict(peak, MEMORY)}",
        (
            f"  checkpoints of a run      {report.checkpoints / 1000:8.1f} kB  under {CHECKPOINTS / 1000:.0f} kB: "
            f"{verdict(report.checkpoints, CHECKPOINTS)}"
        ),
        (
            f"  of {', '.join(BIG_AGENTS)} alone, 2 and {BIG_ENTITIES} entities: "
            f"{report.small_checkpoints / 1000:.1f} and {report.big_checkpoints / 1000:.1f} kB"
        ),
        "seconds of each check, median of the warm runs",
        *_checks(warm),
    ]


def _checks(runs: Sequence[Measured]) -> list[str]:
    return [
        f"  {name:40}{statistics.median(run.checks[name] for run in runs if name in run.checks):8.1f}"
        for name in runs[-1].checks
    ]


def _each(seconds: Iterable[float]) -> str:
    return ", ".join(f"{each:.1f}" for each in seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="warm runs and replays (3)")
    parser.add_argument("--json", action="store_true", help="print everything measured as JSON")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="baton-benchmark-") as folder:
        report = asyncio.run(measure(Path(folder), Path(folder) / "home", given.rounds))
    if given.json:
        print(json.dumps({**asdict(report), "wall": report.wall, "floor": report.floor}, indent=2))
    else:
        print("\n".join(lines(report)))


if __name__ == "__main__":
    main()
