"""Let models misbehave in every known way and see what comes of it: `python -m benchmarks.faults [--seed N]`.

Each fault of `tests.wire.faults` strikes over the wire, through a real provider's package: while a model does each of
the built-in skills, and in whole runs of small agents with guards and checks. It strikes once, or for ever. Whatever
happens, work ends verified or as a question to a person; nothing else is published, and nothing crashes. What ends
otherwise is printed with the seed, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import ast
import asyncio
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from agents.agent import Work
from agents.checks.check import Outcome
from agents.checks.scratch import Scratch
from orchestrator import Orchestrator
from orchestrator.model_use import ModelUse
from orchestrator.policy import Policy
from orchestrator.storage.postgres import Embedded
from skills.contribution import Contribution
from skills.model.budget import Budget, Limits, Meter
from skills.model.calling import Patience
from skills.model.errors import ModelFailed
from skills.model.executor import ModelExecutor
from skills.workbench import Workbench
from tests.orchestrator.killing import own_home
from tests.orchestrator.small_agents import PRD, Compiles, Kit
from tests.wire.faults import FAULTS, FOR_EVER, Fault, Faulty
from tests.wire.hand import Hand
from tests.wire.providers import APIS, KEY, MODELS, environment
from tests.wire.server import Loopback
from tests.wire.workplaces import Workplace, workplaces

HASTY = Patience(tries=3, first=0.0, longest=0.0, call=60.0)
WAITING = Patience(tries=2, first=0.0, longest=0.0, call=1.5)  # for a model that says nothing
CALLS = 60  # of one step: a loop ends there
REPAIRS = 2
CHECKED_FOR = 10.0  # seconds: what a small agent's code may take in its check

VERIFIED, QUESTION, CRASHED, UNVERIFIED = "verified", "question", "CRASHED", "UNVERIFIED"
AS_IT_SHOULD = (VERIFIED, QUESTION)


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How it ended. `told` is what a person is told; `wrong` what should not be."""

    where: str
    model: str
    fault: str
    times: str
    outcome: str
    told: str = ""
    wrong: str = ""


@dataclass
class Tally:
    """All endings, and what does not depend on them."""

    endings: list[Ending] = field(default_factory=list)
    idle: int = 0  # faults that had no occasion to strike

    def of(self, **facts: str) -> Counter[str]:
        chosen = (each for each in self.endings if all(getattr(each, key) == value for key, value in facts.items()))
        return Counter(each.outcome for each in chosen)

    def wrong(self) -> list[Ending]:
        return [each for each in self.endings if each.outcome not in AS_IT_SHOULD]


@contextmanager
def wire(folder: Path) -> Iterator[Loopback]:
    """Serve all providers at one address, and point their packages there."""
    with Loopback(APIS, Hand()) as loopback:
        before = dict(os.environ)
        os.environ.update(environment(loopback.url, folder))
        try:
            yield loopback
        finally:
            os.environ.clear()
            os.environ.update(before)


class Trials:
    """Faults, one after the other; who is asked, and in which order, follows from the seed."""

    def __init__(self, loopback: Loopback, folder: Path, seed: int) -> None:
        self._loopback, self._folder = loopback, folder
        self._chance = random.Random(seed)  # noqa: S311  # not for secrets
        self.tally = Tally()

    # ---- skills

    async def skills(self, faults: Sequence[Fault], share: float = 1.0) -> None:
        """Let each fault strike at each built-in skill, or at a share of them drawn by lot."""
        outside = self._folder / "outside"
        for place in workplaces():
            _lay_traps(place.bench.tree, outside)
            for fault, times in _each_way(faults):
                if self._chance.random() < share:
                    await self._skill(place, fault, times, outside)

    async def _skill(self, place: Workplace, fault: Fault, times: int, outside: Path) -> None:
        model = self._chance.choice(MODELS)
        player = self._loopback.player = Faulty(Hand(), fault, times)
        before = (_bytes(place.bench.tree), _bytes(outside))
        outcome, told, wrong = await _executed(place, model, WAITING if fault.slow else HASTY)
        if (_bytes(place.bench.tree), _bytes(outside)) != before:
            outcome, wrong = UNVERIFIED, "files changed that are not the model's"
        self._note(place.skill.name, model, fault, times, outcome, told, wrong, player.struck)

    # ---- runs

    async def runs(self, faults: Sequence[Fault], share: float = 1.0) -> None:
        """Let each fault strike in a run of small agents whose every skill a model does."""
        for number, (fault, times) in enumerate(_each_way(faults)):
            if self._chance.random() < share:
                await self._run(self._folder / f"run-{number}", fault, times)

    async def _run(self, folder: Path, fault: Fault, times: int) -> None:
        model, word = self._chance.choice(MODELS), self._chance.choice(("one", "two", "three"))
        (folder / "skills").mkdir(parents=True)
        (folder / "prd.md").write_text(PRD)
        kit = Kit(folder / "skills", checks={each: (Runs(each),) for each in ("one", "two", "three")})
        honest = Hand(kit.registry())
        player = Faulty(honest, fault, times)
        self._loopback.player = lambda request: (player if f"`make-{word}`" in request.system else honest)(request)
        outcome, told, wrong = await _ran(kit, folder, model, WAITING if fault.slow else HASTY)
        self._note(f"run of make-{word}", model, fault, times, outcome, told, wrong, player.struck)

    def _note(
        self, where: str, model: str, fault: Fault, times: int, outcome: str, told: str, wrong: str, struck: int
    ) -> None:
        if KEY in told:
            outcome, wrong = UNVERIFIED, "a key is shown"
        if not struck:
            self.tally.idle += 1
            if outcome == VERIFIED:
                return
        often = "once" if times == 1 else "for ever"
        self.tally.endings.append(
            Ending(where=where, model=model, fault=fault.name, times=often, outcome=outcome, told=told, wrong=wrong)
        )


