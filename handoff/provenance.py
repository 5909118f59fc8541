"""Where a handoff comes from: the YAML front matter of its file.

    ---
    contract: database-agent-output
    version: '1'
    run: 2026-…
    agent: database-agent
    time: 2026-01-31T12:00:00Z
    reads: {.claude/handoff/feature-prd.md: <sha256>}
    files: {migrations/0001_todo.py: <sha256>}
    evidence: [{check: migrations, tool: migrate 1.17, argv: [...], exit_code: 0, seconds: 1.2, log_sha256: …}]
    body: <sha256 of the text below>
    ---

A file without front matter, written by a person or another tool, is accepted. A body that no longer has the hash of its
front matter was edited by hand: allowed, and visible.
"""

from __future__ import annotations

import hashlib
from typing import cast

import yaml
from pydantic import ConfigDict, ValidationError

from handoff.problems import HandoffInvalid, Problem
from schemas.base import JSON, Document, Field

MAX_BYTES = 2_000_000
MAX_DEPTH = 20
_FENCE = "---"


class CheckRun(Document):
    """One tool run that a handoff's statements rest on."""

    check: str
    tool: str  # name and version
    argv: tuple[str, ...]
    exit_code: int
    seconds: float
    log_sha256: str


class Provenance(Document):
    """What is known about a handoff's making. Hashes are SHA-256 in hexadecimal; paths relative to the workspace."""

    model_config = ConfigDict(coerce_numbers_to_str=True)  # YAML reads `version: 1` as a number

    contract: str
    version: str
    run: str | None = None
    agent: str | None = None
    time: str | None = None  # ISO 8601, UTC
    reads: dict[str, str] = Field(default_factory=dict)  # handoff file → hash of the bytes that were read
    files: dict[str, str] = Field(default_factory=dict)  # produced file → hash
    evidence: tuple[CheckRun, ...] = ()
    body: str | None = None  # hash of the text below the front matter, filled in when it is written


def sha256(content: str | bytes) -> str:
    """Return the SHA-256 of `content` (text as UTF-8) in hexadecimal."""
    return hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()


def with_front_matter(provenance: Provenance, body: str) -> str:
    """Return `body` below its front matter, which then holds the body's hash.

    Raises:
        HandoffInvalid: The front matter would be larger than is read.
    """
    known = provenance.model_copy(update={"body": sha256(body)}).model_dump(mode="json", exclude_defaults=True)
    front = yaml.dump(known, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
    _refuse_too_large(front, provenance.contract, f"{provenance.contract}.md")
    return f"{_FENCE}\n{front}{_FENCE}\n\n{body}"


def split(text: str, *, contract: str, file: str) -> tuple[Provenance | None, str, int]:
    """Return a file's provenance, the text below it, and how many lines precede that text.

    Raises:
        HandoffInvalid: The front matter is not closed, too large, not plain YAML, or not provenance.
    """
    if not text.startswith(f"{_FENCE}\n"):
        return None, text, 0
    end = text.find(f"\n{_FENCE}\n", len(_FENCE))
    if end < 0:
        raise _invalid(contract, file, 1, "the front matter is not closed", "End it with a line `---`.")
    front = text[len(_FENCE) + 1 : end + 1]
    body = text[end + len(_FENCE) + 2 :].lstrip("\n")
    _refuse_too_large(front, contract, file)
    return _provenance(front, contract, file), body, text.count("\n", 0, len(text) - len(body))


def _refuse_too_large(front: str, contract: str, file: str) -> None:
    if len(front.encode()) > MAX_BYTES:
        raise _invalid(contract, file, 1, f"the front matter is larger than {MAX_BYTES:,} bytes")


def _provenance(front: str, contract: str, file: str) -> Provenance | None:
    try:
        _refuse_bombs(front)
        data = yaml.load(front, Loader=_Loader)  # noqa: S506 (a safe loader)
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 2 if mark else 1
        reason = getattr(error, "problem", None) or str(error).split("\n", 1)[0]
        raise _invalid(contract, file, line, f"the front matter is not plain YAML: {reason}") from error
    if not isinstance(data, dict):
        raise _invalid(contract, file, 1, "the front matter is not a mapping")
    if "contract" not in data:
        return None  # another tool's front matter
    try:
        return Provenance.model_validate(data)
    except ValidationError as error:
        problems = [
            Problem(file=file, line=1, message=f"front matter: `{'.'.join(map(str, found['loc']))}`: {found['msg']}")
            for found in error.errors()
        ]
        raise HandoffInvalid(contract, file, problems) from error


def _refuse_bombs(front: str) -> None:
    """Refuse aliases, which can multiply, and nesting that would overflow the loader's stack."""
    depth = 0
    for event in yaml.parse(front, Loader=_Loader):
        if isinstance(event, yaml.AliasEvent):
            raise yaml.MarkedYAMLError(
                problem="aliases are not allowed", problem_mark=cast("yaml.Mark", event.start_mark)
            )
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise yaml.MarkedYAMLError(problem="nested too deeply", problem_mark=cast("yaml.Mark", event.start_mark))


def _invalid(contract: str, file: str, line: int, message: str, hint: str = "") -> HandoffInvalid:
    return HandoffInvalid(contract, file, [Problem(file=file, line=line, message=message, hint=hint)])


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # C where PyYAML has it
    """Plain data only."""


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]  # as above
    """Writes plain YAML: lists of arguments on one line, nothing as an alias."""

    def ignore_aliases(self, data: JSON) -> bool:  # noqa: ARG002 (PyYAML's signature)
        return True


def _sequence(dumper: yaml.SafeDumper, data: list[JSON]) -> yaml.Node:
    flat = all(not isinstance(item, dict | list) for item in data)
    return cast("yaml.Node", dumper.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=flat))


_Dumper.add_representer(list, _sequence)
# `time` stays text: YAML would otherwise read a timestamp, and write it back in another form.
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
