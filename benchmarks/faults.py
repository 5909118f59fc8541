"""Let models misbehave in every known way and see what comes of it: `python -m benchmarks.faults [--seed N]`.

Each fault of `tests.wire.faults` strikes over the wire, through a real provider's package: while a model does each of
the built-in skills, and in whole runs of small agents with guards and checks. It strikes once, or for ever. Whatever
happens, work ends verified or as a question to a person; nothing else is published, and nothing crashes. What ends
otherwise is printed with the seed, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.storage.embedded import Embedded
from tests.support.killable_home import own_home
from tests.wire.faults import FAULTS, FOR_EVER, Fault, Faulty
from tests.wire.hand import Hand
from tests.wire.providers import APIS, KEY, MODELS, environment
from tests.wire.server import Loopback
from tests.wire.trials import (
    AS_IT_SHOULD,
    HASTY,
    UNVERIFIED,
    VERIFIED,
    WAITING,
    WORDS,
    Verdict,
    contents,
    executed,
    lay_traps,
    ran,
    small_agents,
)
from tests.wire.workplaces import Workplace, workplaces

ONCE, FOR_EVER_TOLD = "once", "for ever"


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How a trial ended."""

    where: str  # a skill's name, or RUN
    model: str
    fault: str
    times: str
    verdict: Verdict


RUN = "a run"


@dataclass
class Tally:
    """All endings, and what does not depend on them."""

    endings: list[Ending] = field(default_factory=list)
    idle: int = 0  # faults that had no occasion to strike

    def wrong(self) -> list[Ending]:
        """Return what did not end as it should."""
        return [each for each in self.endings if each.verdict.outcome not in AS_IT_SHOULD]


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

    def __init__(self, loopback: Loopback, folder: Path, seed: int, *, verbose: bool = False) -> None:
        self._loopback, self._folder, self._verbose = loopback, folder, verbose
        self._chance = random.Random(seed)  # noqa: S311  # not for secrets
        self.tally = Tally()

    async def skills(self, faults: Sequence[Fault], share: float = 1.0) -> None:
        """Let each fault strike at each built-in skill, or at a share of them drawn by lot."""
        for place in workplaces():
            lay_traps(place.bench.tree, self._folder / "outside")
            for fault, times in _each_way(faults):
                if self._chance.random() < share:
                    await self._skill(place, fault, times)

    async def _skill(self, place: Workplace, fault: Fault, times: int) -> None:
        model = self._chance.choice(MODELS)
        player = self._loopback.player = Faulty(Hand(), fault, times)
        watched = (place.bench.tree, self._folder / "outside")
        before = [contents(folder) for folder in watched]
        verdict = await executed(place, model, WAITING if fault.slow else HASTY)
        if [contents(folder) for folder in watched] != before:
            verdict = Verdict(outcome=UNVERIFIED, wrong="files changed that are not the model's")
        self._note(place.skill.name, model, player, verdict)

    async def runs(self, faults: Sequence[Fault], share: float = 1.0) -> None:
        """Let each fault strike at one of the agents in a run of small ones whose every skill a model does."""
        for number, (fault, times) in enumerate(_each_way(faults)):
            if self._chance.random() < share:
                await self._run(self._folder / f"run-{number}", fault, times)

    async def _run(self, folder: Path, fault: Fault, times: int) -> None:
        model, word = self._chance.choice(MODELS), self._chance.choice(WORDS)
        kit = small_agents(folder)
        honest = Hand(kit.registry())
        player = Faulty(honest, fault, times)
        self._loopback.player = lambda request: (player if f"`make-{word}`" in request.system else honest)(request)
        self._note(RUN, model, player, await ran(kit, folder, model, WAITING if fault.slow else HASTY))

    def _note(self, where: str, model: str, player: Faulty, verdict: Verdict) -> None:
        if KEY in verdict.told:
            verdict = Verdict(outcome=UNVERIFIED, wrong=f"a key is shown: {verdict.told}")
        if not player.struck and verdict.outcome == VERIFIED:
            self.tally.idle += 1
            return
        times = ONCE if player.times == 1 else FOR_EVER_TOLD
        ending = Ending(where=where, model=model, fault=player.fault.name, times=times, verdict=verdict)
        self.tally.endings.append(ending)
        if self._verbose:
            print(f"--- {_told(ending)}\n{verdict.told}", flush=True)


def _each_way(faults: Sequence[Fault]) -> Iterator[tuple[Fault, int]]:
    return ((fault, times) for fault in faults for times in (1, FOR_EVER))


def lines(tally: Tally) -> Iterator[str]:
    """Yield the table for people."""
    yield f"{'':46}{'at skills':^22}{'in runs':^22}"
    yield f"{'':46}" + f"{ONCE:>11}{FOR_EVER_TOLD:>11}" * 2
    for name in dict.fromkeys(each.fault for each in tally.endings):
        chosen = [each for each in tally.endings if each.fault == name]
        yield f"{name[:44]:46}{_cells([each for each in chosen if each.where != RUN])}" + _cells(
            [each for each in chosen if each.where == RUN]
        )
    yield "v: ended verified, q: as a question to a person"
    for times in (ONCE, FOR_EVER_TOLD):
        counted = Counter(each.verdict.outcome for each in tally.endings if each.times == times)
        yield f"{times}: " + ", ".join(f"{number} {outcome}" for outcome, number in counted.most_common())
    good = len(tally.endings) - len(tally.wrong())
    yield f"{good} of {len(tally.endings)} ended as they should; {tally.idle} times a fault had no occasion to strike"
    yield from map(_told, tally.wrong())


def _cells(endings: Sequence[Ending]) -> str:
    counted = [
        Counter(each.verdict.outcome[0] for each in endings if each.times == times) for times in (ONCE, FOR_EVER_TOLD)
    ]
    return "".join(
        f"{' '.join(f'{number}{letter}' for letter, number in sorted(each.items())) or '-':>11}" for each in counted
    )


def _told(ending: Ending) -> str:
    where = f"{ending.fault}, {ending.times}, {ending.where}, {ending.model}"
    return f"{ending.verdict.outcome}: {where}{': ' if ending.verdict.wrong else ''}{ending.verdict.wrong}"


async def measure(
    folder: Path,
    faults: Sequence[Fault] = FAULTS,
    *,
    seed: int,
    skills: float = 1.0,
    runs: float = 1.0,
    verbose: bool = False,
) -> Tally:
    """Let faults strike in a share of all trials; runs need the database of `BATON_HOME` or `BATON_DATABASE_URL`."""
    with wire(folder) as loopback:
        trials = Trials(loopback, folder, seed, verbose=verbose)
        await trials.skills(faults, skills)
        await trials.runs(faults, runs)
        return trials.tally


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--skills", type=float, default=1.0, help="share of the trials at skills, by lot (1.0)")
    parser.add_argument("--runs", type=float, default=1.0, help="share of the trials in runs, by lot (1.0)")
    parser.add_argument("--fault", action="append", help="only faults whose name contains this")
    parser.add_argument("--verbose", action="store_true", help="print each trial and what a person is told")
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
                measure(
                    Path(folder),
                    faults,
                    seed=given.seed,
                    skills=given.skills,
                    runs=given.runs,
                    verbose=given.verbose,
                )
            )
        finally:
            server.leave()
    print("\n".join(lines(tally)))
    print(f"{len(faults)} faults, seed {given.seed}, {time.monotonic() - started:.0f} s")
    sys.exit(bool(tally.wrong()))


if __name__ == "__main__":
    main()