def _each_way(faults: Sequence[Fault]) -> Iterator[tuple[Fault, int]]:
    return ((fault, times) for fault in faults for times in (1, FOR_EVER))


def _lay_traps(tree: Path, outside: Path) -> None:
    """Put into a staged tree what a model might misuse: a link that leads out, and somebody else's file."""
    outside.mkdir(exist_ok=True)
    (outside / "secret.txt").write_text("secret\n")
    if not (tree / "link").is_symlink():
        (tree / "link").symlink_to(outside)
    (tree / "others.txt").write_text("a" * 64 + "!\n")


async def _executed(place: Workplace, model: str, patience: Patience) -> tuple[str, str, str]:
    bench = place.bench
    limited = Workbench(
        agent=bench.agent,
        tree=bench.tree,
        owned=bench.owned,
        owns=bench.owns,
        excludes=bench.excludes,
        meter=Meter(Budget(step=Limits(calls=CALLS))),
    )
    executor = ModelExecutor(model, repairs=REPAIRS, patience=patience)
    try:
        output = await executor.execute(place.skill, place.materials, limited)
    except ModelFailed as error:
        return QUESTION, str(error), ""
    except Exception as error:  # noqa: BLE001  # that it crashes is what is looked for
        return CRASHED, "", f"{type(error).__name__}: {error}"
    wrong = _flaw(place, output)
    return (UNVERIFIED if wrong else VERIFIED), "", wrong


def _flaw(place: Workplace, output: Contribution) -> str:
    """Return what is wrong with a skill's output, judged anew; empty if it stands."""
    try:
        place.skill.blueprint().output.model_validate(output.model_dump())
        for file in output.files:
            file.content.encode()
            if file.path.endswith(".py"):
                ast.parse(file.content)
            if not place.bench.owned(file.path) or file.path in place.bench.excludes:
                return f"`{file.path}` is not the agent's"
    except (ValueError, SyntaxError) as error:
        return f"{type(error).__name__}: {error}"
    return "" if output.files else "no files"


@dataclass(frozen=True)
class Runs(Compiles):
    """A check that runs the agent's Python, for so many seconds at most."""

    name: str = "compiles"

    async def run(self, scratch: Scratch, work: Work, /) -> Outcome:
        evidence, output = await scratch.tool(
            self.name, [sys.executable, f"{self.folder}/names.py"], timeout=CHECKED_FOR
        )
        passed = evidence.exit_code == 0
        return Outcome(
            passed=passed,
            summary="it runs" if passed else "it does not run",
            evidence=(evidence,),
            measured={"files": len(work.files)},
            problems=() if passed else (f"{self.folder}/names.py: {output or 'it failed'}",),
        )


async def _ran(kit: Kit, folder: Path, model: str, patience: Patience) -> tuple[str, str, str]:
    workspace = folder / "workspace"
    executor = ModelExecutor(model, repairs=REPAIRS, patience=patience)
    use = ModelUse(name=model, all_skills=True, repairs=REPAIRS, step=Limits(calls=CALLS))
    try:
        async with Orchestrator(
            workspace, pipeline=kit.pipeline(), registry=kit.registry(), executor=executor
        ) as engine:
            run = await engine.start(folder / "prd.md", policy=Policy(model=use))
            result = await run.result()
            asked = [each for each in await engine.questions(run.id) if each.is_open]
    except Exception as error:  # noqa: BLE001  # as above
        return CRASHED, "", f"{type(error).__name__}: {error}"
    published = {path.parts[0] for path in (Path(name) for name in _bytes(workspace)) if path.parts[0] in _WORDS}
    wrong = _published_flaw(workspace, published)
    if wrong:
        return UNVERIFIED, "", wrong
    if result.status == "completed" and published == _WORDS:
        return VERIFIED, "", ""
    if [each.kind for each in asked] == ["model"]:
        return QUESTION, asked[0].text, ""
    return CRASHED, "", f"{result.status}: {'; '.join(result.problems)}"


