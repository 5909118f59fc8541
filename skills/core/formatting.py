"""Settle the style of contributed Python files: imports sorted, code formatted, as the app's own checks expect it.

Ruff runs twice over a temporary folder, once a purpose, however many files there are.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from ruff import find_ruff_bin  # type: ignore[import-untyped]  # the package ships no types

from schemas.errors import RunError
from skills.core.contribution import ContributedFile

LINE_LENGTH = 120

_OPTIONS = ("--isolated", "--no-cache", "--line-length", str(LINE_LENGTH), "--target-version", "py311")
# Without the second, a folder `alembic` beside the files would make the package of that name look like the app's own.
_IMPORT_ORDER = (
    "--config", 'lint.isort.known-first-party=["app", "tests"]',
    "--config", 'lint.isort.known-third-party=["alembic"]',
)  # fmt: skip


class FormattingFailed(RunError):
    """A skill contributed Python that does not parse."""

    code = "formatting_failed"

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        listed = "\n".join(f"  {problem}" for problem in self.problems)
        return f"contributed Python files do not parse ({len(self.problems)} found):\n{listed}"


def format_python(files: Sequence[ContributedFile], skills: Mapping[str, str]) -> tuple[ContributedFile, ...]:
    """Return the files, in their order, with the `.py` ones formatted.

    Args:
        files: With sound paths (`skills.core.paths`); what is not Python is returned as it is.
        skills: The name of the skill that made each file, by path, for messages.

    Raises:
        FormattingFailed: With every syntax error: file, line and skill.
    """
    python = [file for file in files if file.path.endswith(".py")]
    if not python:
        return tuple(files)
    with tempfile.TemporaryDirectory(prefix="baton-format-") as name:
        folder = Path(name)
        for file in python:
            target = folder / file.path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(file.content, encoding="utf-8", newline="\n")
        _sort_imports(folder, skills)
        _ruff(folder, "format", *_OPTIONS, ".")
        formatted = {file.path: (folder / file.path).read_text(encoding="utf-8") for file in python}
    return tuple(
        file.model_copy(update={"content": formatted[file.path]}) if file.path in formatted else file for file in files
    )


def _sort_imports(folder: Path, skills: Mapping[str, str]) -> None:
    options = ("--select", "I", "--fix", "--output-format", "json", *_IMPORT_ORDER, *_OPTIONS)
    found = json.loads(_ruff(folder, "check", *options, "."))
    if found:
        raise FormattingFailed(tuple(_problem(item, folder, skills) for item in found))


def _problem(item: dict[str, object], folder: Path, skills: Mapping[str, str]) -> str:
    path = Path(str(item["filename"])).relative_to(folder.resolve()).as_posix()
    location = item["location"]
    line = location["row"] if isinstance(location, dict) else 0
    return f"{path}:{line}: {item['message']} (skill `{skills.get(path, 'unknown')}`)"


def _ruff(folder: Path, *arguments: str) -> str:
    ran = subprocess.run([_binary(), *arguments], cwd=folder, capture_output=True, text=True, check=False)
    # 1 is "something found", which the caller reads from the output.
    if ran.returncode not in (0, 1):
        raise FormattingFailed((f"`ruff {arguments[0]}` ended with {ran.returncode}: {ran.stderr.strip()}",))
    return ran.stdout


@cache
def _binary() -> str:
    return str(find_ruff_bin())
