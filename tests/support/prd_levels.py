"""What is expected of any PRD, cheap levels first, and a command that looks for PRDs of which it is not true.

    python -m tests.support.prd_levels made --seed 7 --count 500

prints each kind of fault once, with the smallest PRD found that has it, written to a file.

Not here: what is written at random (`tests.support.generated_prds`); whole runs (`tests/e2e`).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import subprocess
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from random import Random
from typing import NamedTuple

from hypothesis import HealthCheck, Phase, find, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample
from ruff import find_ruff_bin  # type: ignore[import-untyped]  # the package ships no types

from agents.checks.environments.environments import Environments
from handoff.codec import parse
from handoff.feature import CONTRACT, read_feature
from handoff.prd_names import MAX_NAME_BYTES
from orchestrator.planning.choices import built_in
from orchestrator.storage.home import home
from schemas.contract import contract_of
from schemas.errors import InputError
from schemas.feature import Feature
from schemas.handoffs import PythonBackendAgentOutput, Table
from skills.core.executor import run_template
from skills.core.formatting import format_python
from skills.core.registry import Registry
from skills.core.skill import Skill
from skills.design.endpoints import endpoints
from tests.support import front_build
from tests.support.core_build import build, write
from tests.support.generated_prds import LARGE, damaged, prds

ROOT = Path(__file__).parents[2]
PRD = "prd.md"
_QUOTED = re.compile(r"`(?:[^`\\]|\\.)*`|\"(?:[^\"\\\n]|\\.)*\"|/\*.*?\*/|//[^\n]*", re.DOTALL)
_PAIRS = {")": "(", "]": "[", "}": "{"}


class Fault(NamedTuple):
    """Something that no PRD may lead to. `kind` is equal for faults that have, most likely, one cause."""

    kind: str
    detail: str


class Level(NamedTuple):
    texts: st.SearchStrategy[str]
    faults: Callable[[str], list[Fault]]


def read(text: str) -> Feature:
    """Return what the PRD says.

    Raises:
        InputError: It is refused.
    """
    return read_feature(parse(contract_of(CONTRACT), text, PRD), built_in(), PRD)


def plan_faults(text: str) -> list[Fault]:
    """Return what is wrong with how the PRD is read: it is understood, or refused with a place and a reason."""
    try:
        read(text)
    except InputError as error:
        lines = str(error).splitlines()
        if not any(re.search(rf"{re.escape(PRD)}(:\d+)?: \S", line) for line in lines):
            return [Fault("a refusal without its place", str(error))]
    except Exception as error:  # noqa: BLE001  # whatever it is, it is the fault that is looked for
        return [_crash(error)]
    return []


def made_faults(text: str) -> list[Fault]:
    """Return what is wrong with the files that template skills make of the PRD, none if it is refused."""
    feature = _accepted(text)
    return _app_faults(feature) if feature else []


def typed_faults(text: str) -> list[Fault]:
    """Return what mypy finds, under the app's own strict configuration, in the app of the PRD."""
    feature = _accepted(text)
    if feature is None:
        return []
    with tempfile.TemporaryDirectory(prefix="baton-prd-") as folder:
        write(build(feature).files, Path(folder))
        ran = subprocess.run(
            [_python(), "-m", "mypy", "--no-error-summary"], cwd=folder, capture_output=True, text=True, check=False
        )
    lines = [line for line in ran.stdout.splitlines() if ": error:" in line]
    return [Fault(f"mypy {line.rpartition('[')[2].rstrip(']')} in {_place(line)}", line) for line in lines]


def _accepted(text: str) -> Feature | None:
    try:
        return read(text)
    except InputError:
        return None


@cache
def _python() -> Path:
    lock = ROOT / "skills/python_api_patterns/templates/requirements-dev.lock"
    return asyncio.run(Environments(home() / "cache").python(lock)).python


def _app_faults(feature: Feature) -> list[Fault]:
    try:
        files, tables, untested = _app(feature)
    except Exception as error:  # noqa: BLE001  # whatever it is, it is the fault that is looked for
        return [_crash(error)]
    faults = [Fault("an endpoint without a test", endpoint) for endpoint in untested]
    return [*faults, *faults_of(files, tables)]