_WORDS = {"one", "two", "three"}


def _published_flaw(workspace: Path, published: set[str]) -> str:
    """Return what was published and is not verified, judged anew; empty if there is nothing."""
    strange = [name for name in _bytes(workspace) if Path(name).parts[0] not in {*_WORDS, ".claude", ".baton"}]
    if strange:
        return f"published: {strange}"
    for word in published:
        names = workspace / word / "names.py"
        done = subprocess.run([sys.executable, str(names)], capture_output=True, timeout=CHECKED_FOR, check=False)
        texts = [place.read_text() for place in (workspace / word).rglob("*") if place.is_file()]
        if done.returncode or any("forbidden" in text for text in texts):
            return f"`{word}` was published, and its checks fail"
    return ""


def _bytes(folder: Path) -> Mapping[str, bytes]:
    return {
        place.relative_to(folder).as_posix(): place.read_bytes()
        for place in sorted(folder.rglob("*"))
        if place.is_file() and not place.is_symlink()
    }


def lines(tally: Tally) -> Iterator[str]:
    """Yield the table for people."""
    head = f"{'':46}{'at skills':^22}{'in runs':^22}"
    yield head
    yield f"{'':46}{'once':>11}{'for ever':>11}{'once':>11}{'for ever':>11}"
    for name in dict.fromkeys(each.fault for each in tally.endings):
        cells = [
            _cell(tally, name, times, in_runs=in_runs) for in_runs in (False, True) for times in ("once", "for ever")
        ]
        yield f"{name[:44]:46}" + "".join(f"{cell:>11}" for cell in cells)
    yield "v: ended verified, q: as a question to a person"
    for times in ("once", "for ever"):
        counted = tally.of(times=times)
        yield f"{times}: " + ", ".join(f"{number} {outcome}" for outcome, number in counted.most_common())
    good = sum(each.outcome in AS_IT_SHOULD for each in tally.endings)
    yield f"{good} of {len(tally.endings)} ended as they should; {tally.idle} times a fault had no occasion to strike"
    for each in tally.wrong():
        yield f"{each.outcome}: {each.fault}, {each.times}, {each.where}, {each.model}: {each.wrong}"


def _cell(tally: Tally, fault: str, times: str, *, in_runs: bool) -> str:
    chosen = [each for each in tally.endings if each.fault == fault and each.times == times]
    counted = Counter(each.outcome for each in chosen if each.where.startswith("run of ") is in_runs)
    return " ".join(f"{number}{outcome[0]}" for outcome, number in sorted(counted.items())) or "-"


async def measure(folder: Path, seed: int, faults: Sequence[Fault], share: float, levels: Sequence[str]) -> Tally:
    """Let faults strike; `BATON_HOME` must hold a database that may be used."""
    with wire(folder) as loopback:
        trials = Trials(loopback, folder, seed)
        if "skills" in levels:
            await trials.skills(faults, share)
        if "runs" in levels:
            await trials.runs(faults, share)
        return trials.tally


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--share", type=float, default=1.0, help="of all trials, drawn by lot (1.0)")
    parser.add_argument("--level", choices=("skills", "runs"), action="append", help="both by default")
    parser.add_argument("--fault", action="append", help="only those whose name contains this")
    parser.add_argument("--verbose", action="store_true", help="print what people are told")
    given = parser.parse_args()
    faults = [each for each in FAULTS if not given.fault or any(part in each.name for part in given.fault)]
    started = time.monotonic()
    with own_home() as home, tempfile.TemporaryDirectory() as folder:
        os.environ["BATON_HOME"] = str(home)
        os.environ.pop("BATON_DATABASE_URL", None)
        server = Embedded.at(home)
        server.start()
        try:
            tally = asyncio.run(
                measure(Path(folder), given.seed, faults, given.share, given.level or ("skills", "runs"))
            )
        finally:
            server.leave()
    if given.verbose:
        for each in tally.endings:
            print(
                f"--- {each.fault}, {each.times}, {each.where}, {each.model}: {each.outcome}\n{each.told}{each.wrong}"
            )
    print("\n".join(lines(tally)))
    print(f"{len(faults)} faults, seed {given.seed}, {time.monotonic() - started:.0f} s")
    sys.exit(bool(tally.wrong()))


if __name__ == "__main__":
    main()