def faults_of(files: Sequence[tuple[str, str]], tables: Iterable[Table]) -> list[Fault]:
    """Return what is wrong with files, each as path and text and as often as it is made, and with tables."""
    return [*_path_faults(files), *_name_faults(tables), *_python_faults(files), *_script_faults(files)]


def _app(feature: Feature) -> tuple[list[tuple[str, str]], tuple[Table, ...], list[str]]:
    """Return every file with its path, as often as it is made; the tables; the endpoints that the suite leaves out."""
    built = build(feature)
    backend = PythonBackendAgentOutput(
        task=feature.title,
        timestamp="2030-01-01T00:00:00Z",
        files=(),
        api_contract=built.endpoints,
        for_frontend_agent=(),
        dependencies_added=(),
    )
    suite = run_template(_skill("edge-case-tester"), {"feature": feature, "backend": backend})
    tests = format_python(suite.files, {file.path: "edge-case-tester" for file in suite.files})
    front = front_build.outputs(feature) if feature.stack["frontend"] == "React" else {}
    files = [*built.files.items(), *((file.path, file.content) for file in tests)]
    files += [(file.path, file.content) for output in front.values() for file in output.files]
    wanted = {f"{endpoint.method} {endpoint.path}" for endpoint in (*endpoints(feature), *built.endpoints)}
    return files, built.tables, sorted(wanted.difference(suite.tested))  # type: ignore[attr-defined]  # its own output


def _skill(name: str) -> Skill:
    return next(skill for skill in Registry().skills if skill.name == name)


def _path_faults(files: Iterable[tuple[str, str]]) -> Iterator[Fault]:
    for path, count in Counter(path.casefold() for path, _ in files).items():
        if count > 1:
            yield Fault("a path that two skills claim", path)
        if any(len(part.encode()) > 255 for part in path.split("/")):  # as file systems have it
            yield Fault("a file name that no file system takes", path)


def _name_faults(tables: Iterable[Table]) -> Iterator[Fault]:
    relations: Counter[str] = Counter()
    for table in tables:
        columns = [column.name for column in table.columns]
        keys = [constraint.name for constraint in table.constraints if constraint.kind != "check"]
        checks = [constraint.name for constraint in table.constraints if constraint.kind == "check"]
        own = [table.name, *keys, *(index.name for index in table.indexes)]
        relations.update(own)
        for name in (*columns, *checks, *own):
            if len(name.encode()) > MAX_NAME_BYTES:
                yield Fault("a name that PostgreSQL would cut", name)
        for name in _twice(columns) + _twice(checks):
            yield Fault("a column or a check twice in a table", f"{table.name}: {name}")
    for name in _twice(relations.elements()):
        yield Fault("a table, an index or a key of another's name", name)


def _twice(names: Iterable[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]


def _python_faults(files: Iterable[tuple[str, str]]) -> Iterator[Fault]:
    every = dict(files)
    for path, text in every.items():
        if path.endswith(".py"):
            yield from _syntax_faults(path, text)
    with tempfile.TemporaryDirectory(prefix="baton-prd-") as name:
        folder = Path(name).resolve()
        write({path: text for path, text in every.items() if path.endswith((".py", ".toml"))}, folder)
        for item in json.loads(_ruff(folder, "check", "--output-format", "json") or "[]"):
            place = f"{Path(item['filename']).relative_to(folder).as_posix()}:{item['location']['row']}"
            line = every[place.partition(":")[0]].splitlines()[item["location"]["row"] - 1]
            yield Fault(f"ruff {item['code']} in {_place(place)}", f"{place}: {item['message']}\n{line}")
        for line in _ruff(folder, "format", "--check", "--output-format", "concise").splitlines():
            if ": unformatted: " in line:
                yield Fault(f"ruff format in {_place(line)}", line)


def _syntax_faults(path: str, text: str) -> Iterator[Fault]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            compile(text, path, "exec")
        except (SyntaxError, ValueError) as error:
            yield Fault(f"syntax in {_place(path)}", f"{path}: {error}")


def _ruff(folder: Path, *arguments: str) -> str:
    argv = [str(find_ruff_bin()), *arguments, "--no-cache", "."]
    return subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=False).stdout


def _script_faults(files: Iterable[tuple[str, str]]) -> Iterator[Fault]:
    for path, text in files:
        if path.endswith((".ts", ".tsx")) and not _balanced(text):
            yield Fault(f"brackets in {_place(path)}", path)


def _balanced(text: str) -> bool:
    """Return whether brackets outside quotes and comments pair up, so that no text of a PRD left its quotes."""
    open_: list[str] = []
    for sign in re.sub(r"[^()\[\]{}]", "", _QUOTED.sub("", text)):
        if sign not in _PAIRS:
            open_.append(sign)
        elif not open_ or open_.pop() != _PAIRS[sign]:
            return False
    return not open_


def _place(path: str) -> str:
    """Return what files of one kind share: their folder, or for those of the root itself, their name."""
    path = path.partition(":")[0]
    return str(Path(path).parent) if "/" in path else path


def _crash(error: Exception) -> Fault:
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename.startswith(str(ROOT)) and "/tests/" not in frame.filename]
    last = (own or list(frames))[-1]
    place = f"{Path(last.filename).name}:{last.lineno}"
    return Fault(f"{type(error).__name__} at {place}", "".join(traceback.format_exception(error))[-3000:])


LEVELS: Mapping[str, Level] = {
    "plan": Level(prds() | damaged(prds()), plan_faults),
    "made": Level(prds(), made_faults),
    "typed": Level(prds(), typed_faults),
    "large": Level(prds(LARGE), made_faults),
}


class _Search(NamedTuple):
    seed: int
    examples: int
    tries: int


class Found(NamedTuple):
    """One kind of fault, and the smallest PRD that has it."""

    fault: Fault
    text: str


def look(level: Level, seed: int, count: int, *, tries: int = 60) -> Iterator[Found]:
    """Yield each kind of fault among `count` PRDs, shrunk by at most `tries` of them. A seed gives the same PRDs."""
    known = cache(level.faults)
    first: dict[str, str] = {}

    def none_is_enough(text: str) -> bool:
        for fault in known(text):
            first.setdefault(fault.kind, text)
        return False

    _find(level, none_is_enough, seed, count, (Phase.generate,))
    for kind, text in first.items():
        yield _smallest(level, known, kind, text, _Search(seed, count, tries))


def _smallest(level: Level, known: Callable[[str], list[Fault]], kind: str, text: str, search: _Search) -> Found:
    tried = {text}
    begun = False

    def has_it(shrunk: str) -> bool:
        nonlocal begun
        begun = begun or shrunk == text
        if begun and shrunk not in tried:
            if len(tried) > search.tries:
                return False
            tried.add(shrunk)
        return any(fault.kind == kind for fault in known(shrunk))

    smallest = _find(level, has_it, search.seed, search.examples, (Phase.generate, Phase.shrink)) or text
    return Found(next(fault for fault in known(smallest) if fault.kind == kind), smallest)


def _find(level: Level, wanted: Callable[[str], bool], seed: int, count: int, phases: tuple[Phase, ...]) -> str | None:
    unhurried = settings(deadline=None, database=None, suppress_health_check=list(HealthCheck))
    chosen = settings(unhurried, max_examples=count, phases=phases)
    try:
        return find(level.texts, wanted, settings=chosen, random=Random(seed))  # noqa: S311  # repeatable, which is the point
    except NoSuchExample:
        return None


def main() -> int:
    """Look for faults as the command line says; return 1 if there are any."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.support.prd_levels", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("level", choices=LEVELS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--into", type=Path, default=Path(tempfile.gettempdir()), help="where PRDs are written")
    said = parser.parse_args()
    said.into.mkdir(parents=True, exist_ok=True)
    number = 0
    for number, (fault, text) in enumerate(look(LEVELS[said.level], said.seed, said.count), start=1):
        path = said.into / f"{said.level}-{said.seed}-{number}.md"
        path.write_text(text, encoding="utf-8")
        sys.stdout.write(f"{fault.kind}\n  {path}\n{fault.detail}\n\n")
        sys.stdout.flush()
    sys.stdout.write(f"{said.level}, seed {said.seed}: {said.count} PRDs, {number} kinds of faults\n")
    return bool(number)


if __name__ == "__main__":
    raise SystemExit(main())
